/*
 * Making a service of a swarm from a template: shown, made, and watched until its tasks run.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/create_service.h"
#include "commands/format.h"
#include "commands/service_deed.h"
#include "fleetgram/base/json.h"

#define REPLICAS_MOST 100000
#define GLOBAL_MS 15000 /* for the first task of a global service */
#define LOOK_MS 200

struct order {
	struct command *c;
	const struct fg_template *template;
	struct plan_order is; /* its host: a manager of the swarm */
	cJSON *spec;
	int64_t replicas, own; /* replicas -1: as the template says */
	struct fg_swarms swarms;
	struct fg_swarm *swarm;
	struct fg_create create;
	char author[96];
};

static void order_finish(struct order *o)
{
	plan_order_finish(&o->is);
	cJSON_Delete(o->spec);
	fg_swarms_finish(&o->swarms);
}

static int read_replicas(struct command *c, struct order *o)
{
	const char *value = o->is.replicas;
	size_t digits = value ? strspn(value, "0123456789") : 0;

	if (!value)
		return 0;
	if (!digits || value[digits])
		return command_usage(c, "how many tasks it is to have is a number");
	if (digits > 6 || strtol(value, NULL, 10) > REPLICAS_MOST)
		return fg_fail(&c->err, FG_EINVAL, "at most %d can be asked for", REPLICAS_MOST);
	o->replicas = strtol(value, NULL, 10);
	return 0;
}

/* The first manager as which the person could see it. */
static struct fg_host *visible_host(const struct order *o)
{
	const struct fg_selector *scope = o->c->person.scope;
	cleanup_free char *image = fg_strdup(fg_json_str(o->spec, "image", ""));
	struct fg_service s = {
		.name = o->is.name,
		.image = image,
		.labels = (cJSON *)fg_json_object(o->spec, "labels"),
	};

	for (size_t i = 0; i < o->swarm->n; i++) {
		struct fg_subject subject = fg_service_subject(o->swarm->managers[i], &s);

		subject.state = "running";
		subject.template = o->template->name;
		if (fg_selector_match(scope, &subject))
			return o->swarm->managers[i];
	}
	fg_fail(&o->c->err, FG_EDENIED, "that would be outside of what you may see (%s)",
		fg_selector_text(scope));
	return NULL;
}

static void write_preview(const struct order *o, struct fg_str *html)
{
	cleanup_free char *image = format_image(fg_json_str(o->spec, "image", "?"));
	cleanup_free char *title = fg_swarm_title(o->swarm), *params = plan_params(o->is.params);
	cleanup_str struct fg_str warnings = {0}, placement = {0};
	int64_t replicas = fg_json_i64(o->spec, "replicas", 1);

	html_printf(html, "📦 <b>Create the service %s on the swarm of %s?</b>\n", o->is.name, title);
	html_printf(
		html, "Template <code>%s</code>, image <code>%s</code>", o->template->name, image);
	if (fg_json_bool(o->spec, "global", false))
		html_printf(html, ", one task on each node\n");
	else
		html_printf(html, fg_ntr(", %d task\n", ", %d tasks\n", (size_t)replicas),
			(int)replicas);
	fg_str_init(&placement, 1024);
	plan_placement(&placement, fg_json_object(o->spec, "placement"));
	if (placement.len)
		html_printf(html, "🖥 %s\n", placement.s);
	if (*params)
		html_printf(html, "With <code>%s</code>\n", params);
	fg_str_init(&warnings, DEED_WARNINGS_CAP);
	fg_spec_warnings(o->spec, &warnings);
	deed_warnings(html, &warnings);
	fg_str_truncate(html, html->len - 1);
}

/* A global service has no number, so that having no tasks yet would look like having all. */
static int await_first(struct deed *d)
{
	int64_t until = fg_now_ms() + GLOBAL_MS;
	int rc = 0;

	while (rc == 0 && d->item->s.mode == FG_SERVICE_GLOBAL && fg_now_ms() < until) {
		cleanup_service_tasks struct fg_service_tasks tasks = {0};

		if (fg_swarm_tasks(d->item->swarm, d->item->s.id, &tasks, &d->c->err) < 0)
			return -1;
		if (tasks.n)
			break;
		rc = fg_task_sleep(LOOK_MS, &d->c->err);
	}
	return rc;
}

static int make(struct deed *d)
{
	struct order *o = d->arg;
	cleanup_instance struct fg_instance made = {0};
	struct fg_service now;

	if (fg_managed_create(d->c->app->registry, o->swarm, &o->create, o->spec, o->own, &made,
		    &d->warnings, &d->c->err) < 0)
		return -1;
	if (fg_swarm_service(o->swarm, made.container_id, &now, &d->c->err) < 0)
		return fg_wrap(&d->c->err, "it is created, but cannot be looked at");
	fg_service_finish(&d->item->s);
	d->item->s = now;
	if (await_first(d) < 0)
		return fg_wrap(&d->c->err, "it is created, but cannot be looked at");
	return 1;
}

static struct fg_create request(const struct order *o)
{
	return (struct fg_create){
		.name = o->is.name,
		.template = o->template,
		.defaults = o->c->setup->config->defaults,
		.params = o->is.params,
		.host = o->is.host,
		.host_glob = o->is.host_glob,
		.scope = o->c->person.scope,
		.unasked = o->c->by_clock,
		.created_by = o->author,
	};
}

/* As if it was there already, under what cannot be a service's id. */
static void fill_item(struct order *o, struct fg_host *host, struct fg_service_item *item)
{
	*item = (struct fg_service_item){.swarm = o->swarm, .host = host};
	item->s.name = fg_strdup(o->is.name);
	item->s.image = fg_strdup(fg_json_str(o->spec, "image", ""));
	item->s.digest = fg_strdup("");
	item->s.update_message = fg_strdup("");
	item->s.labels = cJSON_CreateObject();
	snprintf(item->s.id, sizeof(item->s.id), "%s%s", SWARM_NEW, o->is.name);
}

static int place(struct order *o)
{
	struct command *c = o->c;
	cleanup_deed struct deed d = {.c = c, .perform = make, .arg = o};
	struct fg_service_item item = {0};
	cleanup_str struct fg_str html = {0};
	struct fg_host *host;
	char hash[FG_HASH_SIZE];
	int rc;

	command_author(c, o->author);
	if (plan_order_read(c, o->template, &o->is) < 0 || read_replicas(c, o) < 0)
		return -1;
	o->create = request(o);
	o->spec = fg_managed_plan(
		c->setup->fleet, &o->create, o->replicas, &o->swarms, &o->swarm, &o->own, &c->err);
	host = o->spec ? visible_host(o) : NULL;
	if (!host)
		return -1;
	fill_item(o, host, &item);
	fg_str_init(&html, 16384);
	write_preview(o, &html);
	fg_spec_hash(o->spec, hash);
	d.item = &item;
	d.operation = "create";
	d.agreed = strchr(hash, ':') + 1;
	d.same = "";
	d.settle_ms = c->setup->config->update.settle_ms;
	d.preview = fg_str_take(&html);
	d.doing = fg_strdup(fg_tr("starting its tasks"));
	fg_str_init(&html, 1024);
	html_printf(&html, "<b>%s</b> is created.", o->is.name);
	d.done = fg_str_take(&html);
	rc = deed_run(&d);
	fg_service_finish(&item.s);
	return rc;
}

int create_service(struct command *c, const struct fg_template *template)
{
	struct order o = {.c = c, .template = template, .replicas = -1};
	int rc = place(&o);

	order_finish(&o);
	return rc;
}
