/*
 * The table of commands: what Telegram, the help and the router expect of every row.
 */
#include "chat/command.h"
#include "fleetgram/base/text.h"
#include "tap.h"

static bool fits_telegram(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= 32 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* A line of its help that is the command, with or without words. */
static bool has_example(const struct command_row *row)
{
	size_t len = strlen(row->name);

	for (const char *at = row->more; at && (at = strchr(at, '/'));) {
		bool starts = at == row->more || at[-1] == '\n';

		at++;
		if (starts && strncmp(at, row->name, len) == 0 && strchr(" \n", at[len]))
			return true;
	}
	return false;
}

int main(void)
{
	const struct command_row *before = NULL;

	for (const struct command_row *const *at = command_table; *at; at++) {
		const struct command_row *row = *at;

		ok(row->name && fits_telegram(row->name), "%s: Telegram takes its name", row->name);
		ok(!before || strcmp(before->name, row->name) < 0,
			"%s: in its place in the alphabet", row->name);
		ok(!row->alias || fits_telegram(row->alias), "%s: Telegram takes its alias",
			row->name);
		ok(row->usage && row->help && *row->help, "%s: says how it is used and what for",
			row->name);
		ok(fg_utf16_count(row->help, strlen(row->help)) <= 256,
			"%s: its help fits the menu", row->name);
		ok(!strchr(row->help, '\n'), "%s: its help is one line", row->name);
		ok(has_example(row), "%s: its help has an example", row->name);
		ok(row->run != NULL, "%s: can be run", row->name);
		ok(row->max < 0 || row->min <= row->max, "%s: its words add up", row->name);
		ok(!row->mutates || row->role >= ROLE_OPERATOR,
			"%s: who only looks changes nothing", row->name);
		ok(command_find(row->name) == row, "%s: is found by name", row->name);
		ok(!row->alias || command_find(row->alias) == row, "%s: is found by alias",
			row->name);
		before = row;
	}
	ok(command_find("LIST") == command_find("list") && command_find("Ps") == command_find("list"),
		"in any case");
	ok(command_find("nothing") == NULL, "what is not there is not found");
	return done_testing();
}
