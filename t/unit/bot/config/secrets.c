/* Tokens and passwords: their sources in order, what a bad one says, and that the log learns each
 * of them. */
#include <stdlib.h>
#include <unistd.h>
#include "tap.h"
#include "config/config.h"
#include "fleetgram/base/mem.h"
#include "scratch.h"

static void test_token(void)
{
	cleanup_free char *file = put("token", "\n 1:from-file \r\n"),
			  *bad = put("bad", "not a token, secret\n");
	cleanup_free char *empty = put("empty", " \n"),
			  *cred = put("telegram-token", "2:credential\n");
	cleanup_free char *here = NULL;
	static const struct {
		const char *text, *env;
		bool credentials;
		const char *want; /* the token, or an error's end after its file */
	} rows[] = {
		{"{\"telegram\":{\"token\":\"3:text\"}}", NULL, false, "3:text"},
		{"{\"telegram\":{\"token\":\"3:text\",\"token_file\":\"token\"}}", NULL, false,
			"1:from-file"},
		{"{\"telegram\":{\"token\":\"3:text\",\"token_file\":\"token\"}}", NULL, true,
			"2:credential"},
		{"{\"telegram\":{\"token\":\"3:text\",\"token_file\":\"token\"}}", "4:env", true,
			"4:env"},
		{"{\"telegram\":{\"token_file\":\"missing\"}}", "4:env", false, "4:env"},
		{"{\"telegram\":{\"token\":\"3:text\"}}", "", false, "3:text"},
		{"{}", NULL, false, NULL},
		{"{}", "nonsense", false,
			"is not a bot's token: BotFather gives one of digits, a colon, and "
			"letters"},
		{"{\"telegram\":{\"token\":\"hunter2\"}}", NULL, false,
			"is not a bot's token: BotFather gives one of digits, a colon, and "
			"letters"},
		{"{\"telegram\":{\"token_file\":\"missing\"}}", NULL, false,
			"No such file or directory"},
		{"{\"telegram\":{\"token_file\":\"empty\"}}", NULL, false, "it is empty"},
		{"{\"telegram\":{\"token_file\":\"bad\"}}", NULL, false,
			"is not a bot's token: BotFather gives one of digits, a colon, and "
			"letters"},
		{"{\"telegram\":{\"token_file\":\".\"}}", NULL, false, "Is a directory"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_config_errors struct config_errors errors = {0};
		cleanup_config struct config *c = NULL;
		const char *got;

		if (rows[i].env)
			setenv("FLEETGRAM_TOKEN", rows[i].env, 1);
		if (rows[i].credentials)
			setenv("CREDENTIALS_DIRECTORY", folder, 1);
		c = parse(rows[i].text, &errors);
		got = c ? c->telegram.token : strrchr(errors.v[0].text, ':') + 2;
		if (!c && rows[i].want && strlen(got) < strlen(rows[i].want))
			got = errors.v[0].text + strlen(errors.v[0].text) - strlen(rows[i].want);
		is_str(got, rows[i].want, "token");
		ok(c || (!strstr(errors.v[0].text, "hunter2") &&
				!strstr(errors.v[0].text, "nonsense") &&
				!strstr(errors.v[0].text, "secret")),
			"errors do not show it");
		unsetenv("FLEETGRAM_TOKEN");
		unsetenv("CREDENTIALS_DIRECTORY");
	}
	here = fg_strdup("said 1:from-file aloud");
	fg_log_redact(here);
	is_str(here, "said *** aloud", "the log knows the token");
}

static void test_secrets(void)
{
	cleanup_free char *http = put("http", "bearer-secret\n"),
			  *registry = put("registry", "pa55word\n");
	static const char text[] = "{\"http\":{\"listen\":\"0.0.0.0:80\",\"token_file\":\"http\"},"
				   "\"telegram\":{\"proxy\":\"http://me:s%20cret@proxy:8080\"},"
				   "\"images\":{\"registries\":{\"r.example:5000\":{\"username\":"
				   "\"u\",\"password_file\":\"registry\"}}}}";
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *c = parse(text, &errors);
	char line[] = "bearer-secret pa55word s%20cret 's cret'";

	ok(c != NULL && c->images.registry_count == 1, "secrets in files");
	if (!c)
		return;
	is_str(c->http.token, "bearer-secret", "the listener's token");
	is_str(c->images.registries[0].name, "r.example:5000", "a registry");
	is_str(c->images.registries[0].password, "pa55word", "its password");
	fg_log_redact(line);
	is_str(line, "*** *** *** '***'", "the log knows all of them");
	ok(strstr(mistake("{\"http\":{\"token_file\":\"none\"}}"),
		   "1:23: http.token_file: cannot use ") != NULL,
		"a file that is not there");
}

int main(void)
{
	static const char *const vars[] = {
		"FLEETGRAM_TOKEN", "CREDENTIALS_DIRECTORY", "DOCKER_HOST"};
	static const char *const files[] = {
		"token", "bad", "empty", "telegram-token", "http", "registry"};

	for (size_t i = 0; i < FG_ARRAY_LEN(vars); i++)
		unsetenv(vars[i]);
	if (!mkdtemp(folder))
		return 1;
	test_token();
	test_secrets();
	for (size_t i = 0; i < FG_ARRAY_LEN(files); i++) {
		cleanup_free char *path = fg_printf("%s/%s", folder, files[i]);

		unlink(path);
	}
	ok(rmdir(folder) == 0, "nothing is left behind");
	fg_log_finish();
	return done_testing();
}
