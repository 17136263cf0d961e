/* The audience: who is told of which container, by scopes, `only` and the container's own word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/audience.h"
#include "notify/hours.h"
#include "tap.h"

static struct setup *setup_of(const char *text)
{
	cleanup_config_errors struct config_errors errors = {0};
	struct config *config = config_parse("test.json", text, strlen(text), &errors);
	struct setup *setup;
	struct fg_err err = {0};

	if (!config) {
		cleanup_free char *why = config_errors_text(&errors);

		printf("Bail out! %s", why);
		exit(1);
	}
	setup = setup_create(config, &err);
	if (!setup) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return setup;
}

static struct fg_subject subject(const char *host, const char *name, const cJSON *labels)
{
	return (struct fg_subject){.host = host,
		.name = name,
		.state = "running",
		.health = "",
		.image = "nginx",
		.template = "",
		.project = "",
		.id = "",
		.labels = labels};
}

static cJSON *labels_of(const char *key, const char *value)
{
	cJSON *labels = cJSON_CreateObject();

	cJSON_AddStringToObject(labels, key, value);
	return labels;
}

static void test_wants(void)
{
	cleanup_setup struct setup *setup = setup_of("{\"notify\":{\"only\":\"web* host=prod*\"}}");
	cleanup_setup struct setup *all = setup_of("{}");
	cleanup_json cJSON *in = labels_of("io.fleetgram.notify", "true");
	cleanup_json cJSON *out = labels_of("io.fleetgram.notify", "false");
	cleanup_json cJSON *odd = labels_of("io.fleetgram.notify", "perhaps");
	const struct {
		const char *name;
		struct setup *setup;
		struct fg_subject subject;
		bool wanted;
	} cases[] = {
		{"everything is wanted", all, subject("prod1", "db", NULL), true},
		{"but for what opts out", all, subject("prod1", "db", out), false},
		{"only: it is", setup, subject("prod1", "web-1", NULL), true},
		{"only: another name", setup, subject("prod1", "db", NULL), false},
		{"only: another host", setup, subject("test", "web-1", NULL), false},
		{"it opts in", setup, subject("test", "db", in), true},
		{"it opts out", setup, subject("prod1", "web-1", out), false},
		{"it says neither", setup, subject("prod1", "web-1", odd), true},
		{"… for this one, too", setup, subject("prod1", "db", odd), false},
		{"only: a host", setup, subject("prod1", "", NULL), true},
		{"only: another host as such", setup, subject("test", "", NULL), false},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(cases); i++)
		ok(audience_wants(cases[i].setup, &cases[i].subject) == cases[i].wanted, "%s",
			cases[i].name);
	ok(audience_wants(setup, NULL), "what is about no container");
}

static void note_chat(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct fg_str *out = arg;

	fg_str_printf(out, "%lld/%lld%s ", (long long)chat_id, (long long)chat->thread,
		fg_language_now() ? fg_language_code(fg_language_now()) : "");
}

static void told(const struct setup *setup, const struct fg_subject *subject, const char *want,
	const char *name)
{
	cleanup_str struct fg_str out = {0};

	fg_str_init(&out, 1024);
	audience_each(setup, subject, note_chat, &out);
	is_str(out.s, want, name);
}

static void test_each(void)
{
	cleanup_setup struct setup *setup =
		setup_of("{\"chats\":[{\"id\":-1,\"notify\":true},{\"id\":-2,\"role\":\"viewer\"},"
			 "{\"id\":-3,\"thread\":7,\"notify\":true,\"scope\":\"label=team:red\"},"
			 "{\"id\":-4,\"notify\":true,\"scope\":\"host=prod*\"},"
			 "{\"id\":-3,\"thread\":8,\"notify\":true,\"scope\":\"host=test\"}]}");
	cleanup_setup struct setup *spoken =
		setup_of("{\"chats\":[{\"id\":-1,\"notify\":true},"
			 "{\"id\":-1,\"thread\":7,\"notify\":true,\"language\":\"de\"}]}");
	cleanup_json cJSON *red = labels_of("team", "red");
	struct fg_subject web = subject("prod1", "web", red), db = subject("test", "db", NULL);
	struct fg_subject prod = subject("prod1", "", NULL);

	told(setup, NULL, "-1/0 -3/7 -4/0 -3/8 ", "all that are to be told");
	told(setup, &web, "-1/0 -3/7 -4/0 ", "who may see it");
	told(setup, &db, "-1/0 -3/8 ", "… or that");
	told(spoken, NULL, "-1/0 -1/7de ", "each in its language");
	ok(!fg_language_now(), "… and afterwards in that of before");
	told(setup, &prod, "-1/0 -3/7 -4/0 ", "a host, by the host words of a scope");
}

static void test_hushed(void)
{
	struct app app = {.started_ms = fg_now_ms()};
	int64_t now = fg_wall_ms(), until;
	time_t at = (time_t)(now / 1000 + 3600);
	cleanup_free char *text = NULL;
	struct tm tm;

	app.setup = setup_of("{\"notify\":{\"startup_delay\":\"0\"}}");
	is_int(audience_hushed_until(&app, now), 0, "no delay, no quiet hours");
	setup_unref(app.setup);
	app.setup = setup_of("{\"notify\":{\"startup_delay\":\"10m\"}}");
	until = audience_hushed_until(&app, now);
	ok(until > now && until <= now + 600000, "the start-up delay");
	is_int(audience_quiet_until(&app, now), 0, "… is no quiet time");
	app.started_ms -= 600000;
	is_int(audience_hushed_until(&app, now), 0, "… and passes");
	setup_unref(app.setup);
	gmtime_r(&at, &tm);
	text = fg_printf(
		"{\"notify\":{\"startup_delay\":\"1h\",\"quiet\":\"%02d:%02d-%02d:%02d\"}}",
		(tm.tm_hour + 22) % 24, tm.tm_min, tm.tm_hour, tm.tm_min);
	app.setup = setup_of(text);
	until = audience_quiet_until(&app, now);
	ok(until > now + 3500000 && until <= now + 3600000, "quiet hours");
	is_int(audience_hushed_until(&app, now), until, "… hush, too");
	app.started_ms = fg_now_ms();
	until = audience_hushed_until(&app, now);
	ok(until >= now + 3599000 && until <= now + 3601000, "whichever ends later");
	setup_unref(app.setup);
}

static void run(void *arg)
{
	(void)arg;
	test_wants();
	test_each();
	test_hushed();
	fg_http_finish();
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	fg_loop_run("main", run, NULL);
	return done_testing();
}
