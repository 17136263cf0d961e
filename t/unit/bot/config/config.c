/* The config whole: every default, all mistakes at once, files and environment around it, and what
 * is shipped with it. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tap.h"
#include "config/config.h"
#include "config/keys.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "scratch.h"

static void test_ten_mistakes(void)
{
	static const char text[] =
		"{\n"
		"\t\"telegram\": {\"poll_timeuot\": \"50s\",\n"
		"\t\t/* \xc3\xa4\xc3\xb6 */ \"stale_after\": \"5\", \"retry\": {\"jitter\": 2}},\n"
		"  \"users\": [{\"id\": \"7\", \"role\": \"admn\"}], // two here\n"
		"  \"hosts\": {\"local\": {\"url\": \"unix:relative\"}},\n"
		"  \"prune\": {\"action\": true},\n"
		"  \"http\": {\"listen\": \"0.0.0.0:3000\"},\n"
		"  \"schedules\": [{\"name\": \"x\", \"cron\": \"* * * *\", \"command\": "
		"\"/df\"}],\n"
		"  \"shutdown_grace\": \"1ms\"\n"
		"}\n";
	static const char *const want[] = {
		":2:15: telegram.poll_timeuot: there is no such key (did you mean "
		"\"poll_timeout\"?)",
		":3:27: telegram.stale_after: the duration \"5\" has no unit: add ms, s, m, h or d",
		":3:52: telegram.retry.jitter: has to be between 0 and 1, not 2",
		":4:20: users[0].id: has to be a whole number, not a string",
		":4:33: users[0].role: has to be one of viewer, operator, admin, not \"admn\" (did "
		"you mean \"admin\"?)",
		":5:30: hosts.local.url: \"unix:relative\" is no engine's address: unix:///PATH, "
		"tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]",
		":6:23: prune.action: has to be a string, not true",
		":7:22: http.listen: other machines could read this without a token: set "
		"http.token_file, or http.allow_unauthenticated",
		":8:39: schedules[0].cron: \"* * * *\" has 4 of the five fields minute, hour, day, "
		"month, weekday",
		":9:21: shutdown_grace: has to be between 1s and 3650d, not \"1ms\"",
	};
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *config = parse(text, &errors);
	cleanup_free char *all = config_errors_text(&errors);
	size_t i, lines = 0;

	ok(!config, "nothing comes of it");
	is_int(errors.n, FG_ARRAY_LEN(want), "ten mistakes, ten errors");
	for (i = 0; i < FG_ARRAY_LEN(want) && i < errors.n; i++) {
		ok(strncmp(errors.v[i].text, folder, strlen(folder)) == 0, "the file comes first");
		is_str(errors.v[i].text + strlen(folder) + strlen("/f.json"), want[i],
			"place, key, reason");
	}
	for (i = 0; all[i]; i++)
		lines += all[i] == '\n';
	is_int(lines, FG_ARRAY_LEN(want), "a line each when printed");
}

static void check_defaults(const struct config *c)
{
	static const char *const always[] = {
		"remove", "prune", "kill", "exec", "update", "rollback", "apply"};
	size_t i;

	ok(!c->telegram.token && !c->telegram.proxy, "no token, no proxy");
	is_str(c->telegram.api_url, "https://api.telegram.org", "telegram.api_url");
	is_int(c->telegram.poll_timeout_ms, 50000, "telegram.poll_timeout");
	is_int(c->telegram.stale_after_ms, 300000, "telegram.stale_after");
	is_int(c->telegram.retry.attempts, 3, "telegram.retry.attempts");
	is_int(c->telegram.retry.min_ms, 400, "telegram.retry.min_delay");
	is_int(c->telegram.retry.max_ms, 30000, "telegram.retry.max_delay");
	ok(c->telegram.retry.jitter == 0.1, "telegram.retry.jitter");
	is_int(c->telegram.rate.global_per_second, 30, "telegram.rate.global_per_second");
	is_int(c->telegram.rate.chat_per_second, 1, "telegram.rate.chat_per_second");
	is_int(c->telegram.rate.group_per_minute, 20, "telegram.rate.group_per_minute");
	is_int(c->telegram.unknown_users, CONFIG_UNKNOWN_TELL_ID, "telegram.unknown_users");
	ok(c->user_count == 0 && c->chat_count == 0 && c->schedule_count == 0,
		"nobody, nowhere, never");
	ok(c->host_count == 1 && !c->hosts[0].url, "one host, whose socket is yet to be found");
	is_str(c->hosts[0].name, "local", "called local");
	is_int(c->hosts[0].timeout_ms, 30000, "hosts.*.timeout");
	ok(cJSON_IsObject(c->templates) && !c->templates->child, "no templates");
	ok(cJSON_IsObject(c->defaults) && !c->defaults->child && !c->templates_dir,
		"no defaults for them");
	ok(!c->prune.enabled && c->prune.action == CONFIG_PRUNE_STOP, "prune is off");
	is_int(c->prune.idle_ms, 86400000, "prune.idle");
	is_int(c->prune.max_age_ms, 604800000, "prune.max_age");
	is_int(c->prune.every_ms, 300000, "prune.every");
	ok(c->prune.quiet.cpu_percent == 1 && c->prune.quiet.bytes_per_second == 1024,
		"prune.quiet");
	is_int(c->update.settle_ms, 10000, "update.settle");
	ok(!c->autoheal.enabled && c->autoheal.count == 3, "autoheal is off");
	is_int(c->autoheal.after_ms, 300000, "autoheal.after");
	is_int(c->autoheal.within_ms, 3600000, "autoheal.within");
	ok(c->images.check_every_ms == 0 && c->images.registry_count == 0, "images");
	ok(c->notify.die && c->notify.oom && c->notify.unhealthy && c->notify.host &&
			c->notify.updates,
		"notify tells");
	is_int(c->notify.restart_loop.count, 3, "notify.restart_loop.count");
	is_int(c->notify.restart_loop.within_ms, 300000, "notify.restart_loop.within");
	ok(c->notify.cpu_percent == 0 && c->notify.memory_percent == 0 && c->notify.disk_percent == 0,
		"notify's thresholds are off");
	is_int(c->notify.for_ms, 300000, "notify.for");
	is_int(c->notify.log_lines, 10, "notify.log_lines");
	is_int(c->notify.startup_delay_ms, 30000, "notify.startup_delay");
	ok(!*c->notify.quiet && !*c->notify.digest && !*c->notify.only, "notify's texts are empty");
	is_int(c->confirm.ttl_ms, 60000, "confirm.ttl");
	for (i = 0; i < FG_ARRAY_LEN(always); i++)
		ok(config_strings_have(c->confirm.always, always[i]), "confirm.always has %s",
			always[i]);
	ok(!c->confirm.always[i] && !config_strings_have(c->confirm.always, "stop"), "and no more");
	ok(!c->exec_enabled, "exec.enabled");
	is_str(c->http.listen, "127.0.0.1:3000", "http.listen");
	is_str(c->http.address, "127.0.0.1", "its address");
	ok(c->http.port == 3000 && c->http.loopback && !c->http.unix_path, "its port");
	ok(!c->http.token && !c->http.allow_unauthenticated, "no token");
	is_int(c->health_refresh_ms, 30000, "health.refresh");
	is_str(c->state_dir, "/home/ops/.local/state/fleetgram", "state_dir");
	ok(c->log.level == FG_LOG_INFO && c->log.format == CONFIG_LOG_TEXT, "log");
	is_int(c->shutdown_grace_ms, 10000, "shutdown_grace");
	ok(!c->timezone, "timezone");
	is_str(c->language, "en", "language");
}

static void test_defaults(void)
{
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *none = config_load(NULL, NULL, &errors),
				     *empty = parse("{}", &errors);

	ok(none && empty && errors.n == 0, "no file and an empty object are fine");
	ok(!none->path && empty->path, "and are told apart");
	check_defaults(none);
	check_defaults(empty);
}

static void test_values(void)
{
	static const char text[] =
		"\xef\xbb\xbf{\"telegram\":{\"api_url\":\"http://127.0.0.1:81/x/"
		"\",\"retry\":{\"attempts\":7}},\r\n"
		"\"users\":[{\"id\":9223372036854775807,\"role\":\"viewer\",\"commands\":[\"/"
		"list\",\"logs\"],\"deny\":[]},"
		"{\"id\":1,\"name\":\"o\",\"role\":\"operator\",\"scope\":\"a*\"},{\"id\":2,"
		"\"role\":\"admin\",\"commands\":[]}],\r\n"
		"\"chats\":[{\"id\":-1001234567890123,\"thread\":7,\"notify\":true},{\"id\":-"
		"1001234567890123,\"role\":\"admin\"}],"
		"\"hosts\":{\"a.b\":{\"url\":\"tcp://"
		"[::1]:2376\",\"tls\":{\"ca\":\"ca.pem\",\"cert\":\"/"
		"c\",\"key\":\"k\"},\"timeout\":\"1s\"},"
		"\"s\":{\"url\":\"ssh://u@h:22\",\"ssh\":{\"key\":\"id\",\"known_hosts\":\"kh\"}}},"
		"\"templates\":{\"t\":{\"image\":\"x\"}},\"defaults\":{\"user\":\"1\"},\"state_"
		"dir\":\"s\","
		"\"prune\":{\"idle\":0,\"max_age\":\"0\",\"action\":\"remove\",\"quiet\":{\"bytes_"
		"per_second\":5}},"
		"\"http\":{\"listen\":\"unix:/run/"
		"f.sock\"},\"log\":{\"level\":\"debug\",\"format\":\"json\"},\"timezone\":\"UTC\"}"
		"\r\n";
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *c = parse(text, &errors);
	cleanup_free char *all = config_errors_text(&errors), *ca = fg_printf("%s/ca.pem", folder);
	cleanup_free char *state = fg_printf("%s/s", folder);

	if (!ok(c != NULL, "all of these are right, with a byte order mark and CR LF"))
		diag("%s", all);
	if (!c)
		return;
	is_str(c->telegram.api_url, "http://127.0.0.1:81/x", "no slash at the end");
	ok(c->telegram.retry.attempts == 7 && c->telegram.retry.max_ms == 30000,
		"part of an object");
	is_int(c->users[0].id, INT64_MAX, "ids keep 64 bits");
	ok(c->user_count == 3 && c->users[0].role == ROLE_VIEWER &&
			c->users[1].role == ROLE_OPERATOR && c->users[2].role == ROLE_ADMIN,
		"roles");
	ok(config_strings_have(c->users[0].commands, "list") &&
			config_strings_have(c->users[0].commands, "logs"),
		"commands without their slash");
	ok(!c->users[1].commands && c->users[2].commands && !c->users[2].commands[0],
		"no list of commands is not an empty one");
	is_str(c->users[1].scope, "a*", "scope");
	ok(c->chats[0].id == -1001234567890123 && c->chats[0].thread == 7 && c->chats[0].notify &&
			c->chats[0].role == ROLE_NONE && c->chats[1].role == ROLE_ADMIN,
		"chats: a topic, and the group itself");
	is_str(c->hosts[0].name, "a.b", "hosts keep their order");
	is_str(c->hosts[0].tls.ca, ca, "paths start from the config's folder");
	is_str(c->hosts[0].tls.cert, "/c", "unless they are absolute");
	ok(c->hosts[0].timeout_ms == 1000 && c->hosts[1].timeout_ms == 30000, "timeouts");
	ok(fg_json_path(c->templates, "t.image") && fg_json_get(c->defaults, "user"),
		"trees are kept");
	ok(c->prune.idle_ms == 0 && c->prune.max_age_ms == 0 &&
			c->prune.action == CONFIG_PRUNE_REMOVE &&
			c->prune.quiet.bytes_per_second == 5,
		"prune");
	is_str(c->http.unix_path, "/run/f.sock", "a Unix socket");
	ok(!c->http.address && c->http.loopback, "has no address");
	is_str(c->state_dir, state, "state_dir");
	ok(c->log.level == FG_LOG_DEBUG && c->log.format == CONFIG_LOG_JSON, "log");
}

static void test_relations(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{\"users\":[{\"id\":1,\"role\":\"viewer\"},{\"id\":2,\"role\":\"viewer\"},{"
		 "\"id\":1,\"role\":\"admin\"}]}",
			"1:67: users[2].id: is the same as in users[0]"},
		{"{\"chats\":[{\"id\":-1},{\"id\":-1,\"thread\":2},{\"thread\":2,\"id\":-1}]}",
			"1:59: chats[2].id: is the same as in chats[1]"},
		{"{\"schedules\":[{\"name\":\"a\",\"cron\":\"* * * * *\",\"command\":\"/df\"},"
		 "{\"name\":\"a\",\"cron\":\"* * * * *\",\"command\":\"/df\"}]}",
			"1:71: schedules[1].name: is the same as in schedules[0]"},
		{"{\"hosts\":{}}",
			"1:10: hosts: names no host; leave it out for the engine on this machine"},
		{"{\"hosts\":{\"a\":{}}}", "1:15: hosts.a: needs \"url\" or \"context\""},
		{"{\"hosts\":{\"a\":{\"url\":\"unix:///s\",\"tls\":{\"ca\":\"x\"}}}}",
			"1:34: hosts.a.tls: only a tcp:// address can have TLS files"},
		{"{\"hosts\":{\"a\":{\"url\":\"tcp://h:1\",\"tls\":{\"key\":\"x\"}}}}",
			"1:34: hosts.a.tls: cert and key go together"},
		{"{\"hosts\":{\"a\":{\"url\":\"tcp://h:1\",\"context\":\"far\"}}}",
			"1:16: hosts.a.url: a host with a context has no url of its own"},
		{"{\"hosts\":{\"a\":{\"url\":\"tcp://h:1\",\"ssh\":{\"key\":\"x\"}}}}",
			"1:34: hosts.a.ssh: only an ssh:// address can have ssh files"},
		{"{\"telegram\":{\"retry\":{\"min_delay\":\"31s\"}}}",
			"1:22: telegram.retry: max_delay is shorter than min_delay"},
		{"{\"http\":{\"listen\":\"[::]:1\"}}",
			"1:19: http.listen: other machines could read this without a token: set "
			"http.token_file, or http.allow_unauthenticated"},
		{"{\"http\":{\"listen\":\"0.0.0.0:1\",\"allow_unauthenticated\":true}}", ""},
		{"{\"http\":{\"listen\":\"[::1]:1\"}}", ""},
		{"{\"http\":{\"listen\":\"127.1.2.3:0\"}}", ""},
		{"{\"http\":{\"listen\":\"localhost:1\"}}", ""},
		{"{\"http\":{\"listen\":\":3000\"}}",
			"1:19: http.listen: names no address: write 127.0.0.1:3000 for this machine "
			"alone, or 0.0.0.0:3000 for all others too"},
		{"{\"http\":{\"listen\":\"\"}}", ""},
		{"{\"templates\":{\"a\":{}}}", "1:15: templates.a: \"image\" is missing"},
		{"{\"templates\":{\"a\":{}},\"defaults\":{\"image\":\"x\"}}", ""},
		{"{\"templates\":{\"a\":{\"image\":\"x\",\"parameters\":{\"P\":{\"default\":\"a "
		 "b\",\"pattern\":\"[a-z]+\"}}}}}",
			"1:61: templates.a.parameters.P.default: does not fit the pattern [a-z]+"},
		{"{\"templates\":{\"a\":{\"image\":\"x\",\"parameters\":{\"P\":{\"default\":\"ab\","
		 "\"pattern\":\"x|[a-z]+\"}}}}}",
			""},
		{"{\"templates\":{\"a\":{\"image\":\"x:${T}\",\"parameters\":{\"T\":{}},\"env\":"
		 "{\"N\":\"${name} $${HOME} $5 $$\"},\"command\":\"echo ${T}\"}}}",
			""},
		{"{\"templates\":{\"a\":{\"image\":\"x\",\"env\":{\"A\":\"${T} ${NOPE}\"},"
		 "\"parameters\":{\"T\":{\"description\":\"${X}\"}}}}}",
			"1:43: templates.a.env.A: there is no parameter ${NOPE}; $${ is a plain ${"},
		{"{\"templates\":{\"a\":{\"image\":\"x\",\"labels\":{\"k.${A}\":\"v\"}}}}",
			"1:42: templates.a.labels.k.${A}: there is no parameter ${A}; $${ is a plain "
			"${"},
		{"{\"templates\":{\"a\":{\"image\":\"x\",\"command\":[\"sh\",\"-c\","
		 "\"echo ${A:-1}\"]}}}",
			"1:53: templates.a.command[2]: ${A is not closed; $${ is a plain ${"},
		{"{\"defaults\":{\"env\":{\"A\":\"${P}\"}},\"templates\":{\"a\":{\"image\":\"x\","
		 "\"parameters\":{\"P\":{}}},\"b\":{\"image\":\"x\",\"env\":[\"A=1\"]}}}",
			""},
		{"{\"defaults\":{\"image\":\"x\",\"user\":\"${P}\",\"parameters\":{\"P\":{}}},"
		 "\"templates\":{\"a\":{}}}",
			""},
		{"{\"defaults\":{\"image\":\"x\",\"user\":\"${P}\",\"parameters\":{\"P\":{}}},"
		 "\"templates\":{\"a\":{\"parameters\":{\"P\":null}}}}",
			"1:76: templates.a: in the defaults: there is no parameter ${P}; $${ is a "
			"plain ${"},
		{"{\"prune\":{\"idle\":\"1h\",\n\"idle\":\"2h\"}}",
			"2:1: prune.idle: is given twice, first on line 1"},
		{"{\"templates\":{\"a\":{\"image\":\"x\",\"labels\":{\"k\":1,\"k\":2}}}}",
			"1:48: templates.a.labels.k: is given twice, first on line 1"},
		{"{\"prune\":{},\"prune\":{}}", "1:13: prune: is given twice, first on line 1"},
		{"[]", "1:1: has to be an object, not a list"},
		{"null", "1:1: has to be an object, not null"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		is_str(mistake(rows[i].text), rows[i].want, "what belongs together");
}

/* Whatever is wrong with a URL, a password that may be in it is not told. */
static void test_url_passwords(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{\"hosts\":{\"l\":{\"url\":\"ssh://u:ses:sesame@h\"}}}", "\"ssh://u:***@h\""},
		{"{\"hosts\":{\"l\":{\"url\":\"tcp://u:sesame@sesame/@h:1\"}}}",
			"\"tcp://u:***@h:1\""},
		{"{\"hosts\":{\"l\":{\"url\":\"ssh://u:sesamesesamesesamesesamesesamesesamesesame"
		 "sesamesesamesesamesesame@h\"}}}",
			"\"ssh://u:***@h\""},
		{"{\"hosts\":{\"l\":{\"url\":\"u:sesame@h:1\"}}}", "\"u:***@h:1\""},
		{"{\"hosts\":{\"l\":{\"url\":\"ftp://u@h\"}}}", "\"ftp://u@h\""},
		{"{\"hosts\":{\"ssh://u:sesame@h\":{\"url\":\"unix:///s\"}}}",
			"\"ssh://u:***@h\" is no name"},
		{"{\"hosts\":{\"ssh://u:sesame@h\":{\"url\":\"unix:///s\",\"x\":1}}}",
			"\"ssh://u:***@h\" is no name"},
		{"{\"images\":{\"registries\":{\"https://u:sesame@h\":{\"username\":1,"
		 "\"password_file\":\"p\"}}}}",
			"a registry is HOST[:PORT]"},
		{"{\"telegram\":{\"proxy\":\"gopher://u:sesame@h\"}}", "has to be a proxy"},
		{"{\"telegram\":{\"api_url\":\"https://u:sesame@h\"}}", "has to be an address"},
		{"{\"http\":{\"listen\":\"x://u:sesame@h\"}}", "\"x://u:***@h\" cannot"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_config_errors struct config_errors errors = {0};
		cleanup_config struct config *config = parse(rows[i].text, &errors);
		cleanup_free char *all = config_errors_text(&errors);

		if (!ok(strstr(all, rows[i].want) && !strstr(all, "ses"),
			    "no password is told: %s", rows[i].want))
			diag("%s", all);
	}
}

static void test_flood(void)
{
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_str struct fg_str text;
	struct config *config;
	char *all;

	fg_str_init(&text, 1000000);
	fg_str_puts(&text, "{\"users\":[");
	for (int i = 0; i < 5000; i++)
		fg_str_printf(&text, "%s{\"id\":0,\"a%d\":1}", i ? "," : "", i);
	fg_str_puts(&text, "]}");
	config = parse(text.s, &errors);
	all = config_errors_text(&errors);
	ok(!config && errors.n == CONFIG_ERRORS_MAX, "a flood of mistakes is cut off");
	ok(errors.n + errors.more == 15000 && strstr(all, "and 14800 more\n"), "and counted");
	free(all);
}

static void test_folder(void)
{
	cleanup_free char *dir = fg_printf("%s/templates", folder), *a = NULL, *b = NULL, *c = NULL;
	static const char text[] =
		"{\"templates\":{\"web\":{\"image\":\"x\"}},\"templates_dir\":\"templates\"}";
	cleanup_config_errors struct config_errors errors = {0};
	struct config *config;

	mkdir(dir, 0700);
	a = put("templates/job.json", "// one job\n{\"image\":\"busybox\"}\n");
	b = put("templates/notes.txt", "not a template");
	config = parse(text, &errors);
	ok(config && fg_json_path(config->templates, "job.image") &&
			fg_json_path(config->templates, "web.image") &&
			cJSON_GetArraySize(config->templates) == 2,
		"templates from a folder stand beside the others");
	config_destroy(config);
	c = put("templates/web.json", "{\"image\":\"y\"}");
	free(a);
	a = put("templates/job.json", "{\n \"imag\":\"busybox\"}\n");
	config = parse(text, &errors);
	ok(!config && errors.n == 3, "three mistakes in two files");
	if (errors.n == 3) {
		ok(strstr(errors.v[0].text,
			   "/templates/job.json:1:1: templates.job: \"image\" is missing") &&
				strstr(errors.v[1].text,
					"/templates/job.json:2:2: templates.job.imag: there is no "
					"such key (did you mean \"image\"?)"),
			"with the places in their own file");
		ok(strstr(errors.v[2].text, "/templates/web.json: there is a template \"web\"") !=
				NULL,
			"a name is given once");
	}
	unlink(a);
	unlink(b);
	unlink(c);
	rmdir(dir);
	ok(strstr(mistake(text), "templates_dir: cannot read") != NULL,
		"a folder that is not there");
}

static void test_environment(void)
{
	cleanup_config_errors struct config_errors errors = {0};
	struct config *c;
	char **list;

	setenv("DOCKER_HOST", "tcp://127.0.0.1:2375", 1);
	c = config_load(NULL, NULL, &errors);
	is_str(c ? c->hosts[0].url : NULL, "tcp://127.0.0.1:2375", "DOCKER_HOST");
	config_destroy(c);
	c = parse("{\"hosts\":{\"x\":{\"url\":\"unix:///y\"}}}", &errors);
	is_str(c ? c->hosts[0].url : NULL, "unix:///y", "counts only without hosts");
	config_destroy(c);
	setenv("DOCKER_HOST", "nonsense", 1);
	c = config_load(NULL, NULL, &errors);
	ok(!c && errors.n == 1 && strncmp(errors.v[0].text, "DOCKER_HOST: ", 13) == 0,
		"a bad one is an error");
	unsetenv("DOCKER_HOST");
	setenv("XDG_STATE_HOME", "/xdg", 1);
	c = config_load(NULL, NULL, &errors);
	is_str(c->state_dir, "/xdg/fleetgram", "XDG_STATE_HOME");
	config_destroy(c);
	setenv("STATE_DIRECTORY", "/var/lib/fleetgram:/other", 1);
	c = config_load(NULL, NULL, &errors);
	is_str(c->state_dir, "/var/lib/fleetgram", "STATE_DIRECTORY");
	config_destroy(c);
	unsetenv("STATE_DIRECTORY");
	unsetenv("XDG_STATE_HOME");
	list = config_local_candidates();
	ok(config_strings_have(list, "unix:///var/run/docker.sock") &&
			config_strings_have(list, "unix:///run/podman/podman.sock") && !list[2],
		"the usual sockets");
	config_strings_free(list);
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	list = config_local_candidates();
	is_str(list[2], "unix:///run/user/7/podman/podman.sock", "and one's own");
	config_strings_free(list);
	unsetenv("XDG_RUNTIME_DIR");
}

static void test_find(void)
{
	char *path;

	setenv("FLEETGRAM_CONFIG", "/from/env", 1);
	path = config_find_path("/from/option");
	is_str(path, "/from/option", "the option wins");
	free(path);
	path = config_find_path(NULL);
	is_str(path, "/from/env", "then the environment");
	free(path);
	unsetenv("FLEETGRAM_CONFIG");
}

int main(void)
{
	static const char *const vars[] = {"FLEETGRAM_TOKEN", "FLEETGRAM_CONFIG",
		"CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
		"DOCKER_HOST"};

	for (size_t i = 0; i < FG_ARRAY_LEN(vars); i++)
		unsetenv(vars[i]);
	setenv("HOME", "/home/ops", 1);
	if (!mkdtemp(folder))
		return 1;
	test_ten_mistakes();
	test_defaults();
	test_values();
	test_relations();
	test_url_passwords();
	test_flood();
	test_folder();
	test_environment();
	test_find();
	ok(rmdir(folder) == 0, "nothing is left behind");
	fg_log_finish();
	return done_testing();
}
