/* Health: when pictures are taken, who waits for them, and what state they add up to. */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/watch.h"
#include "http/feed.h"
#include "http/news.h"
#include "http/picture.h"
#include "http/rules.h"
#include "trim.h"

struct health {
	struct app *app;
	struct health_picture picture; /* number 0: none yet */
	struct fg_task *taker;         /* of the last picture, ended or not; NULL: none yet */
	struct fg_cond taken;
	bool taking;
	struct feed *feed;
	struct news *news;
	enum health_state told; /* the last that the feed was told */
	int result; /* of the last taker */
	struct fg_err why;
};

struct health *health_create(struct app *app)
{
	struct health *h = fg_alloc(sizeof(*h));

	h->app = app;
	h->feed = feed_create();
	h->news = news_create(app, h->feed);
	feed_watch(h->feed, news_look, h->news);
	fg_cond_init(&h->taken);
	return h;
}

void health_destroy(struct health *h)
{
	if (!h)
		return;
	if (h->taker) {
		fg_task_cancel(h->taker);
		fg_task_join(h->taker);
	}
	picture_finish(&h->picture);
	feed_destroy(h->feed);
	news_destroy(h->news);
	free(h);
}

struct feed *health_feed(const struct health *h)
{
	return h->feed;
}

static void tell_state(struct health *h)
{
	enum health_state state = health_state(h);
	cJSON *data;

	if (state == h->told && h->picture.number > 1)
		return;
	h->told = state;
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "status", health_state_name(state));
	feed_publish(h->feed, "health", data);
}

/* A task of its own, so that one asker's cancel or deadline does not spoil the picture for the
 * others. */
static void take(void *arg)
{
	struct health *h = arg;
	struct health_picture fresh;

	fg_task_deadline(FG_NEVER);
	h->result = picture_take(h->app, h->picture.number ? &h->picture : NULL, &fresh, &h->why);
	if (h->result == 0) {
		feed_compare(h->feed, h->picture.number ? &h->picture : NULL, &fresh);
		picture_finish(&h->picture);
		h->picture = fresh;
		tell_state(h);
		news_look(h->news);
	}
	h->taking = false;
	fg_cond_broadcast(&h->taken);
	trim_heap();
}

int health_probe(struct health *h, struct fg_err *err)
{
	if (!h->taking) {
		if (h->taker)
			fg_task_detach(h->taker);
		h->taking = true;
		h->taker = fg_task_spawn("health: picture", take, h);
	}
	while (h->taking)
		if (fg_cond_wait(&h->taken, "a picture of the fleet", FG_NEVER, err) < 0)
			return -1;
	if (h->result < 0 && err)
		*err = h->why;
	return h->result;
}

/* From one picture's beginning to the next one's; hosts that are slower than that get half of it as
 * a rest. */
static int64_t next_due(const struct health *h)
{
	const struct health_picture *picture = &h->picture;
	int64_t refresh = h->app->setup->config->health_refresh_ms;
	int64_t due = picture->begun_ms + refresh, rested = picture->taken_ms + refresh / 2;

	return due > rested ? due : rested;
}

void health_run(void *health)
{
	struct health *h = health;
	struct fg_err err;

	while (!fg_task_canceled()) {
		int64_t due;

		if (health_probe(h, &err) < 0) {
			if (err.code == FG_ECANCELED)
				return;
			fg_warn("cannot take a picture of the fleet: %s", err.text);
			if (fg_task_sleep(h->app->setup->config->health_refresh_ms, NULL) < 0)
				return;
		}
		/* One that somebody asked for meanwhile puts the next one off. */
		while ((due = next_due(h)) > fg_now_ms())
			if (fg_task_sleep(due - fg_now_ms(), NULL) < 0)
				return;
	}
}

const struct app *health_app(const struct health *h)
{
	return h->app;
}

const struct health_picture *health_picture(const struct health *h)
{
	return h->picture.number ? &h->picture : NULL;
}

void health_telegram(const struct health *h, struct telegram_health *out)
{
	if (h->app->telegram)
		telegram_health(h->app->telegram, out);
	else
		*out = (struct telegram_health){.state = TELEGRAM_DISABLED, .last_poll_ms = -1};
}

static const char *const state_names[] = {
	[HEALTH_OK] = "ok",
	[HEALTH_DEGRADED] = "degraded",
	[HEALTH_DOWN] = "down",
};

const char *health_state_name(enum health_state state)
{
	return state_names[state];
}

bool health_host_paused(const struct health_host *host)
{
	return host->paused_ms > fg_wall_ms();
}

size_t health_hosts_wanted(const struct health_picture *picture)
{
	size_t wanted = 0;

	for (size_t i = 0; i < picture->host_count; i++)
		wanted += picture->hosts[i].up || !health_host_paused(&picture->hosts[i]);
	return wanted;
}

/* Hosts that answer, and whose events are not heard all the same: nobody would be told anything. */
static size_t hosts_deaf(const struct health *h)
{
	const struct app *app = h->app;
	size_t deaf = 0;

	for (size_t i = 0; i < h->picture.host_count; i++) {
		const struct health_host *host = &h->picture.hosts[i];
		struct fg_watch_state state;

		deaf += host->up && !health_host_paused(host) && app->watch &&
			fg_watch_state(app->watch, host->name, &state) &&
			rules_deaf(state.live, fg_now_ms() - state.since_ms,
				fg_wall_age(host->since_ms));
	}
	return deaf;
}

/* Instances that are unhealthy on hosts where that is nobody's worry. */
static int unhealthy_paused(const struct health_picture *picture)
{
	int count = 0;

	for (size_t i = 0; i < picture->host_count; i++) {
		if (!health_host_paused(&picture->hosts[i]))
			continue;
		for (size_t k = 0; k < picture->instance_count; k++) {
			const struct health_instance *it = &picture->instances[k];

			count += it->known && strcmp(it->health, "unhealthy") == 0 &&
				 strcmp(it->host, picture->hosts[i].name) == 0;
		}
	}
	return count;
}

enum health_state health_state(const struct health *h)
{
	struct telegram_health telegram;

	health_telegram(h, &telegram);
	return rules_state(&(struct health_facts){
		.telegram = telegram.state,
		.hosts = health_hosts_wanted(&h->picture),
		.hosts_up = h->picture.hosts_up,
		.unhealthy = h->picture.instance_counts.unhealthy - unhealthy_paused(&h->picture),
		.hosts_deaf = hosts_deaf(h),
		.store_failing = fg_store_problem(h->app->store) != NULL,
	});
}

bool health_down(const struct health *h)
{
	return health_state(h) == HEALTH_DOWN;
}

bool health_ready(const struct health *h)
{
	struct telegram_health telegram;

	if (!h->picture.number)
		return false;
	health_telegram(h, &telegram);
	return telegram.state == TELEGRAM_DISABLED || telegram.last_poll_ms >= 0 ||
	       telegram_id(h->app->telegram) != 0;
}
