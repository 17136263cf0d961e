/*
 * Calls that end without an answer: what never left was not done, whatever leads to the engine. Nobody answers here; a
 * full queue lets nobody connect.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "../../../engine/docker/call.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/container.h"
#include "tap.h"

#define SHORT_MS 300

/* Somebody whom a client may trust; no certificate of its is ever shown. */
static const char authority[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbjCCAROgAwIBAgIULSWsjvnvls0wkqtCClwWC5Yhw7QwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBdDAeFw0yNjExMzAwNjMwMDBaFw0zNjExMjcwNjMwMDBaMAwx\n"
	"CjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASUpYKKxNptfYTW\n"
	"DGrwfd7eWzhdG8yL5FNKnJP11W2lyUGjIvcy3jdgFB4fY8nl9uSbHv/MVCZurT8u\n"
	"2W9he8gto1MwUTAdBgNVHQ4EFgQUvvN+ya33LN9yfbHkeEXr3qEgzfMwHwYDVR0j\n"
	"BBgwFoAUvvN+ya33LN9yfbHkeEXr3qEgzfMwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
	"hkjOPQQDAgNJADBGAiEAiVr8sEFz/W0pSVxyW5JOpl+DpCRc181HHeRKFXxZ998C\n"
	"IQC2kTXj7yiG2/ZftDjLAyzKyKTv1BPz2oMC8Ya1zdjREw==\n"
	"-----END CERTIFICATE-----\n";

static char folder[] = "/tmp/fg-unsent-XXXXXX";
static char *ca;

struct listener {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} at;
	socklen_t len;
	int fd, waiting[64], n;
};

static void listener_open(struct listener *l, const char *path)
{
	*l = (struct listener){.len = sizeof(l->at.in)};
	l->at.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (path) {
		l->at.un = (struct sockaddr_un){.sun_family = AF_UNIX};
		snprintf(l->at.un.sun_path, sizeof(l->at.un.sun_path), "%s", path);
		l->len = sizeof(l->at.un);
	}
	l->fd = socket(l->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l->fd, &l->at.any, l->len) < 0 || getsockname(l->fd, &l->at.any, &l->len) < 0 || listen(l->fd, 2) < 0)
		diag("cannot listen: %s", strerror(errno));
}

/* Until one is not let in. */
static void listener_fill(struct listener *l)
{
	bool in = true;

	while (in && l->n < 64) {
		int fd = l->waiting[l->n++] = socket(l->at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		in = connect(fd, &l->at.any, l->len) == 0 || (errno == EINPROGRESS && poll(&p, 1, 100) == 1);
	}
	ok(!in, "nobody else is let in");
}

static void listener_close(struct listener *l)
{
	while (l->n > 0)
		close(l->waiting[--l->n]);
	close(l->fd);
	if (l->at.any.sa_family == AF_UNIX)
		unlink(l->at.un.sun_path);
}

enum peer { GONE, FULL, SILENT };

static const struct {
	const char *what;
	enum peer peer;
	bool local, tls, stranger; /* stranger: its version is not known yet */
	bool may_be_done;
} rows[] = {
	{"a socket that is gone", GONE, .local = true},
	{"a socket at which too many wait", FULL, .local = true},
	{"a socket that is silent", SILENT, .local = true, .may_be_done = true},
	{"a socket that is silent when it is asked for its version", SILENT, .local = true, .stranger = true},
	{"a port that is closed", .peer = GONE},
	{"a port at which too many wait", .peer = FULL},
	{"a port that is silent", SILENT, .may_be_done = true},
	{"a TLS port that is closed", GONE, .tls = true},
	{"a TLS port at which too many wait", FULL, .tls = true},
	{"a TLS port that is silent", SILENT, .tls = true},
};

static void try(size_t i)
{
	cleanup_free char *path = fg_printf("%s/socket", folder), *url = NULL;
	struct fg_engine *engine;
	struct listener l;
	struct fg_err err = {0};

	listener_open(&l, rows[i].local ? path : NULL);
	url = rows[i].local ? fg_printf("unix://%s", path) : fg_printf("tcp://127.0.0.1:%d", ntohs(l.at.in.sin_port));
	if (rows[i].peer == FULL)
		listener_fill(&l);
	if (rows[i].peer == GONE)
		listener_close(&l);
	engine = fg_engine_create(
		&(struct fg_engine_options){.url = url, .tls.ca = rows[i].tls ? ca : NULL, .timeout_ms = SHORT_MS}, NULL);
	engine->known = !rows[i].stranger;
	snprintf(engine->seen.api_version, sizeof(engine->seen.api_version), "1.41");
	ok(fg_container_start(engine, "web", &err) < 0 && fg_may_be_done(&err) == rows[i].may_be_done, "%s: %s: %s", rows[i].what,
		rows[i].may_be_done ? "it may be done" : "nothing was done", err.text);
	fg_engine_destroy(engine);
	if (rows[i].peer != GONE)
		listener_close(&l);
}

static void run(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		try(i);
	fg_http_finish();
}

int main(void)
{
	FILE *file;

	if (!mkdtemp(folder))
		return 1;
	ca = fg_printf("%s/ca.pem", folder);
	file = fopen(ca, "w");
	fputs(authority, file);
	fclose(file);
	fg_loop_run("tests", run, NULL);
	unlink(ca);
	rmdir(folder);
	free(ca);
	return done_testing();
}
