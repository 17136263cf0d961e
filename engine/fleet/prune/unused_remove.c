/*
 * Removing what lies unused: each thing is looked at once more, and only what is as it was goes.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/disk.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/docker/volume.h"
#include "fleetgram/fleet/spec.h"
#include "queue.h"
#include "registry/record.h"
#include "replace/replacing.h"
#include "prune/unused.h"

#define HOSTS_AT_ONCE 16

/* One host's share. */
struct job {
	struct fg_registry *registry;
	struct fg_host *host;
	struct fg_unused_list *list; /* of all hosts */
	enum fg_unused_kind kind;
	bool all;
	int64_t freed;
	void (*done)(const struct fg_unused *one, void *arg);
	void *arg;
};

/* It is left alone. */
static int leave(struct fg_unused *one, const char *why)
{
	fg_fail(&one->err, FG_ECONFLICT, "%s", fg_tr(why));
	return 0;
}

/* The engine would not: what is gone or came into use is left alone, all else is a failure. */
static int refused(struct fg_unused *one)
{
	if (one->err.code == FG_ENOTFOUND)
		return leave(one, "it is gone already");
	/* Docker's word for a network that something is attached to */
	return one->err.code == FG_ECONFLICT || one->err.status == 403 ? 0 : -1;
}

/* Containers */

static int remove_stopped(const struct job *job, struct fg_unused *one)
{
	cleanup_info struct fg_container_info info = {0};
	const cJSON *labels;

	if (fg_container_inspect(one->host->engine, one->id, &info, &one->err) < 0)
		return refused(one);
	labels = fg_json_object(fg_json_object(info.raw, "Config"), "Labels");
	if (!unused_stopped(info.state))
		return leave(one, "it was started meanwhile");
	/* a replacement, also one that waits to be taken up again, needs it for the way back */
	if (fg_replace_involves(job->registry, one->host->name, one->id) ||
		fg_replace_involves(job->registry, one->host->name, info.name))
		return leave(one, "it is being replaced");
	if (unused_protected(labels))
		return leave(one, "it is protected");
	if (strcmp(info.name, one->name) != 0)
		return leave(one, "it has another name now");
	/* not by force: the engine refuses what is started in this moment */
	if (fg_container_remove(one->host->engine, one->id, false, true, &one->err) < 0)
		return refused(one);
	record_removed(job->registry, one->host->name, one->name, NULL);
	return 1;
}

static int remove_container(const struct job *job, struct fg_unused *one)
{
	struct queue *q;
	int rc;

	if (queue_busy(one->host->name, one->id))
		return leave(one, "somebody is working on it");
	q = queue_enter(one->host->name, one->id, &one->err);
	if (!q)
		return -1;
	rc = remove_stopped(job, one);
	queue_leave(q);
	one->freed = rc > 0 ? one->bytes : -1;
	return rc;
}

/* Images */

static int image_check(
	const struct job *job, struct fg_unused *one, const char *id, struct fg_image_info *info)
{
	cleanup_containers struct fg_containers containers = {0};
	cleanup_free char *tags = NULL;
	const cJSON *labels;
	int rc;

	if (fg_image_inspect(one->host->engine, id, info, &one->err) < 0)
		return refused(one);
	labels = fg_json_object(fg_json_object(info->raw, "Config"), "Labels");
	if (unused_protected(labels))
		return leave(one, "it is protected");
	tags = unused_tags(fg_json_array(info->raw, "RepoTags"));
	if (*tags && !job->all)
		return leave(one, "it has a name now");
	if (job->all && *tags && strcmp(tags, one->name) != 0)
		return leave(one, "its names are others now");
	if (fg_container_list(one->host->engine, NULL, &containers, &one->err) < 0)
		return -1;
	if (unused_image_used(&containers, info->id))
		return leave(one, "a container uses it now");
	if (!*tags)
		return 1;
	rc = fg_image_has_children(one->host->engine, info->id, &one->err);
	if (rc < 0)
		return -1;
	return rc ? leave(one, "another image is made of it") : 1;
}

/* By its names, one after the other: by its id alone an image with several goes only by force, and
 * by force it would go from under a container. */
static int remove_image(const struct job *job, struct fg_unused *one)
{
	cleanup_image_info struct fg_image_info info = {0};
	cleanup_free char *id = fg_printf("sha256:%s", one->id);
	const cJSON *tag;
	int rc = image_check(job, one, id, &info), names = 0;

	if (rc <= 0)
		return rc;
	cJSON_ArrayForEach (tag, fg_json_array(info.raw, "RepoTags")) {
		const char *name = cJSON_GetStringValue(tag);

		if (!name || strncmp(name, "<none>", 6) == 0)
			continue;
		if (fg_image_remove(one->host->engine, name, false, NULL, NULL, &one->err) < 0)
			return refused(one);
		names++;
	}
	/* what has a digest is still there, without a name */
	if (fg_image_remove(one->host->engine, id, false, NULL, NULL, &one->err) < 0 &&
		(!names || one->err.code != FG_ENOTFOUND))
		return names && one->err.code == FG_ECONFLICT
			       ? leave(one, "its names are gone, but it is needed and stays")
			       : refused(one);
	return 1;
}

/* Networks */

static int remove_network(const struct job *job, struct fg_unused *one)
{
	cleanup_networks struct fg_networks list = {0};
	const struct fg_network *net = NULL;

	(void)job;
	if (fg_network_list(one->host->engine, &list, &one->err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++)
		if (strcmp(list.v[i].id, one->id) == 0)
			net = &list.v[i];
	if (!net)
		return leave(one, "it is gone already");
	if (!unused_network(net))
		return leave(one, "a container uses it now");
	if (unused_protected(net->labels))
		return leave(one, "it is protected");
	return fg_network_remove(one->host->engine, one->id, &one->err) < 0 ? refused(one) : 1;
}

/* Volumes */

static int remove_volume(const struct job *job, struct fg_unused *one)
{
	cleanup_volume struct fg_volume volume = {0};
	char made[UNUSED_MADE];

	(void)job;
	if (fg_volume_inspect(one->host->engine, one->name, &volume, &one->err) < 0)
		return refused(one);
	/* Podman's account does not say when it was made */
	if (strcmp(one->id, "0") != 0 && strcmp(unused_made(made, volume.created_ms), one->id) != 0)
		return leave(one, "it was made anew meanwhile");
	if (unused_protected(fg_json_object(volume.raw, "Labels")))
		return leave(one, "it is protected");
	if (fg_volume_remove(one->host->engine, one->name, &one->err) >= 0) {
		one->freed = one->bytes;
		return 1;
	}
	return one->err.code == FG_ECONFLICT ? leave(one, "a container uses it now") : refused(one);
}

/* Build cache */

static int remove_build(const struct job *job, struct fg_unused *one)
{
	int rc = fg_build_remove(one->host->engine, one->id, &one->freed, &one->err);

	(void)job;
	/* the engine counts what an image still has */
	if (one->bytes >= 0 && one->freed > one->bytes)
		one->freed = one->bytes;
	return rc != 0 ? rc : leave(one, "something is built on it, or it is gone already");
}

static int (*const removers[FG_UNUSED_KINDS])(const struct job *job, struct fg_unused *one) = {
	[FG_UNUSED_BUILDS] = remove_build,
	[FG_UNUSED_CONTAINERS] = remove_container,
	[FG_UNUSED_IMAGES] = remove_image,
	[FG_UNUSED_NETWORKS] = remove_network,
	[FG_UNUSED_VOLUMES] = remove_volume,
};

/* Once over what is left. Returns how many went. */
static size_t pass(struct job *job)
{
	size_t gone = 0;

	for (size_t i = 0; i < job->list->n; i++) {
		struct fg_unused *one = &job->list->v[i];

		if (one->host != job->host || one->result != 0)
			continue;
		if (fg_task_canceled()) {
			one->result = -1;
			fg_fail(&one->err, FG_ECANCELED, "it was not its turn any more");
			continue;
		}
		one->result = removers[job->kind](job, one);
		fg_host_note(job->host, one->result < 0 ? &one->err : NULL);
		if (one->result > 0) {
			gone++;
			job->freed += one->freed > 0 ? one->freed : 0;
		}
		if (job->done)
			job->done(one, job->arg);
	}
	return gone;
}

/* What all images take up together; -1: unknown. They share layers, so that no sum of theirs is it.
 */
static int64_t layers(const struct job *job)
{
	cleanup_disk struct fg_disk disk = {0};

	if (fg_disk_read(job->host->engine, FG_DISK_BIT(FG_DISK_IMAGES), &disk, NULL) < 0)
		return -1;
	return disk.layers_bytes;
}

static void job_run(void *arg)
{
	struct job *job = arg;
	int64_t before = job->kind == FG_UNUSED_IMAGES ? layers(job) : 0, after;
	size_t gone = pass(job), all = gone;

	/* a step goes when nothing is built on it any more, and an image when no other is made of
	 * it */
	while (gone > 0 && (job->kind == FG_UNUSED_BUILDS || job->kind == FG_UNUSED_IMAGES))
		all += gone = pass(job);
	if (job->kind == FG_UNUSED_NETWORKS)
		job->freed = -1;
	if (job->kind != FG_UNUSED_IMAGES || all == 0)
		return;
	after = layers(job);
	job->freed = before < 0 || after < 0 ? -1 : before > after ? before - after : 0;
}

void fg_unused_remove(struct fg_registry *registry, enum fg_unused_kind kind, bool all,
	struct fg_unused_list *list, void (*done)(const struct fg_unused *one, void *arg),
	void *arg, int64_t *freed)
{
	cleanup_free struct job *jobs = fg_alloc((list->n + 1) * sizeof(*jobs));
	size_t count = 0, i, k;
	struct fg_group group;

	fg_group_init(&group, HOSTS_AT_ONCE);
	for (i = 0; i < list->n; i++) {
		for (k = 0; k < count && jobs[k].host != list->v[i].host; k++)
			;
		if (k < count || list->v[i].result != 0)
			continue;
		jobs[count] =
			(struct job){registry, list->v[i].host, list, kind, all, 0, done, arg};
		if (fg_group_go(&group, "removing what is unused", job_run, &jobs[count++], NULL) <
			0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
	*freed = count ? 0 : -1;
	for (k = 0; k < count; k++)
		*freed = *freed < 0 || jobs[k].freed < 0 ? -1 : *freed + jobs[k].freed;
}
