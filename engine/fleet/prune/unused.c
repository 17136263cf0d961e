/*
 * What lies unused: each host's account of what it holds, and what of it nobody needs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/disk.h"
#include "fleetgram/docker/network_list.h"
#include "fleetgram/docker/volume.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/spec.h"
#include "host.h"
#include "queue.h"
#include "replace/replacing.h"
#include "prune/unused.h"

#define HOSTS_AT_ONCE 16
#define PROJECT_LABEL "com.docker.compose.project"

/* One host's question. */
struct ask {
	struct fg_host *host;
	struct fg_registry *registry;
	const struct fg_unused_wish *wish;
	struct fg_disk disk;
	struct fg_containers containers;
	struct fg_unused_list found[FG_UNUSED_KINDS];
	int rc;
	struct fg_err err;
};

static bool wants(const struct ask *ask, enum fg_unused_kind kind)
{
	return ask->wish->kinds & FG_UNUSED_BIT(kind);
}

bool unused_protected(const cJSON *labels)
{
	return strcmp(fg_json_str(labels, FG_LABEL_PROTECT, ""), "true") == 0;
}

/* What is no container, as a selector sees it. It has little of what a scope may exclude by, and
 * its users may be gone: such a scope cannot judge it. */
static bool in_scope(
	const struct ask *ask, const char *name, const char *image, const cJSON *labels)
{
	struct fg_subject subject = {
		.name = name,
		.host = ask->host->name,
		.state = "",
		.health = "",
		.image = image,
		.template = "",
		.project = fg_json_str(labels, PROJECT_LABEL, ""),
		.id = "",
		.labels = labels,
	};

	return !ask->wish->scope || (!fg_selector_excludes(ask->wish->scope) &&
					    fg_selector_match(ask->wish->scope, &subject));
}

static struct fg_unused *add(struct ask *ask, enum fg_unused_kind kind, const char *id, char *name)
{
	struct fg_unused_list *list = &ask->found[kind];
	struct fg_unused *one;

	/* doubles whenever its size is a power of two */
	if ((list->n & (list->n - 1)) == 0)
		list->v = fg_realloc(list->v, list->n ? list->n * 2 : 1, sizeof(*list->v));
	one = &list->v[list->n++];
	*one = (struct fg_unused){.host = ask->host, .name = name, .bytes = -1, .freed = -1};
	snprintf(one->id, sizeof(one->id), "%s", id);
	return one;
}

/* Containers */

bool unused_stopped(const char *state)
{
	return strcmp(state, "created") == 0 || strcmp(state, "exited") == 0 ||
	       strcmp(state, "dead") == 0;
}

static bool container_left(const struct ask *ask, const struct fg_container *c)
{
	struct fg_item item = {.host = ask->host, .c = *c};
	struct fg_subject subject = fg_item_subject(&item);
	const char *managed = fg_container_label(c, FG_LABEL_MANAGED);

	if (!unused_stopped(c->state) || unused_protected(c->labels) ||
		(managed && strcmp(managed, "true") == 0))
		return false;
	if (queue_busy(ask->host->name, c->id) ||
		fg_replace_involves(ask->registry, ask->host->name, c->id) ||
		fg_replace_involves(ask->registry, ask->host->name, c->name))
		return false;
	return fg_selector_match(ask->wish->scope, &subject);
}

static const struct fg_disk_row *disk_find(
	const struct fg_disk *disk, enum fg_disk_kind kind, const char *id)
{
	for (size_t i = 0; i < disk->n[kind]; i++)
		if (strcmp(disk->v[kind][i].id, id) == 0)
			return &disk->v[kind][i];
	return NULL;
}

static void take_containers(struct ask *ask)
{
	for (size_t i = 0; i < ask->containers.n; i++) {
		const struct fg_container *c = &ask->containers.v[i];
		const struct fg_disk_row *row;
		struct fg_unused *one;
		int volumes;

		if (!container_left(ask, c))
			continue;
		one = add(ask, FG_UNUSED_CONTAINERS, c->id, fg_strdup(c->name));
		row = disk_find(&ask->disk, FG_DISK_CONTAINERS, c->id);
		volumes = row ? fg_disk_anonymous(row) : 0;
		one->created_ms = c->created_ms;
		one->bytes = row ? row->bytes : -1;
		one->note =
			volumes ? fg_printf(fg_ntr("%s, %d anonymous volume",
						    "%s, %d anonymous volumes", (size_t)volumes),
					  c->state, volumes)
				: fg_strdup(c->state);
	}
}

/* Images */

bool unused_image_used(const struct fg_containers *containers, const char *id)
{
	for (size_t i = 0; i < containers->n; i++)
		if (strcmp(containers->v[i].image_id, id) == 0)
			return true;
	return false;
}

char *unused_tags(const cJSON *tags)
{
	cleanup_str struct fg_str out = {0};
	const cJSON *tag;

	fg_str_init(&out, UNUSED_NAME_CAP);
	cJSON_ArrayForEach (tag, tags) {
		const char *text = cJSON_GetStringValue(tag);

		if (text && strncmp(text, "<none>", 6) != 0)
			fg_str_printf(&out, "%s%s", out.len ? ", " : "", text);
	}
	return fg_str_take(&out);
}

/* What an image without a name once was: the repository that it came from. */
static char *image_note(const struct fg_disk_row *row)
{
	const char *digest =
		cJSON_GetStringValue(cJSON_GetArrayItem(fg_json_array(row->raw, "RepoDigests"), 0));

	if (!digest || *digest == '<')
		return fg_strdup(fg_tr("no name"));
	return fg_printf(fg_tr("no name, of %.*s"), (int)strcspn(digest, "@"), digest);
}

static void take_images(struct ask *ask)
{
	for (size_t i = 0; i < ask->disk.n[FG_DISK_IMAGES]; i++) {
		const struct fg_disk_row *row = &ask->disk.v[FG_DISK_IMAGES][i];
		const char *hex = strchr(row->id, ':') ? strchr(row->id, ':') + 1 : row->id;
		bool dangling = !*row->name;
		struct fg_unused *one;

		if ((!dangling && !ask->wish->all) || row->users > 0 ||
			unused_image_used(&ask->containers, row->id) ||
			unused_protected(row->labels) || !in_scope(ask, "", row->name, row->labels))
			continue;
		one = add(ask, FG_UNUSED_IMAGES, hex,
			dangling ? fg_strndup(hex, 12)
				 : unused_tags(fg_json_array(row->raw, "RepoTags")));
		one->created_ms = row->created_ms;
		one->bytes = row->bytes;
		one->note = dangling ? image_note(row) : fg_strdup("");
	}
}

/* Volumes */

static void take_volumes(struct ask *ask)
{
	for (size_t i = 0; i < ask->disk.n[FG_DISK_VOLUMES]; i++) {
		const struct fg_disk_row *row = &ask->disk.v[FG_DISK_VOLUMES][i];
		bool anonymous = fg_volume_anonymous(row->name, row->labels);
		char made[UNUSED_MADE];
		struct fg_unused *one;

		/* where the engine does not know how many use it, somebody may */
		if (row->users != 0 || (!anonymous && !ask->wish->all) ||
			unused_protected(row->labels) || !in_scope(ask, row->name, "", row->labels))
			continue;
		one = add(ask, FG_UNUSED_VOLUMES, unused_made(made, row->created_ms),
			fg_strdup(row->name));
		one->created_ms = row->created_ms;
		one->bytes = row->bytes;
		one->note = fg_strdup(anonymous ? "anonymous" : "");
	}
}

/* A volume has no id: two of one name are told apart by when they were made. */
const char *unused_made(char buf[UNUSED_MADE], int64_t created_ms)
{
	snprintf(buf, UNUSED_MADE, "%" PRId64, created_ms);
	return buf;
}

/* Build cache */

static void take_builds(struct ask *ask)
{
	for (size_t i = 0; i < ask->disk.n[FG_DISK_BUILDS]; i++) {
		const struct fg_disk_row *row = &ask->disk.v[FG_DISK_BUILDS][i];
		struct fg_unused *one;

		if (row->users != 0 || !in_scope(ask, "", "", NULL))
			continue;
		one = add(ask, FG_UNUSED_BUILDS, row->id, fg_strndup(row->id, 12));
		one->created_ms = row->created_ms;
		one->bytes = row->bytes;
		one->note = fg_strdup(row->name);
	}
}

/* Networks */

static int take_networks(struct ask *ask, struct fg_err *err)
{
	cleanup_networks struct fg_networks list = {0};

	if (fg_network_list(ask->host->engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		const struct fg_network *net = &list.v[i];
		struct fg_unused *one;

		if (!unused_network(net) || unused_protected(net->labels) ||
			!in_scope(ask, net->name, "", net->labels))
			continue;
		one = add(ask, FG_UNUSED_NETWORKS, net->id, fg_strdup(net->name));
		one->created_ms = net->created_ms;
		one->bytes = 0;
		one->note = fg_strdup(net->driver);
	}
	return 0;
}

/* What a swarm shares is not one host's to judge. */
bool unused_network(const struct fg_network *net)
{
	return !net->own && !net->in_use && strcmp(net->scope, "swarm") != 0;
}

/* All of them */

static int ask_host(struct ask *ask, struct fg_err *err)
{
	struct fg_engine *engine = ask->host->engine;
	static const enum fg_disk_kind disk_kinds[FG_UNUSED_KINDS] = {
		[FG_UNUSED_BUILDS] = FG_DISK_BUILDS,
		[FG_UNUSED_CONTAINERS] = FG_DISK_CONTAINERS,
		[FG_UNUSED_IMAGES] = FG_DISK_IMAGES,
		[FG_UNUSED_NETWORKS] = FG_DISK_KINDS,
		[FG_UNUSED_VOLUMES] = FG_DISK_VOLUMES,
	};
	unsigned int kinds = 0;

	for (int kind = 0; kind < FG_UNUSED_KINDS; kind++)
		if (wants(ask, kind) && disk_kinds[kind] < FG_DISK_KINDS)
			kinds |= FG_DISK_BIT(disk_kinds[kind]);
	if (host_ready(ask->host, err) < 0)
		return -1;
	if (kinds && fg_disk_read(engine, kinds, &ask->disk, err) < 0)
		return -1;
	/* after the account: what came into use while it was taken is seen to be in use */
	if ((wants(ask, FG_UNUSED_CONTAINERS) || wants(ask, FG_UNUSED_IMAGES)) &&
		fg_container_list(engine, NULL, &ask->containers, err) < 0)
		return -1;
	if (wants(ask, FG_UNUSED_CONTAINERS))
		take_containers(ask);
	if (wants(ask, FG_UNUSED_IMAGES))
		take_images(ask);
	if (wants(ask, FG_UNUSED_VOLUMES))
		take_volumes(ask);
	if (wants(ask, FG_UNUSED_BUILDS))
		take_builds(ask);
	return wants(ask, FG_UNUSED_NETWORKS) ? take_networks(ask, err) : 0;
}

static void ask_run(void *arg)
{
	struct ask *ask = arg;

	ask->rc = ask_host(ask, &ask->err);
	fg_host_note(ask->host, ask->rc < 0 ? &ask->err : NULL);
}

static void list_clear(struct fg_unused_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].name);
		free(list->v[i].note);
	}
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

void fg_unused_finish(struct fg_unused_list *list)
{
	list_clear(list);
	free(list->silent);
	*list = (struct fg_unused_list){0};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct fg_unused *)a)->name, ((const struct fg_unused *)b)->name);
}

static void append(struct fg_unused_list *to, struct fg_unused_list *from)
{
	if (from->n > 1)
		qsort(from->v, from->n, sizeof(*from->v), by_name);
	if (from->n > 0) {
		to->v = fg_realloc(to->v, to->n + from->n, sizeof(*to->v));
		memcpy(to->v + to->n, from->v, from->n * sizeof(*to->v));
		to->n += from->n;
		from->n = 0;
	}
	list_clear(from);
}

static void gather(struct ask *asks, size_t n, struct fg_unused_list out[FG_UNUSED_KINDS])
{
	for (int kind = 0; kind < FG_UNUSED_KINDS; kind++) {
		out[kind].silent = fg_alloc((n + 1) * sizeof(struct fg_host *));
		for (size_t i = 0; i < n; i++) {
			if (asks[i].rc < 0) {
				out[kind].silent[out[kind].silent_n++] = asks[i].host;
				list_clear(&asks[i].found[kind]);
			} else {
				append(&out[kind], &asks[i].found[kind]);
			}
		}
	}
}

static bool host_wanted(const struct fg_unused_wish *wish, const struct fg_host *host)
{
	return fg_selector_match_host(wish->scope, host->name) &&
	       (wish->host ? strcmp(wish->host, host->name) == 0 : !fg_host_paused(host));
}

/* An engine that answers no is alive; but then nothing is known of it either. */
static int all_failed(const struct ask *asks, size_t n, struct fg_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (asks[i].rc >= 0)
			return 0;
	if (n == 0)
		return 0;
	if (err)
		*err = asks[0].err;
	return fg_wrap(err, "host %s", asks[0].host->name);
}

int fg_unused_list(struct fg_fleet *fleet, struct fg_registry *registry,
	const struct fg_unused_wish *wish, struct fg_unused_list out[FG_UNUSED_KINDS],
	struct fg_err *err)
{
	size_t count = fg_fleet_count(fleet), n = 0, i;
	cleanup_free struct ask *asks = fg_alloc((count + 1) * sizeof(*asks));
	struct fg_group group;
	int rc = 0;

	memset(out, 0, FG_UNUSED_KINDS * sizeof(*out));
	fg_fleet_ref(fleet);
	fg_group_init(&group, HOSTS_AT_ONCE);
	for (i = 0; i < count && rc == 0; i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);

		if (!host_wanted(wish, host))
			continue;
		asks[n] = (struct ask){.host = host, .registry = registry, .wish = wish, .rc = -1};
		rc = fg_group_go(&group, "what is unused", ask_run, &asks[n++], err);
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0)
		rc = -1;
	if (rc == 0 && fg_task_canceled())
		rc = fg_fail(err, FG_ECANCELED, "canceled");
	if (rc == 0)
		rc = all_failed(asks, n, err);
	gather(asks, n, out);
	for (i = 0; i < n; i++) {
		fg_disk_finish(&asks[i].disk);
		fg_containers_finish(&asks[i].containers);
	}
	if (rc < 0)
		for (int kind = 0; kind < FG_UNUSED_KINDS; kind++)
			fg_unused_finish(&out[kind]);
	fg_fleet_unref(fleet);
	return rc;
}
