/*
 * /pull: an image onto one host or several, with its progress in one message.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/image.h"

#define HOSTS_SHOWN 8 /* in the progress */
#define PREVIEW_CAP ((size_t)64 * 1024)

struct pull {
	struct command *c;
	const char *image;
	struct job *jobs;
	size_t n;
	bool showing;
};

/* One host's. */
struct job {
	struct pull *pull;
	struct fg_host *host;
	struct fg_pull_progress at;
	char status[64];
	cJSON *was, *is; /* what inspect says before and after; NULL: it is not there */
	char *digest;
	int rc; /* 1: new; 0: it was there; -1: err */
	bool done;
	struct fg_err err;
};

static void jobs_finish(struct pull *p)
{
	for (size_t i = 0; i < p->n; i++) {
		cJSON_Delete(p->jobs[i].was);
		cJSON_Delete(p->jobs[i].is);
		free(p->jobs[i].digest);
	}
	free(p->jobs);
}
#define cleanup_pull __attribute__((cleanup(jobs_finish)))

static void add_progress(struct fg_str *html, const struct job *job, bool titled)
{
	char done[FG_HUMAN], total[FG_HUMAN];

	if (titled)
		html_printf(html, "<b>%s</b> ", job->host->name);
	if (job->done) {
		html_printf(html, job->rc < 0 ? "❌ failed\n" : "✅ done\n");
		return;
	}
	if (job->at.bytes_total > 0) {
		format_bar(html, job->at.bytes, job->at.bytes_total);
		html_printf(html, " %s of %s", fg_size_human(done, job->at.bytes),
			fg_size_human(total, job->at.bytes_total));
	}
	if (job->at.layers)
		html_printf(html, "%S%d of %d layers", job->at.bytes_total > 0 ? "\n" : "",
			job->at.layers_done, job->at.layers);
	else
		html_printf(html, "%s", *job->status ? job->status : fg_tr("waiting"));
	fg_str_putc(html, '\n');
}

/* Several pulls speak; one at a time changes the message. */
static void show(struct pull *p)
{
	cleanup_str struct fg_str html = {0};
	size_t shown = p->n < HOSTS_SHOWN ? p->n : HOSTS_SHOWN;

	if (p->showing)
		return;
	p->showing = true;
	fg_str_init(&html, 16384);
	html_printf(&html, "⬇️ Pulling <b>%s</b>\n", p->image);
	for (size_t i = 0; i < shown; i++)
		add_progress(&html, &p->jobs[i], p->n > 1);
	if (p->n > shown)
		html_printf(&html, "… and %d more hosts\n", (int)(p->n - shown));
	reply_progress(p->c->reply, html.s);
	p->showing = false;
}

static void on_progress(const struct fg_pull_progress *at, void *arg)
{
	struct job *job = arg;

	job->at = *at;
	snprintf(job->status, sizeof(job->status), "%s", at->status ? at->status : "");
	job->at.status = job->status;
	show(job->pull);
}

/* NULL: it is not there, or cannot be looked at. */
static cJSON *look(struct job *job)
{
	cleanup_image_info struct fg_image_info info = {0};
	int rc = fg_image_inspect(job->host->engine, job->pull->image, &info, &job->err);

	fg_host_note(job->host, rc < 0 ? &job->err : NULL);
	if (rc < 0)
		return NULL;
	free(job->digest);
	job->digest = fg_strdup(info.digest);
	return fg_steal(&info.raw);
}

static void pull_one(void *arg)
{
	struct job *job = arg;
	struct fg_pull_options options = {.progress = on_progress, .arg = job};

	job->rc = -1;
	job->was = look(job);
	if (job->was || job->err.code == FG_ENOTFOUND)
		job->rc = fg_host_pull(job->host, job->pull->image, &options, &job->err);
	if (job->rc == 0) {
		job->is = look(job);
		job->rc = job->is ? strcmp(fg_json_str(job->is, "Id", ""),
					    fg_json_str(job->was, "Id", "")) != 0
				  : -1;
	}
	job->done = true;
}

static void add_outcome(struct fg_str *html, const struct job *job, const char *name)
{
	char size[FG_HUMAN], digest[13];

	if (job->rc < 0) {
		html_printf(html, "⚠️ <b>%s</b>: %s\n", name, job->err.text);
		return;
	}
	html_printf(html,
		job->rc && job->was ? "✅ <b>%s</b> is newer now: %s"
		: job->rc           ? "✅ <b>%s</b> is pulled: %s"
				    : "☑️ <b>%s</b> was there already, the newest: %s",
		name, fg_size_human(size, fg_json_i64(job->is, "Size", 0)));
	if (*job->digest)
		html_printf(html, ", digest <code>%s</code>", places_short(digest, job->digest));
	fg_str_putc(html, '\n');
}

static cJSON *job_data(const struct job *job)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "host", job->host->name);
	cJSON_AddStringToObject(data, "image", job->pull->image);
	if (job->rc < 0) {
		cJSON_AddStringToObject(data, "error", job->err.text);
		return data;
	}
	cJSON_AddBoolToObject(data, "changed", job->rc > 0);
	cJSON_AddStringToObject(data, "id", fg_json_str(job->is, "Id", ""));
	cJSON_AddStringToObject(data, "digest", job->digest);
	fg_json_set_i64(data, "size_bytes", fg_json_i64(job->is, "Size", 0));
	return data;
}

/* What is asked about is which hosts get it. Several are no reason to ask. */
static int confirm(struct command *c, const char *image, const struct places *places)
{
	bool asks = c->frozen || config_strings_have(c->setup->config->confirm.always, "pull");
	cleanup_free struct fg_item *v = fg_alloc((places->n + 1) * sizeof(*v));
	cleanup_str struct fg_str preview = {0};
	struct fg_items hosts = {.v = v, .n = places->n};

	fg_str_init(&preview, PREVIEW_CAP);
	html_printf(&preview, "⬇️ <b>Pull %s?</b>", image);
	for (size_t i = 0; i < places->n; i++) {
		html_printf(&preview, "\n• <b>%s</b>", places->v[i]->name);
		v[i].host = places->v[i];
		v[i].c.name = (char *)places->v[i]->name;
		snprintf(v[i].c.id, sizeof(v[i].c.id), "%s", image);
	}
	for (size_t i = 0; i < places->items.paused_n; i++)
		html_printf(&preview, "\n🔧 <b>%s</b> is left out: it is paused for maintenance",
			places->items.paused[i]->name);
	command_targets_are(c, FG_PLURAL("%s %zu host", "%s %zu hosts"));
	return command_confirm(c, asks ? &hosts : NULL, preview.s);
}

static int report(struct command *c, const struct pull *p, const struct places *places)
{
	struct fg_str *html;
	size_t failed = 0;

	for (size_t i = 0; i < p->n; i++)
		failed += p->jobs[i].rc < 0;
	if (p->n == 1 && failed) {
		c->err = p->jobs[0].err;
		return fg_wrap(&c->err, "%s", p->jobs[0].host->name);
	}
	html = reply_add(c->reply);
	if (p->n > 1)
		html_printf(html, "<b>%s</b>\n", p->image);
	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; i < p->n; i++) {
		const struct job *job = &p->jobs[i];

		add_outcome(html, job, p->n > 1 ? job->host->name : p->image);
		cJSON_AddItemToArray(c->reply->data, job_data(job));
	}
	target_silent(html, &places->items);
	if (failed == p->n || (failed && c->reply->terminal))
		return fg_fail(&c->err, FG_EREMOTE, "%zu of %zu hosts could not pull %s", failed,
			p->n, p->image);
	return 0;
}

static int pull_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_places struct places places = {0};
	cleanup_pull struct pull p = {.c = c};
	struct fg_image_ref ref;
	size_t n = c->n;
	int rc;

	if (places_pick(c, words, &n, &places) < 0)
		return -1;
	if (n != 1)
		return command_usage(c, n ? "one image at a time" : "which image?");
	if (fg_image_ref_parse(words[0], &ref, &c->err) < 0)
		return -1;
	p.image = words[0];
	rc = confirm(c, p.image, &places);
	if (rc <= 0)
		return rc;
	if (command_begin(c, NULL, p.image) < 0)
		return -1;
	p.jobs = fg_alloc(places.n * sizeof(*p.jobs));
	p.n = places.n;
	for (size_t i = 0; i < p.n; i++) {
		p.jobs[i] = (struct job){.pull = &p, .host = places.v[i], .rc = -1};
		fg_fail(&p.jobs[i].err, FG_ECANCELED, "not begun");
	}
	if (places_each(c, "pull", pull_one, p.jobs, p.n, sizeof(*p.jobs)) < 0)
		return -1;
	return report(c, &p, &places);
}

const struct command_row command_pull = {
	.name = "pull",
	.verb = "pull",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "IMAGE [host=…]",
	.help = "Fetch an image from its registry",
	.more = "On every host that answers, or on those that host= names. Containers stay as they "
		"are: /update puts them onto the new image. Credentials are in the config, under "
		"images.registries.\n"
		"\n"
		"/pull nginx:1.27\n"
		"/pull registry.example:5000/shop/web host=prod*",
	.run = pull_run,
};
