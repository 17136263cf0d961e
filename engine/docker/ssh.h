/*
 * Engines behind ssh; private to this room.
 *
 * A connection is a process of the system's ssh that runs `docker system dial-stdio` on the far
 * side, where it hands its input and output to the engine's socket; here both are one end of a
 * connected pair of sockets, whose other end libcurl has. It lives as long as libcurl keeps the
 * connection. Where there is no docker but Podman, Podman's own command of that name is run. Nobody
 * is ever asked for anything: keys have no passphrase or are in an agent, and host keys have to be
 * known.
 */
#ifndef ENGINE_DOCKER_SSH_H
#define ENGINE_DOCKER_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/http.h"
#include "fleetgram/docker/engine.h"

/* Calls that run side by side; sshd lets ten log in at a time before it drops some. */
#define SSH_CALLS 6

#define SSH_NOT_FOUND 127 /* what a shell ends with that knows no such command */

struct ssh;
struct link; /* one connection */

/* Where an ssh:// URL leads, and what opens the way. */
struct ssh_route {
	char *host;              /* a name, an address, or an alias of ssh's own config */
	char *user;              /* NULL: as ssh's config says */
	int port;                /* 0: the same */
	char *key, *known_hosts; /* files; NULL: the user's own */
	int connect_seconds;
	bool podman; /* there is no docker there */
};

/* options->url is "ssh://[USER@]HOST[:PORT]"; route is zeroed, and finished by the caller even on
 * an error. */
int ssh_route_parse(
	const struct fg_engine_options *options, struct ssh_route *route, struct fg_err *err);
void ssh_route_finish(struct ssh_route *route);
/* The command line, no word of which ssh or a shell can take for anything else. Ends with NULL; the
 * caller frees it with ssh_argv_free(). */
char **ssh_argv(const struct ssh_route *route);
void ssh_argv_free(char **argv);

/* NULL: the URL or a file's name makes no sense. */
struct ssh *ssh_create(const struct fg_engine_options *options, struct fg_err *err);
/* Ends its connections. NULL is fine. */
void ssh_destroy(struct ssh *ssh);

/* A request's caller is a struct link *, which gets the connection that was made for it: for
 * ssh_forget(). It stays NULL when a kept one serves. */
const struct fg_http_dial *ssh_dial(const struct ssh *ssh);
/* NULL is fine. */
void ssh_forget(struct link *link);

/* A place among the SSH_CALLS. -1: none became free in time. */
int ssh_enter(struct ssh *ssh, int64_t deadline, struct fg_err *err);
void ssh_leave(struct ssh *ssh);

/*
 * After a request has failed with err: wait for what the ssh that was started for it has to say,
 * and put that into err, its code too when it is certain that nothing arrived. True: nothing did,
 * and another try may do better. Without a connection of its own (NULL) nothing is certain: it went
 * over a kept one, which an engine may have answered before.
 */
bool ssh_explain(struct ssh *ssh, const struct link *dialled, struct fg_err *err);

/* What an ssh has left behind. */
struct ssh_end {
	int status;       /* its exit status; 255 is ssh's own failure */
	const char *said; /* on stderr; may hold anything */
};

/* Put what it means, and what to do, into err, whose code stays where nothing better is known. */
void ssh_words(const struct ssh_route *route, const struct ssh_end *end, struct fg_err *err);

#endif
