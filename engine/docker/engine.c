/*
 * Engines: where one is, how to reach it, and which version of the API to speak with it.
 */
#include <limits.h>
#include <string.h>
#include <sys/un.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "ssh.h"

/*
 * What stands for the host in the URL of an engine that is reached through a socket. libcurl looks
 * for a kept connection among all those to hosts of one name, and asks the kernel of each whether it
 * is still alive: a hundred engines must not all be the same "localhost".
 */
static char *base_of(const struct fg_engine_options *options)
{
	return options->name ? fg_printf("http://%s.localhost", options->name)
			     : fg_strdup("http://localhost");
}

static int parse_unix(struct fg_engine *engine, const struct fg_engine_options *options,
	const char *path, struct fg_err *err)
{
	struct sockaddr_un address;

	if (*path != '/')
		return fg_fail(
			err, FG_EINVAL, "the path of the socket has to be absolute: unix:///run/…");
	if (strlen(path) >= sizeof(address.sun_path))
		return fg_fail(err, FG_EINVAL, "the path of the socket is over %zu bytes long",
			sizeof(address.sun_path) - 1);
	if (engine->ca || engine->cert || engine->key)
		return fg_fail(err, FG_EINVAL, "tls files make sense with tcp:// only");
	engine->unix_socket = fg_strdup(path);
	engine->base = base_of(options);
	return 0;
}

/* The number in s[0..len), 1 to 65535, or 0. */
static int parse_port(const char *s, size_t len)
{
	int port = 0;

	if (len == 0 || len > 5)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		port = port * 10 + (s[i] - '0');
	}
	return port <= 65535 ? port : 0;
}

static int parse_tcp(struct fg_engine *engine, const char *rest, struct fg_err *err)
{
	static const char name_chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	bool tls = engine->ca || engine->cert || engine->key;
	size_t len = strlen(rest), host;
	int port = tls ? 2376 : 2375;

	if (len > 0 && rest[len - 1] == '/')
		len--;
	if (*rest == '[') {
		host = 1 + strspn(rest + 1, "0123456789abcdefABCDEF:.");
		if (host == 1 || rest[host++] != ']')
			return fg_fail(err, FG_EINVAL,
				"an IPv6 address has to stand in brackets: tcp://[::1]:2376");
	} else {
		host = strspn(rest, name_chars);
	}
	if (host == 0 || host > 300)
		return fg_fail(err, FG_EINVAL, "the URL names no host: tcp://HOST:PORT");
	if (host < len) {
		port = rest[host] == ':' ? parse_port(rest + host + 1, len - host - 1) : 0;
		if (port == 0)
			return fg_fail(err, FG_EINVAL,
				"after the host only a port may follow: tcp://HOST:PORT");
	}
	if (!engine->cert != !engine->key)
		return fg_fail(err, FG_EINVAL, "tls needs both cert and key, or neither of them");
	engine->base = fg_printf("%s://%.*s:%d", tls ? "https" : "http", (int)host, rest, port);
	return 0;
}

static int parse_ssh(
	struct fg_engine *engine, const struct fg_engine_options *options, struct fg_err *err)
{
	engine->ssh = ssh_create(options, err);
	engine->base = base_of(options);
	return engine->ssh ? 0 : -1;
}

static int parse_url(
	struct fg_engine *engine, const struct fg_engine_options *options, struct fg_err *err)
{
	const char *url = engine->url;

	if (strncmp(url, "ssh://", 6) == 0)
		return parse_ssh(engine, options, err);
	if (options->ssh.key || options->ssh.known_hosts)
		return fg_fail(err, FG_EINVAL, "ssh files make sense with ssh:// only");
	if (strncmp(url, "unix://", 7) == 0)
		return parse_unix(engine, options, url + 7, err);
	if (strncmp(url, "tcp://", 6) == 0)
		return parse_tcp(engine, url + 6, err);
	return fg_fail(err, FG_EINVAL,
		"this is none of unix:///PATH, tcp://HOST:PORT and ssh://[USER@]HOST[:PORT]");
}

struct fg_engine *fg_engine_create(const struct fg_engine_options *options, struct fg_err *err)
{
	struct fg_engine *engine = fg_alloc(sizeof(*engine));

	engine->url = fg_strdup(options->url ? options->url : "");
	engine->name = fg_strdup(options->name ? options->name : engine->url);
	engine->ca = fg_strdup(options->tls.ca);
	engine->cert = fg_strdup(options->tls.cert);
	engine->key = fg_strdup(options->tls.key);
	engine->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : 30000;
	fg_lock_init(&engine->lock);
	if (parse_url(engine, options, err) < 0) {
		fg_wrap(err, "%s", *engine->url ? engine->url : "the engine's URL");
		fg_engine_destroy(engine);
		return NULL;
	}
	return engine;
}

void fg_engine_destroy(struct fg_engine *engine)
{
	if (!engine)
		return;
	free(engine->name);
	free(engine->url);
	free(engine->base);
	free(engine->unix_socket);
	ssh_destroy(engine->ssh);
	free(engine->ca);
	free(engine->cert);
	free(engine->key);
	free(engine);
}

void fg_engine_observe(
	struct fg_engine *engine, const struct fg_engine_observer *observer, void *arg)
{
	engine->observer = observer;
	engine->observer_arg = arg;
}

/* "1.41" to 1 * 10000 + 41; -1 when it is no version. */
static int api_number(const char *s)
{
	int parts[2] = {0, 0};

	for (int i = 0; i < 2; i++) {
		size_t digits = strspn(s, "0123456789");

		if (digits == 0 || digits > 4)
			return -1;
		for (; digits > 0; digits--, s++)
			parts[i] = parts[i] * 10 + (*s - '0');
		if (*s++ != (i == 0 ? '.' : '\0'))
			return -1;
	}
	return parts[0] * 10000 + parts[1];
}

int fg_api_compare(const char *a, const char *b)
{
	int x = api_number(a), y = api_number(b);

	if (x < 0 || y < 0)
		return INT_MIN;
	return (x > y) - (x < y);
}

int fg_api_choose(
	const char *newest, const char *minimum, char api[FG_API_SIZE], struct fg_err *err)
{
	if (api_number(newest) < 0 || (*minimum && api_number(minimum) < 0))
		return fg_fail(
			err, FG_EPROTO, "this is no container engine: it names no API version");
	if (fg_api_compare(newest, FG_API_OLDEST) < 0)
		return fg_fail(err, FG_EREMOTE,
			"the engine is too old: it speaks API %.16s, and Fleetgram needs %s or "
			"newer",
			newest, FG_API_OLDEST);
	if (*minimum && fg_api_compare(minimum, FG_API_NEWEST) > 0)
		return fg_fail(err, FG_EREMOTE,
			"the engine is too new: it speaks API %.16s and newer, and this Fleetgram "
			"only up to %s",
			minimum, FG_API_NEWEST);
	fg_decode_copy(api, FG_API_SIZE,
		fg_api_compare(newest, FG_API_NEWEST) < 0 ? newest : FG_API_NEWEST);
	return 0;
}

int fg_version_decode(
	const cJSON *doc, const char *server, struct fg_engine_version *out, struct fg_err *err)
{
	bool podman = strncmp(server, "Libpod/", 7) == 0;
	const cJSON *component;

	memset(out, 0, sizeof(*out));
	cJSON_ArrayForEach (component, fg_json_array(doc, "Components"))
		podman = podman || strcmp(fg_json_str(component, "Name", ""), "Podman Engine") == 0;
	fg_decode_copy(out->kind, sizeof(out->kind), podman ? "podman" : "docker");
	fg_decode_copy(out->version, sizeof(out->version), fg_json_str(doc, "Version", ""));
	fg_decode_copy(out->os, sizeof(out->os), fg_json_str(doc, "Os", ""));
	fg_decode_copy(out->arch, sizeof(out->arch), fg_json_str(doc, "Arch", ""));
	return fg_api_choose(fg_json_str(doc, "ApiVersion", ""),
		fg_json_str(doc, "MinAPIVersion", ""), out->api_version, err);
}

static int ask_version(struct fg_engine *engine, int64_t deadline, struct fg_err *err)
{
	int64_t left = deadline - fg_now_ms();
	struct fg_call call = {
		.path = "/version",
		.unversioned = true,
		.timeout_ms = left > 0 ? left : 1,
	};
	cleanup_response struct fg_http_response rs = {0};
	cleanup_json cJSON *doc = NULL;
	struct fg_engine_version seen;

	if (fg_call_perform(engine, &call, &rs, err) < 0)
		return -1;
	doc = fg_call_parse(&rs.body, err);
	if (!doc)
		fg_fail(err, FG_EPROTO, "this is no container engine: its version is no JSON");
	if (!doc || fg_version_decode(doc, rs.server, &seen, err) < 0) {
		engine->known = false;
		return fg_wrap(err, "the engine at %s", engine->url);
	}
	engine->seen = seen;
	engine->known = true;
	return 0;
}

/*
 * Ask for the version, one task at a time. Who waited while another one asked takes over its
 * outcome, a failure as well: otherwise a hundred calls to an engine that hangs would time out one
 * after the other. A failure that was only the other task's (it was cancelled, or had less time) is
 * not taken over. One that ran out of time leaves what was agreed before: an engine may be stuck in
 * /version and still list its containers.
 */
static int negotiate(struct fg_engine *engine, bool again, int64_t deadline, struct fg_err *err)
{
	int64_t began = fg_now_ms();
	uint64_t round = engine->rounds;
	int rc = 0;

	if (fg_lock_take(&engine->lock, "the engine's version", deadline, err) < 0)
		return fg_wrap(err, "the engine at %s", engine->url);
	if (engine->rounds != round && engine->shared && (engine->outcome < 0 || engine->known)) {
		rc = engine->outcome;
		if (rc < 0)
			*err = engine->failure;
	} else if (!engine->known || again) {
		rc = ask_version(engine, deadline, err);
		if (rc < 0)
			engine->failure = *err;
		engine->outcome = rc;
		engine->rounds++;
		engine->shared =
			rc == 0 || (err->code != FG_ECANCELED &&
					   (err->code != FG_ETIMEOUT ||
						   fg_now_ms() - began >= engine->timeout_ms));
	}
	fg_lock_release(&engine->lock);
	return rc;
}

int fg_engine_agree(
	struct fg_engine *engine, int64_t deadline, char api[FG_API_SIZE], struct fg_err *err)
{
	if (!engine->known && negotiate(engine, false, deadline, err) < 0)
		return -1;
	memcpy(api, engine->seen.api_version, FG_API_SIZE);
	return 0;
}

int fg_engine_podman(struct fg_engine *engine, struct fg_err *err)
{
	char api[FG_API_SIZE];
	struct fg_err unused;

	if (fg_engine_agree(engine, fg_now_ms() + engine->timeout_ms, api, err ? err : &unused) < 0)
		return -1;
	return strcmp(engine->seen.kind, "podman") == 0;
}

void fg_engine_forget(struct fg_engine *engine, const char *api)
{
	if (!api || strcmp(api, engine->seen.api_version) == 0)
		engine->known = false;
}

bool fg_engine_seen(const struct fg_engine *engine, struct fg_engine_version *out)
{
	if (*engine->seen.kind)
		*out = engine->seen;
	return *engine->seen.kind != '\0';
}

void fg_engine_told(struct fg_engine *engine, const char *server, const char *api)
{
	static const char name[] = "Libpod/";
	struct fg_engine_version told = {.kind = "podman"};
	cleanup_free char *version = NULL;

	engine->told = strncmp(server, name, strlen(name)) == 0 &&
		       fg_api_choose(api, "", told.api_version, NULL) == 0;
	if (!engine->told)
		return;
	server += strlen(name);
	version = fg_strndup(server, strcspn(server, " "));
	fg_decode_copy(told.version, sizeof(told.version), version);
	if (strcmp(engine->seen.kind, told.kind) != 0 ||
		strcmp(engine->seen.version, told.version) != 0)
		engine->seen = told;
	engine->known = true;
}

/* What a ping does not tell has not changed either. */
static bool still_the_same(const struct fg_engine *engine)
{
	return engine->known && engine->told && *engine->seen.arch;
}

int fg_engine_version(struct fg_engine *engine, struct fg_engine_version *out, struct fg_err *err)
{
	struct fg_err unused;

	memset(out, 0, sizeof(*out));
	if (!still_the_same(engine) &&
		negotiate(engine, true, fg_now_ms() + engine->timeout_ms, err ? err : &unused) < 0)
		return -1;
	*out = engine->seen;
	return 0;
}
