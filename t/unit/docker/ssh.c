/* Engines behind ssh: where a URL leads, the command line, and what an ssh's last words mean. */
#include <string.h>
#include "../../../engine/docker/ssh.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

static void test_routes(void)
{
	static const struct {
		const char *url, *user, *host;
		int port;
	} rows[] = {
		{"ssh://host", NULL, "host", 0},
		{"ssh://host/", NULL, "host", 0},
		{"ssh://me@host:22", "me", "host", 22},
		{"ssh://git+x.y_z-1@a.b-c.example:65535/", "git+x.y_z-1", "a.b-c.example", 65535},
		{"ssh://me@[::1]:2222", "me", "::1", 2222},
		{"ssh://me@corp@host", "me@corp", "host", 0},
		{"ssh://", NULL, NULL, 0},
		{"ssh://@host", NULL, NULL, 0},
		{"ssh://-oProxyCommand=x", NULL, NULL, 0},
		{"ssh://me@-oProxyCommand=x", NULL, NULL, 0},
		{"ssh://-l@host", NULL, NULL, 0},
		{"ssh://me:secret@host", NULL, NULL, 0},
		{"ssh://me@host:", NULL, NULL, 0},
		{"ssh://me@host:0", NULL, NULL, 0},
		{"ssh://me@host:65536", NULL, NULL, 0},
		{"ssh://me@host:22x", NULL, NULL, 0},
		{"ssh://me@host/run/docker.sock", NULL, NULL, 0},
		{"ssh://me@host//", NULL, NULL, 0},
		{"ssh://$(reboot)@host", NULL, NULL, 0},
		{"ssh://me@`reboot`", NULL, NULL, 0},
		{"ssh://me@a b", NULL, NULL, 0},
		{"ssh://me@host\n", NULL, NULL, 0},
		{"ssh://me@%h", NULL, NULL, 0},
		{"ssh://me@[::1", NULL, NULL, 0},
		{"ssh://me@[]", NULL, NULL, 0},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_engine_options o = {.url = rows[i].url};
		struct ssh_route route = {0};
		struct fg_err err = {0};
		int rc = ssh_route_parse(&o, &route, &err);

		if (!rows[i].host) {
			ok(rc < 0 && err.code == FG_EINVAL, "%s: %s", rows[i].url, err.text);
		} else {
			ok(rc == 0 && route.port == rows[i].port, "%s leads somewhere",
				rows[i].url);
			is_str(route.host, rows[i].host, "to the host");
			ok(rows[i].user ? route.user && strcmp(route.user, rows[i].user) == 0
					: !route.user,
				"as the user");
		}
		ssh_route_finish(&route);
	}
}

static void test_files(void)
{
	static const char *const bad[] = {"/a%h", "/a$b", "/a\"b", "/a\\b", "/a\nb"};
	struct ssh_route route = {0};
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(bad); i++) {
		struct fg_engine_options key = {.url = "ssh://h", .ssh.key = bad[i]};
		struct fg_engine_options known = {.url = "ssh://h", .ssh.known_hosts = bad[i]};

		ok(ssh_route_parse(&key, &route, &err) < 0 && strstr(err.text, "ssh.key"),
			"no such key: %s", err.text);
		ssh_route_finish(&route);
		ok(ssh_route_parse(&known, &route, &err) < 0 && strstr(err.text, "known_hosts"),
			"nor known hosts");
		ssh_route_finish(&route);
	}
	ok(ssh_route_parse(
		   &(struct fg_engine_options){.url = "ssh://h", .tls.ca = "/x"}, &route, &err) < 0,
		"no TLS files: %s", err.text);
	ssh_route_finish(&route);
}

/* The place of a word, or of "-o" and an option, or -1. */
static int find(char **argv, const char *word)
{
	for (int i = 0; argv[i]; i++)
		if (strcmp(argv[i], word) == 0)
			return i;
	return -1;
}

static void test_argv(void)
{
	struct fg_engine_options o = {.url = "ssh://me@host:2222",
		.ssh = {.key = "/a key", .known_hosts = "/known"},
		.timeout_ms = 5000};
	struct ssh_route route = {0};
	char **argv;
	int count = 0;

	ssh_route_parse(&o, &route, NULL);
	argv = ssh_argv(&route);
	while (argv[count])
		count++;
	is_str(argv[0], "ssh", "it is ssh");
	is_str(argv[count - 3], "--", "options end");
	is_str(argv[count - 2], "host", "the host");
	is_str(argv[count - 1], "docker system dial-stdio", "the command");
	ok(find(argv, "BatchMode=yes") > 0, "nobody is asked");
	ok(find(argv, "StrictHostKeyChecking=yes") > 0, "no unknown key is taken");
	ok(find(argv, "IdentityFile=\"/a key\"") > 0 && find(argv, "IdentitiesOnly=yes") > 0,
		"that key alone");
	ok(find(argv, "UserKnownHostsFile=\"/known\"") > 0 &&
			find(argv, "GlobalKnownHostsFile=/dev/null") > 0,
		"those known hosts alone");
	ok(find(argv, "User=me") > 0 && find(argv, "Port=2222") > 0, "user and port");
	ok(find(argv, "ConnectTimeout=4") > 0, "it gives up before a call does");
	ssh_argv_free(argv);
	route.podman = true;
	argv = ssh_argv(&route);
	is_str(argv[count - 1], "podman system dial-stdio", "Podman's command");
	ssh_argv_free(argv);
	ssh_route_finish(&route);

	ssh_route_parse(&(struct fg_engine_options){.url = "ssh://h"}, &route, NULL);
	argv = ssh_argv(&route);
	for (int i = 0; argv[i]; i++)
		ok(!strstr(argv[i], "KnownHosts") && !strstr(argv[i], "Identit") &&
				strncmp(argv[i], "User=", 5) != 0,
			"nothing of its own: %s", argv[i]);
	ssh_argv_free(argv);
	ssh_route_finish(&route);
}

static void test_words(void)
{
	static const struct {
		int status;
		const char *said, *want;
		enum fg_err_code code;
	} rows[] = {
		{255,
			"No ED25519 host key is known for h and you have requested strict checking.\r\n"
			"Host key verification failed.\r\n",
			"not known here", FG_EUNREACHABLE},
		{255,
			"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key for h has changed "
			"and you have requested strict checking.\n",
			"another key", FG_EUNREACHABLE},
		{255, "Host key verification failed.", "known hosts: /known", FG_EUNREACHABLE},
		{255, "me@h: Permission denied (publickey,password).", "login", FG_EUNREACHABLE},
		{255, "Permissions 0644 for '/k' are too open.\nWARNING: UNPROTECTED PRIVATE KEY FILE!",
			"chmod 600: /key", FG_EUNREACHABLE},
		{255, "Load key \"/k\": incorrect passphrase supplied to decrypt private key",
			"passphrase", FG_EUNREACHABLE},
		{255, "ssh: connect to host h port 22: Connection refused", "nobody listens",
			FG_EUNREACHABLE},
		{255, "ssh: connect to host h port 22: Connection timed out", "firewall",
			FG_EUNREACHABLE},
		{255, "ssh: Could not resolve hostname h: Name or service not known", "no address",
			FG_EUNREACHABLE},
		{255, "kex_exchange_identification: Connection closed by remote host",
			"MaxStartups", FG_EUNREACHABLE},
		{255, "Timeout, server h not responding.", "broke", FG_ELOST},
		{255, "", "broke", FG_ELOST},
		{127, "bash: line 1: podman: command not found", "no docker or podman",
			FG_EUNREACHABLE},
		{1, "docker: 'system dial-stdio' is not a docker command.", "too old",
			FG_EUNREACHABLE},
		{1, "failed to open the raw stream connection: dial unix /s: connect: permission denied",
			"group docker: me", FG_EUNREACHABLE},
		{1, "dial unix /s: connect: no such file or directory", "no engine runs",
			FG_EUNREACHABLE},
		/* what the far side says is not taken for what ssh says, nor the other way round */
		{1, "me@h: Permission denied (publickey).", "has ended", FG_ELOST},
		{255, "dial unix /s: connect: no such file or directory", "broke", FG_ELOST},
		{1, "\033[31mx\033[0m\001\n \n", "(ssh: x)", FG_ELOST},
		{1, "\xff\xfe", "\xef\xbf\xbd", FG_ELOST},
	};
	char key[] = "/key", known[] = "/known", user[] = "me";
	struct ssh_route route = {.key = key, .known_hosts = known, .user = user};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_err err;

		fg_fail(&err, FG_ELOST, "x");
		ssh_words(&route, &(struct ssh_end){rows[i].status, rows[i].said}, &err);
		ok(strstr(err.text, rows[i].want) && err.code == rows[i].code, "%d: %s",
			rows[i].status, err.text);
	}
}

static void test_flood(void)
{
	struct ssh_route route = {0};
	cleanup_free char *said = fg_alloc(4097);
	struct fg_err err;

	memset(said, 'x', 4096);
	fg_fail(&err, FG_ELOST, "x");
	ssh_words(&route, &(struct ssh_end){1, said}, &err);
	ok(strlen(err.text) < 500, "a long line is cut");
	memset(said, '\n', 4096);
	ssh_words(&route, &(struct ssh_end){255, said}, &err);
	ok(!strstr(err.text, "ssh:"), "many empty ones say nothing: %s", err.text);
}

int main(void)
{
	test_routes();
	test_files();
	test_argv();
	test_words();
	test_flood();
	return done_testing();
}
