/*
 * Drift: what an instance is beside what it should be today.
 *
 * What it should be is its template as the config has it now, with the parameters it was created
 * with and with what was changed on it by hand. Such changes are the document's "overrides":
 * {"limits":{"from":{…},"to":{…}},"image":{"from":"…","to":"…"}}. One holds while the template
 * itself still says `from`; once the config changes that field, the config wins. Memory and
 * memory_swap count as one.
 *
 * It is looked at in two ways. The hashes alone are cheap: that of today's spec against the one the
 * container was made from. A close look asks the engine as well, and names every field in which the
 * container differs, from the spec it was made from and from what the engine says it is: also what
 * was changed behind Fleetgram's back, which no hash shows. What an image brings along and how an
 * engine puts things is no difference.
 */
#ifndef FLEETGRAM_FLEET_DRIFT_H
#define FLEETGRAM_FLEET_DRIFT_H

#include "fleetgram/fleet/registry.h"

/*
 * The templates and defaults of one config, and what was worked out from them. Both are used for as
 * long as this lives. Nothing of it is remembered for another config.
 */
struct fg_today;

struct fg_today *fg_today_create(const cJSON *templates, const cJSON *defaults);
void fg_today_destroy(struct fg_today *today); /* NULL is fine */

static inline void fg_today_destroy_ptr(struct fg_today **today)
{
	fg_today_destroy(*today);
}
#define cleanup_today __attribute__((cleanup(fg_today_destroy_ptr)))

/*
 * The spec that the instance should have today. labels: its container's, NULL when there is none.
 * overrides, when not NULL, gets those that hold, {} for none. The caller deletes both. NULL:
 * error; FG_ENOTFOUND: its template is gone.
 */
cJSON *fg_today_spec(struct fg_today *today, const struct fg_instance *instance,
	const cJSON *labels, cJSON **overrides, struct fg_err *err);

enum fg_config_state { FG_CONFIG_UNKNOWN, FG_CONFIG_IN_SYNC, FG_CONFIG_DRIFTED };

const char *fg_config_state_name(enum fg_config_state state); /* "in-sync" "drifted" "unknown" */

/*
 * By the hashes alone, without waiting for anything; instances that mean the same spec cost one
 * building of it. container_id and labels: of its container now. Unknown: the template is gone, it
 * does not take the parameters any more, or nothing says what the container was made from.
 * May run on another thread, when nothing else uses today meanwhile.
 */
enum fg_config_state fg_config_state(struct fg_today *today, const struct fg_instance *instance,
	const char *container_id, const cJSON *labels);

/* As templates are written: "limits.memory", "64m". NULL: nothing is said or there. */
struct fg_difference {
	char *field, *want, *have;
};

struct fg_drift {
	enum fg_config_state state;
	struct fg_err why;       /* why it is unknown */
	struct fg_difference *v; /* by field */
	size_t n;
	bool limits_only;        /* all of them are limits that can be changed while it runs */
	cJSON *spec, *overrides; /* of today; NULL when unknown */
	char hash[FG_HASH_SIZE]; /* of spec */
};

void fg_drift_finish(struct fg_drift *drift);
#define cleanup_drift __attribute__((cleanup(fg_drift_finish)))

/*
 * The close look at one instance: one call to the engine, and one more the first time that today
 * meets its image. The host's health is noted. FG_ENOTFOUND: its container is gone.
 */
int fg_drift(struct fg_today *today, struct fg_host *host, const struct fg_instance *instance,
	struct fg_drift *out, struct fg_err *err);

#endif
