/* The commands that a config names: each has to be one. */
#include <string.h>
#include "chat/command.h"
#include "config/check.h"
#include "config/errors.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "mentions.h"
#include "schedule.h"

struct look {
	const struct config *config;
	const struct config_source *source;
	struct config_errors *errors;
};

/* Of strings that have another mistake that was told. */
static const char *name_in(const cJSON *item)
{
	const char *s = cJSON_GetStringValue(item);

	if (!s || config_check_command(s, NULL) < 0)
		return NULL;
	return *s == '/' ? s + 1 : s;
}

/* One that is turned off is one all the same: what is said of it holds when it is turned on. */
static void check_list(const struct look *l, const cJSON *list, const char *path)
{
	struct person nobody;
	const cJSON *item;
	struct fg_err err;
	int i = 0;

	roles_local(&nobody);
	nobody.config = l->config;
	cJSON_ArrayForEach (item, list) {
		cleanup_free char *key = fg_printf("%s[%d]", path, i++);
		const char *name = name_in(item);

		if (!name || command_find(name))
			continue;
		command_unknown(name, &nobody, &err);
		config_errors_at(
			l->errors, l->source, item, CONFIG_AT_VALUE, key, "%s", err.text);
	}
}

static void check_users(const struct look *l, const cJSON *users)
{
	static const char *const lists[] = {"commands", "deny"};
	const cJSON *user;
	int i = 0;

	cJSON_ArrayForEach (user, users) {
		for (size_t k = 0; k < FG_ARRAY_LEN(lists); k++) {
			cleanup_free char *path = fg_printf("users[%d].%s", i, lists[k]);

			check_list(l, fg_json_array(user, lists[k]), path);
		}
		i++;
	}
}

static void check_schedules(const struct look *l, const cJSON *schedules)
{
	const cJSON *schedule;
	struct fg_err err;
	int i = 0;

	cJSON_ArrayForEach (schedule, schedules) {
		cleanup_free char *key = fg_printf("schedules[%d].command", i++);
		const char *command = fg_json_str(schedule, "command", "");

		if (*command && schedule_check(l->config, command, &err) < 0)
			config_errors_at(l->errors, l->source, fg_json_get(schedule, "command"),
				CONFIG_AT_VALUE, key, "%s", err.text);
	}
}

void mentions_check(const struct config *config, const struct config_source *source,
	struct config_errors *errors)
{
	struct look l = {config, source, errors};
	const cJSON *root = config_source_root(source);

	check_users(&l, fg_json_array(root, "users"));
	check_list(&l, fg_json_array(fg_json_object(root, "confirm"), "always"), "confirm.always");
	check_schedules(&l, fg_json_array(root, "schedules"));
}
