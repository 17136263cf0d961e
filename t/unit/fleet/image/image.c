/*
 * What is decided about images without any engine: whose registry, whose credentials, which digest, which challenge.
 */
#include <stdlib.h>
#include "image/image_check.h"
#include "image/manifest.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "tap.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define ONE "sha256:" HEX32 HEX32
#define TWO "sha256:ffff456789abcdef0123456789abcdef" HEX32

static void references(void)
{
	static const struct {
		const char *ref, *registry, *repository, *tag, *digest;
	} good[] = {
		{"nginx", "docker.io", "library/nginx", "latest", ""},
		{"nginx:1.25", "docker.io", "library/nginx", "1.25", ""},
		{"docker.io/nginx", "docker.io", "library/nginx", "latest", ""},
		{"index.docker.io/library/nginx:1", "docker.io", "library/nginx", "1", ""},
		{"registry-1.docker.io/a/b", "docker.io", "a/b", "latest", ""},
		{"grafana/loki:3.0.0", "docker.io", "grafana/loki", "3.0.0", ""},
		{"localhost/made:dev", "localhost", "made", "dev", ""},
		{"localhost:5000/a/b/c", "localhost:5000", "a/b/c", "latest", ""},
		{"127.0.0.1:5000/x:V1_a", "127.0.0.1:5000", "x", "V1_a", ""},
		{"[::1]:5000/x:1", "[::1]:5000", "x", "1", ""},
		{"GHCR.io/org/app:1", "ghcr.io", "org/app", "1", ""},
		{"quay.io/a@" ONE, "quay.io", "a", "", ONE},
		{"quay.io/a:1@" ONE, "quay.io", "a", "", ONE},
	};
	static const char *const bad[] = {"", ":", "Nginx", "a b", "a//b", "x/../y", "quay.io/", "a:", "a:b c", "a:-b", "a@", "a@sha256:",
		"a?b", "a#b", "a%2fb", "r\xc3\xbc\x62\x65n", ONE, HEX32 HEX32, "http://a/b"};
	struct fg_image_ref r;
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(good); i++) {
		bool parsed = fg_image_ref_parse(good[i].ref, &r, &err) == 0;

		ok(parsed && strcmp(r.registry, good[i].registry) == 0 && strcmp(r.repository, good[i].repository) == 0 &&
				strcmp(r.tag, good[i].tag) == 0 && strcmp(r.digest, good[i].digest) == 0,
			"\"%s\" is %s, %s, %s%s", good[i].ref, r.registry, r.repository, r.tag, r.digest);
	}
	for (size_t i = 0; i < FG_ARRAY_LEN(bad); i++)
		ok(fg_image_ref_parse(bad[i], &r, &err) < 0 && err.code == FG_EINVAL, "\"%s\": %s", bad[i], err.text);
	for (size_t len = 200; len < 5000; len += 400) {
		cleanup_free char *name = fg_alloc(len + 1);

		memset(name, 'a', len);
		ok((fg_image_ref_parse(name, &r, NULL) == 0) == (len < 240), "a name of %zu letters", len);
	}
}

static void credentials(void)
{
	static const struct {
		const char *image, *user, *address;
	} rows[] = {
		{"nginx", "hub", "https://index.docker.io/v1/"},
		{"docker.io/org/app:1", "hub", "https://index.docker.io/v1/"},
		{"registry-1.docker.io/org/app", "hub", "https://index.docker.io/v1/"},
		{"reg.example:5000/a:1", "port", "reg.example:5000"},
		{"reg.example/a:1", "plain", "reg.example"},
		{"other.example/a:1", NULL, NULL},
		{"no name", NULL, NULL},
	};
	struct fg_fleet *fleet = fg_fleet_create();
	struct fg_err err;

	ok(fg_fleet_login(fleet, "https://index.docker.io/v1/", "hub", "p\"w", &err) == 0, "credentials for Docker's own, as its tools write it");
	ok(fg_fleet_login(fleet, "reg.example:5000", "port", "pw", &err) == 0, "… with a port");
	ok(fg_fleet_login(fleet, "Reg.example", "plain", "pw", &err) == 0, "… and without");
	ok(fg_fleet_login(fleet, "docker.io", "again", "pw", &err) < 0 && err.code == FG_EINVAL, "twice: %s", err.text);
	ok(fg_fleet_login(fleet, "", "x", "pw", &err) < 0 && err.code == FG_EINVAL, "for nothing: %s", err.text);
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		char *auth = fg_fleet_auth(fleet, rows[i].image);
		cleanup_json cJSON *doc = auth ? fg_json_parse(auth, strlen(auth), &err) : NULL;

		ok(rows[i].user ? strcmp(fg_json_str(doc, "username", ""), rows[i].user) == 0 &&
					  strcmp(fg_json_str(doc, "serveraddress", ""), rows[i].address) == 0 &&
					  *fg_json_str(doc, "password", "")
				: !auth,
			"%s: %s", rows[i].image, rows[i].user ? rows[i].user : "nobody");
		fg_secret_free(auth);
	}
	fg_fleet_unref(fleet);
}

static void digests(void)
{
	static const struct {
		const char *digests, *image, *there, *here; /* here NULL: nothing to compare */
	} rows[] = {
		{"[\"nginx@" ONE "\"]", "nginx:1", ONE, ONE},
		{"[\"nginx@" ONE "\"]", "docker.io/library/nginx:1", TWO, ONE},
		{"[\"docker.io/library/nginx@" ONE "\"]", "nginx", ONE, ONE},
		{"[\"nginx@" ONE "\",\"nginx@" TWO "\"]", "nginx", TWO, TWO},
		{"[\"nginx@" ONE "\",\"quay.io/nginx@" TWO "\"]", "quay.io/nginx:3", TWO, TWO},
		{"[\"quay.io/nginx@" TWO "\"]", "nginx", TWO, NULL},
		{"[\"a/b@" ONE "\"]", "b", ONE, NULL},
		{"[\"<none>@<none>\"]", "nginx", ONE, NULL},
		{"[\"nginx\",7,null,\"@\",\"nginx@\"]", "nginx", ONE, NULL},
		{"[]", "nginx", ONE, NULL},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *doc = cJSON_Parse(rows[i].digests);
		char here[FG_DIGEST_SIZE];
		struct fg_image_ref ref;
		bool found = fg_image_ref_parse(rows[i].image, &ref, NULL) == 0 && image_digest_here(doc, &ref, rows[i].there, here);

		ok(rows[i].here ? found && strcmp(here, rows[i].here) == 0 : !found, "%s of %s", rows[i].image, rows[i].digests);
	}
	ok(image_digest_here(NULL, &(struct fg_image_ref){0}, "", (char[FG_DIGEST_SIZE]){0}) == false, "no digests at all");
}

static void quotas(void)
{
	static const struct {
		struct fg_err err;
		int64_t ms;
	} rows[] = {
		{{.text = "toomanyrequests: You have reached your pull rate limit"}, 3600000},
		{{.text = "unexpected status: 429 Too Many Requests"}, 3600000},
		{{.text = "no", .status = 429, .retry_after_ms = 5000}, 5000},
		{{.text = "no", .status = 429, .retry_after_ms = INT64_MAX}, (int64_t)7 * 24 * 3600 * 1000},
		{{.text = "connection refused"}, 0},
		{{.text = "no", .status = 500, .retry_after_ms = 5000}, 0},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		is_int(image_quota(&rows[i].err), rows[i].ms, rows[i].err.text);
}

static void challenges(void)
{
	static const struct {
		const char *header, *realm, *service, *scope;
		bool bearer, basic;
	} rows[] = {
		{"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"",
			"https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull", true, false},
		{"bearer realm=https://a/t , service=s", "https://a/t ", "s", "", true, false},
		{"Bearer service=\"a,b\\\"c\", REALM=\"x\",error=\"invalid_token\"", "x", "a,b\"c", "", true, false},
		{"Basic realm=\"test\"", "", "", "", false, true},
		{"Bearer", "", "", "", false, false},
		{"Bearer realm=\"unfinished", "unfinished", "", "", true, false},
		{"Bearer ,,=,\"=\",realm", "", "", "", true, false},
		{"Digest realm=\"x\"", "", "", "", false, false},
		{"", "", "", "", false, false},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct challenge c = {0};

		challenge_parse(rows[i].header, &c);
		ok(strcmp(c.realm, rows[i].realm) == 0 && strcmp(c.service, rows[i].service) == 0 && strcmp(c.scope, rows[i].scope) == 0 &&
				c.bearer == rows[i].bearer && c.basic == rows[i].basic,
			"%s: %s|%s|%s", rows[i].header, c.realm, c.service, c.scope);
	}
	ok(registry_is_local("127.0.0.1:5000") && registry_is_local("localhost") && registry_is_local("[::1]:80") &&
			!registry_is_local("docker.io") && !registry_is_local("localhost.example"),
		"which registries are on this machine");
}

static void headers(void)
{
	struct fg_str lines;
	char value[16];

	fg_str_init(&lines, 1024);
	fg_str_puts(&lines, "HTTP/1.1 200 OK\r\nA: 1\r\na:  two \r\nLong: 0123456789abcdef\r\n\r\n");
	ok(fg_http_header(&lines, "A", 0, value, sizeof(value)) && strcmp(value, "1") == 0, "a header");
	ok(fg_http_header(&lines, "a", 1, value, sizeof(value)) && strcmp(value, "two") == 0, "… the second of its name");
	ok(!fg_http_header(&lines, "A", 2, value, sizeof(value)), "… there is no third");
	ok(!fg_http_header(&lines, "Long", 0, value, sizeof(value)), "one that does not fit");
	fg_str_finish(&lines);
}

static void run(void *arg)
{
	(void)arg;
	references();
	credentials();
	digests();
	quotas();
	challenges();
	headers();
	fg_http_finish();
}

int main(void)
{
	fg_loop_run("images", run, NULL);
	return done_testing();
}
