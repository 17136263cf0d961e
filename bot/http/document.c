/* The documents of GET /health and GET /status. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/fleet/watch.h"
#include "http/health.h"
#include "telegram/outbox.h"

#define STATUS_BYTES ((size_t)1024 * 1024 * 1024) /* of GET /status: as many as there are */

static double tenths(int64_t ms)
{
	return round((double)(ms < 0 ? 0 : ms) / 100.0) / 10.0;
}

int64_t health_rss_bytes(void)
{
	char text[128], *at;
	ssize_t n = -1;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return 0;
	text[n] = '\0';
	strtoll(text, &at, 10);
	return strtoll(at, NULL, 10) * sysconf(_SC_PAGESIZE);
}

int64_t health_outbox_age(const struct health *h)
{
	int64_t oldest = fg_store_i64(health_app(h)->store, 0,
		"SELECT min(created_at) FROM outbox"
		" WHERE chat NOT IN (SELECT chat FROM outbox_parked)",
		"");

	return oldest > 0 ? fg_wall_age(oldest) : 0;
}

static void add_text_or_null(cJSON *object, const char *key, const char *text)
{
	if (*text)
		cJSON_AddStringToObject(object, key, text);
	else
		cJSON_AddNullToObject(object, key);
}

static void add_telegram(const struct health *h, const struct app *app, cJSON *doc)
{
	cJSON *out = cJSON_AddObjectToObject(doc, "telegram");
	struct telegram_health telegram;

	health_telegram(h, &telegram);
	cJSON_AddStringToObject(out, "state",
		telegram.state == TELEGRAM_DISABLED ? "disabled"
						    : telegram_state_name(telegram.state));
	if (telegram.last_poll_ms < 0)
		cJSON_AddNullToObject(out, "last_poll_age_seconds");
	else
		cJSON_AddNumberToObject(
			out, "last_poll_age_seconds", tenths(fg_now_ms() - telegram.last_poll_ms));
	/* Rounded up: asking again after it must not be too early. */
	cJSON_AddNumberToObject(
		out, "retry_after_seconds", (double)((telegram.retry_after_ms + 999) / 1000));
	cJSON_AddNumberToObject(out, "outbox", app->outbox ? outbox_depth(app->outbox) : 0);
}

static void add_store(const struct health *h, const struct app *app, cJSON *doc)
{
	cJSON *out = cJSON_AddObjectToObject(doc, "store");
	const char *problem = fg_store_problem(app->store);
	int64_t free_bytes, total_bytes;

	cJSON_AddStringToObject(out, "state", problem ? "failing" : "ok");
	add_text_or_null(out, "problem", problem ? problem : "");
	if (fg_store_room(app->store, &free_bytes, &total_bytes) == 0) {
		fg_json_set_i64(out, "free_bytes", free_bytes);
		fg_json_set_i64(out, "total_bytes", total_bytes);
	}
	cJSON_AddNumberToObject(out, "outbox_age_seconds", tenths(health_outbox_age(h)));
}

/* Of a host that is not watched (its name is new or gone since the picture), null. */
static void add_events(const struct app *app, const char *host, cJSON *doc)
{
	struct fg_watch_state state;
	int64_t now = fg_now_ms();
	cJSON *out;

	if (!app->watch || !fg_watch_state(app->watch, host, &state)) {
		cJSON_AddNullToObject(doc, "events");
		return;
	}
	out = cJSON_AddObjectToObject(doc, "events");
	cJSON_AddStringToObject(out, "state", state.live ? "live" : "down");
	cJSON_AddNumberToObject(out, "since_seconds", tenths(now - state.since_ms));
	if (state.event_ms > 0)
		cJSON_AddNumberToObject(out, "last_event_age_seconds", tenths(now - state.event_ms));
	else
		cJSON_AddNullToObject(out, "last_event_age_seconds");
	cJSON_AddNumberToObject(out, "breaks", (double)state.breaks);
}

/* When it was last well, or why it is left alone. */
static void add_times(const struct health_host *host, cJSON *out)
{
	char time[FG_RFC3339];

	if (host->since_ms > 0)
		cJSON_AddStringToObject(out, "since", fg_rfc3339(time, host->since_ms));
	else
		cJSON_AddNullToObject(out, "since");
	add_text_or_null(out, "why", host->problem);
	if (host->listed_ms > 0)
		cJSON_AddStringToObject(out, "seen_at", fg_rfc3339(time, host->listed_ms));
	else
		cJSON_AddNullToObject(out, "seen_at");
	cJSON_AddBoolToObject(out, "stale", !host->counted);
	if (host->paused_ms > fg_wall_ms())
		cJSON_AddStringToObject(out, "paused_until", fg_rfc3339(time, host->paused_ms));
	else
		cJSON_AddNullToObject(out, "paused_until");
}

static void add_hosts(const struct app *app, const struct health_picture *picture, cJSON *doc)
{
	cJSON *hosts = cJSON_AddArrayToObject(doc, "hosts");

	for (size_t i = 0; picture && i < picture->host_count; i++) {
		const struct health_host *host = &picture->hosts[i];
		cJSON *out = cJSON_CreateObject();

		cJSON_AddStringToObject(out, "name", host->name);
		cJSON_AddStringToObject(out, "state", host->up ? "ok" : "down");
		add_text_or_null(out, "engine", host->version.kind);
		add_text_or_null(out, "version", host->version.version);
		add_text_or_null(out, "api_version", host->version.api_version);
		if (host->up)
			cJSON_AddNumberToObject(
				out, "latency_ms", round(host->latency_ms * 100) / 100);
		else
			cJSON_AddNullToObject(out, "latency_ms");
		add_times(host, out);
		add_events(app, host->name, out);
		cJSON_AddItemToArray(hosts, out);
	}
}

cJSON *health_counts_document(const struct health_counts *counts, bool missing)
{
	cJSON *out = cJSON_CreateObject();

	cJSON_AddNumberToObject(out, "total", counts->total);
	cJSON_AddNumberToObject(out, "running", counts->running);
	cJSON_AddNumberToObject(out, "stopped", counts->stopped);
	cJSON_AddNumberToObject(out, "unhealthy", counts->unhealthy);
	if (missing)
		cJSON_AddNumberToObject(out, "missing", counts->missing);
	return out;
}

cJSON *health_document(const struct health *h, bool cached)
{
	static const struct health_counts none;
	const struct health_picture *picture = health_picture(h);
	const struct app *app = health_app(h);
	char when[FG_RFC3339];
	int64_t now = fg_now_ms();
	cJSON *doc = cJSON_CreateObject();

	cJSON_AddStringToObject(doc, "status", health_state_name(health_state(h)));
	cJSON_AddStringToObject(doc, "version", FLEETGRAM_VERSION);
	cJSON_AddNumberToObject(doc, "uptime_seconds", tenths(now - app->started_ms));
	fg_json_set_i64(cJSON_AddObjectToObject(doc, "memory"), "rss_bytes", health_rss_bytes());
	if (picture) {
		cJSON_AddStringToObject(
			doc, "checked_at", fg_rfc3339(when, picture->taken_wall_ms));
		cJSON_AddNumberToObject(doc, "age_seconds", tenths(now - picture->taken_ms));
	} else {
		cJSON_AddNullToObject(doc, "checked_at");
		cJSON_AddNullToObject(doc, "age_seconds");
	}
	cJSON_AddBoolToObject(doc, "cached", cached);
	add_telegram(h, app, doc);
	add_store(h, app, doc);
	add_hosts(app, picture, doc);
	cJSON_AddItemToObject(doc, "instances",
		health_counts_document(picture ? &picture->instance_counts : &none, true));
	cJSON_AddItemToObject(doc, "containers",
		health_counts_document(picture ? &picture->containers : &none, false));
	return doc;
}

/* What has no limit says null. */
static void add_limits(cJSON *out, const struct health_instance *instance)
{
	cJSON *limits = cJSON_AddObjectToObject(out, "limits");

	if (instance->cpus > 0)
		cJSON_AddNumberToObject(limits, "cpus", instance->cpus);
	else
		cJSON_AddNullToObject(limits, "cpus");
	if (instance->memory > 0)
		fg_json_set_i64(limits, "memory", instance->memory);
	else
		cJSON_AddNullToObject(limits, "memory");
	if (instance->pids > 0)
		fg_json_set_i64(limits, "pids", instance->pids);
	else
		cJSON_AddNullToObject(limits, "pids");
}

cJSON *health_instance_document(const struct health_instance *instance)
{
	cJSON *out = cJSON_CreateObject();
	int64_t up = fg_wall_ms() - instance->started_ms;

	cJSON_AddStringToObject(out, "name", instance->name);
	cJSON_AddStringToObject(out, "host", instance->host);
	add_text_or_null(out, "template", instance->template);
	cJSON_AddStringToObject(out, "image", instance->image);
	cJSON_AddStringToObject(out, "container_id", instance->container_id);
	cJSON_AddStringToObject(out, "state", instance->state);
	cJSON_AddStringToObject(out, "health", instance->health);
	cJSON_AddStringToObject(out, "config", instance->config);
	add_text_or_null(out, "created_at", instance->created_at);
	add_text_or_null(out, "last_used_at", instance->last_used_at);
	if (instance->started_ms > 0)
		cJSON_AddNumberToObject(out, "uptime_seconds", (double)(up > 0 ? up / 1000 : 0));
	else
		cJSON_AddNullToObject(out, "uptime_seconds");
	add_limits(out, instance);
	cJSON_AddBoolToObject(out, "stale", !instance->known);
	if (instance->labels)
		cJSON_AddItemReferenceToObject(out, "labels", instance->labels);
	else
		cJSON_AddObjectToObject(out, "labels");
	return out;
}

/* There may be many: each is printed and forgotten before the next. */
char *health_status(const struct health *h)
{
	const struct health_picture *picture = health_picture(h);
	struct fg_str text;

	fg_str_init(&text, STATUS_BYTES);
	fg_str_puts(&text, "{\"instances\":[");
	for (size_t i = 0; picture && i < picture->instance_count; i++) {
		cleanup_json cJSON *one = health_instance_document(&picture->instances[i]);
		cleanup_free char *printed = fg_json_print(one);

		if (i)
			fg_str_putc(&text, ',');
		fg_str_puts(&text, printed);
	}
	fg_str_puts(&text, "]}");
	return fg_str_take(&text);
}
