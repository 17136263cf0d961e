/*
 * /events: what the engines say has happened of late.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "commands/format.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"
#include "fleetgram/docker/events.h"
#include "fleetgram/fleet/spec.h"

#define BACK_USUAL ((int64_t)60 * 60 * 1000)
#define BACK_MOST ((int64_t)7 * 24 * 60 * 60 * 1000)
#define EVENTS_MOST 500               /* of a host, the newest */
#define READ_TIMEOUT ((int64_t)15000) /* for what a host has to tell */
#define TOGETHER_NS ((int64_t)2000000000)
#define NAME_WIDTH 48

struct happening {
	int64_t time_ns;
	const struct fg_host *host;
	char type[16], action[64], id[FG_ID_SIZE], name[128];
	int exit_code; /* -1: none */
	int signal;    /* 0: none */
	bool oom;
};

/* One host's part. */
struct source {
	struct fg_host *host;
	const struct asked *asked;
	struct happening *v; /* a ring */
	size_t n, next;
	bool cut; /* there were older ones than the ring holds */
	int rc;
	struct fg_err err;
};

struct asked {
	struct command *c;
	int64_t from_ms, to_ms;
	const struct fg_selector *sel; /* NULL: everything in scope */
	const struct fg_items *items;  /* what there is of that */
};

/* What is of interest, with its words. kill and die have more to say. */
static const struct {
	const char *type, *action, *dot, *words;
} kinds[] = {
	{"container", "create", "⚪", FG_TEXT("created")},
	{"container", "destroy", "⚫", FG_TEXT("removed")},
	{"container", "die", "🔴", NULL},
	{"container", "health_status: healthy", "🟢", FG_TEXT("is healthy")},
	{"container", "health_status: unhealthy", "🟠", FG_TEXT("is unhealthy")},
	{"container", "kill", "🟡", NULL},
	{"container", "oom", "🔴", FG_TEXT("is out of memory")},
	{"container", "pause", "⏸", FG_TEXT("paused")},
	{"container", "rename", "✏️", FG_TEXT("got this name")},
	{"container", "restart", "🟢", FG_TEXT("restarted")},
	{"container", "start", "🟢", FG_TEXT("started")},
	{"container", "stop", "🔴", FG_TEXT("stopped")},
	{"container", "unpause", "🟢", FG_TEXT("goes on")},
	{"container", "update", "✏️", FG_TEXT("got other limits")},
	{"image", "delete", "📦", FG_TEXT("image removed")},
	{"image", "import", "📦", FG_TEXT("image imported")},
	{"image", "load", "📦", FG_TEXT("image loaded")},
	{"image", "pull", "📦", FG_TEXT("image pulled")},
	{"image", "push", "📦", FG_TEXT("image pushed")},
	{"image", "tag", "📦", FG_TEXT("image tagged")},
	{"network", "create", "🔗", FG_TEXT("network made")},
	{"network", "destroy", "🔗", FG_TEXT("network removed")},
	{"volume", "create", "💾", FG_TEXT("volume made")},
	{"volume", "destroy", "💾", FG_TEXT("volume removed")},
};

static int kind_of(const char *type, const char *action)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0 && strcmp(kinds[i].action, action) == 0)
			return (int)i;
	return -1;
}

/* Gathering */

static bool is_among(const struct fg_items *items, const struct fg_host *host, const char *id)
{
	for (size_t i = 0; i < items->n; i++)
		if (items->v[i].host == host && strcmp(items->v[i].c.id, id) == 0)
			return true;
	return false;
}

static const char *attr(const struct fg_event *ev, const char *key)
{
	const char *value = fg_event_attr(ev, key);

	return value ? value : "";
}

/* A container that is gone is judged by what its event tells: its name and its labels. */
static bool picks_gone(const struct fg_selector *sel, const struct fg_subject *subject)
{
	return !sel || (!fg_selector_excludes(sel) && fg_selector_match(sel, subject));
}

static bool is_asked(const struct asked *a, const struct fg_host *host, const struct fg_event *ev)
{
	struct fg_subject subject = {
		.name = ev->name,
		.host = host->name,
		.state = "",
		.health = "",
		.image = attr(ev, "image"),
		.template = attr(ev, FG_LABEL_TEMPLATE),
		.project = attr(ev, "com.docker.compose.project"),
		.id = ev->id,
		.labels = fg_json_path(ev->raw, "Actor.Attributes"),
	};

	/* Images, volumes and networks belong to the host. */
	if (strcmp(ev->type, "container") != 0)
		return fg_selector_only_hosts(a->c->person.scope) && fg_selector_only_hosts(a->sel);
	if (is_among(a->items, host, ev->id))
		return true;
	return picks_gone(a->c->person.scope, &subject) && picks_gone(a->sel, &subject);
}

static int number_of(const char *s, int otherwise)
{
	char *end;
	long number = *s >= '0' && *s <= '9' ? strtol(s, &end, 10) : -1;

	return number >= 0 && number <= 255 && !*end ? (int)number : otherwise;
}

static void keep(struct source *s, const struct fg_event *ev)
{
	struct happening *h = &s->v[s->next];

	*h = (struct happening){
		.time_ns = ev->time_ns,
		.host = s->host,
		.exit_code = -1,
	};
	snprintf(h->type, sizeof(h->type), "%s", ev->type);
	snprintf(h->action, sizeof(h->action), "%s", ev->action);
	snprintf(h->id, sizeof(h->id), "%s", ev->id);
	snprintf(h->name, sizeof(h->name), "%s", *ev->name ? ev->name : ev->id);
	if (strcmp(ev->action, "die") == 0)
		h->exit_code = number_of(attr(ev, "exitCode"), -1);
	if (strcmp(ev->action, "kill") == 0)
		h->signal = number_of(attr(ev, "signal"), 0);
	s->cut = s->cut || s->n == EVENTS_MOST;
	s->n += s->n < EVENTS_MOST;
	s->next = (s->next + 1) % EVENTS_MOST;
}

static void ask(void *arg)
{
	struct source *s = arg;
	const struct asked *a = s->asked;
	int64_t deadline = fg_now_ms() + READ_TIMEOUT;
	cleanup_events struct fg_events *events =
		fg_events_open(s->host->engine, a->from_ms * 1000000, a->to_ms * 1000000, &s->err);
	struct fg_event ev;

	s->rc = events ? 0 : -1;
	while (events && (s->rc = fg_events_next(events, &ev, deadline, &s->err)) > 0) {
		if (kind_of(ev.type, ev.action) >= 0 && is_asked(a, s->host, &ev))
			keep(s, &ev);
		fg_event_finish(&ev);
	}
	/* An engine whose clock is behind ours waits for the end of the time. */
	if (events && s->rc < 0 && s->err.code == FG_ETIMEOUT && !fg_task_canceled())
		s->rc = 0;
	fg_host_note(s->host, s->rc < 0 ? &s->err : NULL);
}

static int by_time(const void *a, const void *b)
{
	const struct happening *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* Showing */

static void add_what(struct fg_str *html, const struct happening *h)
{
	int kind = kind_of(h->type, h->action);
	char why[64];
	const char *meaning = NULL;

	if (kinds[kind].words) {
		html_printf(html, kinds[kind].words);
	} else if (h->signal) {
		const char *name = sigabbrev_np(h->signal);

		html_printf(html, "got signal %d", h->signal);
		if (name)
			html_printf(html, " (SIG%s)", name);
	} else if (h->exit_code >= 0) {
		meaning = format_exit(why, h->exit_code, false);
		html_printf(html, "died (exit %d%S%s)", h->exit_code, meaning ? ", " : "", meaning);
	} else {
		html_printf(html, strcmp(h->action, "kill") == 0 ? "got a signal" : "died");
	}
}

static void local_time(int64_t time_ns, struct tm *tm)
{
	time_t seconds = (time_t)(time_ns / 1000000000);

	localtime_r(&seconds, tm);
}

static bool same_day(const struct tm *a, const struct tm *b)
{
	return a->tm_year == b->tm_year && a->tm_yday == b->tm_yday;
}

/* Whether it goes into the line of the one before: "got signal 15 (SIGTERM), died, stopped". */
static bool goes_on(const struct happening *h, const struct happening *before)
{
	return h->host == before->host && strcmp(h->id, before->id) == 0 &&
	       strcmp(h->type, before->type) == 0 && h->time_ns - before->time_ns < TOGETHER_NS;
}

static void add_start(struct fg_str *html, const struct happening *h, const struct happening *last,
	const struct tm *tm, bool titled)
{
	cleanup_free char *name =
		strcmp(h->type, "image") == 0 ? format_image(h->name) : fg_strdup(h->name);
	cleanup_free char *cut = format_cut(name, NAME_WIDTH);
	char clock[16];

	strftime(clock, sizeof(clock), "%H:%M:%S", tm);
	html_printf(html, "<code>%s</code> %S <b>%s%S%s</b> ", clock,
		kinds[kind_of(last->type, last->action)].dot, titled ? h->host->name : "",
		titled ? "/" : "", cut);
}

static void add_lines(struct fg_str *html, const struct happening *v, size_t n, bool titled)
{
	struct tm tm, day;

	local_time(fg_wall_ms() * 1000000, &day);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && goes_on(&v[end], &v[end - 1]);)
			end++;
		local_time(v[i].time_ns, &tm);
		if (!same_day(&tm, &day)) {
			char date[16];

			strftime(date, sizeof(date), "%Y-%m-%d", &tm);
			html_printf(html, "<i>%s</i>\n", date);
			day = tm;
		}
		add_start(html, &v[i], &v[end - 1], &tm, titled);
		for (size_t k = i; k < end; k++) {
			fg_str_puts(html, k > i ? ", " : "");
			add_what(html, &v[k]);
		}
		fg_str_putc(html, '\n');
	}
}

static cJSON *data_of(const struct happening *h)
{
	cJSON *data = cJSON_CreateObject();
	char when[FG_RFC3339];

	cJSON_AddStringToObject(data, "time", fg_rfc3339(when, h->time_ns / 1000000));
	cJSON_AddStringToObject(data, "host", h->host->name);
	cJSON_AddStringToObject(data, "type", h->type);
	cJSON_AddStringToObject(data, "action", h->action);
	cJSON_AddStringToObject(data, "id", h->id);
	cJSON_AddStringToObject(data, "name", h->name);
	if (h->exit_code >= 0)
		cJSON_AddNumberToObject(data, "exit_code", h->exit_code);
	if (h->signal)
		cJSON_AddNumberToObject(data, "signal", h->signal);
	return data;
}

static void show(struct command *c, const struct source *sources, const struct places *places,
	const struct happening *v, size_t n, int64_t back_ms)
{
	struct fg_str *html = reply_add(c->reply);
	char human[FG_HUMAN], count[64];
	bool cut = false;

	for (size_t i = 0; i < places->n; i++)
		cut = cut || sources[i].cut;
	fg_duration_human(human, back_ms);
	if (n)
		html_printf(html, "🗓 <b>%s</b> in the last %s%S\n",
			format_count(count, n, "%zu event", "%zu events"), human,
			cut ? fg_tr(" (older ones are left out)") : "");
	else
		html_printf(html, "🗓 Nothing has happened in the last %s.\n", human);
	add_lines(html, v, n, fg_fleet_count(c->setup->fleet) > 1);
	for (size_t i = 0; i < places->n; i++)
		if (sources[i].rc < 0)
			html_printf(html, "⚠️ <b>%s</b>: %s\n", sources[i].host->name,
				sources[i].err.text);
	target_silent(html, &places->items);
	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; i < n && c->reply->terminal; i++)
		cJSON_AddItemToArray(c->reply->data, data_of(&v[i]));
}

/* Everything of every host in one array, oldest first. Caller frees. */
static struct happening *merge(const struct source *sources, size_t count, size_t *n)
{
	struct happening *all;

	*n = 0;
	for (size_t i = 0; i < count; i++)
		*n += sources[i].n;
	all = fg_alloc((*n + 1) * sizeof(*all));
	*n = 0;
	for (size_t i = 0; i < count; i++) {
		const struct source *s = &sources[i];

		for (size_t k = 0; k < s->n; k++)
			all[(*n)++] = s->v[(s->next + EVENTS_MOST - s->n + k) % EVENTS_MOST];
	}
	qsort(all, *n, sizeof(*all), by_time);
	return all;
}

static int read_all(struct command *c, struct source *sources, const struct places *places,
	const struct asked *asked)
{
	size_t failed = 0;

	for (size_t i = 0; i < places->n; i++) {
		sources[i] = (struct source){.host = places->v[i], .asked = asked, .rc = -1};
		sources[i].v = fg_alloc(EVENTS_MOST * sizeof(*sources[i].v));
	}
	if (places_each(c, "events of a host", ask, sources, places->n, sizeof(*sources)) < 0)
		return -1;
	for (size_t i = 0; i < places->n; i++)
		failed += sources[i].rc < 0;
	if (failed < places->n)
		return 0;
	c->err = sources[0].err;
	return fg_wrap(&c->err, "the events of %s", places->v[0]->name);
}

/* A word that is a time is one; the rest picks containers. */
static int take_back(struct command *c, const char **words, size_t *n, int64_t *back_ms)
{
	size_t kept = 0;
	struct fg_err err;

	*back_ms = 0;
	for (size_t i = 0; i < *n; i++) {
		int64_t ms;

		if (*back_ms == 0 && fg_duration_parse(words[i], &ms, &err) == 0 && ms > 0)
			*back_ms = ms;
		else
			words[kept++] = words[i];
	}
	words[kept] = NULL;
	*n = kept;
	if (*back_ms == 0)
		*back_ms = BACK_USUAL;
	if (*back_ms > BACK_MOST)
		return fg_fail(&c->err, FG_EINVAL, "at most 7d can be looked back");
	return 0;
}

static int events_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_free char *joined = words_join(c->words, c->n);
	cleanup_places struct places places = {0};
	cleanup_selector struct fg_selector *sel = NULL;
	cleanup_items struct fg_items picked = {0};
	cleanup_free struct source *sources = NULL;
	cleanup_free struct happening *all = NULL;
	struct asked asked = {.c = c, .to_ms = fg_wall_ms()};
	int64_t back_ms;
	size_t n = c->n, count = 0;
	struct fg_err nothing = {0};
	int rc;

	if (take_back(c, words, &n, &back_ms) < 0 || places_pick(c, words, &n, &places) < 0)
		return -1;
	if (n) {
		/* What is gone may have had events: that nothing is there is no error yet. */
		rc = command_pick(c, words, n, false, &picked);
		if (rc < 0 && c->err.code != FG_ENOTFOUND)
			return -1;
		nothing = c->err;
		sel = fg_selector_parse(words, n, &c->err);
		if (!sel)
			return -1;
		nothing.code = rc < 0 ? FG_ENOTFOUND : 0;
	}
	asked.from_ms = asked.to_ms - back_ms;
	asked.sel = sel;
	asked.items = n ? &picked : &places.items;
	sources = fg_alloc((places.n + 1) * sizeof(*sources));
	rc = read_all(c, sources, &places, &asked);
	all = rc < 0 ? NULL : merge(sources, places.n, &count);
	for (size_t i = 0; i < places.n; i++)
		free(sources[i].v);
	if (rc == 0 && nothing.code && !count) {
		c->err = nothing;
		return -1;
	}
	if (rc < 0)
		return -1;
	show(c, sources, &places, all, count, back_ms);
	keyboard_button(reply_keyboard(c->reply), "↻", true, "events%s%s", c->n ? " " : "", joined);
	return 0;
}

const struct command_row command_events = {
	.name = "events",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[1h] [SEL]",
	.help = "What happened on the hosts of late",
	.more = "By the hour, or as far back as you say (7d at most). Engines remember only so much: "
		"a Docker Engine its last few hundred events, of all kinds.\n"
		"\n"
		"/events\n"
		"/events 10m\n"
		"/events 24h web*\n"
		"/events 1h host=prod1",
	.run = events_run,
};
