/*
 * /incidents /ack: what is not as it should be, and what was; and that somebody knows of it.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/format.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "notify/crowd.h"
#include "notify/mutes.h"
#include "notify/recap.h"
#include "notify/text.h"

#define PAGE 8

/* The number that "12" and "#12" are; 0: it is none. */
static int64_t parse_id(const char *word)
{
	char *end;
	long long id;

	word += *word == '#';
	id = strtoll(word, &end, 10);
	return *word >= '0' && *word <= '9' && !*end && id < INT64_MAX ? id : 0;
}

static bool several_hosts(const struct command *c)
{
	return fg_fleet_count(c->setup->fleet) > 1;
}

/* For programs */

static void add_time(cJSON *data, const char *key, int64_t wall_ms)
{
	char time[FG_RFC3339];

	if (wall_ms)
		cJSON_AddStringToObject(data, key, fg_rfc3339(time, wall_ms));
}

static cJSON *incident_data(const struct incident *i)
{
	cJSON *data = cJSON_CreateObject();

	fg_json_set_i64(data, "id", i->id);
	cJSON_AddStringToObject(data, "kind", incident_kind_word(i->kind));
	cJSON_AddStringToObject(data, "state", incident_state_word(i->state));
	cJSON_AddStringToObject(data, "host", i->host);
	cJSON_AddStringToObject(data, "name", i->name);
	cJSON_AddStringToObject(data, "container_id", i->container_id);
	cJSON_AddStringToObject(data, "project", i->project);
	cJSON_AddStringToObject(data, "image", i->image);
	add_time(data, "opened_at", i->opened_ms);
	add_time(data, "last_at", i->last_ms);
	add_time(data, "recovered_at", i->recovered_ms);
	add_time(data, "acked_at", i->acked_ms);
	if (i->acked_ms)
		cJSON_AddStringToObject(data, "acked_by", i->acked_by);
	fg_json_set_i64(data, "count", i->count);
	cJSON_AddItemToObject(data, "facts", cJSON_Duplicate(i->facts, true));
	return data;
}

/* The list */

struct listing {
	struct command *c;
	struct fg_str lines;
	int64_t now_ms;
	int64_t ids[PAGE];
	char *names[PAGE];
	size_t n, unacked; /* of this page */
};

static void listing_finish(struct listing *l)
{
	fg_str_finish(&l->lines);
	for (size_t i = 0; i < PAGE; i++)
		free(l->names[i]);
}
#define cleanup_listing __attribute__((cleanup(listing_finish)))

static void add_line(const struct incident *i, void *arg)
{
	struct listing *l = arg;
	struct fg_subject subject = incident_subject(i);
	char ago[FG_HUMAN];

	incident_line(&l->lines, i, several_hosts(l->c));
	html_printf(&l->lines, "\n#%lld · %s", i->id, format_ago(ago, i->last_ms, l->now_ms));
	if (i->count > 1)
		html_printf(&l->lines, " · %lld times", i->count);
	if (i->acked_ms)
		html_printf(&l->lines, " · 👌 %s", i->acked_by);
	if (i->state == INCIDENT_OPEN && mutes_until(l->c->app->store, &subject, l->now_ms))
		fg_str_puts(&l->lines, " · 🔕");
	fg_str_puts(&l->lines, "\n");
	cJSON_AddItemToArray(l->c->reply->data, incident_data(i));
	l->unacked += i->state == INCIDENT_OPEN && !i->acked_ms;
	if (l->n < PAGE) {
		l->ids[l->n] = i->id;
		l->names[l->n++] = format_cut(*i->name ? i->name : i->host, 16);
	}
}

static int add_heading(struct command *c, struct fg_str *html, bool all, int64_t total)
{
	cleanup_recap struct recap recap = {0};

	if (recap_take_open(c->app->store, c->setup, c->person.scope, &recap, &c->err) < 0)
		return -1;
	if (recap.open)
		html_printf(html,
			fg_ntr("⚠️ <b>%d open incident</b>", "⚠️ <b>%d open incidents</b>",
				recap.open),
			(int)recap.open);
	else
		html_printf(html, "🟢 <b>No open incidents</b>");
	if (recap.updates)
		html_printf(html,
			fg_ntr(" · ⬆️ %d newer image", " · ⬆️ %d newer images",
				recap.updates),
			(int)recap.updates);
	if (all && (size_t)total > recap.open + recap.updates)
		html_printf(html, " · %d over", (int)total - (int)(recap.open + recap.updates));
	fg_str_puts(html, "\n\n");
	return 0;
}

static void add_buttons(
	struct command *c, const struct listing *l, bool all, size_t page, size_t pages)
{
	cJSON *keyboard = reply_keyboard(c->reply);
	const char *which = all ? "all" : "open";
	const struct {
		const char *label;
		bool shown;
		size_t page;
	} turns[] = {
		{"◀️", page > 1, page - 1},
		{"↻", true, page},
		{"▶️", page < pages, page + 1},
	};

	for (size_t i = 0; i < l->n; i++) {
		cleanup_free char *label = fg_printf("#%lld %s", (long long)l->ids[i], l->names[i]);

		if (i % 2 == 0)
			keyboard_row(keyboard);
		keyboard_button(keyboard, label, false, "incidents %lld", (long long)l->ids[i]);
	}
	keyboard_row(keyboard);
	for (size_t i = 0; i < FG_ARRAY_LEN(turns); i++)
		if (turns[i].shown)
			keyboard_button(keyboard, turns[i].label, true, "incidents %s page=%zu",
				which, turns[i].page);
	keyboard_button(keyboard, fg_tr(all ? "⚠️ Open" : "🕘 All"), true, "incidents %s",
		all ? "open" : "all");
	if (l->unacked && target_may(c, "ack"))
		keyboard_button(keyboard, fg_tr("👌 Ack all"), false, "ack all");
}

static int list(struct command *c, bool all, const char *wanted)
{
	cleanup_listing struct listing l = {.c = c, .now_ms = fg_wall_ms()};
	size_t page = places_page(wanted), pages, size = c->reply->terminal && !wanted ? 0 : PAGE;
	struct incidents_filter filter = {
		.open_only = !all,
		.scope = c->person.scope,
		.most = size,
	};
	struct fg_str *html;
	int64_t total;

	if (page == 0)
		return command_usage(c, "page= takes a number from 1 up");
	/* They may have become fewer since the button was made. */
	total = incidents_each(c->app->store, &filter, NULL, NULL, &c->err);
	if (total < 0)
		return -1;
	pages = size && total ? ((size_t)total + size - 1) / size : 1;
	page = page < pages ? page : pages;
	filter.skip = size * (page - 1);
	fg_str_init(&l.lines, (size_t)256 * 1024);
	c->reply->data = cJSON_CreateArray();
	html = reply_add(c->reply);
	if (add_heading(c, html, all, total) < 0 ||
		incidents_each(c->app->store, &filter, add_line, &l, &c->err) < 0)
		return -1;
	fg_str_puts(html, l.lines.s);
	if (pages > 1)
		html_printf(html, "\nPage %d of %d\n", (int)page, (int)pages);
	add_buttons(c, &l, all, page, pages);
	return 0;
}

/* One */

static void copy_one(const struct incident *i, void *arg)
{
	struct incident **out = arg;

	if (!*out)
		*out = incident_copy(i);
}

/* As the person may see it; the caller destroys it. NULL: err. */
static struct incident *find(struct command *c, int64_t id)
{
	struct incidents_filter filter = {.id = id, .scope = c->person.scope, .most = 1};
	struct incident *found = NULL;

	if (incidents_each(c->app->store, &filter, copy_one, &found, &c->err) >= 0 && !found)
		fg_fail(&c->err, FG_ENOTFOUND, "there is no incident #%lld", (long long)id);
	return found;
}

/* The buttons that the person may press. */
static void offer(struct command *c, const struct crowd *crowd, const struct text_frame *frame)
{
	cleanup_json cJSON *all = text_buttons(crowd, frame);
	cJSON *keyboard = reply_keyboard(c->reply);
	const cJSON *row, *button;

	cJSON_ArrayForEach (row, fg_json_array(all, "rows")) {
		keyboard_row(keyboard);
		cJSON_ArrayForEach (button, row) {
			const char *line = fg_json_str(button, "command", "");
			cleanup_free char *name = words_first(line);

			if (target_may(c, name))
				keyboard_button(keyboard, fg_json_str(button, "text", ""), false,
					"%s", line);
		}
	}
	keyboard_row(keyboard);
	keyboard_button(keyboard, fg_tr("⚠️ Open"), false, "incidents open");
}

static int show_one(struct command *c, int64_t id)
{
	struct incident *incident = find(c, id);
	cleanup_crowd struct crowd crowd = {0};
	struct fg_subject subject;
	struct text_frame frame = {
		.several_hosts = several_hosts(c),
		.scope = fg_selector_text(c->person.scope),
		.now_ms = fg_wall_ms(),
	};

	if (!incident)
		return -1;
	subject = incident_subject(incident);
	frame.muted_ms = mutes_until(c->app->store, &subject, frame.now_ms);
	crowd_add(&crowd, incident);
	text_crowd(reply_add(c->reply), &crowd, &frame);
	offer(c, &crowd, &frame);
	c->reply->data = incident_data(incident);
	incident_destroy(incident);
	return 0;
}

static int incidents_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	size_t n = c->n;
	const char *page = command_option(words, &n, "page");
	const char *which = n ? words[0] : "open";

	if (n > 1)
		return command_usage(c, "that is too much");
	if (strcmp(which, "open") == 0 || strcmp(which, "all") == 0)
		return list(c, *which == 'a', page);
	if (!parse_id(which))
		return command_usage(c, "it is open, all, or the number of one");
	return show_one(c, parse_id(which));
}

/* Acknowledging */

#define ACK_MOST 50 /* numbers in one command */

struct acking {
	int64_t *ids;
	size_t n;
};

static void take_id(const struct incident *i, void *arg)
{
	struct acking *a = arg;

	if (i->acked_ms || i->kind == INCIDENT_UPDATE)
		return;
	a->ids = fg_realloc(a->ids, a->n + 1, sizeof(*a->ids));
	a->ids[a->n++] = i->id;
}

/* In one transaction; *done of them were not acknowledged before. */
static int ack(struct command *c, const int64_t *ids, size_t n, int *done)
{
	cleanup_tx struct fg_tx tx = {0};
	char author[96];

	*done = 0;
	command_author(c, author);
	if (command_begin(c, NULL, NULL) < 0 || fg_tx_begin(c->app->store, &tx, &c->err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int rc = incidents_ack(&tx, ids[i], author, fg_wall_ms(), &c->err);

		if (rc < 0)
			return -1;
		*done += rc;
	}
	if (fg_tx_commit(&tx, &c->err) < 0)
		return -1;
	if (c->app->notify)
		notify_kick(c->app->notify);
	return 0;
}

static int not_an_id(struct command *c)
{
	return command_usage(c, "it is the number of an incident, or all");
}

static int say_acked(struct command *c, int done)
{
	if (done == 0)
		return reply_html(
			c->reply, "👌 There is no open incident that nobody has acknowledged.");
	return reply_html(c->reply,
		fg_ntr("👌 %d incident is acknowledged.", "👌 %d incidents are acknowledged.",
			(size_t)done),
		done);
}

/* All, or those that a message tells of; bulletin 0: all. */
static int ack_all(struct command *c, int64_t bulletin)
{
	struct incidents_filter filter = {
		.open_only = true, .bulletin = bulletin, .scope = c->person.scope};
	struct acking all = {0};
	int done = 0,
	    rc = incidents_each(c->app->store, &filter, take_id, &all, &c->err) < 0 ? -1 : 0;

	if (rc == 0)
		rc = ack(c, all.ids, all.n, &done);
	free(all.ids);
	return rc < 0 ? -1 : say_acked(c, done);
}

/* All of them, or none. */
static int ack_several(struct command *c)
{
	int64_t ids[ACK_MOST];
	int done = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct incident *incident;

		ids[i] = parse_id(c->words[i]);
		if (!ids[i])
			return not_an_id(c);
		incident = find(c, ids[i]);
		if (!incident)
			return -1;
		incident_destroy(incident);
	}
	return ack(c, ids, c->n, &done) < 0 ? -1 : say_acked(c, done);
}

static int ack_one(struct command *c, int64_t id)
{
	struct incident *incident = find(c, id);
	cleanup_str struct fg_str line = {0};
	int done, rc = incident ? 0 : -1;

	if (rc == 0 && incident->state != INCIDENT_OPEN)
		rc = fg_fail(&c->err, FG_ECONFLICT, "incident #%lld is over", (long long)id);
	if (rc == 0)
		rc = ack(c, &id, 1, &done);
	if (rc == 0) {
		fg_str_init(&line, HTML_MESSAGE);
		incident_line(&line, incident, several_hosts(c));
		if (done)
			reply_html(c->reply, "👌 #%lld is acknowledged.\n%S", id, line.s);
		else
			reply_html(c->reply, "👌 #%lld was acknowledged by %s already.\n%S", id,
				incident->acked_by, line.s);
	}
	incident_destroy(incident);
	return rc;
}

static int ack_run(struct command *c)
{
	static const char of_message[] = "message="; /* of its button */
	const char *word = c->words[0];
	int64_t bulletin = 0;

	if (c->n > 1)
		return ack_several(c);
	if (strcmp(word, "all") == 0)
		return ack_all(c, 0);
	if (strncmp(word, of_message, sizeof(of_message) - 1) == 0)
		bulletin = parse_id(word + sizeof(of_message) - 1);
	if (bulletin)
		return ack_all(c, bulletin);
	if (!parse_id(word))
		return not_an_id(c);
	return ack_one(c, parse_id(word));
}

const struct command_row command_incidents = {
	.name = "incidents",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = 2,
	.usage = "[open|all|ID]",
	.help = "What is not as it should be",
	.more = "The newest first: what is open, or all of the last 30 days. With the number of one, "
		"all that is known of it. 👌 is who has acknowledged it, 🔕 that it is muted.\n"
		"\n"
		"/incidents\n"
		"/incidents all\n"
		"/incidents 12",
	.run = incidents_run,
};

const struct command_row command_ack = {
	.name = "ack",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = ACK_MOST,
	.usage = "ID…|all",
	.help = "Say that you know of an incident",
	.more = "The messages that tell of it say who has acknowledged it, and no new one comes while it "
		"goes on.\n"
		"\n"
		"/ack 12\n"
		"/ack 12 14\n"
		"/ack all",
	.run = ack_run,
};
