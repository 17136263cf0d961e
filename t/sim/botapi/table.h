/*
 * The table of methods and types: what a request may carry. It is data, read once from a JSON file;
 * a type is written "A|B" (either), "[T]" (a list), "\"x\"" or 7 (that very value), or by name.
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include <stdbool.h>

#include "server.h"

int table_load(const char *file); /* negative when it cannot be read; says why on stderr */
void table_finish(void);

const char *table_method(
        const char *name); /* the proper spelling, whatever the case; NULL if unknown */
bool table_has_update(const char *type);

/* Complains about each parameter that does not fit; returns how many. Parameters that came as text
 * (query, form) are replaced by what they mean: numbers, booleans, objects. */
unsigned table_check(struct exchange *x, const char *method);

#endif
