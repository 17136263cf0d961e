/*
 * Records: what is noted about containers that are no instances, one a row under name and host.
 *
 * A record belongs to the name, so that a container that is made again (as Compose does it) keeps
 * its pin and its note. There are RECORDS_MAX at most: beyond, those that hold nothing but a
 * history go, the longest unchanged first.
 */
#ifndef FLEET_RECORD_H
#define FLEET_RECORD_H

#include <cjson/cJSON.h>
#include "fleetgram/base/store.h"
#include "fleetgram/fleet/registry.h"

#define RECORDS_MAX 10000

/* NULL, or what is wrong with one from elsewhere. */
const char *record_check(const cJSON *doc);
/* Insert or replace one. FG_ETOOBIG when there are too many pins and notes. */
int record_write(struct fg_tx *tx, const cJSON *doc, struct fg_err *err);
/* Forget one; what is absent is fine. */
int record_drop(struct fg_tx *tx, const char *host, const char *name, struct fg_err *err);

/* Put what is noted under the name of a new instance into its document, and forget the record. */
int record_absorb(struct fg_tx *tx, cJSON *doc, struct fg_err *err);
/* Keep the pin and the note of an instance that is forgotten. */
int record_keep(struct fg_tx *tx, const cJSON *doc, struct fg_err *err);

/* A container that is no instance was renamed: its record goes along. */
int record_renamed(struct fg_registry *registry, const char *host, const char *from, const char *to,
	struct fg_err *err);
/* It was removed: its pin and its note stay for the next one of that name, the rest goes. */
int record_removed(
	struct fg_registry *registry, const char *host, const char *name, struct fg_err *err);

#endif
