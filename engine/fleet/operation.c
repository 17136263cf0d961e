/*
 * Operations on one container: one at a time on each, in the order they came.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "registry/document.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/operation.h"
#include "host.h"
#include "queue.h"
#include "registry/record.h"
#include "registry/registry.h"
#include "replace/replacing.h"

#define GRACE_MAX_S (24 * 3600)

struct work {
	struct fg_registry *registry; /* may be NULL */
	struct fg_host *host;
	const char *id, *argument;
	const struct fg_unasked *unasked; /* NULL: somebody asked for it */
	struct fg_container_info info;    /* as it was before */
};

/* The container's own grace, so that the engine's answer is waited for as long as it takes. */
static int grace(const struct work *w)
{
	int64_t s = fg_json_i64(fg_json_object(w->info.raw, "Config"), "StopTimeout", -1);

	return s >= 0 && s <= GRACE_MAX_S ? (int)s : -1;
}

static bool state_is(const struct work *w, const char *state)
{
	return strcmp(w->info.state, state) == 0;
}

static int op_kill(struct work *w, struct fg_err *err)
{
	const char *signal = w->argument ? w->argument : "KILL";

	if (!*signal || strlen(signal) > 16 ||
		strspn(signal, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-") != strlen(signal))
		return fg_fail(err, FG_EINVAL, "a signal is a name like HUP, or a number");
	return fg_container_kill(w->host->engine, w->id, signal, err);
}

static int op_pause(struct work *w, struct fg_err *err)
{
	if (state_is(w, "paused"))
		return 0;
	return fg_container_pause(w->host->engine, w->id, err);
}

static int op_unpause(struct work *w, struct fg_err *err)
{
	if (state_is(w, "running"))
		return 0;
	return fg_container_unpause(w->host->engine, w->id, err);
}

static int op_up(struct work *w, struct fg_err *err)
{
	if (state_is(w, "paused"))
		return fg_container_unpause(w->host->engine, w->id, err);
	return fg_container_start(w->host->engine, w->id, err);
}

static int op_stop(struct work *w, struct fg_err *err)
{
	return fg_container_stop(w->host->engine, w->id, grace(w), err);
}

static int op_restart(struct work *w, struct fg_err *err)
{
	return fg_container_restart(w->host->engine, w->id, grace(w), err);
}

/* The engine may remove a container made with --rm as soon as it has stopped. */
static bool went_by_itself(const struct work *w, const struct fg_err *err)
{
	bool automatic =
		fg_json_bool(fg_json_object(w->info.raw, "HostConfig"), "AutoRemove", false);

	return err->code == FG_ENOTFOUND || (automatic && err->code == FG_ECONFLICT);
}

/* Its processes get their grace; only then is it taken away, by force in case it was started again
 * in between. */
static int op_remove(struct work *w, struct fg_err *err)
{
	struct fg_err local;

	if (fg_container_stop(w->host->engine, w->id, grace(w), &local) < 0) {
		/* What cannot be stopped (it is dead, its runtime is broken) can often be removed.
		 */
		if (local.code == FG_ENOTFOUND)
			return 1;
		if (local.code != FG_EREMOTE && local.code != FG_ECONFLICT) {
			if (err)
				*err = local;
			return -1;
		}
		fg_info("%s on %s cannot be stopped and is removed: %s", w->info.name,
			w->host->name, local.text);
	}
	if (fg_container_remove(w->host->engine, w->id, true, true, &local) >= 0 ||
		went_by_itself(w, &local))
		return 1;
	if (err)
		*err = local;
	return -1;
}

static int op_rename(struct work *w, struct fg_err *err)
{
	struct fg_err local;

	if (fg_name_check(w->argument, err) < 0)
		return -1;
	if (strcmp(w->info.name, w->argument) == 0)
		return 0;
	if (fg_container_rename(w->host->engine, w->id, w->argument, &local) >= 0)
		return 1;
	if (local.code == FG_ECONFLICT)
		return fg_fail(err, FG_ECONFLICT, "there already is a container called %s on %s",
			w->argument, w->host->name);
	if (err)
		*err = local;
	return -1;
}

static const struct {
	const char *verb, *past;
	int (*run)(struct work *w, struct fg_err *err);
} operations[FG_OP_COUNT] = {
	[FG_OP_KILL] = {FG_TEXT("kill"), FG_TEXT("killed"), op_kill},
	[FG_OP_PAUSE] = {FG_TEXT("pause"), FG_TEXT("paused"), op_pause},
	[FG_OP_REMOVE] = {FG_TEXT("remove"), FG_TEXT("removed"), op_remove},
	[FG_OP_RENAME] = {FG_TEXT("rename"), FG_TEXT("renamed"), op_rename},
	[FG_OP_RESTART] = {FG_TEXT("restart"), FG_TEXT("restarted"), op_restart},
	[FG_OP_STOP] = {FG_TEXT("stop"), FG_TEXT("stopped"), op_stop},
	[FG_OP_UNPAUSE] = {FG_TEXT("unpause"), FG_TEXT("unpaused"), op_unpause},
	[FG_OP_UP] = {FG_TEXT("start"), FG_TEXT("started"), op_up},
};

const char *fg_operation_verb(enum fg_operation op)
{
	return operations[op].verb;
}

const char *fg_operation_past(enum fg_operation op)
{
	return operations[op].past;
}

bool fg_name_valid(const char *name)
{
	size_t n = name ? strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789_.-")
			: 0;

	return n >= 2 && n <= 128 && !name[n] && !strchr("_.-", *name);
}

int fg_name_check(const char *name, struct fg_err *err)
{
	if (fg_name_valid(name))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"a name is at least two letters, digits, dots, dashes and underscores, "
		"and begins with a letter or digit");
}

/* What nobody asked for is no use. */
struct unasked_change {
	const char *what, *why, *state;
};

static bool change_unasked(cJSON *doc, void *arg)
{
	const struct unasked_change *change = arg;

	if (change->state)
		document_set(doc, "state", change->state);
	cJSON_AddStringToObject(document_note(doc, change->what), "why", change->why);
	return true;
}

static int record_unasked(
	struct work *w, enum fg_operation op, const char *state, struct fg_err *err)
{
	struct unasked_change change = {operations[op].past, w->unasked->why, state};
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(w->registry->store, &tx, err) < 0 ||
		registry_edit(&tx, w->host->name, w->id, NULL, change_unasked, &change, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

/*
 * The operation is done, whatever becomes of this: a failure here is told to the log, and the next
 * reconcile mends it. The engine is asked for the state, since a kill may only be a signal and what
 * was started may have ended.
 */
static void record(struct work *w, enum fg_operation op)
{
	cleanup_instance struct fg_instance row = {0};
	cleanup_info struct fg_container_info now = {0};
	struct fg_err err;
	bool asked;
	int rc = fg_registry_find(w->registry, w->host->name, w->id, &row, &err);

	if (rc == 0 && op == FG_OP_REMOVE && w->info.name) {
		rc = record_removed(w->registry, w->host->name, w->info.name, &err);
	} else if (rc == 0 && op == FG_OP_RENAME) {
		rc = record_renamed(w->registry, w->host->name, w->info.name, w->argument, &err);
	} else if (rc > 0 && op == FG_OP_REMOVE) {
		rc = fg_registry_remove(w->registry, w->host->name, w->id, &err);
	} else if (rc > 0) {
		asked = fg_container_inspect(w->host->engine, w->id, &now, NULL) >= 0;
		if (op == FG_OP_RENAME)
			rc = fg_registry_rename(
				w->registry, w->host->name, w->id, w->argument, &err);
		if (w->unasked)
			rc = record_unasked(w, op, asked ? now.state : NULL, &err);
		else if (rc >= 0)
			rc = registry_used(
				w->registry, w->host->name, w->id, asked ? now.state : NULL, &err);
	}
	if (rc < 0)
		fg_error("%s was %s, but the registry does not know: %s", w->info.name,
			operations[op].past, err.text);
}

static int perform(struct work *w, enum fg_operation op, struct fg_err *err)
{
	struct fg_err local;
	bool begun = false;
	int rc = fg_container_inspect(w->host->engine, w->id, &w->info, &local);

	if ((rc >= 0 || local.code == FG_ENOTFOUND) &&
		replace_refuse(w->registry, w->host->name, w->id, &local) < 0)
		rc = -1;
	if (rc >= 0 && w->unasked && w->unasked->check(&w->info, w->unasked->arg, err) < 0)
		return -1;
	if (rc >= 0) {
		begun = true;
		rc = operations[op].run(w, &local);
	} else if (local.code == FG_ENOTFOUND && op == FG_OP_REMOVE) {
		rc = 0;
	}
	fg_host_note(w->host, rc < 0 ? &local : NULL);
	if (rc >= 0 && w->registry)
		record(w, op);
	if (rc >= 0)
		return rc;
	if (err)
		*err = local;
	if (begun && fg_may_be_done(&local))
		return fg_wrap(err, "it is not known whether %s on %s was %s", w->info.name,
			w->host->name, fg_tr(operations[op].past));
	return fg_wrap(err, "cannot %s %s on %s", fg_tr(operations[op].verb),
		w->info.raw ? w->info.name : fg_tr("the container"), w->host->name);
}

static int operate(struct work *w, enum fg_operation op, struct fg_err *err)
{
	struct fg_fleet *fleet = fg_fleet_ref(w->host->fleet);
	struct queue *q;
	int rc;

	/* One that nobody works at any more comes to its end first. */
	if (fg_replace_involves(w->registry, w->host->name, w->id))
		fg_replace_recover(w->registry, w->host, NULL);
	q = queue_enter(w->host->name, w->id, err);
	if (!q) {
		rc = fg_wrap(err, "cannot %s it, another operation has not ended",
			fg_tr(operations[op].verb));
	} else {
		rc = perform(w, op, err);
		queue_leave(q);
	}
	fg_container_info_finish(&w->info);
	fg_fleet_unref(fleet);
	return rc;
}

int fg_operate(struct fg_registry *registry, struct fg_host *host, const char *id,
	enum fg_operation op, const char *argument, struct fg_err *err)
{
	struct work w = {.registry = registry, .host = host, .id = id, .argument = argument};

	return operate(&w, op, err);
}

int fg_operate_unasked(struct fg_registry *registry, struct fg_host *host, const char *id,
	enum fg_operation op, const struct fg_unasked *unasked, struct fg_err *err)
{
	struct work w = {.registry = registry, .host = host, .id = id, .unasked = unasked};

	return operate(&w, op, err);
}
