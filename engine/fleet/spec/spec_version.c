/*
 * Bringing specs down to an older version.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/spec_version.h"

/* A field that a new version brings has its row here; version 1 is the first. */
const struct spec_addition spec_additions[] = {{.path = NULL}};

static void drop_usual(cJSON *spec, const struct spec_addition *added)
{
	cleanup_json cJSON *usual = fg_json_parse(added->usual, strlen(added->usual), NULL);
	const char *dot = strrchr(added->path, '.');
	cleanup_free char *above = fg_strndup(added->path, dot ? (size_t)(dot - added->path) : 0);
	cJSON *in = dot ? (cJSON *)fg_json_path(spec, above) : spec;
	const char *key = dot ? dot + 1 : added->path;
	const cJSON *value = fg_json_get(in, key);

	if (value && cJSON_Compare(value, usual, true))
		cJSON_DeleteItemFromObjectCaseSensitive(in, key);
}

void spec_lower(cJSON *spec, int version, const struct spec_addition *additions)
{
	for (const struct spec_addition *a = additions; a->path; a++)
		if (a->version > version)
			drop_usual(spec, a);
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "version");
	fg_json_set_i64(spec, "version", version);
}
