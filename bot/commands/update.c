/*
 * /update /tag /rollback: containers on another image, with the way back that replacing has.
 */
#include <string.h>
#include "commands/batch.h"
#include "commands/format.h"
#include "commands/service_act.h"
#include "commands/update.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/update.h"

#define PREVIEW_CAP 131072 /* more than a few messages goes as a file */
#define AT_ONCE 4          /* each pulls, and waits for a container to become healthy */

static void show_pull(const struct fg_pull_progress *p, void *arg)
{
	char bytes[FG_HUMAN], total[FG_HUMAN];

	if (p->bytes_total > 0)
		batch_step(arg, fg_tr("pulling, %d of %d layers, %s of %s"), p->layers_done,
			p->layers, format_bytes(bytes, (double)p->bytes),
			format_bytes(total, (double)p->bytes_total));
	else
		batch_step(arg, fg_tr("pulling, %s"), p->status);
}

static void show_step(const char *step, void *arg)
{
	batch_step(arg, "%s", step);
}

/* "sha256:8f3a…" or "NAME@sha256:8f3a…" as its first digits. */
static const char *short_id(char buf[13], const char *id)
{
	const char *colon = strrchr(id, ':');

	snprintf(buf, 13, "%.12s", colon ? colon + 1 : id);
	return buf;
}

/* "nginx:1.25 → nginx:1.26 (8f3a… → 77c0…)" */
static char *way(const struct fg_updated *u)
{
	cleanup_free char *from = format_image(u->from_image), *to = format_image(u->image);
	char before[13], after[13];

	short_id(before, u->from_id);
	short_id(after, u->to_id);
	if (strcmp(from, to) == 0)
		return fg_printf("%s, %s → %s", to, before, after);
	return fg_printf("%s → %s (%s → %s)", from, to, before, after);
}

static void tell(struct batch_job *job, const struct fg_updated *u)
{
	cleanup_free char *text = way(u);

	fg_str_printf(&job->notes, "%s\n", text);
	if (u->note)
		fg_str_printf(&job->notes, "%s\n", u->note);
	if (u->replaced.dependants)
		fg_str_printf(&job->notes,
			fg_ntr("%d that shares its network or processes restarted too\n",
				"%d that share its network or processes restarted too\n",
				(size_t)u->replaced.dependants),
			u->replaced.dependants);
	fg_str_puts(&job->notes, u->replaced.notes.s ? u->replaced.notes.s : "");
}

static cJSON *data_of(const struct fg_updated *u)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "image", u->image);
	cJSON_AddStringToObject(data, "image_before", u->from_image);
	cJSON_AddStringToObject(data, "image_id_before", u->from_id);
	cJSON_AddStringToObject(data, "image_id", u->to_id);
	cJSON_AddStringToObject(data, "image_digest", u->to_digest);
	return data;
}

/* The container is another one now. */
static void take_new(struct fg_item *item, const struct fg_updated *u)
{
	snprintf(item->c.id, sizeof(item->c.id), "%s", u->replaced.id);
	free(item->c.image);
	item->c.image = fg_strdup(u->image);
}

static int update_one(struct batch_job *job)
{
	const struct fg_update *order = job->batch->arg;
	cleanup_updated struct fg_updated updated = {0};
	struct fg_update own = *order;
	int rc;

	own.pull = (struct fg_pull_options){.progress = show_pull, .arg = job};
	own.step = show_step;
	own.arg = job;
	rc = fg_update(
		job->c->app->registry, job->item->host, job->item->c.id, &own, &updated, &job->err);
	if (rc == 0)
		snprintf(job->same, sizeof(job->same), "%s", updated.same);
	if (rc <= 0)
		return rc;
	take_new(job->item, &updated);
	job->data = data_of(&updated);
	tell(job, &updated);
	return 1;
}

static int perform(
	struct command *c, struct fg_items *items, struct fg_update *order, struct waves *waves)
{
	static const struct {
		const char *verb, *past;
	} words[] = {
		[FG_UPDATE_NEWEST] = {FG_TEXT("update"), FG_TEXT("updated")},
		[FG_UPDATE_TAG] = {FG_TEXT("tag"), FG_TEXT("updated")},
		[FG_UPDATE_BACK] = {FG_TEXT("roll back"), FG_TEXT("rolled back")},
	};
	char author[96];
	struct batch batch = {
		.verb = words[order->kind].verb,
		.past = words[order->kind].past,
		.same = FG_TEXT("up to date"),
		.at_once = AT_ONCE,
		.one = update_one,
		.arg = order,
		.waves = waves,
	};

	order->by = command_author(c, author);
	order->scope = c->person.scope;
	order->settle_ms = c->setup->config->update.settle_ms;
	if (wave_begin(c, waves, items) < 0)
		return -1;
	return batch_each(c, items, &batch);
}

int update_back(struct command *c, struct fg_items *items, struct waves *waves)
{
	return perform(c, items, &(struct fg_update){.kind = FG_UPDATE_BACK}, waves);
}

static void update_preview(struct fg_str *html, const struct fg_items *items)
{
	cleanup_free char *title = NULL, *image = NULL;
	char count[64];

	target_silent(html, items);
	if (items->n == 1) {
		title = target_title(&items->v[0]);
		image = format_image(items->v[0].c.image);
		html_printf(html, "⬆️ <b>Update %s</b> to the newest <code>%s</code>?", title,
			image);
	} else {
		html_printf(html, "⬆️ <b>Update %s</b>, each to the newest of its image?",
			format_count(count, items->n, "%zu container", "%zu containers"));
	}
	html_printf(html, "\nWhat is new enough or pinned is left alone. The old container is "
			  "put back if the new one does not do well. What shares its network, "
			  "processes or IPC is restarted too.");
}

static int update_containers(struct command *c)
{
	struct fg_update order = {.kind = FG_UPDATE_NEWEST};
	cleanup_free const char **words = target_words(c);
	cleanup_items struct fg_items items = {0};
	cleanup_waves struct waves *waves = NULL;
	cleanup_str struct fg_str preview = {0};
	int rc = wave_pick(c, words, c->n, &items, &waves);

	if (rc <= 0)
		return rc;
	fg_str_init(&preview, PREVIEW_CAP);
	update_preview(&preview, &items);
	rc = wave_confirm(c, waves, &items, &items, &preview);
	if (rc <= 0)
		return rc;
	rc = perform(c, &items, &order, waves);
	target_note_silent(c, &items);
	return rc;
}

/* image= is for services; a container has /tag. */
static int update_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items services = {0};
	size_t n = c->n;
	const char *image = command_option(words, &n, "image");
	int rc = swarm_meant(c, words, &n, &services);

	if (rc < 0)
		return -1;
	if (rc == 0 && image && n == 1)
		rc = swarm_pick_one(c, words[0], &services) < 0 ? -1 : 1;
	if (rc < 0)
		return -1;
	if (rc == 0 && image)
		return command_usage(
			c, "image= is for one service of a swarm; a container has /tag");
	return rc ? service_update(c, &services.v[0], image) : update_containers(c);
}

static int tag_run(struct command *c)
{
	struct fg_update order = {.kind = FG_UPDATE_TAG, .tag = c->words[c->n - 1]};
	cleanup_items struct fg_items items = {0};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = NULL, *image = NULL;
	int rc;

	if (target_one(c, c->words, c->n - 1, &items) < 0)
		return -1;
	title = target_title(&items.v[0]);
	image = format_image(items.v[0].c.image);
	fg_str_init(&preview, 4096);
	html_printf(&preview, "🏷 <b>%s</b>: from <code>%s</code> to its tag <code>%s</code>?",
		title, image, order.tag);
	rc = command_confirm(c, &items, preview.s);
	if (rc <= 0)
		return rc;
	return perform(c, &items, &order, NULL);
}

/* What it would go back to; what cannot be gone back on is said before anything is asked. */
static int rollback_preview(struct command *c, struct fg_item *item, struct fg_str *preview)
{
	cleanup_info struct fg_container_info info = {0};
	cleanup_updated struct fg_updated to = {0};
	cleanup_free char *title = target_title(item), *image = NULL, *now = NULL;
	char before[13], after[13];
	int rc;

	if (target_inspect(c, item, &info) < 0)
		return -1;
	rc = fg_update_before(c->app->registry, item->host, &info, &to, &c->err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return fg_fail(&c->err, FG_ENOTFOUND,
			"the history of %s knows of no image before this one", item->c.name);
	now = format_image(info.image);
	image = format_image(to.image);
	html_printf(preview,
		"⬇️ <b>Roll %s back?</b>\n<code>%s</code> (%s) → <code>%s</code> (%s)", title,
		now, short_id(before, info.image_id), image, short_id(after, to.to_id));
	return 0;
}

static int rollback_container(struct command *c)
{
	struct fg_update order = {.kind = FG_UPDATE_BACK};
	cleanup_items struct fg_items items = {0};
	cleanup_str struct fg_str preview = {0};
	int rc;

	if (target_one(c, c->words, c->n, &items) < 0)
		return -1;
	fg_str_init(&preview, 4096);
	if (rollback_preview(c, &items.v[0], &preview) < 0)
		return -1;
	rc = command_confirm(c, &items, preview.s);
	if (rc <= 0)
		return rc;
	return perform(c, &items, &order, NULL);
}

static int rollback_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items services = {0};
	size_t n = c->n;
	int rc = swarm_meant(c, words, &n, &services);

	if (rc < 0)
		return -1;
	return rc ? service_rollback(c, &services.v[0]) : rollback_container(c);
}

const struct command_row command_update = {
	.name = "update",
	.verb = "update",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "SEL [image=IMAGE] [wave=1,10%,rest]",
	.help = "Bring containers to the newest of their image",
	.more = "The image is pulled; a container whose image is another one now is made again, the "
		"same in everything else, whether or not Fleetgram created it. The new one has to "
		"become healthy (without a healthcheck: stay up for a while), else the old one is "
		"put back. Pinned containers are left alone. With wave= some hosts come first and "
		"the next ones only when all is well. The name of a service of a swarm means that: "
		"the swarm replaces its tasks one after the other, with image= on another image; "
		"service=NAME does in any case.\n\n/update web\n/update label=tier:web\n"
		"/update web wave=1,10%,rest\n/update service=web image=nginx:1.27",
	.run = update_run,
};

const struct command_row command_tag = {
	.name = "tag",
	.verb = "tag",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 2,
	.max = 8,
	.usage = "NAME TAG",
	.help = "Bring a container to another tag of its image",
	.more = "As /update does it, with the same way back. /rollback returns to the image "
		"before.\n\n/tag web 1.26",
	.run = tag_run,
};

const struct command_row command_rollback = {
	.name = "rollback",
	.verb = "roll back",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = 8,
	.usage = "NAME",
	.help = "Return a container to the image it had before",
	.more = "By its history, which /history shows. The name of the image on that host goes back "
		"to the old one as well. The name of a service of a swarm means that: the swarm "
		"returns it to how it was before the last change.\n\n/rollback web\n"
		"/rollback service=web",
	.run = rollback_run,
};
