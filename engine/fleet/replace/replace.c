/*
 * Replacing: step by step from the old one to the new one, and the moment from which it is the new
 * one that stays.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/language.h"
#include "replace/clone.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/docker/network.h"
#include "replace/replace_record.h"
#include "replace/replacing.h"

#define NAME_KEPT 100 /* bytes of the name in the temporary ones */
#define LABEL_COMPOSE_IMAGE "com.docker.compose.image"

struct job {
	struct replacing *r;
	const struct fg_replace *order;
	const char *from, *to;                     /* references to be changed */
	struct fg_container_info old;              /* as it was */
	struct fg_image_info old_image, new_image; /* raw NULL: it is gone */
	char *image;                               /* what the new one is made of */
	char *called;       /* its name, when that means another image by now; NULL: it is image */
	struct fg_str left; /* volumes that are not carried over */
};

static void job_finish(struct job *j)
{
	fg_container_info_finish(&j->old);
	fg_image_info_finish(&j->old_image);
	fg_image_info_finish(&j->new_image);
	free(j->image);
	free(j->called);
	fg_str_finish(&j->left);
}
#define cleanup_job __attribute__((cleanup(job_finish)))

static void step(const struct job *j, const char *what)
{
	if (j->order->progress)
		j->order->progress(fg_tr(what), j->order->arg);
}

static struct fg_engine *engine(const struct job *j)
{
	return j->r->host->engine;
}

static int noted(const struct job *j, int rc, const struct fg_err *err)
{
	return replacing_noted(j->r, rc, err);
}

/* Looking */

static bool state_is(const struct job *j, const char *state)
{
	return strcmp(j->old.state, state) == 0;
}

/* Whether this process runs in it: the engine mounts files there that lie in its folder. */
static bool is_own(const char *id)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	bool own = false;

	while (mounts && !own && fgets(line, sizeof(line), mounts)) {
		const char *name = strstr(line, id), *at = strstr(line, " /etc/hostname ");

		own = name && at && name < at;
	}
	if (mounts)
		fclose(mounts);
	return own;
}

static int check(struct job *j, struct fg_err *err)
{
	const cJSON *host = fg_json_object(j->old.raw, "HostConfig");
	const cJSON *labels = fg_json_object(fg_json_object(j->old.raw, "Config"), "Labels");

	if (fg_json_bool(host, "AutoRemove", false))
		return fg_fail(err, FG_ECONFLICT,
			"it was started with --rm and would be gone once stopped, so there would "
			"be no way back");
	if (fg_json_get(labels, "com.docker.swarm.service.id"))
		return fg_fail(err, FG_ECONFLICT,
			"it belongs to a Swarm service, which would make another one by itself");
	if (is_own(j->old.id))
		return fg_fail(err, FG_ECONFLICT,
			"Fleetgram runs in it, and nobody would start the new one");
	if (state_is(j, "removing") || state_is(j, "dead"))
		return fg_fail(err, FG_ECONFLICT, "it is being removed");
	return 0;
}

/* "BASE.WORD-XXXXXXXX": nobody else's, and a person sees what it is. */
static char *temporary_name(const char *base, const char *word)
{
	return fg_printf("%.*s.%s-%08x", NAME_KEPT, base, word, (unsigned)randombytes_random());
}

static int look(struct job *j, const char *id, struct fg_err *err)
{
	struct replacing *r = j->r;

	if (noted(j, fg_container_inspect(engine(j), id, &j->old, err), err) < 0 ||
		check(j, err) < 0)
		return -1;
	r->name = fg_strdup(j->old.name);
	r->aside = temporary_name(r->name, "old");
	r->beside = temporary_name(r->name, "new");
	memcpy(r->old_id, j->old.id, sizeof(r->old_id));
	r->paused = state_is(j, "paused");
	r->ran = r->paused || state_is(j, "running") || state_is(j, "restarting");
	r->policy = cJSON_Duplicate(
		fg_json_object(fg_json_object(j->old.raw, "HostConfig"), "RestartPolicy"), true);
	return 0;
}

/*
 * The images: the old one for what it had set by itself, the new one has to be there. Without a
 * wish it stays the very image it was, by its name as long as that still means it; then by its id,
 * and the name goes with it in a label.
 */
static int images_look(struct job *j, struct fg_err *err)
{
	const char *wish = j->order->image;

	if (noted(j, fg_image_inspect(engine(j), j->old.image_id, &j->old_image, err), err) < 0 &&
		err->code != FG_ENOTFOUND)
		return -1;
	if (!wish && j->order->body)
		wish = fg_json_str(j->order->body, "Image", NULL);
	j->image = fg_strdup(wish ? wish : j->old.image);
	if (noted(j, fg_image_inspect(engine(j), j->image, &j->new_image, err), err) < 0 &&
		(wish || err->code != FG_ENOTFOUND)) {
		if (err->code == FG_ENOTFOUND)
			fg_fail(err, FG_ENOTFOUND, "image %s is not on %s", j->image,
				j->r->host->name);
		return -1;
	}
	if (wish || (j->new_image.raw && strcmp(j->new_image.id, j->old.image_id) == 0))
		return 0;
	fg_image_info_finish(&j->new_image);
	fg_str_printf(&j->r->notes, fg_tr("%s means another image by now; it stays on %.19s\n"),
		j->image, j->old.image_id);
	j->called = fg_steal(&j->image);
	j->image = fg_strdup(j->old.image_id);
	if (noted(j, fg_image_inspect(engine(j), j->image, &j->new_image, err), err) < 0)
		return fg_wrap(err, "the image it was made of");
	return 0;
}

static void add_labels(cJSON *body, const cJSON *labels)
{
	cJSON *own = cJSON_GetObjectItemCaseSensitive(body, "Labels");
	const cJSON *label;

	if (!cJSON_IsObject(own)) {
		cJSON_DeleteItemFromObjectCaseSensitive(body, "Labels");
		own = cJSON_AddObjectToObject(body, "Labels");
	}
	cJSON_ArrayForEach (label, labels) {
		if (!label->string)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(own, label->string);
		cJSON_AddItemToObject(own, label->string, cJSON_Duplicate(label, true));
	}
}

/* The image's name, where the container cannot say it. */
static void image_label(const struct job *j, cJSON *body)
{
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(body, "Labels");

	cJSON_DeleteItemFromObjectCaseSensitive(labels, FG_LABEL_IMAGE);
	if (!j->called)
		return;
	if (!cJSON_IsObject(labels)) {
		cJSON_DeleteItemFromObjectCaseSensitive(body, "Labels");
		labels = cJSON_AddObjectToObject(body, "Labels");
	}
	cJSON_AddStringToObject(labels, FG_LABEL_IMAGE, j->called);
}

/* Compose notes which image it made a container of, and makes one again that has another. */
static void compose_label(const struct job *j, cJSON *body)
{
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(body, "Labels");

	if (strcmp(fg_json_str(labels, LABEL_COMPOSE_IMAGE, ""), j->old.image_id) != 0 ||
		!*j->new_image.id)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(labels, LABEL_COMPOSE_IMAGE);
	cJSON_AddStringToObject(labels, LABEL_COMPOSE_IMAGE, j->new_image.id);
}

static cJSON *body_make(struct job *j)
{
	struct clone clone = {j->old.raw, j->old_image.raw, j->image, j->order->said};
	cJSON *body;

	if (j->order->body) {
		body = cJSON_Duplicate(j->order->body, true);
		cJSON_DeleteItemFromObjectCaseSensitive(body, "Image");
		cJSON_AddStringToObject(body, "Image", j->image);
		clone_volumes(body, j->old.raw, j->new_image.raw, &j->left);
	} else {
		if (!j->old_image.raw)
			fg_str_printf(&j->r->notes, "%s",
				fg_tr("its old image is gone, so all that it had set is kept\n"));
		body = clone_body(&clone);
		if (strcmp(j->r->host->version.kind, "podman") == 0)
			clone_podman(body, j->old.raw);
		clone_volumes(body, j->old.raw, NULL, NULL);
	}
	compose_label(j, body);
	if (j->order->labels)
		add_labels(body, j->order->labels);
	image_label(j, body);
	if (j->from)
		clone_redirect(body, j->from, j->to);
	return body;
}

/* Making and swapping */

static int make(struct job *j, struct fg_err *err)
{
	struct replacing *r = j->r;
	cleanup_json cJSON *body = body_make(j);
	int rc;

	if (replace_dependants_find(r, j->order->scope, err) < 0 || journal_begin(r, err) < 0)
		return -1;
	r->unsure = true; /* from now on there may be one */
	rc = noted(
		j, fg_network_create(engine(j), r->beside, body, r->new_id, &r->notes, err), err);
	if (rc < 0) {
		/* what the engine refused it has not done */
		r->unsure = !*r->new_id && !err->unsent && err->code != FG_EREMOTE &&
			    err->code != FG_ECONFLICT && err->code != FG_ENOTFOUND &&
			    err->code != FG_EINVAL && err->code != FG_EUNREACHABLE;
		return fg_wrap(err, "the new one cannot be made");
	}
	r->new_turn = queue_enter(r->host->name, r->new_id, err);
	return r->new_turn ? 0 : -1;
}

/* An engine that is restarted meanwhile starts what has the policy `always`, stopped or not. */
static int policy_suspend(struct job *j, struct fg_err *err)
{
	cleanup_json cJSON *body = NULL;
	cJSON *policy;

	if (strcmp(j->old.restart_policy, "always") != 0)
		return 0;
	body = cJSON_CreateObject();
	policy = cJSON_AddObjectToObject(body, "RestartPolicy");
	cJSON_AddStringToObject(policy, "Name", "no");
	if (noted(j, fg_container_update(engine(j), j->old.id, body, err), err) >= 0 ||
		strcmp(j->r->host->version.kind, "podman") == 0)
		return 0;
	return fg_wrap(err, "its restart policy cannot be suspended");
}

static int swap(struct job *j, struct fg_err *err)
{
	struct replacing *r = j->r;

	r->phase = REPLACE_SWAPPING;
	if (journal_step(r, err) < 0) {
		r->phase = REPLACE_MAKING;
		return -1;
	}
	if (policy_suspend(j, err) < 0)
		return -1;
	if (r->ran) {
		step(j, "stopping the old one");
		if (noted(j, replace_stop(r, &j->old, err), err) < 0)
			return fg_wrap(err, "the old one cannot be stopped");
	}
	if (noted(j, fg_container_rename(engine(j), r->old_id, r->aside, err), err) < 0)
		return fg_wrap(err, "the old one cannot be renamed");
	if (noted(j, fg_container_rename(engine(j), r->new_id, r->name, err), err) < 0)
		return fg_wrap(err, "the new one cannot be named");
	return 0;
}

static int prove(struct job *j, struct fg_err *err)
{
	struct replacing *r = j->r;

	if (!r->ran)
		return 0;
	step(j, "starting the new one");
	if (noted(j, fg_container_start(engine(j), r->new_id, err), err) < 0)
		return fg_wrap(err, "the new one does not start");
	step(j, "waiting until it is good");
	if (replace_watch(r, j->order->settle_ms, err) < 0)
		return -1;
	if (r->paused && noted(j, fg_container_pause(engine(j), r->new_id, err), err) < 0)
		return fg_wrap(err, "the new one cannot be paused");
	return 0;
}

/* From here on it is the new one that stays: the journal and the registry say so at once. */
static int commit(struct job *j, struct fg_err *err)
{
	cleanup_info struct fg_container_info new = {0};
	cleanup_tx struct fg_tx tx = {0};
	struct replacing *r = j->r;
	struct replace_record record = {
		.r = r,
		.order = j->order,
		.old = &j->old,
		.old_digest = j->order->digest_before ? j->order->digest_before
			      : j->old_image.raw      ? j->old_image.digest
						      : "",
		.new = &new,
		.image = j->called ? j->called : j->image,
		.new_digest = j->new_image.digest,
	};

	if (noted(j, fg_container_inspect(engine(j), r->new_id, &new, err), err) < 0)
		return -1;
	if (!r->registry) {
		r->phase = REPLACE_GOOD;
		return 0;
	}
	if (fg_tx_begin(r->registry->store, &tx, err) < 0)
		return -1;
	r->phase = REPLACE_GOOD;
	if (journal_step_in(&tx, r, err) < 0 || replace_record(&tx, &record, err) < 0 ||
		(j->from && follow_add(&tx, r, err) < 0) || fg_tx_commit(&tx, err) < 0) {
		r->phase = REPLACE_SWAPPING;
		return fg_wrap(err, "the registry cannot note it");
	}
	return 0;
}

/* How many bytes of a text fit without cutting a character in two. */
static int fitting(const char *text, size_t most)
{
	return (int)fg_utf8_cut(text, strlen(text), most);
}

/* The error of what was undone says what became of the old one. */
static int put_back(struct job *j, struct fg_err *err)
{
	struct replacing *r = j->r;
	const char *left =
		r->ran ? FG_TEXT("the old one is back and runs") : FG_TEXT("the old one is back");
	struct fg_err why = *err;

	if (!r->row && r->phase == REPLACE_MAKING && !r->unsure && !*r->new_id)
		return -1;
	replace_end(r);
	if (!r->over && !r->slow)
		left = FG_TEXT("it is being put back");
	else if (!r->over)
		left = FG_TEXT("the old one comes back as soon as the engine answers");
	else if (r->outcome < 0)
		return fg_fail(err, why.code, "%.*s; %s: %.*s", fitting(why.text, 600), why.text,
			r->phase == REPLACE_MAKING
				? fg_tr("the old one is as it was, the new one may be left")
			: r->fate == REPLACE_LEFTOVER
				? fg_tr("the old one is back, the new one is left")
				: fg_tr("the old one is not back"),
			fitting(r->why.text, 300), r->why.text);
	else if (r->fate == REPLACE_NEW_STAYS)
		left = FG_TEXT("somebody has removed the old one meanwhile, so the new one stays");
	else if (r->fate == REPLACE_NOTHING)
		left = FG_TEXT("somebody has removed the old one meanwhile");
	else if (r->phase == REPLACE_MAKING)
		left = FG_TEXT("the old one is as it was");
	return fg_fail(err, why.code, "%.*s; %s", fitting(why.text, 900), why.text, fg_tr(left));
}

static void finish(struct job *j, struct fg_replaced *out)
{
	struct replacing *r = j->r;

	replace_end(r);
	if (!r->over)
		fg_str_printf(&r->notes, "%s", fg_tr("the old one is still being removed\n"));
	else if (r->outcome < 0)
		fg_str_printf(&r->notes, fg_tr("the old one is still there as %s: %s\n"), r->aside,
			r->why.text);
	memcpy(out->id, r->new_id, sizeof(out->id));
	out->dependants = r->restarted;
	fg_str_printf(
		&out->notes, "%s%s", r->notes.s ? r->notes.s : "", j->left.s ? j->left.s : "");
}

static int perform(struct job *j, const char *id, struct fg_replaced *out, struct fg_err *err)
{
	if (look(j, id, err) < 0 || images_look(j, err) < 0)
		return -1;
	step(j, "making the new one");
	if (make(j, err) < 0 || swap(j, err) < 0 || prove(j, err) < 0 || commit(j, err) < 0)
		return put_back(j, err);
	finish(j, out);
	return 0;
}

int replace_perform(struct replacing *r, const char *id, const struct fg_replace *order,
	const char *from, const char *to, struct fg_replaced *out, struct fg_err *err)
{
	cleanup_job struct job j = {.r = r, .order = order, .from = from, .to = to};

	memset(out, 0, sizeof(*out));
	fg_str_init(&out->notes, REPLACE_NOTES_MAX);
	fg_str_init(&j.left, REPLACE_NOTES_MAX);
	return perform(&j, id, out, err);
}

static int replace_in_turn(struct replacing *r, const char *asked, const struct fg_replace *replace,
	struct fg_replaced *out, struct fg_err *err)
{
	struct fg_host *host = r->host;

	for (;;) {
		char id[FG_ID_SIZE];
		struct queue *turn;

		snprintf(id, sizeof(id), "%s", asked);
		fg_replace_followed(r->registry, host->name, id, id);
		turn = queue_enter(host->name, id, err);
		if (!turn)
			return fg_wrap(err, "another operation has not ended");
		if (fg_replace_followed(r->registry, host->name, id, id)) {
			queue_leave(turn);
			continue;
		}
		r->old_turn = turn; /* until nobody works at it any more, which may be later */
		if (replace_refuse(r->registry, host->name, id, err) < 0)
			return -1;
		return replace_perform(r, id, replace, NULL, NULL, out, err);
	}
}

int fg_replace(struct fg_registry *registry, struct fg_host *host, const char *id,
	const struct fg_replace *replace, struct fg_replaced *out, struct fg_err *err)
{
	struct replacing *r;
	struct fg_err local;
	int rc;

	memset(out, 0, sizeof(*out));
	err = err ? err : &local;
	if (fg_replace_involves(registry, host->name, id))
		fg_replace_recover(registry, host, NULL); /* what is busy is waited for below */
	r = replacing_create(registry, host);
	rc = replace_in_turn(r, id, replace, out, err);
	replacing_put(r);
	return rc;
}

void fg_replaced_finish(struct fg_replaced *replaced)
{
	fg_str_finish(&replaced->notes);
}
