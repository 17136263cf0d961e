/*
 * From events to happenings: each event moves how its container is seen, and most moves are told.
 *
 * A stream tells everything once and in order, so that an event is believed, but for containers
 * that were compared just now: what is on its way may be what the comparison has found, and another
 * comparison decides.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "watch/follower.h"

#define ASKED_MS 600000  /* who asks for an end allows this much grace at the most */
#define LABEL_MAX 65536u /* bytes */
#define SETTLE_MS \
	2000         /* an event comes so long after what it tells of, and clocks differ by that */
#define LOOK_MS 3000 /* an engine may take so long to say more of a container */
#define WRITTEN_MS 500 /* what a check saw is written down that long after it was told */

/* What the engine adds to the labels among an event's attributes. */
static const char *const no_labels[] = {"containerExitCode", "execDuration", "exitCode", "image",
	"name", "oldName", "signal", "health_status", "HealthStatus"};

static bool is_label(const char *key)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(no_labels); i++)
		if (strcmp(no_labels[i], key) == 0)
			return false;
	return true;
}

static char *clean(const char *text, int add(struct fg_str *out, const char *s, size_t len))
{
	struct fg_str out;

	fg_str_init(&out, LABEL_MAX);
	add(&out, text, strlen(text));
	return fg_str_take(&out);
}

cJSON *happen_labels(const cJSON *texts)
{
	cJSON *out, *item;

	if (!cJSON_IsObject(texts))
		return NULL;
	out = cJSON_CreateObject();
	cJSON_ArrayForEach (item, texts) {
		cleanup_free char *key = NULL, *value = NULL;

		if (!cJSON_IsString(item) || !item->string || !item->valuestring)
			continue;
		key = clean(item->string, fg_text_clean_line);
		value = clean(item->valuestring, fg_text_clean);
		cJSON_AddStringToObject(out, key, value);
	}
	return out;
}

static cJSON *labels_of(const struct fg_event *ev)
{
	cJSON *labels = happen_labels(fg_json_path(ev->raw, "Actor.Attributes")), *item, *next;

	for (item = labels ? labels->child : NULL; item; item = next) {
		next = item->next;
		if (!is_label(item->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(labels, item));
	}
	return labels;
}

static const char *attr(const struct fg_event *ev, const char *key)
{
	const char *value = fg_event_attr(ev, key);

	return value ? value : "";
}

/* -1: it is none. */
static int number_of(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	return *s && !*end && n >= 0 && n <= INT32_MAX ? (int)n : -1;
}

static int64_t ms_of(const struct fg_event *ev)
{
	return ev->time_ns / 1000000;
}

/* Died */

/*
 * Whether it was told to. What usually ends a process was meant to, whatever came of it; another
 * signal (HUP, USR1: read your config again) was when the end looks like it.
 */
static bool was_asked(const struct seen *s, int64_t at_ms, int exit_code)
{
	if (s->signal == 0 || at_ms - s->signal_ms > ASKED_MS)
		return false;
	switch (s->signal) {
	case SIGNAL_UNKNOWN:
	case SIGINT:
	case SIGKILL:
	case SIGQUIT:
	case SIGTERM:
		return true;
	default:
		return s->signal >= 32 || exit_code == 0 || exit_code == 128 + s->signal;
	}
}

struct fg_happening *happen_died(struct follower *f, struct seen *s, int64_t at_ms, int exit_code,
	cJSON *labels, bool missed)
{
	struct fg_happening *h = batch_add(f, FG_HAPPENED_DIED, s, at_ms, labels);

	h->exit_code = exit_code;
	h->asked = was_asked(s, at_ms, exit_code);
	h->signal = s->signal > 0 && h->asked ? s->signal : 0;
	h->missed = h->missed || missed;
	if (seen_up(s) && s->started_ms > 0 && at_ms >= s->started_ms)
		h->ran_ms = at_ms - s->started_ms;
	s->life = LIFE_ENDED;
	s->ended_ms = at_ms;
	s->signal = 0;
	s->health[0] = '\0';
	s->dirty = true;
	return h;
}

/* More of a container than an event says, in bounded time. */
static int look(struct follower *f, const char *id, struct fg_container_info *info)
{
	int64_t before = fg_task_deadline(FG_NEVER), most = fg_now_ms() + LOOK_MS;
	int rc;

	fg_task_deadline(before < most ? before : most);
	rc = fg_container_inspect(f->host->engine, id, info, NULL);
	fg_task_deadline(before);
	return rc;
}

static bool is_podman(const struct follower *f)
{
	return strcmp(f->host->version.kind, "podman") == 0;
}

static void asked_to_end(struct seen *s, int number, int64_t at_ms)
{
	s->signal = number;
	s->signal_ms = at_ms;
	s->dirty = true;
}

/* Podman has no event for a lack of memory. */
static void ask_for_oom(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	cleanup_info struct fg_container_info info = {0};

	if (!is_podman(f) || s->oom || look(f, s->id, &info) < 0 || !info.oom_killed)
		return;
	s->oom = true;
	batch_add(f, FG_HAPPENED_OOM, s, ms_of(ev), labels_of(ev));
}

static void on_die(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	int code = number_of(attr(ev, "exitCode"));

	/* nor one for the signal of a stop: the end alone tells of it */
	if (is_podman(f) && code == 128 + SIGTERM && s->signal == 0)
		asked_to_end(s, SIGTERM, ms_of(ev));
	if (code == 128 + SIGKILL && !was_asked(s, ms_of(ev), code))
		ask_for_oom(f, s, ev);
	happen_died(f, s, ms_of(ev), code, labels_of(ev), false);
}

/* The other events; s is never NULL. */

static void on_create(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	batch_add(f, FG_HAPPENED_CREATED, s, ms_of(ev), labels_of(ev));
}

/* Its end is among what was missed. */
static void died_before(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	cleanup_info struct fg_container_info info = {0};
	struct fg_happening *h = happen_died(f, s, ms_of(ev), -1, labels_of(ev), true);

	h->asked = h->asked || look(f, s->id, &info) < 0 || !happen_by_itself(&info);
}

static void on_start(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	if (seen_up(s))
		died_before(f, s, ev);
	s->life = LIFE_RUNNING;
	s->started_ms = ms_of(ev);
	s->health[0] = '\0';
	s->oom = false;
	s->signal = 0;
	s->dirty = true;
	batch_add(f, FG_HAPPENED_STARTED, s, ms_of(ev), labels_of(ev));
}

static void on_destroy(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	if (seen_up(s))
		happen_died(f, s, ms_of(ev), -1, labels_of(ev), true);
	batch_add(f, FG_HAPPENED_REMOVED, s, ms_of(ev), labels_of(ev));
	s->gone = true;
}

static void on_kill(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	int number = number_of(attr(ev, "signal"));

	(void)f;
	asked_to_end(s, number > 0 ? number : SIGNAL_UNKNOWN, ms_of(ev));
}

/* A stop and a restart: Docker says so when they are over, Podman, if at all, before the end, and
 * has no "kill" then. */
static void on_stop(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	if (is_podman(f) && seen_up(s) && s->signal == 0)
		asked_to_end(s, SIGNAL_UNKNOWN, ms_of(ev));
}

static void on_oom(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	s->oom = true;
	s->dirty = true;
	batch_add(f, FG_HAPPENED_OOM, s, ms_of(ev), labels_of(ev));
}

/* Podman says so also when it failed, as an ordinary user's does without a cgroup. */
static void on_pause(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	cleanup_info struct fg_container_info info = {0};

	if (is_podman(f) && look(f, s->id, &info) >= 0 && strcmp(info.state, "paused") != 0)
		return;
	s->life = LIFE_PAUSED;
	s->dirty = true;
	batch_add(f, FG_HAPPENED_PAUSED, s, ms_of(ev), labels_of(ev));
}

static void on_unpause(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	s->life = LIFE_RUNNING;
	s->dirty = true;
	batch_add(f, FG_HAPPENED_UNPAUSED, s, ms_of(ev), labels_of(ev));
}

static void on_rename(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	cleanup_free char *before = fg_strdup(s->name);
	struct fg_happening *h;

	if (!*ev->name || strcmp(ev->name, s->name) == 0)
		return;
	seen_rename(s, ev->name);
	h = batch_add(f, FG_HAPPENED_RENAMED, s, ms_of(ev), labels_of(ev));
	free((char *)h->before);
	h->before = fg_steal(&before);
}

static void health_is(
	struct follower *f, struct seen *s, int64_t at_ms, cJSON *labels, const char *word)
{
	cleanup_json cJSON *own = labels;
	struct fg_happening *h;

	if (!*word || strcmp(word, s->health) == 0)
		return;
	snprintf(s->health, sizeof(s->health), "%s", word);
	s->dirty = true;
	if (strcmp(word, "healthy") != 0 && strcmp(word, "unhealthy") != 0)
		return;
	h = batch_add(f, FG_HAPPENED_HEALTH, s, at_ms, fg_steal(&own));
	free((char *)h->health);
	h->health = fg_strdup(word);
}

/* Podman says only that it has looked, and that before it has written down what it saw; when it
 * adds a word, that may be of the check before. */
static void on_health(struct follower *f, struct seen *s, const struct fg_event *ev)
{
	static const char prefix[] = "health_status: ";
	cleanup_info struct fg_container_info info = {0};

	if (is_podman(f)) {
		s->ask_health = true;
		if (!f->health_ms)
			f->health_ms = fg_now_ms() + WRITTEN_MS;
	}
	if (strncmp(ev->action, prefix, sizeof(prefix) - 1) == 0)
		health_is(f, s, ms_of(ev), labels_of(ev), ev->action + sizeof(prefix) - 1);
	else if (look(f, s->id, &info) >= 0)
		health_is(f, s, ms_of(ev), labels_of(ev), info.health);
}

void happen_health(struct follower *f)
{
	f->health_ms = 0;
	for (size_t i = 0; i < f->seen.n; i++) {
		cleanup_info struct fg_container_info info = {0};
		struct seen *s = f->seen.v[i];

		if (!s->ask_health)
			continue;
		s->ask_health = false;
		if (!s->gone && seen_up(s) && look(f, s->id, &info) >= 0)
			health_is(f, s, fg_wall_ms() - f->cursor.skew_ms, NULL, info.health);
	}
}

static const struct action {
	const char *word;
	void (*happen)(struct follower *f, struct seen *s, const struct fg_event *ev);
	bool makes; /* one that was not there */
	bool tells; /* of what a comparison may have found already */
} actions[] = {
	{"create", on_create, true, false},
	{"destroy", on_destroy, false, false},
	{"die", on_die, true, true},
	{"health_status", on_health, false, true},
	{"kill", on_kill, false, false},
	{"oom", on_oom, false, true},
	{"pause", on_pause, false, true},
	{"rename", on_rename, false, false},
	{"restart", on_stop, false, false},
	{"start", on_start, true, true},
	{"stop", on_stop, false, false},
	{"unpause", on_unpause, false, true},
};

static const struct action *action_of(const char *word)
{
	size_t n = strcspn(word, ":");

	for (size_t i = 0; i < FG_ARRAY_LEN(actions); i++)
		if (strncmp(actions[i].word, word, n) == 0 && !actions[i].word[n])
			return &actions[i];
	return NULL;
}

/* Than what a comparison has found, by the engine's clock and not by when it gets here. */
static bool is_later(struct seen *s, int64_t at_ms)
{
	int64_t found = s->compared_ms;

	if (found && s->started_ms > found)
		found = s->started_ms;
	if (found && at_ms > found + SETTLE_MS)
		found = s->compared_ms = 0;
	return found == 0;
}

/* Told by a comparison already, or decided by another one. */
static bool is_known(struct follower *f, const struct seen *s, const struct action *action)
{
	bool up = seen_up(s);
	struct fg_err err;

	if (compare_one(f, s->id, &err) == 0)
		return true;
	return err.code == FG_ENOTFOUND &&
	       ((action->happen == on_die && !up) || (action->happen == on_start && up));
}

void happen_event(struct follower *f, const struct fg_event *ev)
{
	const struct action *action;
	struct seen *s;

	if ((*ev->type && strcmp(ev->type, "container") != 0) || !*ev->id ||
		strlen(ev->id) >= FG_ID_SIZE)
		return;
	action = action_of(ev->action);
	if (!action)
		return;
	s = seen_find(&f->seen, ev->id);
	if (s && action->happen == on_create) /* it was there to be compared already */
		return;
	if (s && action->tells && !is_later(s, ms_of(ev)) && is_known(f, s, action))
		return;
	if (!s && action->makes) {
		cleanup_json cJSON *labels = labels_of(ev);
		cleanup_free char *image = clean(attr(ev, "image"), fg_text_clean_line);

		s = seen_add(&f->seen, ev->id, ev->name, image, labels);
	}
	if (s)
		action->happen(f, s, ev);
}
