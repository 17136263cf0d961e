/*
 * A template on its way to a spec: merged with its defaults, its parameters filled in, and read
 * field by field.
 *
 * Every step works on trees that were checked for nothing but being JSON: a wrong type anywhere is
 * an error that names the field.
 */
#ifndef FLEET_TEMPLATE_H
#define FLEET_TEMPLATE_H

#include <cjson/cJSON.h>
#include "fleetgram/base/err.h"
#include "fleetgram/fleet/spec.h"

#define TEXT_MAX (64 * 1024) /* one string of a template after replacement */

/*
 * A new object: the template over the defaults. Objects merge key by key, env and labels too when
 * written as lists; anything else replaces, and null takes away what the defaults say. NULL: error.
 */
cJSON *template_merge(const cJSON *defaults, const cJSON *config, struct fg_err *err);

/* Replace ${name} and ${PARAM} in every string of merged, in place, after checking params against
 * its `parameters`. */
int template_expand(cJSON *merged, const char *instance, const cJSON *params, struct fg_err *err);

/* Divide a command line into words as a shell would, without expanding anything: a new array, NULL:
 * error. */
cJSON *template_words(const char *line, const char *field, struct fg_err *err);

/*
 * One field of a template, brought into the one form that specs have, under the same name in spec.
 * in may be NULL: then the default is set.
 */
struct field {
	const char *name;
	int (*read)(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err);
};
extern const struct field fields[];
extern const size_t field_count;

/*
 * Services: a template with `mode: service`. What a service cannot have is an error, unless only
 * the defaults say it: those hold as far as they can.
 */
bool template_is_service(const cJSON *merged);
bool service_field(const char *name); /* one that only a service has */
/* The same keys in the defaults of a template whose own is `config`, taken out of under. */
void service_defaults(cJSON *under, const cJSON *config);
/* Every field is one that this kind of template may have. */
int service_fields_check(const cJSON *merged, struct fg_err *err);
/* The spec of one whose fields were checked. Caller deletes; NULL: error. */
cJSON *service_spec_read(const cJSON *merged, struct fg_err *err);
/* A tmpfs' options, "size=64m,mode=1777": 0 where nothing is said. NULL, or what is wrong. */
const char *service_tmpfs_parse(const char *options, int64_t *size, int64_t *mode);

#define LIST_MAX 1024 /* entries of a list or an object in a template */

/* What the readers share. A path is a field's, such as limits.memory. */
int field_fail(struct fg_err *err, const char *path, const char *why);
/* A string of a template, or a number or boolean written as one; NULL: neither, and err says so.
 * Caller frees. */
char *field_text(const cJSON *in, const char *path, struct fg_err *err);
/* in as an array of strings: a single string is a list of one, NULL an empty one. NULL: error.
 * Caller deletes. */
cJSON *field_list(const cJSON *in, const char *path, struct fg_err *err);
/* The same list, sorted and each entry once: for what order means nothing to. */
cJSON *field_set(cJSON *list);
int field_ports(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err);
int field_volumes(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err);
int field_tmpfs(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err);
int field_limits(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err);
/* One of the limits alone: name is cpus, memory, memory_swap or pids. */
int limit_read(const char *name, const cJSON *in, int64_t *out, struct fg_err *err);
/* A size as templates write it: "64m", "unlimited" for -1; NULL for 0, none. Caller frees. */
char *size_text(int64_t bytes);
int field_healthcheck(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err);
int field_stop_timeout(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err);
/* A duration as templates write it, in milliseconds; in NULL: fallback_ms. */
int field_duration(
	const cJSON *in, const char *path, int64_t fallback_ms, int64_t *ms, struct fg_err *err);
int field_unknown(struct fg_err *err, const char *path, const char *key);
/* Every key of the object is one of keys, NULL-terminated; absent is fine. */
int field_keys(const cJSON *in, const char *path, const char *const *keys, struct fg_err *err);

/* "[IP:][OUTSIDE:]INSIDE[/PROTO]" */
struct portmap {
	char ip[46]; /* "" : every address */
	int outside; /* 0: one that the engine chooses */
	int inside;
	char proto[8];
};
const char *portmap_parse(const char *text, struct portmap *out); /* NULL, or what is wrong */
char *portmap_text(const struct portmap *p); /* in its one form; caller frees */

/* "[SOURCE:]TARGET[:OPTIONS]" */
struct mount {
	char *source; /* a folder of the host, a volume's name, or NULL: an anonymous volume */
	char *target, *options; /* options sorted, without the default rw; may be "" */
};
const char *mount_parse(const char *text, struct mount *out); /* NULL, or what is wrong */
char *mount_text(const struct mount *m);                      /* in its one form; caller frees */
void mount_finish(struct mount *m);
#define cleanup_mount __attribute__((cleanup(mount_finish)))

#endif
