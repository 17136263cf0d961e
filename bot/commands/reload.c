/*
 * /reload: the config is read again, or refused with all that is wrong with it.
 */
#include "commands/target.h"

#define MISTAKES_CAP ((size_t)64 * 1024)

/* Nobody has it in use here: it can only be checked. */
static int check_only(struct command *c)
{
	struct setup *fresh;

	if (!c->app->config_path)
		return fg_fail(
			&c->err, FG_ENOTFOUND, "there is no config file, and no daemon here");
	fresh = setup_load(c->app->config_path, &c->err);
	if (!fresh)
		return -1;
	setup_unref(fresh);
	return reply_html(c->reply,
		"The config is fine. There is no daemon here that could read it again: send "
		"/reload to the bot, or SIGHUP to its process.");
}

static int reload_run(struct command *c)
{
	cleanup_str struct fg_str mistakes = {0};
	struct fg_err err;

	if (c->person.scope)
		return fg_fail(&c->err, FG_EDENIED,
			"the config is about everything, and you see only some of it");
	fg_str_init(&mistakes, MISTAKES_CAP);
	if (!c->app->daemon)
		return check_only(c);
	if (command_begin(c, NULL, NULL) < 0)
		return -1;
	if (daemon_reload(c->app->daemon, &mistakes, &err) == 0)
		return reply_html(c->reply, "✅ The config was read again.");
	if (mistakes.len)
		reply_long(c->reply, "", mistakes.s, mistakes.len - 1, "mistakes.txt");
	return fg_fail(&c->err, err.code, "the old config stays in use: %s", err.text);
}

const struct command_row command_reload = {
	.name = "reload",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.usage = "",
	.help = "Read the config again",
	.more = "A config with mistakes is refused: you are told each of them, and the old one "
		"stays in use.\n"
		"\n"
		"/reload",
	.run = reload_run,
};
