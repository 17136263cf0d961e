/* Starts the simulator: reads the command line, and runs until a signal or the end of standard
 * input. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bot.h"
#include "control.h"
#include "rich.h"
#include "table.h"

#ifndef SIM_TABLE
#define SIM_TABLE "t/sim/botapi.json"
#endif

struct options {
	long port;
	const char *token, *table, *library;
	bool until_eof, with_parent;
};

static struct {
	uv_loop_t loop;
	uv_signal_t term, interrupt;
	uv_poll_t input;
} program;

static void end(void)
{
	sigset_t set;

	/* A second reason to end changes nothing any more. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	server_stop();
	uv_close((uv_handle_t *)&program.term, NULL);
	uv_close((uv_handle_t *)&program.interrupt, NULL);
	if (uv_is_active((uv_handle_t *)&program.input))
		uv_close((uv_handle_t *)&program.input, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	end();
}

static void on_input(uv_poll_t *handle, int status, int events)
{
	char dump[256];

	(void)events;
	if (status < 0 || read(STDIN_FILENO, dump, sizeof(dump)) <= 0) {
		uv_close((uv_handle_t *)handle, NULL);
		end();
	}
}

static void route(struct exchange *x)
{
	if (strncmp(x->path, "/sim/", 5) == 0)
		control_route(x);
	else if (strncmp(x->path, "/file/bot", 9) == 0)
		bot_file(x);
	else if (strncmp(x->path, "/bot", 4) == 0)
		bot_route(x);
	else
		control_fail(x, 404, "nothing here");
}

static int usage(const char *name)
{
	fprintf(stderr,
	        "usage: %s [--port N] [--token T] [--table FILE] [--tdjson LIB.so] [--until-eof] "
	        "[--parent-pid]\n",
	        name);
	return 2;
}

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
	        {"parent-pid", no_argument, NULL, 'P'},
	        {"port", required_argument, NULL, 'p'},
	        {"table", required_argument, NULL, 't'},
	        {"tdjson", required_argument, NULL, 'l'},
	        {"token", required_argument, NULL, 'k'},
	        {"until-eof", no_argument, NULL, 'e'},
	        {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (c) {
		case 'P':
			o->with_parent = true;
			break;
		case 'e':
			o->until_eof = true;
			break;
		case 'k':
			o->token = optarg;
			break;
		case 'l':
			o->library = optarg;
			break;
		case 'p':
			o->port = strtol(optarg, NULL, 10);
			break;
		case 't':
			o->table = optarg;
			break;
		default:
			return -1;
		}
	}
	return optind < argc || o->port < 0 || o->port > 65535 ? -1 : 0;
}

static void watch(const struct options *o)
{
	uv_signal_init(&program.loop, &program.term);
	uv_signal_init(&program.loop, &program.interrupt);
	uv_signal_start(&program.term, on_signal, SIGTERM);
	uv_signal_start(&program.interrupt, on_signal, SIGINT);
	if (o->until_eof && uv_poll_init(&program.loop, &program.input, STDIN_FILENO) == 0)
		uv_poll_start(&program.input, UV_READABLE, on_input);
}

int main(int argc, char **argv)
{
	struct options o = {
	        .token = "4242:simulated_token-ABCDEFGHIJKLMNOPQRS", .table = SIM_TABLE};
	pid_t parent = getppid();
	int port;

	o.library = getenv("FLEETGRAM_TDJSON");
	if (read_options(argc, argv, &o) < 0)
		return usage(argv[0]);
	signal(SIGPIPE, SIG_IGN);
	if (o.with_parent && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent))
		return 1;
	if (table_load(o.table) < 0 || (o.library && *o.library && rich_load(o.library) < 0))
		return 1;
	bot_start(o.token);
	uv_loop_init(&program.loop);
	watch(&o);
	port = server_start(&program.loop, (uint16_t)o.port, route);
	if (port < 0) {
		fprintf(stderr, "cannot listen on 127.0.0.1:%ld: %s\n", o.port, strerror(-port));
		return 1;
	}
	printf("listening on http://127.0.0.1:%d\n", port);
	fflush(stdout);
	uv_run(&program.loop, UV_RUN_DEFAULT);
	uv_loop_close(&program.loop);
	bot_reset();
	table_finish();
	return 0;
}
