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
	cJSON *params, *spec;
	char *host_name, *host_glob, *name; /* host_name NULL: any manager */
	int64_t replicas, own;              /* replicas -1: as the template says */
	struct fg_swarms swarms;
	struct fg_swarm *swarm;
	struct fg_create create;
	char author[96];
};

static void order_finish(struct order *o)
{
	cJSON_Delete(o->params);
	cJSON_Delete(o->spec);
	free(o->host_name);
	free(o->host_glob);
	free(o->name);
	fg_swarms_finish(&o->swarms);
}

static int take_replicas(struct command *c, struct order *o, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (o->replicas >= 0)
		return fg_fail(&c->err, FG_EINVAL, "replicas= is given twice");
	if (!digits || value[digits])
		return command_usage(c, "how many tasks it is to have is a number");
	if (digits > 6 || strtol(value, NULL, 10) > REPLICAS_MOST)
		return fg_fail(&c->err, FG_EINVAL, "at most %d can be asked for", REPLICAS_MOST);
	o->replicas = strtol(value, NULL, 10);
	return 0;
}

static int take_host(struct command *c, struct order *o, const char *value)
{
	if (o->host_name || o->host_glob)
		return fg_fail(&c->err, FG_EINVAL, "the host is given twice");
	if (fg_glob_is_pattern(value))
		o->host_glob = fg_strdup(value);
	else
		o->host_name = fg_strdup(value);
	return 0;
}

/* host= and replicas= are parameters where the template has some of that name. */
static int read_word(struct order *o, const cJSON *parameters, const char *word)
{
	struct command *c = o->c;
	const char *equals = strchr(word, '=');
	cleanup_free char *name = NULL;

	if (!equals || equals == word)
		return command_usage(c, "parameters are written NAME=VALUE");
	name = fg_strndup(word, (size_t)(equals - word));
	if (strcmp(name, "host") == 0 && !fg_json_get(parameters, name))
		return take_host(c, o, equals + 1);
	if (strcmp(name, "replicas") == 0 && !fg_json_get(parameters, name))
		return take_replicas(c, o, equals + 1);
	if (fg_json_get(o->params, name))
		return fg_fail(&c->err, FG_EINVAL, "the parameter %s is given twice", name);
	cJSON_AddStringToObject(o->params, name, equals + 1);
	return 0;
}

static int read_words(struct order *o)
{
	struct command *c = o->c;
	cleanup_json cJSON *merged = plan_merged(c, o->template);
	const char *slash = strchr(c->words[0], '/');

	if (slash)
		o->host_name = fg_strndup(c->words[0], (size_t)(slash - c->words[0]));
	o->name = fg_strdup(slash ? slash + 1 : c->words[0]);
	o->params = cJSON_CreateObject();
	for (size_t i = 2; i < c->n; i++)
		if (read_word(o, fg_json_object(merged, "parameters"), c->words[i]) < 0)
			return -1;
	return plan_missing(c, o->template, o->params);
}

/* The first manager as which the person could see it. */
static struct fg_host *visible_host(const struct order *o)
{
	const struct fg_selector *scope = o->c->person.scope;
	cleanup_free char *image = fg_strdup(fg_json_str(o->spec, "image", ""));
	struct fg_service s = {
		.name = o->name,
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
	cleanup_free char *title = fg_swarm_title(o->swarm), *params = plan_params(o->params);
	cleanup_str struct fg_str warnings = {0}, placement = {0};
	int64_t replicas = fg_json_i64(o->spec, "replicas", 1);

	html_printf(html, "📦 <b>Create the service %s on the swarm of %s?</b>\n", o->name, title);
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
		.name = o->name,
		.template = o->template,
		.defaults = o->c->setup->config->defaults,
		.params = o->params,
		.host = o->host_name,
		.host_glob = o->host_glob,
		.scope = o->c->person.scope,
		.unasked = o->c->by_clock,
		.created_by = o->author,
	};
}

/* As if it was there already, under what cannot be a service's id. */
static void fill_item(struct order *o, struct fg_host *host, struct fg_service_item *item)
{
	*item = (struct fg_service_item){.swarm = o->swarm, .host = host};
	item->s.name = fg_strdup(o->name);
	item->s.image = fg_strdup(fg_json_str(o->spec, "image", ""));
	item->s.digest = fg_strdup("");
	item->s.update_message = fg_strdup("");
	item->s.labels = cJSON_CreateObject();
	snprintf(item->s.id, sizeof(item->s.id), "%s%s", SWARM_NEW, o->name);
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
	if (read_words(o) < 0)
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
	html_printf(&html, "<b>%s</b> is created.", o->name);
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
