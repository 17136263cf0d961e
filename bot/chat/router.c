/* The router: which command a line means, whether the person may run it, and running it. */
#include <stdio.h>
#include <string.h>
#include "chat/aftermath.h"
#include "chat/audit.h"
#include "chat/callback.h"
#include "chat/confirm.h"
#include "chat/finish.h"
#include "chat/grants.h"
#include "chat/inbox.h"
#include "chat/menus.h"
#include "chat/origin.h"
#include "chat/router.h"
#include "chat/strangers.h"
#include "chat/turn.h"
#include "chat/typing.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/pause.h"
#include "telegram/outbox.h"

#define COMMAND_LIMIT ((int64_t)60 * 60 * 1000) /* ms after which a command is given up */

static int check(struct command *c)
{
	int max = c->row->max;

	if (!roles_allow(&c->person, c->row))
		return fg_fail(&c->err, FG_EDENIED, "you may not use /%s%s%s", c->row->name,
			c->person.role < c->row->role ? fg_tr(": it needs the role ") : "",
			c->person.role < c->row->role ? role_name(c->row->role) : "");
	if ((int)c->n < c->row->min)
		return command_usage(c, "something is missing");
	if (max >= 0 && (int)c->n > max)
		return command_usage(c, "that is too much");
	return 0;
}

/* Run the command that c describes; its reply holds the answer or the refusal after it. */
static int run(struct command *c)
{
	int64_t before = fg_task_deadline(fg_now_ms() + COMMAND_LIMIT), began = fg_now_ms();
	char author[96], took[FG_HUMAN];
	int rc = check(c);

	c->began_ms = began;
	if (rc < 0)
		c->outcome = AUDIT_REFUSED;
	if (rc == 0 && c->row->mutates && c->chat_id && !c->turn) {
		c->turn = turn_take(c->chat_id, &c->err);
		rc = c->turn ? 0 : -1;
	}
	fg_pauses_read(c->app->store, c->setup->fleet);
	if (rc == 0)
		rc = c->row->run(c);
	if (c->turn)
		turn_release(fg_steal(&c->turn));
	fg_task_deadline(before);
	if (!c->outcome)
		c->outcome = rc == 0 ? AUDIT_DONE
			     : c->err.code == FG_EDENIED ? AUDIT_REFUSED
							 : AUDIT_FAILED;
	fg_info("%s: /%s: %s%s%s, %s", command_author(c, author), c->line,
		rc < 0 ? "failed" : "done", rc < 0 ? ": " : "", rc < 0 ? c->err.text : "",
		fg_duration_human(took, fg_now_ms() - began));
	return rc;
}

/* What went wrong, as the last part of the answer. It often begins with a container's name: no
 * letter of it is changed. */
static void add_error(struct command *c)
{
	const char *text = c->err.text;

	reply_html(c->reply, "⚠️ %s%s", text,
		*text && strchr(".!?", text[strlen(text) - 1]) ? "" : ".");
	reply_show_offers(c->reply);
}

static void execute(struct command *c)
{
	struct typing *typing = typing_begin(c);
	int rc = run(c);

	typing_end(typing);
	if (rc < 0) {
		/* Told to stop: the update stays, and is taken up or reported at the next start. */
		if (fg_task_canceled())
			return;
		/* A failed press leaves the message it was on as it is; only a question is settled
		 * by it. */
		if (!c->confirm_id)
			c->reply->edit_id = 0;
		add_error(c);
	}
	finish_command(c);
}

/* Point c at the command that the words are. */
static void set_words(
	struct command *c, const struct command_row *row, const struct words *words, char **line)
{
	const char *const *v = (const char *const *)words->v;
	cleanup_free char *rest = words_join(v + 1, words->n - 1);

	c->row = row;
	c->words = v + 1;
	c->n = words->n - 1;
	*line = fg_printf("%s%s%s", row->name, *rest ? " " : "", rest);
	c->line = *line;
}

/* Messages */

static void say_unknown(struct command *c, const char *word)
{
	const struct command_row *near =
		command_nearest(*word == '/' ? word + 1 : word, &c->person);

	if (near) {
		reply_html(c->reply, "I do not know %s. Did you mean /%s?", word, near->name);
		keyboard_button(reply_keyboard(c->reply), near->name, false, "%s", near->name);
	} else {
		reply_html(c->reply, "I do not know %s. /help lists what I can do.", word);
	}
	finish_command(c);
}

static bool is_stale(struct command *c, const cJSON *message)
{
	int64_t sent = fg_json_i64(message, "date", 0), now = fg_wall_ms(), age = 0;
	char human[FG_HUMAN];

	if (sent > 0 && sent <= now / 1000)
		age = now - sent * 1000;
	if (age <= c->setup->config->telegram.stale_after_ms)
		return false;
	c->outcome = AUDIT_REFUSED;
	fg_fail(&c->err, FG_EDENIED, "too old");
	reply_html(c->reply,
		"⏳ Not run, for it is %s old: <code>/%s</code>\nSend it again if you still want it.",
		fg_duration_human(human, age), c->line);
	return true;
}

/* The row for a message's first word, in a chat of that kind. Words without a slash count only in
 * private. */
static const struct command_row *message_row(struct app *app, const char *word, bool private)
{
	char name[COMMAND_NAME];

	if (words_command(word, telegram_username(app->telegram), name))
		return command_lookup(app->setup->config, name);
	return private && *word != '/' ? command_lookup(app->setup->config, word) : NULL;
}

/* "/stop@other_bot" is for somebody else, in any chat. */
static bool is_for_other_bot(struct app *app, const char *word)
{
	char name[COMMAND_NAME];

	return *word == '/' && strchr(word, '@') &&
	       !words_command(word, telegram_username(app->telegram), name);
}

static void run_message(struct command *c, const struct origin *from, const cJSON *message)
{
	cleanup_words struct words words = {0};
	cleanup_free char *line = NULL, *first = NULL;
	const char *text = fg_json_str(message, "text", "");
	const struct command_row *row;

	first = words_first(text);
	row = message_row(c->app, first, from->private);
	if (!row && from->private && !is_for_other_bot(c->app, first)) {
		say_unknown(c, first);
		return;
	}
	if (!row) {
		finish_silently(c->app, from->update_id);
		return;
	}
	if (words_parse(&words, text, &c->err) < 0) {
		add_error(c);
		finish_command(c);
		return;
	}
	set_words(c, row, &words, &line);
	if (is_stale(c, message))
		finish_command(c);
	else
		execute(c);
}

/* What a stranger said, when it is a command; else NULL. */
static const char *stranger_line(
	struct app *app, const struct origin *from, const cJSON *message)
{
	const char *text = fg_json_str(message, "text", "");
	cleanup_free char *first = words_first(text);

	return message_row(app, first, from->private) ? text + (*text == '/') : NULL;
}

/* A group that became a supergroup says so in both. */
static void on_move(struct app *app, const cJSON *message)
{
	int64_t here = fg_json_i64(fg_json_object(message, "chat"), "id", 0);

	if (fg_json_get(message, "text")) /* what people say moves nothing */
		return;
	outbox_moved(app->outbox, here, fg_json_i64(message, "migrate_to_chat_id", 0));
	outbox_moved(app->outbox, fg_json_i64(message, "migrate_from_chat_id", 0), here);
}

/* Words that another one wrote: passed on, or made by a bot that was asked inline. */
static bool is_someone_elses(const cJSON *message)
{
	static const char *const keys[] = {
		"forward_date", "forward_origin", "is_automatic_forward", "via_bot"};

	for (size_t i = 0; i < FG_ARRAY_LEN(keys); i++)
		if (fg_json_get(message, keys[i]))
			return true;
	return false;
}

static void on_message(struct app *app, int64_t update_id, const cJSON *message)
{
	const cJSON *user = fg_json_object(message, "from");
	const char *type = fg_json_str(fg_json_object(message, "chat"), "type", "");
	struct origin from = origin_of(update_id, message, user);
	struct command c;
	struct reply reply;

	on_move(app, message);
	/* Channels and anonymous admins speak through sender_chat. */
	if (from.user_id <= 0 || from.chat_id == 0 || fg_json_bool(user, "is_bot", false) ||
		fg_json_get(message, "sender_chat") || strcmp(type, "channel") == 0 ||
		!*fg_json_str(message, "text", "") || is_someone_elses(message)) {
		finish_silently(app, update_id);
		return;
	}
	command_init(&c, app, &from, &reply);
	if (roles_find(
		    c.setup->roles, from.user_id, from.name, from.chat_id, from.thread, &c.person)) {
		outbox_unpark(app->outbox, from.chat_id);
		if (from.private)
			menus_heard(app, from.chat_id);
		grants_raise(app->store, &c.person);
		run_message(&c, &from, message);
	} else {
		strangers_meet(app, c.setup, &(struct meeting){
			.chat_id = from.chat_id,
			.private = from.private,
			.user = user,
			.text = stranger_line(app, &from, message),
			.update_id = update_id,
		});
	}
	command_finish(&c);
}

/* Buttons */

static void run_button(struct command *c, const struct origin *from, const char *line_text)
{
	cleanup_words struct words words = {0};
	cleanup_free char *line = NULL;
	const struct command_row *row = NULL;

	if (words_parse(&words, line_text, &c->err) == 0 && words.n)
		row = command_lookup(c->setup->config, words.v[0]);
	if (!row) {
		callback_answer(c->app, from->callback_id, fg_tr("I no longer know this button."));
		finish_silently(c->app, from->update_id);
		return;
	}
	callback_answer(c->app, from->callback_id, NULL);
	set_words(c, row, &words, &line);
	execute(c);
}

/* Whether this press settles the confirmation; if not it was said why. */
static bool may_settle(
	struct command *c, const struct origin *from, const struct confirm *confirm, int found)
{
	const char *problem = NULL;

	if (found <= 0 || confirm->chat_id != from->chat_id)
		problem = fg_tr("Nobody waits for this any more.");
	else if (confirm->user_id != from->user_id)
		problem = fg_tr("Only the person who asked may press this.");
	if (!problem)
		return true;
	callback_answer(c->app, from->callback_id, problem);
	if (found <= 0)
		finish_silently(c->app, from->update_id);
	else
		finish_refused(c, fg_tr("only the person who asked may confirm or cancel it"));
	return false;
}

/* What was asked, and about what: whatever becomes of the press, the audit tells it. */
static void set_line(struct command *c, const struct confirm *confirm)
{
	cleanup_free char *name = words_first(confirm->line);

	c->line = confirm->line;
	c->row = command_find(name);
	command_about_frozen(c, confirm->targets);
}

static void settle(struct command *c, const struct origin *from, const char *id, bool yes)
{
	cleanup_confirm struct confirm confirm = {0};
	int found;

	/* A second press waits here until the first has used the confirmation up. */
	c->turn = turn_take(from->chat_id, &c->err);
	if (!c->turn)
		return;
	found = confirm_get(c->app->store, id, &confirm, &c->err);
	if (found > 0)
		set_line(c, &confirm);
	if (!may_settle(c, from, &confirm, found))
		return;
	c->confirm_id = confirm.id;
	if (yes && confirm_lasts(&confirm, c->setup->config->confirm.ttl_ms)) {
		c->frozen = fg_steal(&confirm.targets);
		run_button(c, from, confirm.line);
		return;
	}
	callback_answer(
		c->app, from->callback_id, yes ? fg_tr("This has expired. Ask again.") : NULL);
	reply_html(c->reply,
		yes ? "⌛ Expired, nothing was done: <code>/%s</code>"
		    : "✖️ Cancelled: <code>/%s</code>",
		confirm.line);
	c->outcome = yes ? AUDIT_REFUSED : AUDIT_CANCELLED;
	fg_fail(&c->err, FG_ETIMEOUT, "expired");
	finish_command(c);
}

static void press(struct command *c, const struct origin *from, const cJSON *query)
{
	bool edit = false;
	cleanup_free char *line =
		keyboard_decode(c->app->store, fg_json_str(query, "data", ""), &edit);

	if (!line) {
		callback_answer(c->app, from->callback_id, fg_tr("I no longer know this button."));
		finish_silently(c->app, from->update_id);
		return;
	}
	if (edit)
		c->reply->edit_id = from->message_id;
	if (strncmp(line, "confirm ", 8) == 0)
		settle(c, from, line + 8, true);
	else if (strncmp(line, "cancel ", 7) == 0)
		settle(c, from, line + 7, false);
	else
		run_button(c, from, line);
}

static void on_callback(struct app *app, int64_t update_id, const cJSON *query)
{
	const cJSON *user = fg_json_object(query, "from");
	struct origin from = origin_of(update_id, fg_json_object(query, "message"), user);
	struct command c;
	struct reply reply;
	bool edit = false;
	cleanup_free char *line =
		keyboard_decode(app->store, fg_json_str(query, "data", ""), &edit);

	from.callback_id = fg_json_str(query, "id", "");
	command_init(&c, app, &from, &reply);
	if (from.chat_id == 0 || from.user_id <= 0 || fg_json_bool(user, "is_bot", false) ||
		!roles_find(c.setup->roles, from.user_id, from.name, from.chat_id, from.thread,
			&c.person)) {
		callback_answer(app, from.callback_id, fg_tr("You may not use this."));
		strangers_press(app, &(struct meeting){
			.chat_id = from.chat_id,
			.user = user,
			.text = line ? line : "(a button)",
			.update_id = update_id,
		});
	} else {
		outbox_unpark(app->outbox, from.chat_id);
		grants_raise(app->store, &c.person);
		press(&c, &from, query);
	}
	command_finish(&c);
}

/* Let in again where it was thrown out, the bot does not wait to be spoken to. */
static void on_membership(struct app *app, const cJSON *change)
{
	const char *now = fg_json_str(fg_json_object(change, "new_chat_member"), "status", "");

	if (strcmp(now, "member") == 0 || strcmp(now, "administrator") == 0)
		outbox_unpark(app->outbox, fg_json_i64(fg_json_object(change, "chat"), "id", 0));
}

static void on_update(struct app *app, int64_t update_id, const cJSON *update)
{
	const cJSON *message = fg_json_object(update, "message");
	const cJSON *query = fg_json_object(update, "callback_query");

	if (message) {
		on_message(app, update_id, message);
	} else if (query) {
		on_callback(app, update_id, query);
	} else {
		on_membership(app, fg_json_object(update, "my_chat_member"));
		finish_silently(app, update_id);
	}
}

const struct inbox_handlers router_handlers = {
	.update = on_update,
	.interrupted = aftermath_report,
};

/* Terminals */

int router_line(struct app *app, const char *line, enum asking asking, struct reply *reply,
	struct fg_err *err)
{
	return router_line_as(app, NULL, line, asking, reply, err);
}

int router_line_as(struct app *app, const char *who, const char *line_text, enum asking asking,
	struct reply *reply, struct fg_err *err)
{
	cleanup_words struct words words = {0};
	cleanup_free char *line = NULL;
	struct command c = {.app = app, .reply = reply, .asking = asking};
	const struct command_row *row;
	const char *name;
	int rc;

	if (words_parse(&words, line_text, err) < 0)
		return -1;
	if (words.n == 0)
		return fg_fail(err, FG_EUSAGE, "no command");
	roles_local(&c.person);
	c.by_clock = who != NULL;
	if (who)
		snprintf(c.person.name, sizeof(c.person.name), "%s", who);
	c.person.config = app->setup->config;
	name = words.v[0][0] == '/' ? words.v[0] + 1 : words.v[0];
	row = command_lookup(app->setup->config, name);
	if (!row)
		return command_unknown(name, &c.person, err);
	c.setup = setup_ref(app->setup);
	set_words(&c, row, &words, &line);
	rc = run(&c);
	if (rc < 0 && err)
		*err = c.err;
	finish_terminal(&c);
	cJSON_Delete(c.frozen);
	free(c.about);
	free(c.own_line);
	setup_unref(c.setup);
	return rc;
}
