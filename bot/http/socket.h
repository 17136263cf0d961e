/*
 * The socket that the listener listens on.
 */
#ifndef BOT_HTTP_SOCKET_H
#define BOT_HTTP_SOCKET_H

#include <sys/types.h>
#include "config/config.h"
#include "fleetgram/base/err.h"

struct listen_socket {
	int fd;      /* does not block */
	char *title; /* "https://127.0.0.1:3000", "unix:/run/…": for people */
	char *path;  /* of a Unix socket, else NULL */
	dev_t device;
	ino_t inode; /* of the file at path that is ours */
};

/*
 * Listen as http.listen says. A Unix socket gets mode 0660; the file of one that nobody serves any
 * more is replaced, one that answers is FG_ECONFLICT.
 */
int socket_listen(const struct config *config, struct listen_socket *out, struct fg_err *err);

/* The same socket once more, for TLS instead of none or the other way round; one of the two has to
 * socket_leave() before it finishes. */
int socket_share(const struct listen_socket *s, const struct config *config,
	struct listen_socket *out, struct fg_err *err);
void socket_leave(struct listen_socket *s); /* the file of a Unix socket is somebody else's now */

/* Remove the file of a Unix socket, if it is still ours. The fd is not closed. */
void socket_finish(struct listen_socket *s);

#endif
