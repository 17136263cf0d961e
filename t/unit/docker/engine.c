/* Engines: their URLs, and which version of the API to speak. */
#include <limits.h>
#include "../../../engine/docker/call.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

static void test_urls(void)
{
	static const struct {
		const char *url, *base, *error; /* one of the two */
		bool tls;
	} rows[] = {
	        {"unix:///run/docker.sock", "http://localhost", NULL, false},
	        {"tcp://host:1234", "http://host:1234", NULL, false},
	        {"tcp://host:1234/", "http://host:1234", NULL, false},
	        {"tcp://host", "http://host:2375", NULL, false},
	        {"tcp://host", "https://host:2376", NULL, true},
	        {"tcp://10.0.0.1:99", "https://10.0.0.1:99", NULL, true},
	        {"tcp://[::1]:99", "http://[::1]:99", NULL, false},
	        {"unix://run/docker.sock", NULL, "absolute", false},
	        {"unix:///run/docker.sock", NULL, "tcp:// only", true},
	        {"tcp://", NULL, "names no host", false},
	        {"tcp://:80", NULL, "names no host", false},
	        {"tcp://host:", NULL, "only a port", false},
	        {"tcp://host:0", NULL, "only a port", false},
	        {"tcp://host:65536", NULL, "only a port", false},
	        {"tcp://host:99999999999", NULL, "only a port", false},
	        {"tcp://host:80/path", NULL, "only a port", false},
	        {"tcp://user@host:80", NULL, "only a port", false},
	        {"tcp://host:80?x", NULL, "only a port", false},
	        {"tcp://::1", NULL, "names no host", false},
	        {"tcp://[::1", NULL, "brackets", false},
	        {"tcp://[]:5", NULL, "brackets", false},
	        {"ssh://root@host", "http://localhost", NULL, false},
	        {"ssh://root@host", NULL, "tcp:// only", true},
	        {"ssh://root@host:x", NULL, "ssh://[USER@]HOST[:PORT]", false},
	        {"http://host", NULL, "none of", false},
	        {"", NULL, "the engine's URL: ", false},
	        {NULL, NULL, "the engine's URL: ", false},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_engine_options o = {
		        .url = rows[i].url, .tls.ca = rows[i].tls ? "/ca.pem" : NULL};
		struct fg_err err = {0};
		struct fg_engine *e = fg_engine_create(&o, &err);

		if (rows[i].base)
			ok(e && strcmp(e->base, rows[i].base) == 0, "%s is %s", rows[i].url,
			        rows[i].base);
		else
			ok(!e && err.code == FG_EINVAL && strstr(err.text, rows[i].error), "%s: %s",
			        rows[i].url, err.text);
		fg_engine_destroy(e);
	}
}

/* Engines behind sockets are told apart by libcurl, which keeps connections by the host in the URL. */
static void test_socket_names(void)
{
	static const struct fg_engine_options rows[] = {
		{.name = "a_b.c-1", .url = "unix:///run/docker.sock"},
		{.name = "a_b.c-1", .url = "ssh://root@host"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_engine *e = fg_engine_create(&rows[i], NULL);

		is_str(e->base, "http://a_b.c-1.localhost", rows[i].url);
		fg_engine_destroy(e);
	}
}

static void test_more_urls(void)
{
	char path[200] = "unix:///";
	struct fg_err err;

	memset(path + 8, 'x', sizeof(path) - 9);
	path[sizeof(path) - 1] = '\0';
	ok(!fg_engine_create(&(struct fg_engine_options){.url = path}, &err) &&
	                strstr(err.text, "107 bytes"),
	        "a socket's path that is too long");
	ok(!fg_engine_create(
	           &(struct fg_engine_options){.url = "tcp://h", .tls.cert = "/c"}, &err) &&
	                strstr(err.text, "both"),
	        "a certificate without its key");
	ok(!fg_engine_create(&(struct fg_engine_options){.url = "x"}, NULL), "nobody cares why");
	fg_engine_destroy(NULL);
}

static void test_compare(void)
{
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = {
	        {"1.41", "1.41", 0},
	        {"1.9", "1.41", -1},
	        {"1.51", "1.44", 1},
	        {"2.0", "1.99", 1},
	        {"1.24", "1.100", -1},
	        {"", "1.1", INT_MIN},
	        {"1", "1.1", INT_MIN},
	        {"1.", "1.1", INT_MIN},
	        {"1.1x", "1.1", INT_MIN},
	        {"v1.1", "1.1", INT_MIN},
	        {"1.41.2", "1.1", INT_MIN},
	        {"1.99999999999", "1.1", INT_MIN},
	        {"-1.2", "1.1", INT_MIN},
	        {"1.1", ".1", INT_MIN},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		is_int(fg_api_compare(rows[i].a, rows[i].b), rows[i].want, rows[i].a);
}

static void test_choose(void)
{
	static const struct {
		const char *newest, *minimum, *want, *error;
	} rows[] = {
	        {"1.41", "1.12", "1.41", NULL},
	        {"1.51", "1.24", "1.51", NULL},
	        {"1.52", "1.44", FG_API_NEWEST, NULL},
	        {"1.41", "", "1.41", NULL},
	        {"1.24", "1.12", "1.24", NULL},
	        {"1.23", "1.12", NULL, "too old"},
	        {"1.70", "1.60", NULL, "too new"},
	        {"", "", NULL, "no container engine"},
	        {"latest", "1.24", NULL, "no container engine"},
	        {"1.41", "x", NULL, "no container engine"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		char api[FG_API_SIZE] = "";
		struct fg_err err = {0};
		int rc = fg_api_choose(rows[i].newest, rows[i].minimum, api, &err);

		if (rows[i].want)
			ok(rc == 0 && strcmp(api, rows[i].want) == 0, "%s from %s: %s",
			        rows[i].newest, rows[i].minimum, api);
		else
			ok(rc < 0 && strstr(err.text, rows[i].error), "%s from %s: %s",
			        rows[i].newest, rows[i].minimum, err.text);
	}
}

static void test_version(void)
{
	static const struct {
		const char *doc, *server, *kind, *version;
	} rows[] = {
	        {"{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\","
	         "\"Os\":\"linux\",\"Arch\":\"amd64\"}",
	                "Docker/20.10.24 (linux)", "docker", "20.10.24"},
	        {"{\"Version\":\"4.3.1\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.24\"}",
	                "Libpod/4.3.1 (linux)", "podman", "4.3.1"},
	        {"{\"Components\":[{\"Name\":\"Podman "
	         "Engine\"}],\"Version\":\"5\\u001b[1m\",\"ApiVersion\":\"1.41\"}",
	                "", "podman", "5"},
	        {"{\"ApiVersion\":\"1.41\",\"Version\":7,\"Components\":{}}", "", "docker", ""},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_engine_version v;
		struct fg_err err;
		cleanup_json cJSON *doc = fg_json_parse(rows[i].doc, strlen(rows[i].doc), &err);

		ok(fg_version_decode(doc, rows[i].server, &v, &err) == 0 &&
		                strcmp(v.kind, rows[i].kind) == 0 &&
		                strcmp(v.version, rows[i].version) == 0 &&
		                strcmp(v.api_version, "1.41") == 0,
		        "%s %s", rows[i].kind, rows[i].version);
	}
}

int main(void)
{
	test_urls();
	test_socket_names();
	test_more_urls();
	test_compare();
	test_choose();
	test_version();
	return done_testing();
}
