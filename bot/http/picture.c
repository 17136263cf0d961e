/* Taking a picture of the fleet: probes and lists at once, then what came back is reconciled. */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"
#include "http/picture.h"
#include "http/rules.h"
#include "reconcile_services.h"

#define ASKED_AT_ONCE 128
#define RECONCILED_AT_ONCE 64

struct survey {
	struct setup *setup;
	struct fg_entries
		entries; /* the registry's, by name then host, before any host was asked */
	struct picture_host *hosts;
	size_t count;
};

static void probe_all(void *arg)
{
	fg_fleet_probe(arg, HEALTH_PATIENCE_MS);
}

static int by_name(const void *a, const void *b)
{
	const struct fg_entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->host, y->host);
}

/* Whether it is an instance, or may be one when the registry has been compared with the host. */
static bool may_be_instance(
	const struct fg_entries *entries, const struct fg_host *host, const struct fg_container *c)
{
	struct fg_entry key = {.name = c->name, .host = host->name};

	return fg_container_label(c, FG_LABEL_MANAGED) ||
	       fg_container_label(c, FG_LABEL_INSTANCE) ||
	       (entries->n > 0 && bsearch(&key, entries->v, entries->n, sizeof(key), by_name));
}

/* Count them, and keep the instances: those of all hosts are in memory until the picture is taken.
 */
static void take_list(struct picture_host *host)
{
	struct fg_containers *list = &host->list;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct fg_container *c = &list->v[i];

		rules_count(&host->containers, c->state, c->health);
		if (may_be_instance(host->entries, host->host, c))
			list->v[kept++] = *c;
		else
			fg_container_finish(c);
	}
	list->n = kept;
}

static void list_one(void *arg)
{
	struct picture_host *host = arg;

	fg_task_deadline(fg_now_ms() + HEALTH_PATIENCE_MS);
	host->listed = fg_host_list(host->host, &host->list, NULL) >= 0;
	take_list(host);
}

/* The probes tell who is up and the lists what runs there; neither waits for the other. */
static int ask_hosts(struct survey *s, struct fg_err *err)
{
	struct fg_group group;
	int rc;

	fg_group_init(&group, ASKED_AT_ONCE);
	rc = fg_group_go(&group, "health: probes", probe_all, s->setup->fleet, err);
	for (size_t i = 0; rc == 0 && i < s->count; i++)
		rc = fg_group_go(&group, "health: list", list_one, &s->hosts[i], err);
	if (fg_group_wait(&group, FG_NEVER, rc == 0 ? err : NULL) < 0)
		rc = -1;
	if (rc == 0 && fg_task_canceled())
		rc = fg_fail(err, FG_ECANCELED, "interrupted while asking the hosts");
	return rc;
}

static const struct health_host *host_before(const struct health_picture *before, const char *name)
{
	for (size_t i = 0; before && i < before->host_count; i++)
		if (strcmp(before->hosts[i].name, name) == 0)
			return &before->hosts[i];
	return NULL;
}

static void fill_host(struct health_host *to, const struct picture_host *from,
	const struct health_picture *before)
{
	const struct fg_host *host = from->host;
	const struct health_host *last = host_before(before, host->name);

	to->name = fg_strdup(host->name);
	to->up = host->up;
	to->counted = from->listed;
	to->version = host->version;
	to->latency_ms = host->latency_ms;
	to->since_ms = host->since_ms;
	to->paused_ms = host->paused_ms;
	to->listed_ms = host->listed_ms;
	to->problem = fg_strdup(host->up ? "" : host->why.text);
	/* Who starts the bot has reconciled what was up then; what came up later is due, even in
	 * the first picture. */
	if (last)
		to->reconciled_ms = last->reconciled_ms;
	else if (from->was_up)
		to->reconciled_ms = host->since_ms;
}

struct reconcile {
	struct fg_registry *registry;
	struct fg_host *host;
	struct health_host *seen;
};

static void reconcile_one(void *arg)
{
	struct reconcile *r = arg;
	struct fg_reconciled result;
	struct fg_err err;

	fg_task_deadline(fg_now_ms() + HEALTH_PATIENCE_MS);
	if (fg_registry_reconcile(r->registry, r->host, &result, &err) < 0) {
		fg_warn("cannot compare the registry with host %s, which is back: %s",
			r->host->name, err.text);
		return;
	}
	r->seen->reconciled_ms = r->seen->since_ms;
	if (result.adopted + result.missing + result.back + result.updated > 0)
		fg_info("host %s is back: %d instances adopted, %d missing, %d back, %d updated",
			r->host->name, result.adopted, result.missing, result.back, result.updated);
}

/* A manager may be among them. */
static void reconcile_swarms(void *arg)
{
	struct app *app = arg;
	cleanup_setup struct setup *setup = setup_ref(app->setup);

	fg_task_deadline(fg_now_ms() + HEALTH_PATIENCE_MS);
	reconcile_services(app, setup->fleet);
}

/* Where it fails it stays due, and the next picture tries again. */
static void reconcile_returned(struct app *app, struct survey *s, struct health_picture *out)
{
	cleanup_free struct reconcile *due = fg_alloc((s->count + 1) * sizeof(*due));
	struct fg_group group;
	bool any = false;

	fg_group_init(&group, RECONCILED_AT_ONCE);
	for (size_t i = 0; i < s->count; i++) {
		struct health_host *seen = &out->hosts[i];

		if (!seen->up || !seen->counted || seen->reconciled_ms == seen->since_ms)
			continue;
		due[i] = (struct reconcile){app->registry, s->hosts[i].host, seen};
		any = true;
		if (fg_group_go(&group, "health: reconcile", reconcile_one, &due[i], NULL) < 0)
			break;
	}
	if (any)
		fg_group_go(&group, "health: services", reconcile_swarms, app, NULL);
	fg_group_wait(&group, FG_NEVER, NULL);
}

static void add_counts(struct health_counts *to, const struct health_counts *from)
{
	to->total += from->total;
	to->running += from->running;
	to->stopped += from->stopped;
	to->unhealthy += from->unhealthy;
	to->missing += from->missing;
}

static void survey_begin(struct survey *s, struct app *app)
{
	s->setup = setup_ref(app->setup);
	fg_pauses_read(app->store, s->setup->fleet);
	s->count = fg_fleet_count(s->setup->fleet);
	s->hosts = fg_alloc((s->count + 1) * sizeof(*s->hosts));
	for (size_t i = 0; i < s->count; i++) {
		struct fg_host *host = fg_fleet_host(s->setup->fleet, i);

		s->hosts[i].host = host;
		s->hosts[i].was_up = host->known && host->up;
		s->hosts[i].entries = &s->entries;
	}
}

static void survey_finish(struct survey *s)
{
	for (size_t i = 0; i < s->count; i++)
		fg_containers_finish(&s->hosts[i].list);
	free(s->hosts);
	fg_entries_finish(&s->entries);
	setup_unref(s->setup);
}

int picture_take(struct app *app, const struct health_picture *before, struct health_picture *out,
	struct fg_err *err)
{
	struct survey s = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	out->begun_ms = fg_now_ms();
	survey_begin(&s, app);
	rc = fg_registry_entries(app->registry, &s.entries, err);
	if (rc == 0)
		rc = ask_hosts(&s, err);
	if (rc == 0) {
		out->number = before ? before->number + 1 : 1;
		out->setup = s.setup->number;
		out->hosts = fg_alloc((s.count + 1) * sizeof(*out->hosts));
		out->host_count = s.count;
		for (size_t i = 0; i < s.count; i++) {
			fill_host(&out->hosts[i], &s.hosts[i], before);
			out->hosts_up += out->hosts[i].up;
			add_counts(&out->containers, &s.hosts[i].containers);
		}
		reconcile_returned(app, &s, out);
		rc = picture_instances(
			app->registry, s.setup->config, s.hosts, s.count, before, out, err);
	}
	out->taken_ms = fg_now_ms();
	out->taken_wall_ms = fg_wall_ms();
	survey_finish(&s);
	if (rc < 0)
		picture_finish(out);
	return rc;
}

static void instance_finish(struct health_instance *instance)
{
	free(instance->name);
	free(instance->host);
	free(instance->template);
	free(instance->image);
	free(instance->container_id);
	free(instance->created_at);
	free(instance->last_used_at);
	cJSON_Delete(instance->labels);
}

void picture_finish(struct health_picture *picture)
{
	for (size_t i = 0; i < picture->host_count; i++) {
		free(picture->hosts[i].name);
		free(picture->hosts[i].problem);
	}
	free(picture->hosts);
	for (size_t i = 0; i < picture->instance_count; i++)
		instance_finish(&picture->instances[i]);
	free(picture->instances);
	memset(picture, 0, sizeof(*picture));
}
