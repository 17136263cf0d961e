/* fleetgram: from the command line to the mode that it asks for. */
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "app.h"
#include "cli.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "trim.h"

static const char usage[] =
	"fleetgram: a Telegram bot that operates container engines\n"
	"\n"
	"  fleetgram [-c FILE] [run]               the bot\n"
	"  fleetgram [-c FILE] console             the same commands from this terminal\n"
	"  fleetgram [-c FILE] exec [--yes] [--json] -- COMMAND...\n"
	"                                          one command; the answer on stdout\n"
	"  fleetgram [-c FILE] check               what works: config, Telegram, every host\n"
	"  fleetgram [-c FILE] registry export [FILE] | import FILE\n"
	"  fleetgram [-c FILE] audit verify        whether what was done is still all there, unchanged\n"
	"  fleetgram --help | --version\n"
	"\n"
	"Without -c the config is $FLEETGRAM_CONFIG or /etc/fleetgram/fleetgram.json.\n"
	"Exit code: 0 done, 1 failed, 2 wrong usage or config.\n";

struct invocation {
	char *config_path;
	const char *mode;
	char **words; /* after the mode */
	int count;
	bool yes, json;
	int exit_code;
};

static void run(void *arg)
{
	struct invocation *in = arg;
	bool serves = strcmp(in->mode, "run") == 0;
	struct app app = {.serves = serves, .terminal = !serves};
	struct fg_err err;

	if (strcmp(in->mode, "check") == 0) {
		in->exit_code = cli_check(in->config_path);
		return;
	}
	if (app_open(&app, in->config_path, &err) < 0) {
		fprintf(stderr, "fleetgram: %s\n", err.text);
		in->exit_code = err.code == FG_EINVAL ? 2 : 1;
	} else if (strcmp(in->mode, "console") == 0) {
		in->exit_code = cli_console(&app);
	} else if (strcmp(in->mode, "exec") == 0) {
		in->exit_code = cli_exec(&app, in->words, in->count, in->yes, in->json);
	} else if (strcmp(in->mode, "registry") == 0) {
		in->exit_code = cli_registry(&app, in->words, in->count);
	} else if (strcmp(in->mode, "audit") == 0) {
		in->exit_code = cli_audit(&app, in->words, in->count);
	} else {
		in->exit_code = app_run(&app);
	}
	app_close(&app);
}

static int wrong(const char *what, const char *detail)
{
	fprintf(stderr, "fleetgram: %s%s\nTry: fleetgram --help\n", what, detail);
	return 2;
}

/* Options that come after the mode: exec's own, up to the command. Exit code, or -1 to go on. */
static int parse_exec(struct invocation *in)
{
	while (in->count > 0 && strncmp(in->words[0], "--", 2) == 0) {
		const char *word = in->words[0];

		in->words++;
		in->count--;
		if (strcmp(word, "--") == 0)
			break;
		if (strcmp(word, "--yes") == 0)
			in->yes = true;
		else if (strcmp(word, "--json") == 0)
			in->json = true;
		else
			return wrong("exec does not know ", word);
	}
	return in->count > 0 ? -1 : wrong("exec needs a command", "");
}

static int parse(struct invocation *in, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	static const char *const modes[] = {"audit", "check", "console", "exec", "registry", "run"};
	const char *config = NULL;
	bool known = false;
	int c;

	while ((c = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1) {
		if (c == 'c') {
			config = optarg;
		} else if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		} else if (c == 'V') {
			puts("fleetgram " FLEETGRAM_VERSION);
			return 0;
		} else {
			return wrong("wrong options", "");
		}
	}
	in->mode = optind < argc ? argv[optind++] : "run";
	in->words = argv + optind;
	in->count = argc - optind;
	for (size_t i = 0; i < FG_ARRAY_LEN(modes); i++)
		known = known || strcmp(in->mode, modes[i]) == 0;
	if (!known)
		return wrong("there is no mode ", in->mode);
	if (strcmp(in->mode, "exec") == 0) {
		c = parse_exec(in);
		if (c >= 0)
			return c;
	} else if (in->count > 0 && strcmp(in->mode, "registry") != 0 &&
		   strcmp(in->mode, "audit") != 0) {
		return wrong("too many words after ", in->mode);
	}
	in->config_path = config_find_path(config);
	return -1;
}

int main(int argc, char **argv)
{
	struct invocation in = {0};
	int rc = parse(&in, argc, argv);

	if (rc >= 0)
		return rc;
	trim_policy();
	if (sodium_init() < 0)
		return wrong("no source of random numbers", "");
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	fg_log_setup(FG_LOG_INFO, false);
	fg_loop_run("main", run, &in);
	free(in.config_path);
	fg_log_finish();
	return in.exit_code;
}
