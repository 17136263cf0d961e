/* The commands that a config names: those that there are not, each in its place. */
#include <stdlib.h>
#include <unistd.h>
#include "tap.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "mentions.h"

static char path[] = "/tmp/fleetgram-mentions-XXXXXX";

/* What is wrong with a config, a line each without its file's name. Caller frees. */
static char *mistakes(const char *text)
{
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *config = NULL;
	FILE *f = fopen(path, "w");
	struct fg_str out;

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		diag("cannot write %s", path);
	config = config_load(path, mentions_check, &errors);
	fg_str_init(&out, 100000);
	for (size_t i = 0; i < errors.n; i++)
		fg_str_printf(&out, "%s\n", errors.v[i].text + strlen(path) + 1);
	return fg_str_take(&out);
}

int main(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{\"users\":[{\"id\":1,\"role\":\"admin\",\"deny\":[\"remvoe\"]}]}",
			"1:42: users[0].deny[0]: there is no command remvoe, did you mean remove?\n"},
		{"{\"users\":[{\"id\":1,\"role\":\"admin\",\"commands\":[\"/list\",\n\"/frobnicate\"],"
		 "\"deny\":[\n\"stpo\"]}]}",
			"2:1: users[0].commands[1]: there is no command frobnicate\n"
			"3:1: users[0].deny[0]: there is no command stpo, did you mean stop?\n"},
		{"{\"confirm\":{\"always\":[\"stop\",\"Stop\",\n\"appyl\"]}}",
			"1:30: confirm.always[1]: \"Stop\" is no command's name\n"
			"2:1: confirm.always[2]: there is no command appyl, did you mean apply?\n"},
		{"{\"users\":[{\"id\":1,\"role\":\"admin\",\"commands\":[\"ps\",\"/ps\",\"exec\"],"
		 "\"deny\":[\"exec\",\"/remove\"]}],\"confirm\":{\"always\":[\"exec\",\"up\"]}}",
			""},
		{"{\"confirm\":{\"always\":[]}}", ""},
		{"{\"schedules\":[{\"name\":\"a\",\"cron\":\"* * * * *\",\"command\":\n\"/prnue idle\"},"
		 "{\"name\":\"b\",\"cron\":\"* * * * *\",\"command\":\n\"exec web true\"},{\"name\":\"c\","
		 "\"cron\":\"* * * * *\",\"command\":\n\"rename one\"},{\"name\":\"d\",\"cron\":"
		 "\"* * * * *\",\"command\":\"/prune idle\"}]}",
			"2:1: schedules[0].command: there is no command prnue, did you mean prune?\n"
			"3:1: schedules[1].command: /exec is turned off in the config\n"
			"4:1: schedules[2].command: /rename takes other words: /rename NAME NEW\n"},
		{"{\"users\":{},\"confirm\":[],\"schedules\":[1]}",
			"1:10: users: has to be a list, not an object\n"
			"1:23: confirm: has to be an object, not a list\n"
			"1:39: schedules[0]: has to be an object, not a number\n"},
	};
	int fd = mkstemp(path);

	unsetenv("FLEETGRAM_TOKEN");
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("DOCKER_HOST");
	close(fd);
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_free char *got = mistakes(rows[i].text);

		is_str(got, rows[i].want, "the mistakes of a config");
	}
	unlink(path);
	return done_testing();
}
