/*
 * /touch: an instance is in use, whatever it looks like.
 */
#include <string.h>
#include <time.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/spec.h"
#include "sweep.h"

static void say_until(struct fg_str *html, int64_t ms)
{
	char buf[64], human[FG_HUMAN];
	time_t at = (time_t)((fg_wall_ms() + ms) / 1000);
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(buf, sizeof(buf), "%a %d %b %H:%M:%S", &tm);
	html_printf(html, "until %s (%s)", buf, fg_duration_human(human, ms));
}

/* What the touch is good for. */
static void say_rules(struct fg_str *html, const struct fg_prune_rules *rules, int64_t age_ms)
{
	if (!rules->enabled || (rules->idle_ms <= 0 && rules->max_age_ms <= 0)) {
		html_printf(html, " Pruning is off for it anyway.");
		return;
	}
	if (rules->idle_ms > 0) {
		html_printf(html, " It is safe from idle pruning ");
		say_until(html, rules->idle_ms);
		html_printf(html, ", and longer while it is used.");
	}
	if (rules->max_age_ms <= 0 || (!rules->in_use && rules->idle_ms > 0))
		return;
	html_printf(html, rules->in_use ? " For its age it goes even in use, "
					: " For its age it goes when it is not in use, ");
	if (age_ms >= rules->max_age_ms)
		html_printf(html, "with any sweep.");
	if (age_ms >= rules->max_age_ms)
		return;
	html_printf(html, "but not ");
	say_until(html, rules->max_age_ms - age_ms);
	fg_str_putc(html, '.');
}

static int touch_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_instance struct fg_instance instance = {0};
	struct fg_pruning pruning = sweep_pruning(c->app, c->setup);
	struct fg_prune_rules rules;
	struct fg_item *item;
	struct fg_str *html;
	int64_t created = 0;
	const char *protect;

	if (target_one(c, c->words, c->n, &items) < 0)
		return -1;
	item = &items.v[0];
	if (!target_instance(c, item, &instance))
		return fg_fail(&c->err, FG_EINVAL,
			"%s is no instance of Fleetgram's: no sweep ever touches it", item->c.name);
	if (command_begin(c, &items, NULL) < 0 ||
		fg_registry_touch(c->app->registry, item->host->name, item->c.id, &c->err) < 0)
		return -1;
	fg_prune_rules_of(&pruning.config, &instance, &rules);
	fg_rfc3339_parse(instance.created_at, &created);
	html = reply_add(c->reply);
	html_printf(html, "👌 <b>%s</b> counts as used now.", item->c.name);
	protect = fg_container_label(&item->c, FG_LABEL_PROTECT);
	if (protect && strcmp(protect, "true") == 0)
		html_printf(html, " It is protected: no sweep touches it.");
	else
		say_rules(html, &rules, fg_wall_ms() - created);
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "name", item->c.name);
	cJSON_AddStringToObject(c->reply->data, "host", item->host->name);
	cJSON_AddBoolToObject(c->reply->data, "pruned", rules.enabled);
	fg_json_set_i64(c->reply->data, "idle_ms", rules.idle_ms);
	return 0;
}

const struct command_row command_touch = {
	.name = "touch",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = 2,
	.usage = "NAME",
	.help = "Count an instance as used now",
	.more = "Pruning then leaves it alone for as long as prune.idle says.\n\n/touch web",
	.run = touch_run,
};
