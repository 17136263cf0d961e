/* Where an ssh:// URL leads, and the command line that goes there. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "ssh.h"

/* At most, and less than a call has: ssh itself says then that nothing has left. */
#define CONNECT_SECONDS 10
#define WORDS 64

/* A ProxyCommand of the user's may put both into a shell's line. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"
#define HOST_CHARS PLAIN "-"
#define USER_CHARS PLAIN "-+@"

static int bad_url(struct fg_err *err)
{
	return fg_fail(err, FG_EINVAL, "this is not ssh://[USER@]HOST[:PORT]");
}

/* ":PORT" or nothing, of s[0..len). */
static int parse_port(const char *s, size_t len, int *port)
{
	long v = 0;

	if (len == 0)
		return 0;
	if (*s != ':' || len < 2 || len > 6)
		return -1;
	for (size_t i = 1; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	*port = (int)v;
	return v >= 1 && v <= 65535 ? 0 : -1;
}

/* Length of the host at s, with its brackets. 0: there is none. */
static size_t host_length(const char *s)
{
	size_t n;

	if (*s != '[')
		return *s == '-' ? 0 : strspn(s, HOST_CHARS);
	n = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
	return n > 1 && s[n] == ']' ? n + 1 : 0;
}

static int parse_url(const char *rest, struct ssh_route *route, struct fg_err *err)
{
	const char *at = strrchr(rest, '@'), *host = at ? at + 1 : rest;
	size_t len = strlen(host), n = host_length(host);

	if (strchr(host, '/') && host[len - 1] == '/' && strchr(host, '/') == host + len - 1)
		len--;
	if (n == 0 || n > 255 || n > len || parse_port(host + n, len - n, &route->port) < 0)
		return bad_url(err);
	route->host = *host == '[' ? fg_strndup(host + 1, n - 2) : fg_strndup(host, n);
	if (!at)
		return 0;
	if (at == rest || *rest == '-' || strspn(rest, USER_CHARS) < (size_t)(at - rest))
		return bad_url(err);
	route->user = fg_strndup(rest, (size_t)(at - rest));
	return 0;
}

int fg_ssh_check_url(const char *url, struct fg_err *err)
{
	struct ssh_route route = {0};
	bool ours = strncmp(url, "ssh://", strlen("ssh://")) == 0;
	int rc = ours ? parse_url(url + strlen("ssh://"), &route, err) : bad_url(err);

	ssh_route_finish(&route);
	return rc;
}

/* ssh puts things into the place of some characters, and nothing quotes them. */
int fg_ssh_check_file(const char *path, struct fg_err *err)
{
	for (const char *p = path; p && *p; p++)
		if (strchr("%$\"\\", *p) || iscntrl((unsigned char)*p))
			return fg_fail(
				err, FG_EINVAL, "ssh can use no path with a %%, $, \" or \\ in it");
	return 0;
}

int ssh_route_parse(
	const struct fg_engine_options *options, struct ssh_route *route, struct fg_err *err)
{
	int64_t seconds = options->timeout_ms / 1000 - 1;

	if (options->tls.ca || options->tls.cert || options->tls.key)
		return fg_fail(err, FG_EINVAL, "tls files make sense with tcp:// only");
	if (fg_ssh_check_file(options->ssh.key, err) < 0)
		return fg_wrap(err, "ssh.key");
	if (fg_ssh_check_file(options->ssh.known_hosts, err) < 0)
		return fg_wrap(err, "ssh.known_hosts");
	route->key = fg_strdup(options->ssh.key);
	route->known_hosts = fg_strdup(options->ssh.known_hosts);
	route->connect_seconds = seconds < 1                 ? 1
				 : seconds < CONNECT_SECONDS ? (int)seconds
							     : CONNECT_SECONDS;
	return parse_url(options->url + strlen("ssh://"), route, err);
}

void ssh_route_finish(struct ssh_route *route)
{
	free(route->host);
	free(route->user);
	free(route->key);
	free(route->known_hosts);
	*route = (struct ssh_route){0};
}

struct words {
	char **v;
	size_t n;
};

static void add(struct words *w, const char *word)
{
	w->v[w->n++] = fg_strdup(word);
}

/* -o NAME=VALUE */
static void option(struct words *w, const char *name, const char *value)
{
	add(w, "-o");
	w->v[w->n++] = fg_printf("%s=%s", name, value);
}

static void file_option(struct words *w, const char *name, const char *path)
{
	cleanup_free char *quoted = fg_printf("\"%s\"", path);

	option(w, name, quoted);
}

static void number_option(struct words *w, const char *name, int value)
{
	cleanup_free char *digits = fg_printf("%d", value);

	option(w, name, digits);
}

/* What the user's own config may say otherwise and must not here. */
static const char *const fixed[][2] = {
	{"BatchMode", "yes"},
	{"ClearAllForwardings", "yes"},
	/* A kept master would outlive its connection, and this process. */
	{"ControlMaster", "no"},
	{"ControlPath", "none"},
	{"LogLevel", "ERROR"},
	{"NumberOfPasswordPrompts", "0"},
	{"PermitLocalCommand", "no"},
	{"RemoteCommand", "none"},
	{"ServerAliveCountMax", "3"},
	{"ServerAliveInterval", "15"},
	{"StrictHostKeyChecking", "yes"},
	{"UpdateHostKeys", "no"},
	{"VerifyHostKeyDNS", "no"},
};

char **ssh_argv(const struct ssh_route *route)
{
	struct words w = {.v = fg_alloc(WORDS * sizeof(*w.v))};

	add(&w, "ssh");
	add(&w, "-Tax");
	for (size_t i = 0; i < FG_ARRAY_LEN(fixed); i++)
		option(&w, fixed[i][0], fixed[i][1]);
	number_option(&w, "ConnectTimeout", route->connect_seconds);
	if (route->key) {
		option(&w, "IdentitiesOnly", "yes");
		file_option(&w, "IdentityFile", route->key);
	}
	if (route->known_hosts) {
		file_option(&w, "UserKnownHostsFile", route->known_hosts);
		option(&w, "GlobalKnownHostsFile", "/dev/null");
	}
	if (route->port)
		number_option(&w, "Port", route->port);
	if (route->user)
		option(&w, "User", route->user);
	add(&w, "--");
	add(&w, route->host);
	add(&w, route->podman ? "podman system dial-stdio" : "docker system dial-stdio");
	return w.v;
}

void ssh_argv_free(char **argv)
{
	for (char **word = argv; word && *word; word++)
		free(*word);
	free(argv);
}
