/*
 * Specs: what a container of a template would be, whole.
 *
 * A spec is a JSON object with every field of a template filled in: `defaults`, the template, the
 *parameters and Fleetgram's own defaults merged, lists and durations in one form, `${…}` replaced.
 *Two configs that mean the same container give the same spec, and so the same hash; any change of
 *what the container would be changes it. A spec says its own version, so that a newer Fleetgram
 *knows what an older one meant.
 *
 * Merging: objects (env and labels also when written as lists of KEY=VALUE) merge key by key,
 *everything else replaces, and null takes away what the defaults say. A template that names
 *networks drops the defaults' network_mode, and the other way round.
 *
 * `${name}` and `${PARAM}` are replaced in every string and in the keys of objects; `$${` is a
 *plain `${`. A command written as one string is divided into words before that, so that no value
 *can add a word. Values have to fit their pattern (an ERE, anchored, of bounded cost) and be one
 *line of at most 1024 bytes.
 *
 * The form of a spec, beside strings that are "" when nothing is said:
 *	version; image (with a tag or digest); command, entrypoint: lists, empty for the image's
 *own; env, labels, tmpfs: objects of strings; ports: sorted "[IP:][OUTSIDE:]INSIDE/PROTO", without
 *OUTSIDE one that the engine chooses; volumes: sorted "[SOURCE:]TARGET[:OPTIONS]"; networks: in
 *their order, the first is the primary one; network_mode: "default" when there are no networks;
 *user, workdir, hostname; restart: "no"; stop_timeout: seconds; init: false; limits: {nano_cpus,
 *memory, memory_swap, pids}, 0 for none (memory_swap -1: any), pids 256 unless set; healthcheck:
 *null for the image's own, else {test, interval_ns, timeout_ns, start_period_ns, retries};
 *	security: {cap_add, cap_drop (sorted), no_new_privileges: true, privileged, read_only};
 *logging: {driver, options}; and, outside the hash, since they do not change what the container is:
 *host, prune, pull.
 *
 * A template with `mode: service` makes a service of a swarm. Its spec has beside "mode":"service":
 *replicas (0 of a global one); global: one task on each node; update: {parallelism, delay_ns,
 *monitor_ns, max_failure_ppm (of a million), order, failure_action}; placement: {constraints
 *(sorted, "node.role==manager"), preferences (what to spread over, in their order), max_per_node: 0
 *for any}. restart is "always" unless set ("unless-stopped" means that too). It has neither
 *network_mode nor prune nor pull, no limits.memory_swap and no security.privileged. The spec of a
 *container has none of this, and no mode, so that its hash is what it was before there were
 *services.
 */
#ifndef FLEETGRAM_FLEET_SPEC_H
#define FLEETGRAM_FLEET_SPEC_H

#include <cjson/cJSON.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/str.h"

#define FG_SPEC_VERSION 1
#define FG_HASH_SIZE (7 + 64 + 1) /* "sha256:" and 64 hex digits */
#define FG_DEFAULT_PIDS 256

/* Labels on what Fleetgram creates. */
#define FG_LABEL_MANAGED "io.fleetgram.managed"
#define FG_LABEL_INSTANCE "io.fleetgram.instance"
#define FG_LABEL_TEMPLATE "io.fleetgram.template"
#define FG_LABEL_HASH "io.fleetgram.config-hash"
#define FG_LABEL_CREATED_BY "io.fleetgram.created-by"
#define FG_LABEL_CREATED_AT "io.fleetgram.created-at"
#define FG_LABEL_SPEC_VERSION "io.fleetgram.spec-version" /* what the hash was taken over */
#define FG_LABEL_PARAMS "io.fleetgram.params" /* as JSON; without any there is no such label */
/* On any container. */
#define FG_LABEL_PROTECT "io.fleetgram.protect" /* "true": automatic pruning never touches it */

/* A template as a person is shown it. */
struct fg_template {
	const char *name;
	const cJSON *config; /* the template's own object */
};

/* The template over the defaults, as both are written, for people to read: nothing is filled in or
 * checked. Caller deletes. NULL: error. */
cJSON *fg_template_merge(
	const cJSON *defaults, const struct fg_template *template, struct fg_err *err);

/*
 * The next ${NAME} of a template's text, from *s on, which is moved past it. 1: its name is in name,
 * cut to what a parameter's can have; 0: there is none left; -1: one is not closed, and name has its
 * beginning. A plain "${", written $${, is none.
 */
#define FG_PARAMETER_SIZE 65
int fg_template_reference(const char **s, char name[FG_PARAMETER_SIZE]);

/*
 * The effective spec for an instance. params: an object of strings, as typed; missing ones without
 * a default, unknown ones and values that do not fit their pattern are errors that name all of
 * them. Caller deletes. NULL: error (FG_EINVAL).
 */
cJSON *fg_spec_build(const cJSON *defaults, const struct fg_template *template,
	const char *instance, const cJSON *params, struct fg_err *err);

/* SHA-256 over the canonical JSON of the spec without host, prune and pull. */
void fg_spec_hash(const cJSON *spec, char hash[FG_HASH_SIZE]);

/*
 * The body for POST /containers/create, without Fleetgram's labels and with the first network only
 * (older engines take no more); whoever creates connects the others of `networks` before the start.
 * Caller deletes.
 */
cJSON *fg_spec_create_body(const cJSON *spec, struct fg_err *err);

/* Whether a template over its defaults, or a spec, is a service's. */
bool fg_spec_is_service(const cJSON *spec);
/* Why a template of that kind cannot say this field, for people; NULL: it can, or nobody knows it.
 */
const char *fg_spec_misfit(bool service, const char *field);

/*
 * The body for POST /services/create, without Fleetgram's labels. The template's labels are the
 * service's, and its tasks' containers have them too. Caller deletes.
 */
cJSON *fg_spec_service_body(const cJSON *spec, const char *name, struct fg_err *err);

/* What an operator should think twice about (privileged, a mounted engine socket), one line each;
 * nothing is added when there is nothing. */
void fg_spec_warnings(const cJSON *spec, struct fg_str *out);

#endif
