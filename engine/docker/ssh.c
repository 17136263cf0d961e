/* Connections through ssh: the processes that make them, from their start to their end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/list.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "ssh.h"

#define SAID_CAP 4096 /* bytes of stderr that are kept, the first ones */
#define ALONE_MS 2000 /* for an ssh to end whose connection has */

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

struct ssh {
	int refs; /* its owner's and its connections' */
	struct ssh_route route;
	int inside; /* calls */
	struct fg_cond left, ended;
	struct fg_list links;
	char name[64];
	struct fg_http_dial dial;
};

/* One connection. It goes when it was hung up, the process has ended, and nobody asks for it. */
struct link {
	struct fg_list all; /* in its ssh's links */
	struct ssh *ssh;
	uv_process_t process;
	uv_pipe_t said;
	uv_timer_t patience;
	uv_poll_t door;
	int listener;  /* that libcurl's socket connects to; -1: it has, or never will */
	char *address; /* the listener's file, in a folder of its own */
	int fd;        /* libcurl's end; -1: hung up */
	int handles;   /* that are not closed yet */
	int askers;    /* requests for which it was made, and that may want to know its end */
	bool running, killed;
	bool podman; /* it has been told to run Podman's command */
	bool ended;  /* by itself */
	int status;  /* then, or -1: it could not be started, for why */
	struct fg_err why;
	char text[SAID_CAP + 1]; /* what it has said */
	size_t len;
};

static void ssh_unref(struct ssh *ssh)
{
	if (--ssh->refs > 0)
		return;
	ssh_route_finish(&ssh->route);
	free(ssh);
}

/* The process and whatever it has started, a ProxyCommand: they are a session of their own. */
static void link_kill(struct link *link)
{
	if (!link->running || link->killed)
		return;
	link->killed = true;
	kill(-link->process.pid, SIGKILL);
}

static void link_release(struct link *link)
{
	if (link->fd >= 0 || link->running || link->handles > 0 || link->askers > 0)
		return;
	fg_list_remove(&link->all);
	ssh_unref(link->ssh);
	free(link->address);
	free(link);
}

static void on_closed(uv_handle_t *handle)
{
	struct link *link = handle->data;

	link->handles--;
	link_release(link);
}

/* For the address's file and its folder; done as soon as somebody has come in. */
static void remove_door(const char *path)
{
	cleanup_free char *folder = fg_strndup(path, (size_t)(strrchr(path, '/') - path));

	unlink(path);
	rmdir(folder);
}

static void close_door(struct link *link)
{
	if (link->listener < 0)
		return;
	uv_close((uv_handle_t *)&link->door, on_closed);
	close(link->listener);
	remove_door(link->address);
	link->listener = -1;
}

/* Nothing more will come from a process. */
static void link_over(struct link *link)
{
	close_door(link);
	uv_close((uv_handle_t *)&link->said, on_closed);
	uv_close((uv_handle_t *)&link->patience, on_closed);
}

static void keep(struct link *link, const char *data, size_t len)
{
	size_t room = SAID_CAP - link->len;

	if (len > room)
		len = room;
	memcpy(link->text + link->len, data, len);
	link->len += len;
	/* A NUL would hide what follows. */
	for (size_t i = link->len - len; i < link->len; i++)
		if (!link->text[i])
			link->text[i] = ' ';
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	static char chunk[4096]; /* used up before it is needed again */

	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(chunk, sizeof(chunk));
}

static void on_said(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0)
		keep(stream->data, buf->base, (size_t)n);
	else if (n < 0)
		uv_read_stop(stream);
}

/* What is still in the pipe when the process has ended; others may hold it open. */
static void drain(struct link *link)
{
	char chunk[1024];
	uv_os_fd_t fd;
	ssize_t n;

	if (uv_fileno((uv_handle_t *)&link->said, &fd) < 0)
		return;
	for (size_t i = 0; i < 64 && (n = read(fd, chunk, sizeof(chunk))) > 0; i++)
		keep(link, chunk, (size_t)n);
}

static void on_ended(uv_process_t *process, int64_t status, int signal)
{
	struct link *link = process->data;

	drain(link);
	link->running = false;
	link->ended = !link->killed;
	link->status = signal ? 128 + signal : (int)status;
	fg_cond_broadcast(&link->ssh->ended);
	uv_close((uv_handle_t *)&link->process, on_closed);
	link_over(link);
}

static void on_patience(uv_timer_t *timer)
{
	link_kill(timer->data);
}

/* Whether the other half of the pair is gone. */
static bool is_over(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static struct link *link_find(struct ssh *ssh, int fd)
{
	struct link *link;

	fg_list_each (&ssh->links, link, all)
		if (link->fd == fd)
			return link;
	return NULL;
}

/* One that is about to end by itself may still have to say why. */
static void hangup(void *arg, int fd)
{
	struct ssh *ssh = arg;
	struct link *link = link_find(ssh, fd);
	bool over = is_over(fd);

	close(fd);
	if (!link)
		return;
	link->fd = -1;
	if (link->listener >= 0)
		link_over(link);
	else if (link->running && over && !link->killed)
		uv_timer_start(&link->patience, on_patience, ALONE_MS, 0);
	else
		link_kill(link);
	link_release(link);
}

/* What this process keeps to itself, and what ssh or the far side would take as a wish. */
static bool is_private(const char *variable)
{
	static const char *const names[] = {"CREDENTIALS_DIRECTORY=", "DISPLAY=", "DOCKER_",
		"FLEETGRAM_", "INVOCATION_ID=", "JOURNAL_STREAM=", "LANG=", "LANGUAGE=", "LC_",
		"LISTEN_", "NOTIFY_SOCKET=", "SSH_ASKPASS", "STATE_DIRECTORY=", "WATCHDOG_"};

	for (size_t i = 0; i < FG_ARRAY_LEN(names); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Ours without the secrets, and messages in English. The list is the caller's, its words are not.
 */
static char **environment(void)
{
	static char english[] = "LC_ALL=C", never[] = "SSH_ASKPASS_REQUIRE=never";
	size_t count = 0, n = 0;
	char **out;

	while (environ[count])
		count++;
	out = fg_alloc((count + 3) * sizeof(*out));
	for (size_t i = 0; i < count; i++)
		if (!is_private(environ[i]))
			out[n++] = environ[i];
	out[n++] = english;
	out[n] = never;
	return out;
}

static int start(struct link *link, int far)
{
	cleanup_free char **env = environment();
	char **argv = ssh_argv(&link->ssh->route);
	uv_stdio_container_t stdio[3] = {
		{.flags = UV_INHERIT_FD, .data.fd = far},
		{.flags = UV_INHERIT_FD, .data.fd = far},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
			.data.stream = (uv_stream_t *)&link->said},
	};
	uv_process_options_t options = {
		.file = argv[0],
		.args = argv,
		.env = env,
		.cwd = "/",
		.exit_cb = on_ended,
		.stdio = stdio,
		.stdio_count = 3,
		/* Without a terminal: there is nobody to ask. */
		.flags = UV_PROCESS_DETACHED,
	};
	int rc;

	/* Whoever opened them, none of this process's descriptors is for it. */
	syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
	rc = uv_spawn(fg_loop(), &link->process, &options);
	ssh_argv_free(argv);
	return rc;
}

/* libcurl's end has a peer from now on: ssh. */
static void link_start(struct link *link, int far)
{
	int rc = start(link, far);

	link->handles++; /* the process's, which has to be closed whatever came of it */
	if (rc == 0) {
		link->running = true;
		uv_read_start((uv_stream_t *)&link->said, on_room, on_said);
		return;
	}
	link->ended = true;
	link->status = -1;
	if (rc == UV_ENOENT)
		fg_fail(&link->why, FG_EIO, "there is no ssh command here; install openssh-client");
	else
		fg_fail(&link->why, FG_EIO, "cannot start ssh: %s", uv_strerror(rc));
	uv_close((uv_handle_t *)&link->process, on_closed);
	link_over(link);
}

/* Anybody on this machine can knock. */
static bool is_us(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid();
}

static void on_door(uv_poll_t *door, int status, int events)
{
	struct link *link = door->data;
	int far = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC);

	(void)status;
	(void)events;
	if (far < 0)
		return;
	if (is_us(far)) {
		close_door(link);
		link_start(link, far);
	}
	close(far);
}

/* A socket that listens in a new folder of its own, and its address. (libcurl 7.88 keeps no
 * connection to an abstract one.) */
static int open_door(struct sockaddr_un *to, socklen_t *len)
{
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *folder =
		fg_printf("%s/fleetgram-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
	int fd, n, why;

	if (!mkdtemp(folder))
		return -1;
	n = snprintf(to->sun_path, sizeof(to->sun_path), "%s/ssh", folder);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
	to->sun_family = AF_UNIX;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && *len > sizeof(*to))
		errno = ENAMETOOLONG;
	else if (fd >= 0 && bind(fd, (struct sockaddr *)to, *len) == 0 && listen(fd, 8) == 0)
		return fd;
	why = errno;
	if (fd >= 0)
		close(fd);
	unlink(to->sun_path);
	rmdir(folder);
	errno = why;
	return -1;
}

static struct link *link_create(struct ssh *ssh, int fd, int listener, const char *address)
{
	struct link *link = fg_alloc(sizeof(*link));

	link->ssh = ssh;
	link->fd = fd;
	link->listener = listener;
	link->address = fg_strdup(address);
	link->podman = ssh->route.podman;
	link->handles = 3;
	link->process.data = link->said.data = link->patience.data = link->door.data = link;
	uv_pipe_init(fg_loop(), &link->said, 0);
	uv_timer_init(fg_loop(), &link->patience);
	uv_poll_init(fg_loop(), &link->door, listener);
	uv_poll_start(&link->door, UV_READABLE, on_door);
	fg_list_append(&ssh->links, &link->all);
	ssh->refs++;
	return link;
}

static int check_file(const char *path, const char *what, struct fg_err *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	return fg_fail(err, FG_EIO, "cannot read %s %s: %s", what, path, strerror(errno));
}

void ssh_forget(struct link *link)
{
	if (!link)
		return;
	link->askers--;
	link_release(link);
}

static int dial(void *arg, void *caller, struct sockaddr_un *to, socklen_t *len, struct fg_err *err)
{
	struct ssh *ssh = arg;
	struct link **dialled = caller;
	int listener, fd;

	if (check_file(ssh->route.key, "ssh.key", err) < 0 ||
		check_file(ssh->route.known_hosts, "ssh.known_hosts", err) < 0)
		return -1;
	listener = open_door(to, len);
	fd = listener < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		struct link *link = link_create(ssh, fd, listener, to->sun_path);

		if (dialled) {
			ssh_forget(*dialled);
			link->askers++;
			*dialled = link;
		}
		return fd;
	}
	fg_fail(err, FG_EIO, "cannot make a socket: %s", strerror(errno));
	if (listener >= 0) {
		close(listener);
		remove_door(to->sun_path);
	}
	return -1;
}

struct ssh *ssh_create(const struct fg_engine_options *options, struct fg_err *err)
{
	static uint64_t made;
	struct ssh *ssh = fg_alloc(sizeof(*ssh));

	ssh->refs = 1;
	fg_cond_init(&ssh->left);
	fg_cond_init(&ssh->ended);
	fg_list_init(&ssh->links);
	snprintf(ssh->name, sizeof(ssh->name), "ssh %llu", (unsigned long long)++made);
	ssh->dial = (struct fg_http_dial){
		.dial = dial, .hangup = hangup, .arg = ssh, .name = ssh->name};
	if (ssh_route_parse(options, &ssh->route, err) == 0)
		return ssh;
	ssh_unref(ssh);
	return NULL;
}

void ssh_destroy(struct ssh *ssh)
{
	struct link *link;

	if (!ssh)
		return;
	fg_list_each (&ssh->links, link, all)
		link_kill(link);
	ssh_unref(ssh);
}

const struct fg_http_dial *ssh_dial(const struct ssh *ssh)
{
	return &ssh->dial;
}

int ssh_enter(struct ssh *ssh, int64_t deadline, struct fg_err *err)
{
	while (ssh->inside >= SSH_CALLS)
		if (fg_cond_wait(&ssh->left, "its turn on the ssh connections", deadline, err) < 0)
			return -1;
	ssh->inside++;
	return 0;
}

void ssh_leave(struct ssh *ssh)
{
	ssh->inside--;
	fg_cond_signal(&ssh->left);
}

bool ssh_explain(struct ssh *ssh, const struct link *dialled, struct fg_err *err)
{
	int64_t deadline = fg_now_ms() + ALONE_MS + 500;

	if (!dialled)
		return false;
	while (dialled->running && !dialled->killed && dialled->fd < 0 &&
		fg_cond_wait(&ssh->ended, "what ssh has to say", deadline, NULL) == 0)
		;
	if (!dialled->ended)
		return false;
	if (dialled->status < 0) {
		*err = dialled->why;
		return false;
	}
	if (dialled->status == SSH_NOT_FOUND) {
		ssh->route.podman = !dialled->podman;
		if (!dialled->podman)
			return true;
	}
	ssh_words(&ssh->route, &(struct ssh_end){dialled->status, dialled->text}, err);
	return false;
}
