/*
 * The registry's documents: what every one has, and how they change.
 */
#ifndef FLEET_DOCUMENT_H
#define FLEET_DOCUMENT_H

#include <cjson/cJSON.h>
#include "fleetgram/docker/container.h"
#include "fleetgram/fleet/registry.h"

#define HISTORY_MAX 100 /* the oldest entries go first */

/* What a document has to begin with; NULL strings become "". */
struct document_seed {
	const char *name, *host, *container_id, *template, *image, *image_digest, *config_hash;
	const char *created_by, *created_at, *state;
	const cJSON *spec, *params;           /* copied; NULL: {} */
	const struct fg_container_info *info; /* its limits; NULL: none */
};

cJSON *document_create(const struct document_seed *seed); /* caller deletes */
const char *document_check(const cJSON *doc); /* NULL, or what is wrong with one from elsewhere */
const char *document_check_notes(const cJSON *doc); /* the same for pin, note and history alone */
void document_text(cJSON *doc, const char *key, const char *value);    /* NULL: "" */
void document_object(cJSON *doc, const char *key, const cJSON *value); /* copied; NULL: {} */
bool document_set(cJSON *doc, const char *key, const char *value);     /* whether it changed */
/* Append {"at": now, "what": what} to the history; the caller may add to the entry. */
cJSON *document_note(cJSON *doc, const char *what);
void document_renamed(cJSON *doc, const char *from); /* notes that it is no longer called that */
/* Put what an earlier history has in front of it. */
void document_precede(cJSON *doc, const cJSON *history);
/* The row that looks into doc, which is taken over. */
void document_view(cJSON *doc, struct fg_instance *out);

#endif
