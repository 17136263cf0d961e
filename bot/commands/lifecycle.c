/*
 * /up /stop /restart /pause /unpause /kill: six commands that differ in the operation alone.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "commands/batch.h"
#include "commands/format.h"
#include "commands/service_act.h"
#include "commands/wave.h"
#include "fleetgram/base/mem.h"

#define SIGNAL_MOST 16 /* bytes of the longest name */
#define SIGNALS 64
#define PREVIEW_CAP 131072 /* more than a few messages goes as a file */

static void write_preview(const struct command *c, struct fg_str *html,
	const struct fg_items *items, const char *signal)
{
	cleanup_free char *title = items->n == 1 ? target_title(&items->v[0]) : NULL;
	const char *verb = fg_tr(fg_operation_verb(c->row->op));
	char count[64], capital[64];

	html_printf(html, FG_TEXT("<b>%s %s"), format_capital(capital, verb),
		title ? title : format_count(count, items->n, "%zu container", "%zu containers"));
	if (signal)
		html_printf(html, " with signal %s", signal);
	fg_str_puts(html, "?</b>");
}

static bool is_number(const char *s, long most)
{
	char *end;
	long n = strtol(s, &end, 10);

	return *s >= '0' && *s <= '9' && !*end && n >= 1 && n <= most;
}

/* Signals that have a second name, and real-time ones by their distance from either end. */
static bool is_other_signal(const char *s)
{
	static const char *const names[] = {"CLD", "IO", "IOT", "RTMAX", "RTMIN", "UNUSED"};

	for (size_t i = 0; i < FG_ARRAY_LEN(names); i++)
		if (strcasecmp(s, names[i]) == 0)
			return true;
	return (strncasecmp(s, "RTMIN+", 6) == 0 || strncasecmp(s, "RTMAX-", 6) == 0) &&
	       is_number(s + 6, SIGNALS / 2);
}

/* Before anybody is asked; the engines know these, with SIG in front or without. */
static bool is_signal(const char *s)
{
	if (is_number(s, SIGNALS))
		return true;
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (int i = 1; i < SIGNALS / 2; i++)
		if (sigabbrev_np(i) && strcasecmp(s, sigabbrev_np(i)) == 0)
			return true;
	return is_other_signal(s);
}

/* As the engines write it, in capitals. */
static const char *upper(char buf[SIGNAL_MOST + 1], const char *s)
{
	size_t i = 0;

	for (; s[i] && i < SIGNAL_MOST; i++)
		buf[i] = (char)toupper((unsigned char)s[i]);
	buf[i] = '\0';
	return buf;
}

/* Only a restart comes in waves. As wave_pick(). */
static int pick(struct command *c, const char **words, size_t n, struct fg_items *items,
	struct waves **waves)
{
	if (c->row->op == FG_OP_RESTART)
		return wave_pick(c, words, n, items, waves);
	return command_pick(c, words, n, false, items) < 0 ? -1 : 1;
}

static int containers_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_items struct fg_items items = {0};
	cleanup_waves struct waves *waves = NULL;
	cleanup_str struct fg_str preview = {0};
	char capitals[SIGNAL_MOST + 1];
	const char *signal = NULL;
	size_t n = c->n;
	int rc;

	if (c->row->op == FG_OP_KILL)
		signal = command_option(words, &n, "signal");
	if (signal && !is_signal(signal))
		return command_usage(c, "signal= takes a name or a number, such as HUP");
	if (signal)
		signal = upper(capitals, signal);
	rc = pick(c, words, n, &items, &waves);
	if (rc <= 0)
		return rc;
	fg_str_init(&preview, PREVIEW_CAP);
	target_silent(&preview, &items);
	write_preview(c, &preview, &items, signal);
	rc = wave_confirm(c, waves, &items, &items, &preview);
	if (rc <= 0)
		return rc;
	if (wave_begin(c, waves, &items) < 0)
		return -1;
	rc = batch_run(c, &items, c->row->op, signal, waves);
	target_note_silent(c, &items);
	return rc;
}

static int lifecycle_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items services = {0};
	size_t n = c->n;
	int rc = c->row->op == FG_OP_RESTART ? swarm_meant(c, words, &n, &services) : 0;

	if (rc < 0)
		return -1;
	return rc ? service_restart(c, &services.v[0]) : containers_run(c);
}

#define LIFECYCLE(command, word, operation, words, does, tells) \
	const struct command_row command_##command = {          \
		.name = #command,                               \
		.verb = word,                                   \
		.group = GROUP_ACT,                             \
		.role = ROLE_OPERATOR,                          \
		.mutates = true,                                \
		.min = 1,                                       \
		.max = -1,                                      \
		.usage = words,                                 \
		.help = does,                                   \
		.more = tells,                                  \
		.run = lifecycle_run,                           \
		.op = operation,                                \
	}

LIFECYCLE(pause, FG_TEXT("pause"), FG_OP_PAUSE, "SEL", FG_TEXT("Freeze containers"),
	FG_TEXT("Their processes keep their memory and get no CPU until /unpause.\n\n/pause web"));
LIFECYCLE(restart, FG_TEXT("restart"), FG_OP_RESTART, "SEL [wave=1,10%,rest]",
	FG_TEXT("Restart containers"),
	FG_TEXT("Stops each, with the time it has to end in order, and starts it again. With wave= some "
		"hosts come first and the next ones only when all is well. The name of a service of a "
		"swarm means all its tasks, one after the other; service=NAME does in any case.\n\n"
		"/restart web\n/restart label=tier:front\n/restart web wave=1,rest\n"
		"/restart service=web"));
LIFECYCLE(stop, FG_TEXT("stop"), FG_OP_STOP, "SEL", FG_TEXT("Stop containers"),
	FG_TEXT("Asks each to end, and kills it when its time to do so is over.\n\n/stop web\n/stop "
		"host=prod1 worker-*"));
LIFECYCLE(unpause, FG_TEXT("unpause"), FG_OP_UNPAUSE, "SEL", FG_TEXT("Let paused containers go on"),
	FG_TEXT("/unpause web"));
LIFECYCLE(up, FG_TEXT("start"), FG_OP_UP, "SEL", FG_TEXT("Start containers"),
	FG_TEXT("Paused ones go on, those that run already are left alone.\n\n/up web\n/up state=exited "
		"template=worker"));

const struct command_row command_kill = {
	.name = "kill",
	.verb = "kill",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "SEL [signal=HUP]",
	.help = "Send containers a signal, KILL if none is named",
	.more = "KILL ends them at once, with no time to tidy up. Others, such as HUP or USR1, "
		"mean what the program makes "
		"of them.\n\n/kill web\n/kill web signal=HUP",
	.run = lifecycle_run,
	.op = FG_OP_KILL,
};
