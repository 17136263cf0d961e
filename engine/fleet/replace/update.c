/*
 * Updating a container: which image it shall have, having that image there, and replacing.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/image.h"
#include "fleetgram/fleet/update.h"

#define TAG_MOST 128 /* characters, by the registries' rule */

/* One update under way. */
struct job {
	struct fg_registry *registry;
	struct fg_host *host;
	const struct fg_update *update;
	struct fg_updated *out;
	struct fg_container_info info; /* the container as it is */
	struct fg_instance instance;   /* doc NULL: it is none */
	cJSON *labels, *changes;       /* for the replacement */
};

static int noted(struct fg_host *host, int rc, const struct fg_err *err)
{
	fg_host_note(host, rc < 0 ? err : NULL);
	return rc;
}

static void step(const struct job *job, const char *what)
{
	if (job->update->step)
		job->update->step(fg_tr(what), job->update->arg);
}

static void set(char **to, const char *value)
{
	free(*to);
	*to = fg_strdup(value);
}

/* "sha256:…" or the digits alone: how an image without a name is called. */
static bool is_image_id(const char *image)
{
	const char *hex = strncmp(image, "sha256:", 7) == 0 ? image + 7 : image;
	size_t n = strspn(hex, "0123456789abcdef");

	return !hex[n] && (n == 64 || hex != image);
}

static bool tag_valid(const char *tag)
{
	size_t n = strspn(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

	return n >= 1 && n <= TAG_MOST && !tag[n] && *tag != '.' && *tag != '-';
}

/* The image's name without its tag and digest. Caller frees. */
static char *repository(const char *image)
{
	size_t len = strcspn(image, "@");
	const char *slash = memrchr(image, '/', len), *start = slash ? slash : image;
	const char *colon = memchr(start, ':', len - (size_t)(start - image));

	return fg_strndup(image, colon ? (size_t)(colon - image) : len);
}

static bool is_pinned(struct job *job, struct fg_err *err, int *rc)
{
	cleanup_record struct fg_record record = {0};

	*rc = job->registry ? fg_registry_record(job->registry, job->host->name, job->info.id,
				      job->info.name, &record, err)
			    : 0;
	return *rc > 0 && record.pinned;
}

static int look(struct job *job, const char *id, struct fg_err *err)
{
	cleanup_image_info struct fg_image_info image = {0};
	int rc =
		noted(job->host, fg_container_inspect(job->host->engine, id, &job->info, err), err);

	if (rc < 0)
		return -1;
	if (job->registry && fg_registry_find(job->registry, job->host->name, job->info.id,
				     &job->instance, err) < 0)
		return -1;
	set(&job->out->image, job->info.image);
	set(&job->out->from_image, job->info.image);
	set(&job->out->from_id, job->info.image_id);
	/* An image that was taken away from under a running container has no digest any more. */
	if (noted(job->host, fg_image_inspect(job->host->engine, job->info.image_id, &image, err),
		    err) < 0 &&
		err->code != FG_ENOTFOUND)
		return -1;
	set(&job->out->from_digest, image.digest ? image.digest : "");
	return 0;
}

/* 1: it is there, to_id and to_digest are filled; 0: it is not. */
static int target_find(struct job *job, const char *image, bool *made_here, struct fg_err *err)
{
	cleanup_image_info struct fg_image_info info = {0};

	*made_here = false;
	if (noted(job->host, fg_image_inspect(job->host->engine, image, &info, err), err) < 0)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	set(&job->out->to_id, info.id);
	set(&job->out->to_digest, info.digest);
	*made_here = !cJSON_GetArraySize(fg_json_array(info.raw, "RepoDigests"));
	return 1;
}

/*
 * No registry has it. What the host has under that name is taken when it is another image than the
 * container runs on: with containerd's store nothing tells an image that was made on the host from
 * one that came from a registry.
 */
static int fall_back(struct job *job, const struct fg_err *why)
{
	if (why->code != FG_EREMOTE || strcmp(job->out->to_id, job->info.image_id) == 0)
		return -1;
	job->out->note = fg_printf(fg_tr("taken as this host has it, for %s"), why->text);
	return 0;
}

/*
 * Have the image there under that name, newest. What was made on the host itself is in no registry,
 * and a template that never pulls means it.
 */
static int target_fetch(struct job *job, const char *image, struct fg_err *err)
{
	const cJSON *spec = fg_json_object(job->instance.doc, "spec");
	bool never = strcmp(fg_json_str(spec, "pull", ""), "never") == 0, made_here;
	int rc = target_find(job, image, &made_here, err);

	if (rc < 0 || (rc > 0 && (made_here || never)))
		return rc < 0 ? -1 : 0;
	if (never)
		return fg_fail(err, FG_ENOTFOUND,
			"image %s is not on %s, and the template never pulls", image,
			job->host->name);
	step(job, "pulling");
	if (fg_host_pull(job->host, image, &job->update->pull, err) < 0)
		return rc > 0 ? fall_back(job, err) : -1;
	rc = target_find(job, image, &made_here, err);
	if (rc == 0)
		return fg_fail(err, FG_ENOTFOUND, "image %s was pulled and is not there", image);
	return rc < 0 ? -1 : 0;
}

/* The container's labels have to say what the registry says, which /limits may have changed. */
static void keep_hash(struct job *job, const char *hash)
{
	if (!job->labels)
		job->labels = cJSON_CreateObject();
	cJSON_DeleteItemFromObjectCaseSensitive(job->labels, FG_LABEL_HASH);
	cJSON_AddStringToObject(job->labels, FG_LABEL_HASH, hash);
}

/*
 * An instance on another tag is still what was asked for: its spec, its hash, and a note of what
 * the template says, so that a later change of the template is seen.
 */
static void change_image(struct job *job, const char *image)
{
	const cJSON *doc = job->instance.doc, *spec = fg_json_object(doc, "spec");
	const cJSON *before = fg_json_object(doc, "overrides");
	const char *own = fg_json_str(fg_json_object(before, "image"), "from",
		fg_json_str(spec, "image", job->info.image));
	cJSON *overrides = before ? cJSON_Duplicate(before, true) : cJSON_CreateObject(), *over;
	char hash[FG_HASH_SIZE];

	job->changes = cJSON_CreateObject();
	cJSON_DeleteItemFromObjectCaseSensitive(overrides, "image");
	if (strcmp(own, image) != 0) {
		over = cJSON_AddObjectToObject(overrides, "image");
		cJSON_AddStringToObject(over, "from", own);
		cJSON_AddStringToObject(over, "to", image);
	}
	cJSON_AddItemToObject(job->changes, "overrides", overrides);
	if (cJSON_GetArraySize(spec) > 0) { /* an adopted one's is not known */
		cJSON *now = cJSON_Duplicate(spec, true);

		cJSON_DeleteItemFromObjectCaseSensitive(now, "image");
		cJSON_AddStringToObject(now, "image", image);
		fg_spec_hash(now, hash);
		cJSON_AddItemToObject(job->changes, "spec", now);
		cJSON_AddStringToObject(job->changes, "config_hash", hash);
		keep_hash(job, hash);
	}
}

static int replace(struct job *job, const char *id, const char *what, struct fg_err *err)
{
	const cJSON *spec = fg_json_object(job->instance.doc, "spec");
	cleanup_json cJSON *said =
		cJSON_GetArraySize(spec) > 0 ? fg_spec_create_body(spec, NULL) : NULL;
	struct fg_replace order = {
		.what = what,
		.by = job->update->by,
		.image = job->out->image,
		.said = said,
		.digest_before = *job->out->from_digest ? job->out->from_digest : NULL,
		.labels = job->labels,
		.changes = job->changes,
		.scope = job->update->scope,
		.settle_ms = job->update->settle_ms,
		.progress = job->update->step,
		.arg = job->update->arg,
	};

	return fg_replace(job->registry, job->host, id, &order, &job->out->replaced, err) < 0 ? -1
											      : 1;
}

/*
 * A pull may take long: what was changed or pinned meanwhile holds. 1: go on; 0: it is pinned now.
 */
static int look_again(struct job *job, struct fg_err *err)
{
	int rc;

	if (is_pinned(job, err, &rc)) {
		job->out->same = FG_TEXT("pinned");
		return 0;
	}
	if (rc < 0)
		return -1;
	fg_instance_finish(&job->instance);
	if (job->registry && fg_registry_find(job->registry, job->host->name, job->info.id,
				     &job->instance, err) < 0)
		return -1;
	return 1;
}

/* Another image than it runs on? */
static int replace_if_other(struct job *job, const char *id, const char *what, struct fg_err *err)
{
	if (job->instance.doc && *job->instance.config_hash && !job->changes)
		keep_hash(job, job->instance.config_hash);
	if (strcmp(job->out->to_id, job->info.image_id) != 0 ||
		strcmp(job->out->image, job->info.image) != 0)
		return replace(job, id, what, err);
	job->out->same = FG_TEXT("up to date");
	return 0;
}

static int update_newest(struct job *job, const char *id, struct fg_err *err)
{
	const char *image = job->info.image;
	int rc;

	if (is_image_id(image) || strchr(image, '@')) {
		job->out->same = FG_TEXT("bound to one image by its digest");
		return 0;
	}
	if (target_fetch(job, image, err) < 0)
		return -1;
	rc = look_again(job, err);
	return rc > 0 ? replace_if_other(job, id, FG_TEXT("updated"), err) : rc;
}

static int update_tag(struct job *job, const char *id, struct fg_err *err)
{
	cleanup_free char *name = NULL, *image = NULL;
	int rc;

	if (!job->update->tag || !tag_valid(job->update->tag))
		return fg_fail(err, FG_EINVAL,
			"a tag is at most %d letters, digits, dots, dashes and underscores",
			TAG_MOST);
	if (is_image_id(job->info.image))
		return fg_fail(err, FG_EINVAL,
			"%s runs on an image without a name, so there is no tag to change",
			job->info.name);
	name = repository(job->info.image);
	image = fg_printf("%s:%s", name, job->update->tag);
	set(&job->out->image, image);
	if (target_fetch(job, image, err) < 0)
		return -1;
	rc = look_again(job, err);
	if (rc <= 0)
		return rc;
	if (job->instance.doc)
		change_image(job, image);
	return replace_if_other(job, id, "tagged", err);
}

int fg_update_before(struct fg_registry *registry, struct fg_host *host,
	const struct fg_container_info *info, struct fg_updated *out, struct fg_err *err)
{
	cleanup_record struct fg_record record = {0};
	const cJSON *history;
	int rc;

	rc = fg_registry_record(registry, host->name, info->id, info->name, &record, err);
	if (rc <= 0)
		return rc;
	history = record.history;
	for (int i = cJSON_GetArraySize(history) - 1; i >= 0; i--) {
		const cJSON *entry = cJSON_GetArrayItem(history, i);
		const cJSON *from = fg_json_object(entry, "from"),
			    *to = fg_json_object(entry, "to");
		const char *id = fg_json_str(from, "image_id", "");

		/* What a rollback left is not gone back to. */
		if (strcmp(fg_json_str(entry, "what", ""), "rolled back") == 0 || !*id ||
			strcmp(id, info->image_id) == 0 ||
			strcmp(fg_json_str(to, "image_id", ""), info->image_id) != 0)
			continue;
		set(&out->image, fg_json_str(from, "image", ""));
		set(&out->to_id, id);
		set(&out->to_digest, fg_json_str(from, "image_digest", ""));
		return 1;
	}
	return 0;
}

/* The image by its id, which a registry may have to bring back by its digest. */
static int back_fetch(struct job *job, struct fg_err *err)
{
	cleanup_free char *id = fg_strdup(job->out->to_id),
			  *digest = fg_strdup(job->out->to_digest);
	bool made_here;
	int rc = target_find(job, id, &made_here, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (!strchr(digest, '@'))
		return fg_fail(err, FG_ENOTFOUND,
			"the image before (%.19s) is no longer on %s, and no registry has it", id,
			job->host->name);
	step(job, "pulling");
	if (fg_host_pull(job->host, digest, &job->update->pull, err) < 0)
		return -1;
	rc = target_find(job, digest, &made_here, err);
	if (rc == 0)
		return fg_fail(err, FG_ENOTFOUND, "image %s was pulled and is not there", digest);
	return rc < 0 ? -1 : 0;
}

/*
 * The name goes back to the old image as well: the container keeps being called by it, and whatever
 * else makes containers on that host (Compose) agrees with what runs.
 */
static int name_move(struct job *job, const char *image_id, const char *image, struct fg_err *err)
{
	if (is_image_id(image) || strchr(image, '@'))
		return 0;
	return noted(job->host, fg_image_tag(job->host->engine, image_id, image, err), err);
}

static int update_back(struct job *job, const char *id, struct fg_err *err)
{
	cleanup_image_info struct fg_image_info named = {0};
	struct fg_err local;
	int rc = job->registry
			 ? fg_update_before(job->registry, job->host, &job->info, job->out, err)
			 : 0;

	if (rc < 0)
		return -1;
	if (rc == 0)
		return fg_fail(err, FG_ENOTFOUND,
			"the history of %s knows of no image before this one", job->info.name);
	if (back_fetch(job, err) < 0)
		return -1;
	rc = look_again(job, err);
	if (rc <= 0)
		return rc;
	if (!*job->out->image)
		set(&job->out->image, job->out->to_id);
	if (noted(job->host, fg_image_inspect(job->host->engine, job->out->image, &named, err),
		    err) < 0 &&
		err->code != FG_ENOTFOUND)
		return -1;
	if (name_move(job, job->out->to_id, job->out->image, err) < 0)
		return fg_wrap(err, "cannot move %s back to the image before", job->out->image);
	if (job->instance.doc && strcmp(job->out->image, job->info.image) != 0)
		change_image(job, job->out->image);
	rc = replace_if_other(job, id, FG_TEXT("rolled back"), err);
	if (rc < 0 && named.id && *named.id &&
		name_move(job, named.id, job->out->image, &local) < 0)
		fg_wrap(err, "%s still names the image before (%s)", job->out->image, local.text);
	return rc;
}

static int run(struct job *job, const char *id, struct fg_err *err)
{
	static int (*const kinds[])(struct job * job, const char *id, struct fg_err *err) = {
		[FG_UPDATE_NEWEST] = update_newest,
		[FG_UPDATE_TAG] = update_tag,
		[FG_UPDATE_BACK] = update_back,
	};
	int rc;

	step(job, "looking at its image");
	if (look(job, id, err) < 0)
		return -1;
	if (is_pinned(job, err, &rc)) {
		job->out->same = FG_TEXT("pinned");
		return 0;
	}
	return rc < 0 ? -1 : kinds[job->update->kind](job, job->info.id, err);
}

int fg_update(struct fg_registry *registry, struct fg_host *host, const char *id,
	const struct fg_update *update, struct fg_updated *out, struct fg_err *err)
{
	struct fg_fleet *fleet = fg_fleet_ref(host->fleet);
	struct job job = {.registry = registry, .host = host, .update = update, .out = out};
	struct fg_err local;
	int rc;

	memset(out, 0, sizeof(*out));
	err = err ? err : &local;
	rc = run(&job, id, err);
	if (rc < 0)
		fg_wrap(err, "%s", job.info.raw ? job.info.name : host->name);
	fg_container_info_finish(&job.info);
	fg_instance_finish(&job.instance);
	cJSON_Delete(job.labels);
	cJSON_Delete(job.changes);
	fg_fleet_unref(fleet);
	return rc;
}

void fg_updated_finish(struct fg_updated *updated)
{
	free(updated->image);
	free(updated->from_image);
	free(updated->from_id);
	free(updated->from_digest);
	free(updated->to_id);
	free(updated->to_digest);
	free(updated->note);
	fg_replaced_finish(&updated->replaced);
	memset(updated, 0, sizeof(*updated));
}
