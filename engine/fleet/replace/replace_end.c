/*
 * The end of a replacement: undone before the new one was good, finished after it.
 *
 * Both look at what is there and take it from there, so they can be begun again after a crash at
 * any moment. They run in a task of their own: the one that began may have been cancelled.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/retry.h"
#include "host.h"
#include "replace/replacing.h"

#define END_TRIES 6
#define END_TRIES_DEAD 150 /* while the engine does not answer: five minutes at least */
#define SETTLE_STEP_MS 20
#define AWAIT_STEP_MS 100
#define GRACE_MAX_S (24 * 3600)

struct fg_list replacings = FG_LIST_INIT(replacings);
static bool hurried; /* the process is about to end */

struct replacing *replacing_create(struct fg_registry *registry, struct fg_host *host)
{
	struct replacing *r = fg_alloc(sizeof(*r));

	r->refs = 1;
	r->registry = registry;
	r->fleet = fg_fleet_ref(host->fleet);
	r->host = host;
	r->phase = REPLACE_MAKING;
	fg_cond_init(&r->ended);
	fg_str_init(&r->notes, REPLACE_NOTES_MAX);
	fg_list_append(&replacings, &r->link);
	return r;
}

void replacing_put(struct replacing *r)
{
	if (--r->refs > 0)
		return;
	fg_list_remove(&r->link);
	if (r->new_turn)
		queue_leave(r->new_turn);
	if (r->old_turn)
		queue_leave(r->old_turn);
	replace_dependants_leave(r);
	fg_fleet_unref(r->fleet);
	free(r->owner);
	free(r->name);
	free(r->aside);
	free(r->beside);
	cJSON_Delete(r->policy);
	cJSON_Delete(r->dependants);
	fg_str_finish(&r->notes);
	free(r);
}

int replacing_noted(struct replacing *r, int rc, const struct fg_err *err)
{
	fg_host_note(r->host, rc < 0 ? err : NULL);
	return rc;
}

static bool is_running(const struct fg_container_info *info)
{
	return strcmp(info->state, "running") == 0 || strcmp(info->state, "paused") == 0 ||
	       strcmp(info->state, "restarting") == 0;
}

int replace_stop(struct replacing *r, const struct fg_container_info *info, struct fg_err *err)
{
	int64_t grace = fg_json_i64(fg_json_object(info->raw, "Config"), "StopTimeout", -1);
	int rc;

	if (!is_running(info))
		return 0;
	if (strcmp(info->state, "paused") == 0 &&
		fg_container_unpause(r->host->engine, info->id, err) < 0 &&
		err->code != FG_ECONFLICT && err->code != FG_EREMOTE)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	rc = fg_container_stop(r->host->engine, info->id,
		grace >= 0 && grace <= GRACE_MAX_S ? (int)grace : -1, err);
	return rc < 0 && err->code == FG_ENOTFOUND ? 0 : rc;
}

/* 1: it is there; 0: it is not. */
static int look(struct replacing *r, const char *id_or_name, struct fg_container_info *info,
	struct fg_err *err)
{
	int rc = replacing_noted(
		r, fg_container_inspect(r->host->engine, id_or_name, info, err), err);

	if (rc < 0)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	return 1;
}

/* Undoing */

/* The new one, which may be there though the engine never said its id. 1, 0 or -1 as look(). */
static int find_new(struct replacing *r, struct fg_container_info *info, struct fg_err *err)
{
	int rc = look(r, *r->new_id ? r->new_id : r->beside, info, err);

	/* An inspect takes the beginnings of ids as well. */
	if (rc > 0 && !*r->new_id && strcmp(info->name, r->beside) != 0)
		return 0;
	if (rc > 0)
		memcpy(r->new_id, info->id, sizeof(r->new_id));
	return rc;
}

/* It may share volumes with the old one, so it ends in order. What is there that cannot be stopped
 * can often be removed. */
static int remove_new(struct replacing *r, const struct fg_container_info *info, struct fg_err *err)
{
	int rc = replacing_noted(r, replace_stop(r, info, err), err);

	if (rc < 0 && host_is_dead(err))
		return -1;
	rc = replacing_noted(
		r, fg_container_remove(r->host->engine, info->id, true, true, err), err);
	return rc < 0 && err->code != FG_ENOTFOUND ? -1 : 0;
}

static int policy_restore(
	struct replacing *r, const struct fg_container_info *old, struct fg_err *err)
{
	cleanup_json cJSON *body = NULL;
	const char *was = fg_json_str(r->policy, "Name", "");

	if (!*was || strcmp(was, old->restart_policy) == 0)
		return 0;
	body = cJSON_CreateObject();
	cJSON_AddItemToObject(body, "RestartPolicy", cJSON_Duplicate(r->policy, true));
	return replacing_noted(r, fg_container_update(r->host->engine, old->id, body, err), err);
}

static int name_restore(
	struct replacing *r, const struct fg_container_info *old, struct fg_err *err)
{
	if (strcmp(old->name, r->name) == 0)
		return 0;
	if (replacing_noted(r, fg_container_rename(r->host->engine, old->id, r->name, err), err) >=
		0)
		return 0;
	return fg_wrap(err, "it is still called %s", old->name);
}

static int state_restore(
	struct replacing *r, const struct fg_container_info *old, struct fg_err *err)
{
	if (!r->ran)
		return 0;
	if (!is_running(old) &&
		replacing_noted(r, fg_container_start(r->host->engine, old->id, err), err) < 0)
		return fg_wrap(err, "it does not start again");
	if (r->paused && strcmp(old->state, "paused") != 0 &&
		replacing_noted(r, fg_container_pause(r->host->engine, old->id, err), err) < 0)
		return fg_wrap(err, "it cannot be paused again");
	replace_dependants_serve(r, old->id);
	return 0;
}

/* Somebody took the old one away meanwhile: the new one is all there is, and stays. */
static int keep_new(struct replacing *r, const struct fg_container_info *new, struct fg_err *err)
{
	if (strcmp(new->name, r->name) != 0 &&
		fg_container_rename(r->host->engine, new->id, r->name, err) < 0)
		return -1;
	if (r->ran && !is_running(new) && fg_container_start(r->host->engine, new->id, err) < 0)
		return -1;
	r->fate = REPLACE_NEW_STAYS;
	return 0;
}

static int put_back(struct replacing *r, const struct fg_container_info *old, struct fg_err *err)
{
	if (name_restore(r, old, err) < 0 || policy_restore(r, old, err) < 0)
		return -1;
	return state_restore(r, old, err);
}

/*
 * The new one is there and cannot be removed (why says what the engine says): it gives its name
 * back, and the old one comes back all the same. Only beside one that still runs it is not started,
 * since the two would write into the same volumes.
 */
static int leave_new(struct replacing *r, const struct fg_container_info *old, struct fg_err *why)
{
	cleanup_info struct fg_container_info new = {0};
	struct fg_err err;
	int rc = look(r, r->new_id, &new, &err);

	if (rc < 0)
		goto failed;
	if (rc == 0)
		return put_back(r, old, why);
	if (strcmp(new.name, r->name) == 0 &&
		replacing_noted(
			r, fg_container_rename(r->host->engine, new.id, r->beside, &err), &err) < 0)
		goto failed;
	if (is_running(&new)) {
		if (name_restore(r, old, &err) < 0 || policy_restore(r, old, &err) < 0)
			goto failed;
		return fg_wrap(why, "the new one, %s, still runs and cannot be removed", r->beside);
	}
	if (put_back(r, old, &err) < 0)
		goto failed;
	r->fate = REPLACE_LEFTOVER;
	return fg_wrap(why, "%s cannot be removed", r->beside);
failed:
	*why = err;
	return -1;
}

static int undo(struct replacing *r, struct fg_err *err)
{
	cleanup_info struct fg_container_info old = {0}, new = {0};
	int is_old = look(r, r->old_id, &old, err), is_new;

	r->fate = REPLACE_BACK;

	if (is_old < 0)
		return -1;
	if (strcmp(old.state, "removing") == 0 || strcmp(old.state, "dead") == 0)
		is_old = 0; /* there is no way back to it */
	is_new = find_new(r, &new, err);
	if (is_new < 0)
		return -1;
	if (!is_old && is_new)
		return keep_new(r, &new, err);
	if (is_new && remove_new(r, &new, err) < 0)
		return host_is_dead(err) || r->phase == REPLACE_MAKING ? -1
								       : leave_new(r, &old, err);
	if (!is_old)
		r->fate = REPLACE_NOTHING;
	/* Until then nothing has happened to the old one, by us: what somebody did to it stays. */
	if (!is_old || r->phase == REPLACE_MAKING)
		return 0;
	return put_back(r, &old, err);
}

/* A request that was cut off may have its effect seconds later: one look is not enough. */
static bool may_come_yet(const struct replacing *r, int tries)
{
	return r->phase == REPLACE_MAKING && r->unsure && !*r->new_id && tries < END_TRIES - 1;
}

/* Finishing */

/* Named volumes stay, and the anonymous ones are the new one's now. */
static int finish(struct replacing *r, struct fg_err *err)
{
	bool podman = strcmp(r->host->version.kind, "podman") == 0;
	int rc;

	/* Podman keeps what others depend on. */
	if (podman)
		replace_dependants_serve(r, r->new_id);
	rc = replacing_noted(
		r, fg_container_remove(r->host->engine, r->old_id, true, false, err), err);
	if (rc < 0 && err->code != FG_ENOTFOUND)
		return -1;
	if (!podman)
		replace_dependants_serve(r, r->new_id);
	return 0;
}

/* The task */

static void tell(struct replacing *r, int rc, const struct fg_err *err)
{
	if (rc < 0 && r->phase == REPLACE_GOOD)
		fg_error("%s on %s was replaced, and the old one (%s) is still there: %s", r->name,
			r->host->name, r->aside, err->text);
	else if (rc < 0)
		fg_error("%s on %s %s: %s", r->name, r->host->name,
			r->fate == REPLACE_LEFTOVER ? "was put back, and something is left"
						    : "could not be put back",
			err->text);
	else if (r->recovered)
		fg_info("the replacement of %s on %s was interrupted and is %s", r->name,
			r->host->name, r->phase == REPLACE_GOOD ? "finished" : "undone");
}

/*
 * Whether another try makes sense. One that was found in the journal is found again when its engine
 * is back; the others are tried for a while, though nobody waits that long.
 */
static bool try_again(struct replacing *r, int tries, int rc, const struct fg_err *err)
{
	if (rc >= 0)
		return may_come_yet(r, tries);
	if (err->code == FG_ECANCELED)
		return false;
	if (!host_is_dead(err) && err->code != FG_ETIMEOUT)
		return tries < END_TRIES;
	if (tries == END_TRIES) {
		r->why = *err;
		r->slow = true;
		fg_cond_broadcast(&r->ended);
	}
	return !r->recovered && !hurried && tries < END_TRIES_DEAD;
}

/*
 * What the engine refuses it would refuse again, and the row goes: nobody shall start days later
 * what an operator has seen to. An engine that does not answer will, and the row waits for it.
 */
static void close_row(struct replacing *r, int rc, const struct fg_err *why)
{
	struct fg_err err;

	if (rc < 0 && (host_is_dead(why) || why->code == FG_ECANCELED || why->code == FG_ETIMEOUT))
		return;
	if (journal_end(r, &err) < 0)
		fg_error("%s", err.text);
}

static void end_task(void *arg)
{
	static const struct fg_retry policy = {
		.attempts = END_TRIES, .min_ms = 200, .max_ms = 2000, .jitter = 0.1};
	struct replacing *r = arg;
	struct fg_err err;
	int rc;

	for (int tries = 1;; tries++) {
		rc = r->phase == REPLACE_GOOD ? finish(r, &err) : undo(r, &err);
		if (!try_again(r, tries, rc, &err))
			break;
		if (fg_task_sleep(fg_retry_delay(&policy, tries, 0), &err) < 0) {
			rc = -1;
			break;
		}
	}
	tell(r, rc, &err);
	close_row(r, rc, &err);
	if (rc < 0)
		r->why = err;
	r->outcome = rc;
	r->over = true;
	fg_cond_broadcast(&r->ended);
	replacing_put(r);
}

void replace_end(struct replacing *r)
{
	cleanup_free char *name =
		fg_printf("%s %s", r->phase == REPLACE_GOOD ? "replaced" : "putting back", r->name);

	r->refs++;
	fg_task_start(name, end_task, r);
	while (!r->over && !r->slow &&
		fg_cond_wait(&r->ended, "the end of a replacement", FG_NEVER, NULL) == 0)
		;
}

static int recover_one(struct replacing *r, struct fg_err *err)
{
	r->old_turn = queue_enter(r->host->name, r->old_id, err);
	if (!r->old_turn)
		return -1;
	replace_end(r);
	if (r->over && r->outcome >= 0)
		return 0;
	if (!r->over)
		return fg_fail(err, FG_ECANCELED, "canceled");
	*err = r->why;
	return -1;
}

int fg_replace_recover(struct fg_registry *registry, struct fg_host *host, struct fg_err *err)
{
	struct fg_err local;
	int64_t after = 0;
	int count = 0;

	err = err ? err : &local;
	for (;;) {
		struct replacing *r;
		int rc = journal_claim(registry, host, after, &r, err);

		if (rc <= 0)
			return rc < 0 ? -1 : count;
		after = r->row;
		rc = recover_one(r, err);
		if (rc >= 0)
			count++;
		else
			fg_wrap(err, "the replacement of %s", r->name);
		replacing_put(r);
		if (rc < 0 && (host_is_dead(err) || err->code == FG_ECANCELED))
			return -1;
	}
}

void fg_replace_await(struct fg_registry *registry, const struct fg_host *host,
	const char *id_or_name, int64_t deadline)
{
	while ((!host->known || host->up) && fg_now_ms() < deadline &&
		fg_replace_involves(registry, host->name, id_or_name))
		if (fg_task_sleep(AWAIT_STEP_MS, NULL) < 0)
			break;
}

void fg_replace_settle(int64_t deadline)
{
	hurried = true;
	while (!fg_list_empty(&replacings) && fg_now_ms() < deadline)
		if (fg_task_sleep(SETTLE_STEP_MS, NULL) < 0)
			break;
	hurried = false;
}
