/*
 * The registry: the instances that Fleetgram created, in the store.
 *
 * An instance is a JSON document under its host and name, with the fields of an export; fields that
 * this version does not know survive. The engine is the truth about what runs, the registry about
 * what was asked for: reconciling brings the two together by the containers' labels. Beside the
 * fields of struct fg_instance a document has "spec" (see spec.h; {} for one that was adopted),
 * "params" (as they were given), "overrides" (see drift.h), "limits" {cpus, memory, memory_swap,
 * pids} as the engine has them, "pinned" and "note" where there are any, and "history":
 * [{"at","what",…}], the last 100 of created {by, image, image_digest, config_hash}, adopted,
 * missing, back, renamed {from, to}, replaced {container_id: the one before}, limits {by, from,
 * to}, pinned, unpinned and noted {by}, removed, damaged (what it was could not be read any more).
 */
#ifndef FLEETGRAM_FLEET_REGISTRY_H
#define FLEETGRAM_FLEET_REGISTRY_H

#include "fleetgram/base/store.h"
#include "fleetgram/fleet/fleet.h"
#include "fleetgram/fleet/instance.h"

struct fg_registry;

/* Migrates its tables. The store has to outlive it. */
struct fg_registry *fg_registry_create(struct fg_store *store, struct fg_err *err);
void fg_registry_destroy(struct fg_registry *registry);

/* All of them, by name then host. One whose document is damaged is passed over, which is logged. */
int fg_registry_list(struct fg_registry *registry, struct fg_instances *out, struct fg_err *err);
/* Those of that name, by host; of a damaged one only name, host and container are known. */
int fg_registry_named(struct fg_registry *registry, const char *name, struct fg_instances *out,
	struct fg_err *err);

/* What is known of an instance without its document being read. */
struct fg_entry {
	char *name, *host, *container_id, *state;
	int64_t revision; /* another one after each change */
};

struct fg_entries {
	struct fg_entry *v;
	size_t n;
};

/* All of them, by name then host; damaged ones too. */
int fg_registry_entries(struct fg_registry *registry, struct fg_entries *out, struct fg_err *err);
/* What is pinned, in no order: instances, and names that are none, whose container_id is "". Of
 * these neither state nor revision is known. */
int fg_registry_pinned(struct fg_registry *registry, struct fg_entries *out, struct fg_err *err);
void fg_entries_finish(struct fg_entries *entries);
#define cleanup_entries __attribute__((cleanup(fg_entries_finish)))

/* 1: found; 0: there is none. */
int fg_registry_find(struct fg_registry *registry, const char *host, const char *container_id,
	struct fg_instance *out, struct fg_err *err);
int fg_registry_find_name(struct fg_registry *registry, const char *host, const char *name,
	struct fg_instance *out, struct fg_err *err);
int fg_registry_count(struct fg_registry *registry);
/* Those in a state ("running", "missing") as the registry last heard of it. */
int fg_registry_count_state(struct fg_registry *registry, const char *state);

/* Insert or replace the document under its host and name; another row of the same container goes. A
 * new one takes over what is noted under its name. FG_EINVAL for what is no such document. */
int fg_registry_put(struct fg_registry *registry, const cJSON *doc, struct fg_err *err);
/* Forget what was removed or was never there; what is absent is fine. Its pin and its note stay for
 * the next container of that name. */
int fg_registry_remove(struct fg_registry *registry, const char *host, const char *container_id,
	struct fg_err *err);
/* The same for one that has no container. */
int fg_registry_forget(
	struct fg_registry *registry, const char *host, const char *name, struct fg_err *err);
int fg_registry_rename(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, struct fg_err *err);
/* Somebody used it now. Containers that are no instances are ignored. */
int fg_registry_touch(struct fg_registry *registry, const char *host, const char *container_id,
	struct fg_err *err);

/*
 * What is noted about a container, instance or not: whether it is pinned, a note, its history. For
 * an instance that is in its document, for any other container in a record of its own,
 * {"name","host","pinned","note","history":[…]}, under its host and name: one that is made again
 * under its name is still pinned.
 */
#define FG_NOTE_CHARS 1000

struct fg_record {
	cJSON *doc; /* owned; NULL: nothing was ever noted */
	bool instance, pinned;
	const char *note;     /* "": none */
	const cJSON *history; /* NULL: none */
};

void fg_record_finish(struct fg_record *record);
#define cleanup_record __attribute__((cleanup(fg_record_finish)))

/* 1: out is filled; 0: nothing is noted. container_id may be NULL: by name alone. */
int fg_registry_record(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, struct fg_record *out, struct fg_err *err);
/* A pinned container is never updated. 1: changed; 0: it was so. */
int fg_registry_pin(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, bool pinned, const char *by, struct fg_err *err);
/* "" takes the note away. What is longer than FG_NOTE_CHARS is FG_EINVAL. 1: changed; 0: it was so.
 */
int fg_registry_note(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, const char *text, const char *by, struct fg_err *err);

/* {"version":1,"instances":[…],"records":[…],"services":[…]} as text, beside what else an import
 * brought; records and services (see managed.h) only when there are any. An error when anything of
 * it cannot be read. */
struct fg_export {
	char *text; /* owned */
	size_t len, instances, records, services;
};

int fg_registry_export(struct fg_registry *registry, struct fg_export *out, struct fg_err *err);
void fg_export_finish(struct fg_export *export);
#define cleanup_export __attribute__((cleanup(fg_export_finish)))

/*
 * Put every entry over what is there; what the dump does not have stays. All or nothing; returns
 * how many instances, -1 with an error that names the entry.
 */
int fg_registry_import(struct fg_registry *registry, const cJSON *dump, struct fg_err *err);

struct fg_reconciled {
	int adopted, missing, back, updated;
};

/*
 * Compare the registry with what a host has: unknown labelled containers are adopted, instances
 * whose container is gone are marked `missing` (and back when it is there again), names, states and
 * ids are brought up to date. A row that changes while the engine is asked is left as it is. result
 * may be NULL.
 */
int fg_registry_reconcile(struct fg_registry *registry, struct fg_host *host,
	struct fg_reconciled *result, struct fg_err *err);

#endif
