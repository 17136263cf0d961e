/*
 * Near misses: what a name that does not exist may have meant.
 */
#ifndef FLEET_NEAR_H
#define FLEET_NEAR_H

#include <stddef.h>

/* How far a name is from the word that was typed; SIZE_MAX: too far to be meant. */
size_t near_farness(const char *name, const char *word);

#endif
