/*
 * Operations whose answer does not come: what the engine cannot have heard is not said to be perhaps done. The engine is a
 * stand-in that tells of its one container and says nothing more; it may let nobody in then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/operation.h"
#include "tap.h"

#define TIMEOUT_MS 1000
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The engine, a process of its own */

static void fill(const struct sockaddr_in *at)
{
	for (bool in = true; in;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		in = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || (errno == EINPROGRESS && poll(&p, 1, 100) == 1);
	}
}

/* Everything comes over one connection, except for what changes something. */
static void serve(int door, const struct sockaddr_in *at, bool full)
{
	int fd = accept(door, NULL, NULL);
	char in[4096];

	for (size_t len = 0;;) {
		ssize_t n = read(fd, in + len, sizeof(in) - 1 - len);
		const char *body = "{\"Version\":\"20.10\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}";

		if (n <= 0)
			break;
		in[len += (size_t)n] = '\0';
		if (!strstr(in, "\r\n\r\n"))
			continue;
		if (strstr(in, "/containers/")) {
			body = "{\"Id\":\"" ID "\",\"Name\":\"/web\",\"State\":{\"Status\":\"running\"},\"Config\":{\"StopTimeout\":0}}";
			if (full)
				fill(at);
		}
		dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
		len = 0;
	}
	while (true)
		pause();
}

static pid_t engine_start(bool full, char **url)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at);
	pid_t pid;

	if (bind(fd, (struct sockaddr *)&at, len) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0 || listen(fd, 2) < 0)
		diag("cannot listen: %s", strerror(errno));
	*url = fg_printf("tcp://127.0.0.1:%d", ntohs(at.sin_port));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
		serve(fd, &at, full);
	}
	close(fd);
	return pid;
}

/* The test */

static void stop(bool full, const char *want)
{
	cleanup_free char *url = NULL;
	pid_t pid = engine_start(full, &url);
	struct fg_fleet *fleet = fg_fleet_create();
	struct fg_err err = {0};
	int rc;

	fg_fleet_add(fleet, &(struct fg_host_options){"h", {.url = url, .timeout_ms = TIMEOUT_MS}}, NULL);
	rc = fg_operate(NULL, fg_fleet_host(fleet, 0), ID, FG_OP_STOP, NULL, &err);
	ok(rc < 0 && err.code == FG_ETIMEOUT && strncmp(err.text, want, strlen(want)) == 0, "%s", err.text);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fg_fleet_unref(fleet);
}

static void run(void *arg)
{
	(void)arg;
	fg_log_setup(FG_LOG_ERROR, false);
	stop(false, "it is not known whether web on h was stopped: ");
	stop(true, "cannot stop web on h: ");
	while (fg_task_count() > 1) /* the probes that settle what is with the hosts */
		fg_task_sleep(10, NULL);
	fg_http_finish();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
