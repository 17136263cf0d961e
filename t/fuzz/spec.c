/*
 * Any JSON as a template (or an object with template, defaults and params): either a reason, or a spec whose hash is the same when it is
 * built again and when it has been written down and read back, and that has a body.
 */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json cJSON *doc = fg_json_parse((const char *)data, size, NULL), *spec = NULL, *again = NULL, *body = NULL,
			   *read = NULL;
	const cJSON *config = fg_json_get(doc, "template");
	struct fg_template template = {"fuzz", config ? config : doc};
	char hash[FG_HASH_SIZE], other[FG_HASH_SIZE];
	cleanup_str struct fg_str warnings;
	cleanup_free char *text = NULL;
	struct fg_err err;

	fg_str_init(&warnings, 65536);
	if (!doc)
		return 0;
	spec = fg_spec_build(fg_json_get(doc, "defaults"), &template, "web1", fg_json_get(doc, "params"), &err);
	if (!spec) {
		if (!*err.text)
			abort();
		return 0;
	}
	again = fg_spec_build(fg_json_get(doc, "defaults"), &template, "web1", fg_json_get(doc, "params"), &err);
	fg_spec_hash(spec, hash);
	fg_spec_hash(again, other);
	if (strcmp(hash, other) != 0)
		abort();
	text = fg_json_print(spec);
	read = fg_json_parse(text, strlen(text), &err);
	if (!read)
		abort();
	fg_spec_hash(read, other);
	if (strcmp(hash, other) != 0)
		abort();
	body = fg_spec_create_body(spec, &err);
	if (!body)
		abort();
	fg_spec_warnings(spec, &warnings);
	return 0;
}
