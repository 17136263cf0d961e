/*
 * What reconciling has to know of instances that are being created.
 */
#ifndef FLEET_CREATE_H
#define FLEET_CREATE_H

#include <stdbool.h>

/* Its container may be there already, but it is not to be adopted: its creator will record it, or
 * take it away again. */
bool instance_in_making(const char *host, const char *name);

#endif
