/*
 * Doing something to a service.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/service_deed.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/fleet/spec.h"

#define FAILED_SHOWN 3
#define SETTLE_STEP_MS 500

void deed_finish(struct deed *d)
{
	free(d->preview);
	free(d->doing);
	free(d->done);
	free(d->image);
	fg_instance_finish(&d->instance);
	fg_str_finish(&d->warnings);
}

void deed_warnings(struct fg_str *html, const struct fg_str *warnings)
{
	for (const char *line = warnings->s; line && *line;) {
		size_t len = strcspn(line, "\n");
		cleanup_free char *one = fg_strndup(line, len);

		html_printf(html, FG_TEXT("⚠️ %s\n"), one);
		line += len + (line[len] == '\n');
	}
}

static void add_state(struct deed *d, struct service_watch *w, struct fg_str *html)
{
	const struct fg_service *s = &d->item->s;
	cleanup_free char *image = format_image(s->image), *numbers = service_numbers(s);

	html_printf(html, FG_TEXT("%S "), service_dot(s));
	if (fg_service_is_job(s))
		html_printf(html, FG_TEXT("%s"), numbers);
	else
		html_printf(html, "%d of %d running", (int)s->running,
			(int)(s->wanted > 0 ? s->wanted : 0));
	html_printf(html, FG_TEXT(" · %s\n"), image);
	service_failures(html, s, &w->tasks, &w->nodes, w->began_ms, FAILED_SHOWN);
	deed_warnings(html, &d->warnings);
}

/* What the swarm made of it, as an error. */
static int failed(struct deed *d, struct service_watch *w, enum service_end end)
{
	const char *name = d->item->s.name, *why = d->item->s.update_message;
	struct fg_err *err = &d->c->err;

	if (end != SERVICE_GONE) {
		add_state(d, w, reply_add(d->c->reply));
		service_buttons(d->c, reply_offers(d->c->reply), &d->item->s);
	}
	switch (end) {
	case SERVICE_PAUSED:
		return fg_fail(err, FG_EREMOTE,
			w->back ? "the swarm has paused the rollback of %s%s%s"
				: "the swarm has paused the update of %s%s%s",
			name, *why ? ": " : "", why);
	case SERVICE_ROLLED_BACK:
		return fg_fail(err, FG_EREMOTE, "the swarm has rolled %s back by itself%s%s", name,
			*why ? ": " : "", why);
	case SERVICE_GONE:
		return fg_fail(err, FG_ENOTFOUND, "%s was removed meanwhile", name);
	case SERVICE_LATE:
		return fg_fail(err, FG_ETIMEOUT,
			"%s is still on its way, which takes too long to be watched: /service %s "
			"shows how it is",
			name, name);
	default:
		return fg_fail(err, FG_EREMOTE,
			"%s does not get there: the swarm goes on trying, but nothing moves", name);
	}
}

static int report(struct deed *d, struct service_watch *w, enum service_end end)
{
	struct command *c = d->c;
	struct fg_str *html;

	c->reply->data = service_data(d->item, &w->tasks, &w->nodes);
	cJSON_AddStringToObject(c->reply->data, "operation", d->operation);
	if (end != SERVICE_REACHED && end != SERVICE_LEFT)
		return failed(d, w, end);
	html = reply_add(c->reply);
	if (end == SERVICE_LEFT)
		html_printf(html, "⏳ Fleetgram stops; the swarm goes on with <b>%s</b>.\n",
			d->item->s.name);
	else
		html_printf(html, FG_TEXT("✅ %S\n"), d->done);
	add_state(d, w, html);
	service_buttons(c, reply_keyboard(c->reply), &d->item->s);
	return 0;
}

/*
 * What is agreed to is the service as it is and was, when the deed goes from there: somebody else
 * may have changed it before the answer. Not its version, which grows with the progress of an
 * update, too.
 */
static struct fg_item frozen(const struct deed *d, const struct fg_item *item)
{
	struct fg_item out = *item;
	cleanup_json cJSON *what = cJSON_CreateObject();
	char hash[FG_HASH_SIZE];

	if (d->agreed)
		snprintf(out.c.id, sizeof(out.c.id), "%s", d->agreed);
	if (d->agreed || !d->rolls)
		return out;
	cJSON_AddStringToObject(what, "id", d->item->s.id);
	cJSON_AddItemToObject(
		what, "is", cJSON_Duplicate(fg_json_object(d->item->s.raw, "Spec"), true));
	cJSON_AddItemToObject(
		what, "was", cJSON_Duplicate(fg_json_object(d->item->s.raw, "PreviousSpec"), true));
	fg_spec_hash(what, hash);
	snprintf(out.c.id, sizeof(out.c.id), "%s", strchr(hash, ':') + 1);
	return out;
}

static int confirm(struct deed *d, const struct fg_item *item)
{
	struct fg_item agreed = frozen(d, item);

	command_targets_are(d->c, FG_PLURAL("%s %zu service", "%s %zu services"));
	d->c->asks = (d->rolls || d->ends) && d->item->s.running > 1;
	return command_confirm(d->c, &(struct fg_items){.v = &agreed, .n = 1}, d->preview);
}

/* The swarm has undone it: the registry is not to take it for asked for any more. */
static void record_back(struct deed *d)
{
	const struct config *config = d->c->setup->config;
	cleanup_today struct fg_today *today = fg_today_create(config->templates, config->defaults);
	struct fg_err err;

	if (d->instance.doc && fg_managed_rolled_back(d->c->app->registry, today, d->item->swarm,
				       &d->instance, NULL, &err) < 0)
		fg_warn("the registry does not know that the swarm has rolled %s back: %s",
			d->item->s.name, err.text);
}

static size_t failed_since(const struct fg_service_tasks *tasks, int64_t since_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < tasks->n; i++)
		n += tasks->v[i].created_ms >= since_ms && *tasks->v[i].error &&
		     (strcmp(tasks->v[i].state, "failed") == 0 ||
			     strcmp(tasks->v[i].state, "rejected") == 0);
	return n;
}

/* What has just begun to run may end again at once. 1: nothing fails; 0: something does; -1: err.
 */
static int stays(struct deed *d, const struct service_watch *w)
{
	int64_t until = fg_now_ms() + d->settle_ms;
	size_t before = failed_since(&w->tasks, w->began_ms);

	while (fg_now_ms() < until && !d->c->app->stopping) {
		cleanup_service_tasks struct fg_service_tasks tasks = {0};

		if (fg_task_sleep(SETTLE_STEP_MS, &d->c->err) < 0 ||
			fg_swarm_tasks(d->item->swarm, d->item->s.id, &tasks, &d->c->err) < 0)
			return -1;
		if (failed_since(&tasks, w->began_ms) > before)
			return 0;
	}
	return 1;
}

static int watch_it(struct deed *d, struct service_watch *w)
{
	int rc;

	for (;;) {
		int end = service_watch_run(w);

		if (end != SERVICE_REACHED || !d->settle_ms)
			return end;
		rc = stays(d, w);
		if (rc != 0)
			return rc < 0 ? -1 : end;
	}
}

int deed_run(struct deed *d)
{
	cleanup_swarm_target struct swarm_target target = {0};
	cleanup_service_watch struct service_watch watch = {
		.c = d->c,
		.item = d->item,
		.doing = d->doing,
		.back = d->back,
	};
	cleanup_free char *title = swarm_title(d->item);
	int rc;

	swarm_target_service(&target, d->item);
	rc = confirm(d, &target.item);
	if (rc <= 0)
		return rc;
	if (command_begin(d->c, &target.items, NULL) < 0)
		return -1;
	fg_str_init(&d->warnings, DEED_WARNINGS_CAP);
	/* Clocks differ; what failed a moment before does no harm. */
	watch.began_ms = fg_wall_ms() - 1000;
	rc = d->perform(d);
	if (rc < 0)
		return fg_wrap(&d->c->err, "%s", d->item->s.name);
	if (rc == 0)
		return reply_html(d->c->reply, "<b>%s</b> is %s.", title, fg_tr(d->same));
	watch.rolls = d->rolls;
	rc = watch_it(d, &watch);
	if (rc == SERVICE_ROLLED_BACK)
		record_back(d);
	if (rc < 0)
		return fg_wrap(&d->c->err, "it was asked for, but what becomes of %s is not known",
			d->item->s.name);
	return report(d, &watch, (enum service_end)rc);
}
