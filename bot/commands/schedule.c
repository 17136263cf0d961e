/*
 * /schedule: what runs by the clock, when next, and what came of it.
 */
#include <string.h>
#include <time.h>
#include "chat/router.h"
#include "commands/target.h"
#include "config/check.h"
#include "fleetgram/base/json.h"
#include "schedule.h"
#include "scheduler.h"

#define TIMES 3

static void write_time(char buf[48], int64_t ms)
{
	time_t at = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(buf, 48, "%a %d %b %H:%M", &tm);
}

static void add_one(struct command *c, struct fg_str *html, const struct schedule *s)
{
	cJSON *data = cJSON_CreateObject(), *next;
	int64_t at = fg_wall_ms();
	char time[48], stamp[FG_RFC3339];

	html_printf(html, "\n<b>%s</b>%S\n<code>%s</code> · <code>/%s</code>\nNext:", s->name,
		s->stored ? "" : " · config", s->cron, s->command);
	cJSON_AddStringToObject(data, "name", s->name);
	cJSON_AddStringToObject(data, "cron", s->cron);
	cJSON_AddStringToObject(data, "command", s->command);
	cJSON_AddStringToObject(data, "source", s->stored ? "store" : "config");
	next = cJSON_AddArrayToObject(data, "next");
	for (int i = 0; i < TIMES && (at = cron_next(&s->times, at)); i++) {
		write_time(time, at);
		html_printf(html, "%S%s", i ? ", " : " ", time);
		cJSON_AddItemToArray(next, cJSON_CreateString(fg_rfc3339(stamp, at)));
	}
	cJSON_AddBoolToObject(data, "running", s->began_ms != 0);
	if (s->began_ms)
		html_printf(html, "\nIt runs now.");
	if (s->last_ms) {
		write_time(time, s->last_ms);
		html_printf(
			html, "\nLast: %s %S %s", time, s->last_ok ? "✅" : "⚠️", s->last_text);
		cJSON_AddStringToObject(data, "last_at", fg_rfc3339(stamp, s->last_ms));
		cJSON_AddBoolToObject(data, "last_ok", s->last_ok);
		cJSON_AddStringToObject(data, "last_text", s->last_text);
	}
	fg_str_putc(html, '\n');
	cJSON_AddItemToArray(c->reply->data, data);
}

static int list(struct command *c, const struct schedules *all)
{
	struct fg_str *html = reply_add(c->reply);

	c->reply->data = cJSON_CreateArray();
	if (all->n == 0) {
		html_printf(html,
			"⏰ Nothing runs by the clock. To add something:\n<code>/schedule add "
			"nightly \"30 3 * * *\" prune images</code>");
		return 0;
	}
	html_printf(html, fg_ntr("⏰ <b>%d schedule</b>\n", "⏰ <b>%d schedules</b>\n", all->n),
		(int)all->n);
	for (size_t i = 0; i < all->n; i++)
		add_one(c, html, &all->v[i]);
	return 0;
}

/* A schedule has all rights: nobody gives it some that they do not have. */
static int check_rights(struct command *c, const char *command)
{
	cleanup_free char *name = words_first(command);
	const struct command_row *row = command_find(*name == '/' ? name + 1 : name);

	if (c->person.granted_until_ms)
		return fg_fail(&c->err, FG_EDENIED,
			"your own role is granted for a while only, and a schedule goes on");
	if (!row || !roles_allow(&c->person, row))
		return fg_fail(&c->err, FG_EDENIED, "you may not use /%s yourself",
			row ? row->name : name);
	return 0;
}

static int add(struct command *c, const struct schedules *all)
{
	cleanup_free char *command = NULL;
	cleanup_str struct fg_str preview = {0};
	struct cron times;
	char author[96], time[48];
	const char *name;
	int rc;

	if (c->n < 4)
		return command_usage(c, "a name, the times in quotes and a command are needed");
	name = c->words[1];
	command = words_join(c->words + 3, c->n - 3);
	if (*command == '/')
		memmove(command, command + 1, strlen(command));
	if (config_check_name(name, &c->err) < 0)
		return -1;
	if (cron_parse(&times, c->words[2], &c->err) < 0)
		return fg_wrap(&c->err, "the times, in quotes as \"30 3 * * *\"");
	if (schedule_find(all, name))
		return fg_fail(&c->err, FG_ECONFLICT, "there is a schedule %s already", name);
	if (schedule_check(c->setup->config, command, &c->err) < 0 || check_rights(c, command) < 0)
		return -1;
	fg_str_init(&preview, WORDS_BYTES * 8);
	html_printf(&preview, "⏰ <b>Add %s?</b>\n<code>%s</code> · <code>/%s</code>", name,
		c->words[2], command);
	rc = command_confirm(c, NULL, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, NULL, NULL) < 0 ||
		schedule_add(c->app->store, name, c->words[2], command, command_author(c, author),
			&c->err) < 0)
		return -1;
	scheduler_kick(c->app->scheduler);
	write_time(time, cron_next(&times, fg_wall_ms()));
	return reply_html(c->reply,
		"✅ <b>%s</b> runs <code>/%s</code>, without asking, next on %s.", name, command,
		time);
}

static int remove_one(struct command *c, const struct schedules *all)
{
	const struct schedule *s;
	cleanup_str struct fg_str preview = {0};
	int rc;

	if (c->n != 2)
		return command_usage(c, "which schedule?");
	s = schedule_find(all, c->words[1]);
	if (!s)
		return fg_fail(&c->err, FG_ENOTFOUND, "there is no schedule %s", c->words[1]);
	if (!s->stored)
		return fg_fail(&c->err, FG_ECONFLICT,
			"%s is in the config: take it out there, and reload", s->name);
	fg_str_init(&preview, WORDS_BYTES * 8);
	html_printf(&preview, "⏰ <b>Remove %s?</b>\n<code>%s</code> · <code>/%s</code>", s->name,
		s->cron, s->command);
	rc = command_confirm(c, NULL, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, NULL, NULL) < 0)
		return -1;
	rc = schedule_remove(c->app->store, s->name, &c->err);
	if (rc < 0)
		return -1;
	scheduler_kick(c->app->scheduler);
	return reply_html(c->reply, "✅ <b>%s</b> is removed: <code>%s</code> · <code>/%s</code>",
		s->name, s->cron, s->command);
}

/* In the daemon it runs beside this command, as by the clock; elsewhere as a part of it. */
static int run_now(struct command *c, const struct schedules *all)
{
	const struct schedule *s;
	cleanup_free char *who = NULL;

	if (c->n != 2)
		return command_usage(c, "which schedule?");
	s = schedule_find(all, c->words[1]);
	if (!s)
		return fg_fail(&c->err, FG_ENOTFOUND, "there is no schedule %s", c->words[1]);
	if (check_rights(c, s->command) < 0 || command_begin(c, NULL, NULL) < 0)
		return -1;
	if (c->app->scheduler) {
		if (scheduler_run_now(c->app->scheduler, s->name, &c->err) < 0)
			return -1;
		return reply_html(c->reply,
			"⏰ <b>%s</b> runs now: <code>/%s</code>\nWhat comes of it is told where schedules are told of.",
			s->name, s->command);
	}
	who = fg_printf("schedule %s", s->name);
	return router_line_as(c->app, who, s->command, ASK_GIVEN, c->reply, &c->err);
}

static const struct {
	const char *word;
	int (*run)(struct command *c, const struct schedules *all);
} actions[] = {
	{"add", add},
	{"remove", remove_one},
	{"run", run_now},
};

static int schedule_run(struct command *c)
{
	cleanup_schedules struct schedules all = {0};

	if (c->person.scope)
		return fg_fail(&c->err, FG_EDENIED,
			"schedules are about all containers, and you see only some of them");
	if (schedule_setup(c->app->store, &c->err) < 0 ||
		schedule_list(c->app->store, c->setup->config, &all, &c->err) < 0)
		return -1;
	if (c->n == 0)
		return list(c, &all);
	for (size_t i = 0; i < FG_ARRAY_LEN(actions); i++)
		if (strcmp(c->words[0], actions[i].word) == 0)
			return actions[i].run(c, &all);
	return command_usage(c, "I know add, remove and run");
}

const struct command_row command_schedule = {
	.name = "schedule",
	.verb = "schedule",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.max = -1,
	.usage = "[add NAME \"CRON\" COMMAND… | remove NAME | run NAME]",
	.help = "Commands that run by the clock",
	.more = "Alone it lists them: the next three times, and what came of the last. CRON has five "
		"fields in quotes: minute, hour, day, month, weekday, in local time; names (mon, "
		"jan), ranges, lists and steps are understood. A schedule may do whatever the local "
		"operator may, and is not asked to confirm. What comes of it is told to the chats "
		"with notify, else to the admins. Those of the config are changed there.\n\n/schedule "
		"add nightly \"30 3 * * *\" prune images\n/schedule add monday \"0 7 * * mon\" restart "
		"web\n/schedule run nightly\n/schedule remove nightly",
	.run = schedule_run,
};
