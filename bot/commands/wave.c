/*
 * Waves as a command meets them: from its words to a plan, and from a pressed button back to it.
 */
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/update.h"
#include "commands/wave.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/spec.h"

#define NOTE "wave " /* of a command that has begun: then the plan's id, or "back " and that */
#define BACK "back "
#define PREVIEW_CAP 131072 /* more than a few messages goes as a file */

static struct fg_list running = FG_LIST_INIT(running);

static struct waves *waves_create(struct command *c)
{
	struct waves *waves = fg_alloc(sizeof(*waves));
	unsigned char raw[sizeof(waves->id) / 2];

	waves->app = c->app;
	waves->kept = c->update_id != 0;
	waves->command = fg_strdup(c->row->name);
	waves->line = fg_strdup(c->line);
	randombytes_buf(raw, sizeof(raw));
	sodium_bin2hex(waves->id, sizeof(waves->id), raw, sizeof(raw));
	fg_cond_init(&waves->changed);
	return waves;
}

bool wave_resumed(const struct waves *waves)
{
	return waves && waves->resumed;
}

void wave_halt(struct waves *waves, bool failed, const char *fmt, ...)
{
	va_list args;
	char text[512];

	if (waves->halted)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	waves->halted = fg_strdup(text);
	waves->failed = failed;
	fg_cond_broadcast(&waves->changed);
}

static void set_todo(
	struct waves *waves, bool (*due)(const struct waves *, const struct wave_target *))
{
	waves->todo = fg_alloc((waves->n + 1) * sizeof(*waves->todo));
	for (size_t i = 0; i < waves->n; i++)
		if (due(waves, &waves->v[i]))
			waves->todo[waves->todo_n++] = &waves->v[i];
}

static bool is_waiting(const struct waves *waves, const struct wave_target *target)
{
	(void)waves;
	return target->state == WAVE_WAITING;
}

/* Asking */

static void plan(struct waves *waves, const struct fg_items *items, const struct fg_items *shown)
{
	cleanup_free int *wave_of = fg_alloc((items->n + 1) * sizeof(*wave_of));

	waves->count = wave_split(&waves->parts, items, wave_of);
	waves->v = fg_alloc((items->n + 1) * sizeof(*waves->v));
	waves->n = items->n;
	for (size_t i = 0; i < items->n; i++) {
		const struct fg_item *item = &items->v[i];
		struct wave_target *t = &waves->v[i];

		*t = (struct wave_target){
			.wave = wave_of[i],
			.host = fg_strdup(item->host->name),
			.name = fg_strdup(item->c.name),
			.agreed = fg_strdup(shown->v[i].c.id),
			.before = fg_strdup(""),
			.after = fg_strdup(""),
			.restarts = -1,
			.paused = fg_host_paused(item->host),
		};
		snprintf(t->id, sizeof(t->id), "%s", item->c.id);
		snprintf(t->was, sizeof(t->was), "%s", item->c.state);
	}
	set_todo(waves, is_waiting);
}

/* What is agreed to is a container in its wave: both are in the hash it is known by until then. The
 * copies share what the items own, and have been listed in the preview. */
static struct fg_items frozen(const struct waves *waves, const struct fg_items *shown)
{
	struct fg_items out = *shown;

	out.v = fg_alloc((shown->n + 1) * sizeof(*out.v));
	for (size_t i = 0; i < shown->n; i++) {
		cleanup_json cJSON *what = cJSON_CreateObject();
		char hash[FG_HASH_SIZE];

		cJSON_AddStringToObject(what, "id", waves->v[i].id);
		cJSON_AddStringToObject(what, "agreed", waves->v[i].agreed);
		fg_json_set_i64(what, "wave", waves->v[i].wave);
		fg_spec_hash(what, hash);
		out.v[i] = shown->v[i];
		out.v[i].c.state[0] = '\0';
		snprintf(out.v[i].c.id, sizeof(out.v[i].c.id), "%s", strchr(hash, ':') + 1);
	}
	return out;
}

int wave_confirm(struct command *c, struct waves *waves, const struct fg_items *items,
	const struct fg_items *shown, struct fg_str *preview)
{
	struct fg_items agreed;
	int rc;

	if (!waves)
		return command_confirm(c, shown, preview->s);
	if (waves->resumed)
		return 1;
	plan(waves, items, shown);
	wave_preview(preview, waves, items);
	if (preview->full)
		return fg_fail(&c->err, FG_ETOOBIG,
			"%zu containers are too many to be shown at once: name fewer", items->n);
	agreed = frozen(waves, shown);
	rc = command_confirm(c, &agreed, preview->s);
	free(agreed.v);
	return rc;
}

/* Beginning */

static int put(struct fg_tx *tx, void *arg, struct fg_err *err)
{
	return wave_put(tx, arg, err);
}

int wave_begin(struct command *c, struct waves *waves, const struct fg_items *items)
{
	char note[40];

	if (!waves || !waves->kept)
		return command_begin(c, items, NULL);
	snprintf(note, sizeof(note), "%s%s", waves->back ? BACK : NOTE, waves->id);
	if (command_begin_with(c, items, note, put, waves) < 0)
		return -1;
	fg_list_append(&running, &waves->link);
	return 0;
}

/* Pressed buttons */

static struct waves *find_running(const char *id)
{
	struct waves *waves;

	fg_list_each (&running, waves, link)
		if (strcmp(waves->id, id) == 0)
			return waves;
	return NULL;
}

/* Whether it is one of them: as it was, as it is, or by its name. */
static bool is_target(const struct waves *waves, const struct fg_item *item)
{
	for (size_t i = 0; i < waves->n; i++) {
		const struct wave_target *t = &waves->v[i];

		if (strcmp(item->host->name, t->host) == 0 &&
			(strcmp(item->c.id, t->id) == 0 || strcmp(item->c.id, t->now_id) == 0 ||
				strcmp(item->c.name, t->name) == 0))
			return true;
	}
	return false;
}

static bool in_scope(const struct command *c, const struct fg_item *item)
{
	struct fg_subject subject = fg_item_subject(item);

	return !c->person.scope || fg_selector_match(c->person.scope, &subject);
}

static int check_items(
	struct command *c, const struct waves *waves, const struct fg_item *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_target(waves, &v[i]) && !in_scope(c, &v[i]))
			return fg_fail(&c->err, FG_EDENIED,
				"these waves are about more than what you may change");
	return 0;
}

/* A host that does not answer is named to those who are known to see something of the waves on it.
 */
static int check_silent(
	struct command *c, const struct waves *waves, const struct fg_items *all, size_t silent)
{
	const struct fg_host *host = all->silent[silent];
	bool about = false, seen = false;

	for (size_t i = 0; i < waves->n && !about; i++)
		about = strcmp(waves->v[i].host, host->name) == 0;
	for (size_t i = 0; i < all->stale_n && !seen; i++)
		seen = all->stale[i].host == host && is_target(waves, &all->stale[i]);
	if (!about)
		return 0;
	if (!seen)
		return fg_fail(&c->err, FG_EUNREACHABLE,
			"a host of these waves does not answer, so it is not known whether you may do that");
	return fg_fail(&c->err, FG_EUNREACHABLE,
		"%s does not answer, so it is not known whether you may do that", host->name);
}

/* Who presses may change all of it, or none: what is there has to be in their scope. What is gone,
 * in nobody's, does not matter; on a host that does not answer nobody can tell, and only what was
 * last known of it counts where it is but halted. */
static int check_scope(
	struct command *c, const struct waves *waves, const struct fg_items *all, bool halts)
{
	if (!c->person.scope)
		return 0;
	if (check_items(c, waves, all->v, all->n) < 0 ||
		check_items(c, waves, all->stale, all->stale_n) < 0)
		return -1;
	for (size_t i = 0; i < all->silent_n && !halts; i++)
		if (check_silent(c, waves, all, i) < 0)
			return -1;
	return 0;
}

/* The containers to be worked on, as they are now; of one that is not there, what is known of it.
 */
static int take_items(struct command *c, const struct waves *waves, const struct fg_items *all,
	struct fg_items *out)
{
	out->v = fg_alloc((waves->todo_n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < waves->todo_n; i++) {
		const struct wave_target *t = waves->todo[i];
		const char *id = waves->back ? t->now_id : t->id;
		struct fg_item *item = &out->v[i];
		const struct fg_container *found = NULL;

		item->host = fg_fleet_find(c->setup->fleet, t->host);
		if (!item->host)
			return fg_fail(&c->err, FG_ENOTFOUND,
				"nothing was done, for %s is no longer in the config", t->host);
		for (size_t k = 0; k < all->n && !found; k++)
			if (strcmp(all->v[k].c.id, id) == 0 && all->v[k].host == item->host)
				found = &all->v[k].c;
		out->n++;
		if (found) {
			fg_container_copy(&item->c, found);
			continue;
		}
		snprintf(item->c.id, sizeof(item->c.id), "%s", id);
		item->c.name = fg_strdup(t->name);
		item->c.image = fg_strdup("");
		item->c.image_id = fg_strdup("");
		item->c.status = fg_strdup("");
		item->c.labels = cJSON_CreateObject();
	}
	return 0;
}

/* For the audit and the log: what it is that is done to which line. */
static void say_line(struct command *c, const struct waves *waves, const char *what)
{
	free(c->own_line);
	c->own_line = fg_printf("%s (wave=%s)", waves->line, what);
	c->line = c->own_line;
}

static void about(struct command *c, const struct waves *waves)
{
	cleanup_json cJSON *targets = cJSON_CreateArray();

	for (size_t i = 0; i < waves->n; i++) {
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "host", waves->v[i].host);
		cJSON_AddStringToObject(one, "name", waves->v[i].name);
		cJSON_AddItemToArray(targets, one);
	}
	command_about_frozen(c, targets);
}

/* The plan that a button is about, when that button may be pressed. What was interrupted is settled
 * first: what it has become has to be in scope, too. */
static struct waves *take(struct command *c, const char *id, const char *what, struct fg_items *all)
{
	cleanup_waves struct waves *waves = wave_load(c->app, id, &c->err);
	bool halts = strcmp(what, "halt") == 0;

	if (!waves)
		return NULL;
	say_line(c, waves, what);
	about(c, waves);
	if (strcmp(waves->command, c->row->name) != 0) {
		fg_fail(&c->err, FG_EINVAL, "these are the waves of /%s", waves->command);
		return NULL;
	}
	if (!find_running(id))
		wave_settle(c, waves);
	/* An engine that says nothing is no reason not to halt. */
	if (halts && !c->person.scope)
		return fg_steal(&waves);
	if ((halts ? fg_fleet_list_known : fg_fleet_list)(
		    c->setup->fleet, NULL, NULL, all, &c->err) < 0 ||
		check_scope(c, waves, all, halts) < 0)
		return NULL;
	return fg_steal(&waves);
}

static int halt(struct command *c, const char *id)
{
	cleanup_items struct fg_items all = {0};
	cleanup_waves struct waves *waves = take(c, id, "halt", &all);
	struct waves *now;

	if (!waves)
		return -1;
	now = find_running(id);
	if (!now || now->back)
		return fg_fail(&c->err, FG_ECONFLICT, "these waves are not under way");
	wave_halt(now, false, fg_tr("by %s"), c->person.name);
	/* The message with the button says so by itself. */
	if (!c->reply->edit_id)
		reply_html(c->reply, "⏸ Nothing else is begun.");
	return 0;
}

/* The next round of a plan: its targets that are due, as items. NULL: not now. */
static struct waves *next_round(
	struct command *c, const char *id, int64_t round, bool back, struct fg_items *items)
{
	cleanup_items struct fg_items all = {0};
	cleanup_waves struct waves *waves = take(c, id, back ? "back" : "continue", &all);

	if (!waves)
		return NULL;
	if (back && !roles_allow(&c->person, command_find("rollback"))) {
		fg_fail(&c->err, FG_EDENIED, "you may not use /%s%s%s", "rollback", "", "");
		return NULL;
	}
	if (find_running(id)) {
		fg_fail(&c->err, FG_ECONFLICT, "these waves are under way already");
		return NULL;
	}
	if (waves->round != round) {
		fg_fail(&c->err, FG_ECONFLICT,
			"this button is from before: the waves have gone on since");
		return NULL;
	}
	waves->resumed = !back;
	waves->back = back;
	set_todo(waves, back ? wave_can_back : is_waiting);
	if (!waves->todo_n) {
		fg_fail(&c->err, FG_ECONFLICT, "there is nothing left to do");
		return NULL;
	}
	if (take_items(c, waves, &all, items) < 0)
		return NULL;
	for (size_t i = 0; i < waves->todo_n; i++)
		waves->todo[i]->paused = fg_host_paused(items->v[i].host);
	return fg_steal(&waves);
}

/*
 * What was confirmed goes on at once, and one container goes back at once, which the message has
 * named; several that go back are asked about, as anything is on a host that is paused. The
 * question is a message of its own, for the report and its buttons stay. As command_confirm().
 */
static int ask(struct command *c, const char *line, const struct waves *waves,
	const struct fg_items *items)
{
	const struct command_row *row = c->row;
	cleanup_str struct fg_str preview = {0};
	const char *told = c->line;
	bool due = c->frozen || (waves->back && items->n > 1);
	int rc;

	for (size_t i = 0; i < waves->todo_n; i++)
		due = due || waves->todo[i]->paused;
	if (!due)
		return 1;
	fg_str_init(&preview, PREVIEW_CAP);
	if (waves->back)
		wave_back_preview(&preview, waves, items);
	else
		wave_continue_preview(&preview, items);
	c->line = line;
	if (waves->back)
		c->row = command_find("rollback");
	rc = command_confirm(c, items, preview.s);
	c->row = row;
	c->line = told;
	if (rc == 0)
		c->reply->edit_id = 0;
	return rc;
}

static int press(struct command *c, const char *text, struct fg_items *items, struct waves **out)
{
	cleanup_waves struct waves *waves = NULL;
	cleanup_free char *what = NULL, *id = NULL;
	const char *colon = strchr(text, ':'), *second = strchr(colon + 1, ':'), *line = c->line;
	int64_t round = second ? strtoll(second + 1, NULL, 10) : 0;
	bool back;
	int rc;

	what = fg_strndup(text, (size_t)(colon - text));
	id = second ? fg_strndup(colon + 1, (size_t)(second - colon - 1)) : fg_strdup(colon + 1);
	if (c->asking != ASK_CHAT)
		return fg_fail(&c->err, FG_EINVAL,
			"waves are halted, continued and rolled back with the buttons in a chat");
	if (strcmp(what, "halt") == 0)
		return halt(c, id);
	back = strcmp(what, "back") == 0;
	if (!back && strcmp(what, "continue") != 0)
		return fg_fail(&c->err, FG_EINVAL, "waves know halt, continue and back");
	waves = next_round(c, id, round, back, items);
	if (!waves)
		return -1;
	rc = ask(c, line, waves, items);
	if (rc <= 0)
		return rc;
	if (back)
		return update_back(c, items, waves);
	*out = fg_steal(&waves);
	return 1;
}

int wave_pick(
	struct command *c, const char **words, size_t n, struct fg_items *items, struct waves **out)
{
	cleanup_waves struct waves *waves = NULL;
	const char *text = command_option(words, &n, "wave");

	*out = NULL;
	if (text && strchr(text, ':'))
		return press(c, text, items, out);
	if (text) {
		waves = waves_create(c);
		if (wave_parse(text, &waves->parts, &c->err) < 0)
			return -1;
	}
	if (command_pick(c, words, n, false, items) < 0)
		return -1;
	*out = fg_steal(&waves);
	return 1;
}

/* After a start */

int wave_interrupted(struct command *c, const char *note)
{
	bool back = strncmp(note, BACK, strlen(BACK)) == 0;
	cleanup_waves struct waves *waves = NULL;

	if (!back && strncmp(note, NOTE, strlen(NOTE)) != 0)
		return -1;
	waves = wave_load(c->app, strchr(note, ' ') + 1, &c->err);
	if (!waves)
		return -1;
	wave_settle(c, waves);
	wave_interrupted_html(c, waves, back);
	return 0;
}
