/* exec, registry, audit, check. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "chat/audit.h"
#include "chat/router.h"
#include "cli.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "languages/languages.h"
#include "setup.h"
#include "statedir.h"
#include "telegram/telegram.h"

#define DUMP_BYTES ((size_t)256 * 1024 * 1024)
#define CHECK_MS 10000
#define ROW_CAP ((size_t)8 * 1024)

static int complain(const char *text)
{
	fprintf(stderr, "fleetgram: %s\n", text);
	return 1;
}

/* exec */

static void print_json(struct reply *reply, int rc, const struct fg_err *err)
{
	cleanup_json cJSON *doc = cJSON_CreateObject();
	cleanup_free char *plain = reply_plain(reply), *text = NULL;

	cJSON_AddBoolToObject(doc, "ok", rc == 0);
	cJSON_AddStringToObject(doc, "text", plain);
	if (reply->data)
		cJSON_AddItemToObject(doc, "data", cJSON_Duplicate(reply->data, true));
	if (rc < 0)
		cJSON_AddStringToObject(doc, "error", err->text);
	text = fg_json_print(doc);
	puts(text);
}

static void print_plain(struct reply *reply)
{
	cleanup_free char *plain = reply_plain(reply);
	size_t len = strlen(plain);

	fputs(plain, stdout);
	if (len && plain[len - 1] != '\n')
		putchar('\n');
}

int cli_exec(struct app *app, char **words, int count, bool yes, bool json)
{
	/* One word may be a whole line, as it would be sent to a chat. */
	cleanup_free char *line = count == 1
					  ? fg_strdup(words[0])
					  : words_join((const char *const *)words, (size_t)count);
	struct reply reply;
	struct fg_err err;
	int rc;

	fg_language_set(languages_find(app->setup->config->language));
	reply_init(&reply, app);
	reply.terminal = true;
	reply.live = !json;
	rc = router_line(app, line, yes ? ASK_GIVEN : ASK_REFUSED, &reply, &err);
	if (json)
		print_json(&reply, rc, &err);
	else
		print_plain(&reply);
	fflush(stdout);
	if (rc < 0)
		complain(err.text);
	reply_finish(&reply);
	if (rc == 0)
		return 0;
	return err.code == FG_EUSAGE ? 2 : 1;
}

/* registry */

static int write_dump(const char *path, const char *text)
{
	FILE *out = path ? fopen(path, "we") : stdout;
	bool failed;

	if (!out) {
		fprintf(stderr, "fleetgram: cannot write %s: %s\n", path, strerror(errno));
		return 1;
	}
	failed = fprintf(out, "%s\n", text) < 0;
	failed = (path ? fclose(out) : fflush(out)) != 0 || failed;
	if (failed)
		fprintf(stderr, "fleetgram: cannot write %s: %s\n", path ? path : "the export",
			strerror(errno));
	return failed ? 1 : 0;
}

static int dump(struct app *app, const char *path)
{
	struct fg_err err;
	cleanup_export struct fg_export all = {0};

	if (fg_registry_export(app->registry, &all, &err) < 0)
		return complain(err.text);
	return write_dump(path, all.text);
}

static int read_file(const char *path, struct fg_str *out)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char chunk[8192];
	size_t n;
	bool failed;

	if (!in) {
		fprintf(stderr, "fleetgram: cannot read %s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), in)) > 0)
		fg_str_add(out, chunk, n);
	failed = ferror(in) || out->full;
	if (failed)
		fprintf(stderr, "fleetgram: cannot read %s: %s\n", path,
			out->full ? "it is too large" : strerror(errno));
	if (in != stdin)
		fclose(in);
	return failed ? -1 : 0;
}

static int restore(struct app *app, const char *path)
{
	cleanup_str struct fg_str text = {0};
	cleanup_json cJSON *doc = NULL;
	struct fg_err err;
	int n;

	fg_str_init(&text, DUMP_BYTES);
	if (read_file(path, &text) < 0)
		return 1;
	doc = fg_json_parse(text.s, text.len, &err);
	if (!doc) {
		fg_wrap(&err, "%s", path);
		return complain(err.text);
	}
	n = fg_registry_import(app->registry, doc, &err);
	if (n < 0) {
		fg_wrap(&err, "%s: nothing was imported", path);
		return complain(err.text);
	}
	printf("%d instance%s imported\n", n, n == 1 ? "" : "s");
	return 0;
}

int cli_registry(struct app *app, char **words, int count)
{
	if (count >= 1 && count <= 2 && strcmp(words[0], "export") == 0)
		return dump(app, count == 2 ? words[1] : NULL);
	if (count == 2 && strcmp(words[0], "import") == 0)
		return restore(app, words[1]);
	complain("usage: fleetgram registry export [FILE] | import FILE");
	return 2;
}

/* audit */

int cli_audit(struct app *app, char **words, int count)
{
	struct audit_check check;
	struct fg_err err;

	if (count != 1 || strcmp(words[0], "verify") != 0) {
		complain("usage: fleetgram audit verify");
		return 2;
	}
	if (audit_verify(app->store, &check, &err) < 0)
		return complain(err.text);
	if (check.broken) {
		fprintf(stderr, "fleetgram: the audit is broken at row %lld: %s (%lld before it hold)\n",
			(long long)check.broken, check.why, (long long)check.rows);
		return 1;
	}
	if (check.rows == 0)
		puts("the audit is empty");
	else
		printf("%lld row%s from %lld on, none was changed; the last hash is %s\n",
			(long long)check.rows, check.rows == 1 ? "" : "s", (long long)check.first,
			check.last);
	return 0;
}

/* check */

static void row(bool good, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void row(bool good, const char *what, const char *fmt, ...)
{
	cleanup_str struct fg_str text = {0};
	va_list ap;

	fg_str_init(&text, ROW_CAP);
	va_start(ap, fmt);
	fg_str_vprintf(&text, fmt, ap);
	va_end(ap);
	fg_log_redact(text.s);
	printf("%-4s  %-20s  %s\n", good ? "ok" : "FAIL", what, text.s);
}

static bool check_telegram(const struct config *config)
{
	struct telegram_options options = {
		.token = config->telegram.token,
		.api_url = config->telegram.api_url,
		.proxy = config->telegram.proxy,
		.retry = {.attempts = 1, .min_ms = 1, .max_ms = 1},
		.poll_timeout_ms = config->telegram.poll_timeout_ms,
	};
	struct telegram *telegram;
	struct fg_err err;
	bool good;

	if (!config->telegram.token) {
		row(true, "telegram", "no token: only console and exec will work");
		return true;
	}
	telegram = telegram_create(&options);
	good = telegram_get_me(telegram, &err) == 0;
	if (good)
		row(true, "telegram", "@%s at %s", telegram_username(telegram),
			config->telegram.api_url);
	else
		row(false, "telegram", "%s", err.text);
	if (config->user_count + config->chat_count == 0)
		row(true, "users",
			"none: nobody may use the bot. Write to it, and it tells you your id");
	telegram_destroy(telegram);
	return good;
}

static bool check_hosts(struct fg_fleet *fleet)
{
	bool good = true;

	fg_fleet_probe(fleet, CHECK_MS);
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);
		cleanup_free char *what = fg_printf("host %s", host->name);

		if (host->up)
			row(true, what, "%s %s, API %s, %.1f ms, %s", host->version.kind,
				host->version.version, host->version.api_version, host->latency_ms,
				host->url);
		else
			row(false, what, "%s: %s", host->url, host->why.text);
		good = good && host->up;
	}
	return good;
}

static bool check_state(const struct config *config)
{
	struct fg_err err;
	bool good = statedir_try(config->state_dir, &err) == 0;

	row(good, "state", "%s", good ? config->state_dir : err.text);
	return good;
}

int cli_check(const char *config_path)
{
	struct fg_err err;
	cleanup_setup struct setup *setup = setup_load(config_path, &err);
	bool good;

	if (!setup) {
		row(false, "config", "%s: %s", config_path ? config_path : "defaults", err.text);
		fg_http_finish();
		return 2;
	}
	fg_log_setup(FG_LOG_ERROR, false); /* the table says it all */
	row(true, "config", "%s", config_path ? config_path : "none: the defaults");
	good = check_state(setup->config);
	good = check_telegram(setup->config) && good;
	good = check_hosts(setup->fleet) && good;
	fg_http_finish();
	return good ? 0 : 1;
}
