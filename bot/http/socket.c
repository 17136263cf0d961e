/* The listening socket: binding, and what a Unix socket leaves behind. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "fleetgram/base/mem.h"
#include "http/socket.h"

#define BACKLOG 511
#define MODE 0660

static int socket_open(int family, struct fg_err *err)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 ? fd : fg_fail(err, FG_EIO, "no socket: %s", strerror(errno));
}

/* 0: the path is free now. A file is only removed when it is a socket that refuses. */
static int make_room(const struct sockaddr_un *address, struct fg_err *err)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, why = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fg_fail(err, FG_EIO, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fg_fail(err, FG_ECONFLICT, "%s exists and is not a socket", path);
	fd = socket_open(AF_UNIX, err);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		why = errno;
	close(fd);
	if (why != ECONNREFUSED)
		return fg_fail(err, FG_ECONFLICT,
			why == 0 || why == EAGAIN ? "somebody listens on %s already"
						  : "%s cannot be taken over",
			path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fg_fail(err, FG_EIO, "%s: %s", path, strerror(errno));
	return 0;
}

static int bind_unix(struct listen_socket *s, const struct sockaddr_un *address, struct fg_err *err)
{
	struct stat st;

	/* The mode of the file comes from the descriptor, so that it is never wider, not even for a
	 * moment. */
	if (fchmod(s->fd, MODE) < 0 ||
		bind(s->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return fg_fail(
			err, FG_EIO, "cannot listen on %s: %s", address->sun_path, strerror(errno));
	s->path = fg_strdup(address->sun_path);
	if (lstat(s->path, &st) == 0) {
		s->device = st.st_dev;
		s->inode = st.st_ino;
	}
	if (chmod(s->path, MODE) < 0 || listen(s->fd, BACKLOG) < 0)
		return fg_fail(err, FG_EIO, "cannot listen on %s: %s", s->path, strerror(errno));
	return 0;
}

static int listen_unix(const char *path, struct listen_socket *s, struct fg_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return fg_fail(err, FG_EINVAL, "a socket's path has at most %zu bytes: %s",
			sizeof(address.sun_path) - 1, path);
	memcpy(address.sun_path, path, strlen(path));
	if (make_room(&address, err) < 0)
		return -1;
	s->fd = socket_open(AF_UNIX, err);
	if (s->fd < 0)
		return -1;
	return bind_unix(s, &address, err);
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int address_read(const char *text, uint16_t port, union address *out, struct fg_err *err)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		return 0;
	}
	return fg_fail(err, FG_EINVAL, "%s is no IP address", text);
}

static int listen_ip(const char *text, uint16_t port, struct listen_socket *s, struct fg_err *err)
{
	union address address;
	bool six;
	int on = 1;

	if (address_read(text, port, &address, err) < 0)
		return -1;
	six = address.any.sa_family == AF_INET6;
	s->fd = socket_open(address.any.sa_family, err);
	if (s->fd < 0)
		return -1;
	/* Connections of a process before this one may linger; that is no reason not to start. */
	if (setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(s->fd, &address.any, six ? sizeof(address.v6) : sizeof(address.v4)) < 0 ||
		listen(s->fd, BACKLOG) < 0)
		return fg_fail(err, FG_EIO, "cannot listen on %s port %d: %s", text, (int)port,
			strerror(errno));
	return 0;
}

/* With port 0 the kernel has chosen one. */
static char *title_of(const struct config *config, int fd)
{
	const char *scheme = config->http.certificate ? "https" : "http";
	union address address;
	socklen_t len = sizeof(address);
	int port = config->http.port;

	if (config->http.unix_path)
		return fg_printf("unix:%s%s", config->http.unix_path,
			config->http.certificate ? ", over TLS" : "");
	if (getsockname(fd, &address.any, &len) == 0)
		port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
							       : address.v4.sin_port);
	return fg_printf(strchr(config->http.address, ':') ? "%s://[%s]:%d" : "%s://%s:%d", scheme,
		config->http.address, port);
}

int socket_listen(const struct config *config, struct listen_socket *out, struct fg_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	if (config->http.unix_path)
		rc = listen_unix(config->http.unix_path, out, err);
	else
		rc = listen_ip(config->http.address ? config->http.address : "", config->http.port,
			out, err);
	if (rc < 0) {
		if (out->fd >= 0)
			close(out->fd);
		socket_finish(out);
	} else {
		out->title = title_of(config, out->fd);
	}
	return rc;
}

int socket_share(const struct listen_socket *s, const struct config *config,
	struct listen_socket *out, struct fg_err *err)
{
	*out = *s;
	out->path = out->title = NULL;
	out->fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	if (out->fd < 0)
		return fg_fail(err, FG_EIO, "no socket: %s", strerror(errno));
	out->path = fg_strdup(s->path);
	out->title = title_of(config, out->fd);
	return 0;
}

void socket_leave(struct listen_socket *s)
{
	free(s->path);
	s->path = NULL;
}

void socket_finish(struct listen_socket *s)
{
	struct stat st;

	if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->path);
	free(s->path);
	free(s->title);
	memset(s, 0, sizeof(*s));
	s->fd = -1;
}
