/* The console: the chat's commands from a terminal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "chat/router.h"
#include "cli.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "languages/languages.h"

struct input {
	char *line; /* without its newline; NULL at the end */
	size_t size;
};

/* On a thread of the pool: waiting for a person must not hold up the loop. */
static void read_line(void *arg)
{
	struct input *in = arg;
	ssize_t n = getline(&in->line, &in->size, stdin);

	if (n < 0) {
		free(in->line);
		in->line = NULL;
		return;
	}
	if (n > 0 && in->line[n - 1] == '\n')
		in->line[n - 1] = '\0';
}

/* False at the end of the input. */
static bool ask_line(const char *prompt, struct input *in)
{
	struct fg_err err;

	if (isatty(STDIN_FILENO)) {
		fputs(prompt, stdout);
		fflush(stdout);
	}
	return fg_task_offload("the terminal", read_line, in, &err) == 0 && in->line;
}

static bool ask(const char *text)
{
	struct input in = {0};
	bool yes;

	printf("%s\n", text);
	yes = ask_line("Go on? [y/N] ", &in) &&
	      (strcmp(in.line, "y") == 0 || strcmp(in.line, "yes") == 0);
	free(in.line);
	return yes;
}

static void answer(struct app *app, const char *line)
{
	cleanup_free char *plain = NULL;
	struct reply reply;
	struct fg_err err;
	int rc;

	fg_language_set(languages_find(app->setup->config->language));
	reply_init(&reply, app);
	reply.terminal = true;
	reply.live = true;
	reply.ask = ask;
	rc = router_line(app, line, ASK_TERMINAL, &reply, &err);
	plain = reply_plain(&reply);
	if (*plain)
		printf("%s%s", plain, plain[strlen(plain) - 1] == '\n' ? "" : "\n");
	if (rc < 0)
		printf("! %s\n", err.text);
	fflush(stdout);
	reply_finish(&reply);
}

int cli_console(struct app *app)
{
	struct input in = {0};

	if (isatty(STDIN_FILENO))
		printf("Fleetgram %s. The commands of the chat work here: help lists them, quit leaves.\n",
			FLEETGRAM_VERSION);
	while (ask_line("> ", &in)) {
		const char *line = in.line + strspn(in.line, " \t\r");

		if (strcmp(line, "quit") == 0 || strcmp(line, "exit") == 0)
			break;
		if (*line)
			answer(app, line);
	}
	if (!in.line && isatty(STDIN_FILENO))
		putchar('\n');
	free(in.line);
	return 0;
}
