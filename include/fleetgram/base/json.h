/*
 * JSON from elsewhere, read with types and bounds.
 *
 * cJSON parses; this adds what it lacks for hostile input. Text nested deeper than FG_JSON_DEPTH is
 * refused before the recursive parser sees it (tasks have small stacks). Integers that a double
 * cannot hold keep all their digits (they are kept as raw items, which print as they came). Every
 * getter tolerates a NULL object, a missing key and a wrong type: it then gives the fallback. Keys
 * are compared exactly.
 */
#ifndef FLEETGRAM_BASE_JSON_H
#define FLEETGRAM_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/str.h"

#define FG_JSON_DEPTH 64

cJSON *fg_json_parse(
	const char *text, size_t len, struct fg_err *err); /* NULL: not JSON; caller deletes */
/*
 * The same, but what is nested deeper than FG_JSON_DEPTH is null: for texts of which the rest is
 * wanted whatever one part of them does.
 */
cJSON *fg_json_parse_pruned(const char *text, size_t len, struct fg_err *err);
/*
 * The rows of a list, each read by itself and gone after each(): a list of ten thousand takes no
 * more memory than one of its rows. 1; 0: it is JSON, and no list; -1: it is not JSON, or not to
 * its end, and some rows may have been handed over by then.
 */
int fg_json_rows(const char *text, size_t len, void (*each)(const cJSON *row, void *arg), void *arg,
	struct fg_err *err);
char *fg_json_print(const cJSON *item); /* compact; caller frees */

const cJSON *fg_json_get(const cJSON *object, const char *key);   /* NULL when absent */
const cJSON *fg_json_path(const cJSON *object, const char *path); /* "State.Health.Status" */
const cJSON *fg_json_object(
	const cJSON *object, const char *key); /* NULL when absent or not an object */
const cJSON *fg_json_array(
	const cJSON *object, const char *key); /* NULL when absent or not an array */
const char *fg_json_str(const cJSON *object, const char *key, const char *fallback);
int64_t fg_json_i64(const cJSON *object, const char *key, int64_t fallback);
uint64_t fg_json_u64(const cJSON *object, const char *key, uint64_t fallback);
double fg_json_double(const cJSON *object, const char *key, double fallback);
bool fg_json_bool(const cJSON *object, const char *key, bool fallback);
bool fg_json_to_i64(const cJSON *item, int64_t *out); /* whole numbers only, exact */

cJSON *fg_json_set_i64(cJSON *object, const char *key, int64_t value); /* exact at any size */

/* Append item as canonical JSON: keys sorted by bytes, no white space, numbers in their shortest
 * form. */
void fg_json_canonical(struct fg_str *out, const cJSON *item);

static inline void fg_json_delete_ptr(cJSON **item)
{
	cJSON_Delete(*item);
}
#define cleanup_json __attribute__((cleanup(fg_json_delete_ptr)))
#define cleanup_json_text __attribute__((cleanup(fg_free_ptr)))

#endif
