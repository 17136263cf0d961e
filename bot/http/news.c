/* News: the open incidents and the newest command of the last look, beside those of this one. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "http/news.h"
#include "notify/incidents.h"
#include "telegram/html.h"

#define TITLE_CAP ((size_t)4096)

/* An incident that is not closed. */
struct known {
	int64_t id, last_ms;
	bool open, acked;
};

struct known_list {
	struct known *v;
	size_t n;
};

struct news {
	const struct app *app;
	struct feed *feed;
	struct known_list incidents; /* by id */
	int64_t command;             /* the newest row of the audit */
	int64_t version;             /* of the database; -1: nothing was read yet */
};

struct news *news_create(const struct app *app, struct feed *feed)
{
	struct news *news = fg_alloc(sizeof(*news));

	news->app = app;
	news->feed = feed;
	news->version = -1;
	return news;
}

void news_destroy(struct news *news)
{
	if (!news)
		return;
	free(news->incidents.v);
	free(news);
}

/* Incidents */

static int by_id(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* There are at most INCIDENTS_MOST. */
static int read_incidents(struct fg_store *store, struct known_list *out)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = fg_store_query(store, &err,
		"SELECT id, state, acked, last FROM incidents WHERE state < 2 AND unsure = 0", "");
	size_t room = 0;

	while (rows && fg_rows_next(rows)) {
		if (out->n == room) {
			room = room ? 2 * room : 64;
			out->v = fg_realloc(out->v, room, sizeof(*out->v));
		}
		out->v[out->n++] = (struct known){
			.id = fg_rows_i64(rows, 0),
			.open = fg_rows_i64(rows, 1) == INCIDENT_OPEN,
			.acked = fg_rows_i64(rows, 2) > 0,
			.last_ms = fg_rows_i64(rows, 3),
		};
	}
	if (!rows || fg_rows_failed(rows, NULL) < 0)
		return -1;
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_id);
	return 0;
}

/* What has become of an incident; was NULL: it is new, is NULL: it is closed. NULL: nothing. */
static const char *change_of(const struct known *was, const struct known *is)
{
	if (!is)
		return "closed";
	if (!was || was->open != is->open)
		return is->open ? "opened" : "recovered";
	return is->acked && !was->acked ? "acknowledged" : NULL;
}

static void add_time(cJSON *data, const char *key, int64_t wall_ms)
{
	char when[FG_RFC3339];

	cJSON_AddStringToObject(data, key, fg_rfc3339(when, wall_ms));
}

struct telling {
	cJSON *data;
	bool several_hosts;
};

/* As the page shows it; who has acknowledged it is for /incidents to say. */
static void fill(const struct incident *i, void *arg)
{
	struct telling *t = arg;
	cleanup_str struct fg_str html = {0};
	cleanup_free char *title = NULL;

	fg_str_init(&html, TITLE_CAP);
	incident_line(&html, i, t->several_hosts);
	title = html_plain(html.s);
	cJSON_AddStringToObject(t->data, "kind", incident_kind_word(i->kind));
	cJSON_AddStringToObject(t->data, "state", incident_state_word(i->state));
	cJSON_AddStringToObject(t->data, "host", i->host);
	cJSON_AddStringToObject(t->data, "name", i->name);
	cJSON_AddStringToObject(t->data, "title", title);
	cJSON_AddNumberToObject(t->data, "count", (double)i->count);
	cJSON_AddBoolToObject(t->data, "acknowledged", i->acked_ms > 0);
	add_time(t->data, "opened_at", i->opened_ms);
	add_time(t->data, "last_at", i->last_ms);
}

/* One that is gone altogether has its number, and that it is closed. */
static void publish_incident(const struct news *news, const struct known *one, const char *change)
{
	struct incidents_filter filter = {.id = one->id, .since_ms = one->last_ms, .most = 1};
	struct telling t = {
		.data = cJSON_CreateObject(),
		.several_hosts = fg_fleet_count(news->app->setup->fleet) > 1,
	};
	struct fg_err err;

	fg_json_set_i64(t.data, "id", one->id);
	cJSON_AddStringToObject(t.data, "change", change);
	incidents_each(news->app->store, &filter, fill, &t, &err);
	if (!fg_json_get(t.data, "state"))
		cJSON_AddStringToObject(t.data, "state", change);
	feed_publish(news->feed, "incident", t.data);
}

/* How many have changed; tell false: only counts. Walks both lists side by side. */
static size_t compare(const struct news *news, const struct known_list *now, bool tell)
{
	const struct known_list *before = &news->incidents;
	size_t i = 0, k = 0, changed = 0;

	while (i < before->n || k < now->n) {
		const struct known *was = i < before->n ? &before->v[i] : NULL;
		const struct known *is = k < now->n ? &now->v[k] : NULL;
		const char *change;

		if (was && is && was->id != is->id) {
			if (was->id < is->id)
				is = NULL;
			else
				was = NULL;
		}
		i += was != NULL;
		k += is != NULL;
		change = change_of(was, is);
		changed += change != NULL;
		if (change && tell)
			publish_incident(news, is ? is : was, change);
	}
	return changed;
}

/* Commands */

static int64_t newest_command(struct fg_store *store)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows =
		fg_store_query(store, &err, "SELECT coalesce(max(n), 0) FROM audit", "");

	return rows && fg_rows_next(rows) ? fg_rows_i64(rows, 0) : -1;
}

/* "HOST/NAME HOST/NAME" as an array. */
static void add_targets(cJSON *data, const char *targets)
{
	cJSON *out = cJSON_AddArrayToObject(data, "targets");

	for (targets += strspn(targets, " "); *targets; targets += strspn(targets, " ")) {
		size_t n = strcspn(targets, " ");
		cleanup_free char *one = fg_printf("%.*s", (int)n, targets);

		cJSON_AddItemToArray(out, cJSON_CreateString(one));
		targets += n;
	}
}

/* As the page shows them: neither who gave them nor their words. */
static void publish_commands(const struct news *news, int64_t after)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = fg_store_query(news->app->store, &err,
		"SELECT wall_ms, command, targets, result FROM audit WHERE n > ? ORDER BY n", "i",
		after);

	while (rows && fg_rows_next(rows)) {
		cJSON *data = cJSON_CreateObject();

		cJSON_AddStringToObject(data, "command", fg_rows_str(rows, 1));
		add_targets(data, fg_rows_str(rows, 2));
		cJSON_AddStringToObject(data, "result", fg_rows_str(rows, 3));
		add_time(data, "at", fg_rows_i64(rows, 0));
		feed_publish(news->feed, "command", data);
	}
}

/* Looking */

static void tell(const struct news *news, const struct known_list *now, int64_t command)
{
	size_t commands = command > news->command ? (size_t)(command - news->command) : 0;

	if (compare(news, now, false) + commands > FEED_BURST) {
		feed_reset(news->feed, "much has changed");
		return;
	}
	compare(news, now, true);
	if (commands)
		publish_commands(news, news->command);
}

void news_look(void *arg)
{
	struct news *news = arg;
	struct fg_store *store = news->app->store;
	const struct fg_language *before cleanup_language =
		fg_language_set(NULL); /* as the page is */
	struct known_list now = {0};
	int64_t version, command;

	version = fg_store_i64(store, -1, "PRAGMA data_version", "");
	if (version == news->version)
		return;
	command = newest_command(store);
	if (command < 0 || read_incidents(store, &now) < 0) {
		free(now.v);
		return;
	}
	if (news->version >= 0)
		tell(news, &now, command);
	free(news->incidents.v);
	news->incidents = now;
	news->command = command;
	news->version = version;
}
