/* The forms of URLs and of what the listener binds to. */
#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include "config/check.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/engine.h"

#define UNIX_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* What a URL is made of, as curl sees it. Absent parts are NULL, but there is always a path. */
struct parts {
	char *scheme, *user, *password, *host, *port, *path, *query, *fragment;
};

static void parts_finish(struct parts *p)
{
	curl_free(p->scheme);
	curl_free(p->user);
	curl_free(p->password);
	curl_free(p->host);
	curl_free(p->port);
	curl_free(p->path);
	curl_free(p->query);
	curl_free(p->fragment);
}
#define cleanup_parts __attribute__((cleanup(parts_finish)))

static bool parse_parts(const char *s, struct parts *p)
{
	CURLU *u = curl_url();
	bool good = u && curl_url_set(u, CURLUPART_URL, s, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;

	if (good) {
		curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0);
		curl_url_get(u, CURLUPART_USER, &p->user, 0);
		curl_url_get(u, CURLUPART_PASSWORD, &p->password, 0);
		curl_url_get(u, CURLUPART_HOST, &p->host, 0);
		curl_url_get(u, CURLUPART_PORT, &p->port, 0);
		curl_url_get(u, CURLUPART_PATH, &p->path, 0);
		curl_url_get(u, CURLUPART_QUERY, &p->query, 0);
		curl_url_get(u, CURLUPART_FRAGMENT, &p->fragment, 0);
	}
	curl_url_cleanup(u);
	return good && p->scheme && p->host && p->host[0];
}

static bool one_of(const char *s, const char *const *list)
{
	while (*list && strcmp(s, *list) != 0)
		list++;
	return *list != NULL;
}

/* Control characters and spaces are in no URL of ours, whatever curl would make of them. */
static bool has_space(const char *s)
{
	while (*s && (unsigned char)*s > ' ' && *s != 0x7f)
		s++;
	return *s != '\0';
}

static bool bare(const struct parts *p)
{
	return (!p->path || !p->path[0] || strcmp(p->path, "/") == 0) && !p->query && !p->fragment;
}

int config_check_api_url(const char *s, struct fg_err *err)
{
	static const char *const schemes[] = {"http", "https", NULL};
	cleanup_parts struct parts p = {0};

	if (!has_space(s) && parse_parts(s, &p) && one_of(p.scheme, schemes) && !p.query &&
		!p.fragment && !p.user)
		return 0;
	return fg_fail(err, FG_EINVAL, "has to be an address like https://api.telegram.org");
}

int config_check_proxy(const char *s, struct fg_err *err)
{
	static const char *const schemes[] = {
		"http", "https", "socks4", "socks4a", "socks5", "socks5h", NULL};
	cleanup_parts struct parts p = {0};

	if (!has_space(s) && strstr(s, "://") && parse_parts(s, &p) && one_of(p.scheme, schemes) &&
		bare(&p))
		return 0;
	return fg_fail(
		err, FG_EINVAL, "has to be a proxy like socks5h://HOST:PORT or http://HOST:PORT");
}

static int check_unix(const char *path, struct fg_err *err)
{
	if (*path != '/')
		return fg_fail(
			err, FG_EINVAL, "a socket's path begins with a slash: unix:///run/x.sock");
	if (strlen(path) > UNIX_MAX)
		return fg_fail(
			err, FG_EINVAL, "a socket's path can have at most %zu bytes", UNIX_MAX);
	return 0;
}

char *config_url_shown(const char *s)
{
	const char *at = strrchr(s, '@'), *begin = strstr(s, "://"), *colon;

	begin = at && begin && begin < at ? begin + 3 : s;
	colon = at ? memchr(begin, ':', (size_t)(at - begin)) : NULL;
	return colon ? fg_printf("%.*s:***%s", (int)(colon - s), s, at) : fg_strdup(s);
}

int config_check_registry(const char *s, struct fg_err *err)
{
	if (*s && !strchr(s, '@'))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"a registry is HOST[:PORT]; who logs in there is in username and password_file");
}

int config_check_host_url(const char *s, struct fg_err *err)
{
	cleanup_parts struct parts p = {0};
	cleanup_free char *shown = NULL;

	if (strncmp(s, "unix://", 7) == 0)
		return check_unix(s + 7, err);
	if (!has_space(s) && parse_parts(s, &p) && bare(&p) && !p.password) {
		if (strcmp(p.scheme, "ssh") == 0 && fg_ssh_check_url(s, NULL) == 0)
			return 0;
		if (strcmp(p.scheme, "tcp") == 0 && !p.user) {
			if (p.port)
				return 0;
			return fg_fail(
				err, FG_EINVAL, "has no port: tcp://HOST:2375, or 2376 with TLS");
		}
	}
	shown = config_url_shown(s);
	return fg_fail(err, FG_EINVAL,
		"\"%.60s\" is no engine's address: unix:///PATH, tcp://HOST:PORT or "
		"ssh://[USER@]HOST[:PORT]",
		shown);
}

static bool loopback4(const struct in_addr *a)
{
	return ntohl(a->s_addr) >> 24 == 127;
}

static bool loopback6(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

/* Digits to the end of s, of a port. */
static bool parse_port(const char *s, uint16_t *port)
{
	unsigned long v = strtoul(s, NULL, 10);

	if (!*s || strlen(s) > 5 || s[strspn(s, "0123456789")] || v > 65535)
		return false;
	*port = (uint16_t)v;
	return true;
}

int config_listen_parse(const char *s, struct config_listen *out, struct fg_err *err)
{
	const char *colon = strrchr(s, ':');
	cleanup_free char *host = NULL, *shown = NULL;
	struct in6_addr v6;
	struct in_addr v4;

	*out = (struct config_listen){.loopback = true};
	if (*s == '\0')
		return 0;
	if (strncmp(s, "unix:", 5) == 0) {
		const char *path = strncmp(s, "unix://", 7) == 0 ? s + 7 : s + 5;

		if (check_unix(path, err) < 0)
			return -1;
		out->unix_path = fg_strdup(path);
		return 0;
	}
	if (colon && parse_port(colon + 1, &out->port)) {
		bool brackets = *s == '[' && colon > s + 1 && colon[-1] == ']';

		host = brackets ? fg_strndup(s + 1, (size_t)(colon - s) - 2)
				: fg_strndup(s, (size_t)(colon - s));
		if (colon == s)
			return fg_fail(err, FG_EINVAL,
				"names no address: write 127.0.0.1%s for this machine alone, or "
				"0.0.0.0%s for all others too",
				s, s);
		if (strcasecmp(host, "localhost") == 0) {
			free(host);
			host = fg_strdup("127.0.0.1");
		}
		if (brackets ? inet_pton(AF_INET6, host, &v6) == 1
			     : inet_pton(AF_INET, host, &v4) == 1) {
			out->loopback = brackets ? loopback6(&v6) : loopback4(&v4);
			out->address = fg_steal(&host);
			return 0;
		}
	}
	shown = config_url_shown(s);
	return fg_fail(err, FG_EINVAL,
		"\"%.60s\" cannot be listened on: write IP:PORT, [IPV6]:PORT, unix:/PATH, or \"\" "
		"for none",
		shown);
}

int config_check_listen(const char *s, struct fg_err *err)
{
	struct config_listen listen;
	int rc = config_listen_parse(s, &listen, err);

	free(listen.unix_path);
	free(listen.address);
	return rc;
}

/* The name of a docker context, as docker checks it. */
int config_check_context(const char *s, struct fg_err *err)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-");

	if (isalnum((unsigned char)*s) && n > 1 && n <= 128 && !s[n])
		return 0;
	return fg_fail(err, FG_EINVAL, "\"%.60s\" can be no docker context's name", s);
}

int config_check_ssh_file(const char *s, struct fg_err *err)
{
	return config_check_text(s, err) < 0 ? -1 : fg_ssh_check_file(s, err);
}
