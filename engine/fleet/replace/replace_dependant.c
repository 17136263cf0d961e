/*
 * Containers that share the namespaces of one that is replaced, and have to come up after it.
 *
 * What shares a network, processes or IPC with a container that was stopped keeps what is left of
 * them: it has to be restarted. The engine keeps the id of the container that was meant, so after
 * a replacement it has to be made again.
 */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "replace/replacing.h"

#define SHORTEST_ID 4
#define ROUNDS 5 /* of finding and waiting */

static const char *const modes[] = {"IpcMode", "NetworkMode", "PidMode"};

/* Which container a mode names, NULL when it names none. */
static const char *shared_with(const cJSON *host, const char *mode)
{
	const char *text = fg_json_str(host, mode, "");

	return strncmp(text, "container:", 10) == 0 && text[10] ? text + 10 : NULL;
}

static bool names_id(const char *ref, const char *id)
{
	size_t n = strlen(ref);

	return n >= SHORTEST_ID && strncmp(id, ref, n) == 0;
}

/* The reference by which it shares something with the container; NULL: it does not. One by id wins,
 * since it has to be changed. */
static const char *reference(const struct fg_container_info *info, const char *id, const char *name)
{
	const cJSON *host = fg_json_object(info->raw, "HostConfig");
	const char *by_name = NULL;

	for (size_t i = 0; i < FG_ARRAY_LEN(modes); i++) {
		const char *ref = shared_with(host, modes[i]);

		if (ref && names_id(ref, id))
			return ref;
		if (ref && strcmp(ref, name) == 0)
			by_name = ref;
	}
	return by_name;
}

static bool is_up(const struct fg_container_info *info)
{
	return strcmp(info->state, "running") == 0 || strcmp(info->state, "paused") == 0 ||
	       strcmp(info->state, "restarting") == 0;
}

/* Whether who asked may read its name. Of what is made again for the sake of another one nobody
 * has a scope at hand. */
static bool is_named(const struct replacing *r, const struct fg_selector *scope,
	const struct fg_container_info *info)
{
	struct fg_subject subject = fg_info_subject(r->host, info);

	return scope ? fg_selector_match(scope, &subject) : !r->discreet;
}

static int find(struct replacing *r, const struct fg_selector *scope, struct fg_err *err)
{
	cleanup_containers struct fg_containers list = {0};

	cJSON_Delete(r->dependants);
	r->dependants = cJSON_CreateArray();
	if (replacing_noted(r, fg_container_list(r->host->engine, NULL, &list, err), err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		const struct fg_container *c = &list.v[i];
		cleanup_info struct fg_container_info info = {0};
		cJSON *entry;

		if (strcmp(c->id, r->old_id) == 0)
			continue;
		if (replacing_noted(
			    r, fg_container_inspect(r->host->engine, c->id, &info, err), err) < 0) {
			if (err->code == FG_ENOTFOUND)
				continue;
			return -1;
		}
		if (!reference(&info, r->old_id, r->name))
			continue;
		entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "id", info.id);
		if (is_named(r, scope, &info))
			cJSON_AddStringToObject(entry, "name", info.name);
		cJSON_AddBoolToObject(entry, "ran", is_up(&info));
		cJSON_AddItemToArray(r->dependants, entry);
	}
	return 0;
}

void replace_dependants_leave(struct replacing *r)
{
	for (size_t i = 0; i < r->turn_count; i++)
		queue_leave(r->turns[i]);
	free(r->turns);
	r->turns = NULL;
	r->turn_count = 0;
}

static int take_turns(struct replacing *r, struct fg_err *err)
{
	const cJSON *entry;

	r->turns = fg_alloc(((size_t)cJSON_GetArraySize(r->dependants) + 1) * sizeof(*r->turns));
	cJSON_ArrayForEach (entry, r->dependants) {
		struct queue *turn = queue_enter(r->host->name, fg_json_str(entry, "id", ""), err);

		if (!turn)
			return fg_wrap(err, "%s shares with it and is busy",
				fg_json_str(entry, "name", "a container"));
		r->turns[r->turn_count++] = turn;
	}
	return 0;
}

/*
 * Nobody else may work on them meanwhile: one that is just being replaced itself would find what it
 * shares gone. Those that were waited for may be others by now.
 */
int replace_dependants_find(
	struct replacing *r, const struct fg_selector *scope, struct fg_err *err)
{
	r->discreet = r->discreet || scope;
	for (int round = 0; round < ROUNDS; round++) {
		cleanup_json cJSON *before = NULL;

		if (find(r, scope, err) < 0)
			return -1;
		if (!r->dependants->child)
			return 0;
		before = cJSON_Duplicate(r->dependants, true);
		if (take_turns(r, err) < 0 || find(r, scope, err) < 0)
			return -1;
		if (cJSON_Compare(before, r->dependants, true))
			return 0;
		replace_dependants_leave(r);
	}
	return fg_fail(err, FG_ECONFLICT, "what shares with it changes all the time");
}

/* One that came up before the one it shares with: what it shares is gone. */
static int restart(struct replacing *r, const struct fg_container_info *info, bool ran,
	int64_t since_ms, struct fg_err *err)
{
	int rc;

	if (info->started_ms >= since_ms || !ran)
		return 0;
	rc = replace_stop(r, info, err);
	if (rc >= 0)
		rc = fg_container_start(r->host->engine, info->id, err);
	if (rc >= 0 && strcmp(info->state, "paused") == 0)
		rc = fg_container_pause(r->host->engine, info->id, err);
	return replacing_noted(r, rc, err) < 0 ? -1 : 1;
}

static int make_again(struct replacing *r, const struct fg_container_info *info, const char *ref,
	const char *id, struct fg_err *err)
{
	cleanup_replaced struct fg_replaced out = {0};
	struct fg_replace order = {.what = FG_TEXT("made again")};
	struct replacing *other;
	int rc;

	if (r->depth + 1 >= REPLACE_DEPTH)
		return fg_fail(err, FG_ETOOBIG, "too many containers share with one another");
	other = replacing_create(r->registry, r->host);
	other->depth = r->depth + 1;
	other->discreet = r->discreet;
	rc = replace_perform(other, info->id, &order, ref, id, &out, err);
	if (rc >= 0) {
		r->restarted += out.dependants;
		if (out.notes.len)
			fg_str_printf(&r->notes, "%s", out.notes.s);
	}
	replacing_put(other);
	return rc < 0 ? -1 : 1;
}

static int serve(struct replacing *r, const cJSON *entry, const char *id, int64_t since_ms,
	struct fg_err *err)
{
	const char *dependant = fg_json_str(entry, "id", "");
	cleanup_info struct fg_container_info info = {0};
	const char *ref;
	int rc = replacing_noted(
		r, fg_container_inspect(r->host->engine, dependant, &info, err), err);

	if (rc < 0) /* it was made again before a crash, or somebody took it away */
		return err->code == FG_ENOTFOUND ? 0 : -1;
	ref = reference(&info, r->old_id, r->name);
	if (!ref)
		return 0;
	if (names_id(ref, r->old_id) && strcmp(id, r->old_id) != 0) {
		/* it could not start, and would be lost */
		if (!since_ms && is_up(&info))
			return fg_fail(
				err, FG_ECONFLICT, "it runs, and what it shares with does not");
		return make_again(r, &info, ref, id, err);
	}
	if (!since_ms)
		return 0;
	return restart(r, &info, fg_json_bool(entry, "ran", false), since_ms, err);
}

/* One that was found in the journal has no turns yet. */
static int serve_in_turn(struct replacing *r, const cJSON *entry, const char *id, int64_t since_ms,
	struct fg_err *err)
{
	struct queue *turn = NULL;
	int rc;

	if (r->recovered) {
		turn = queue_enter(r->host->name, fg_json_str(entry, "id", ""), err);
		if (!turn)
			return -1;
	}
	rc = serve(r, entry, id, since_ms, err);
	if (turn)
		queue_leave(turn);
	return rc;
}

void replace_dependants_serve(struct replacing *r, const char *id)
{
	cleanup_info struct fg_container_info info = {0};
	const cJSON *entry;
	const char *name;
	struct fg_err err;

	if (cJSON_GetArraySize(r->dependants) == 0 ||
		fg_container_inspect(r->host->engine, id, &info, NULL) < 0)
		return;
	cJSON_ArrayForEach (entry, r->dependants) {
		int rc = serve_in_turn(r, entry, id, is_up(&info) ? info.started_ms : 0, &err);

		if (rc > 0)
			r->restarted++;
		if (rc >= 0)
			continue;
		name = fg_json_str(entry, "name", NULL);
		fg_warn("%s on %s shares with %s and could not be restarted: %s",
			name ? name : fg_json_str(entry, "id", ""), r->host->name, r->name,
			err.text);
		if (name)
			fg_str_printf(&r->notes,
				fg_tr("%s shares with it and could not be restarted: %s\n"), name,
				err.text);
		else
			fg_str_puts(&r->notes,
				fg_tr("a container that you do not see shares with it and could not be restarted\n"));
	}
}
