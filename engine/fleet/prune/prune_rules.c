/*
 * The policy of pruning: which rules hold for an instance, and whether it is taken by them.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/prune.h"
#include "spec/template.h"

/* As configs write them: "24h", or the number 0. */
static void read_duration(const cJSON *prune, const char *key, int64_t *ms)
{
	const cJSON *item = fg_json_get(prune, key);
	int64_t value;

	if (cJSON_IsString(item) ? fg_duration_parse(item->valuestring, &value, NULL) == 0
				 : fg_json_to_i64(item, &value) && value == 0)
		*ms = value;
}

static void read_size(const cJSON *quiet, const char *key, int64_t *bytes)
{
	const cJSON *item = fg_json_get(quiet, key);
	int64_t value;

	if (cJSON_IsString(item) ? fg_size_parse(item->valuestring, &value, NULL) == 0
				 : fg_json_to_i64(item, &value) && value >= 0)
		*bytes = value;
}

/* A template's `prune` over the rules so far. */
static void rules_read(struct fg_prune_rules *rules, const cJSON *prune)
{
	const cJSON *quiet = fg_json_object(prune, "quiet");
	const char *action = fg_json_str(prune, "action", "");
	double percent = fg_json_double(quiet, "cpu_percent", rules->quiet.cpu_percent);

	rules->enabled = fg_json_bool(prune, "enabled", rules->enabled);
	rules->in_use = fg_json_bool(prune, "in_use", rules->in_use);
	read_duration(prune, "idle", &rules->idle_ms);
	read_duration(prune, "max_age", &rules->max_age_ms);
	if (strcmp(action, "stop") == 0)
		rules->action = FG_PRUNE_STOP;
	else if (strcmp(action, "remove") == 0)
		rules->action = FG_PRUNE_REMOVE;
	if (percent >= 0)
		rules->quiet.cpu_percent = percent;
	read_size(quiet, "bytes_per_second", &rules->quiet.bytes_per_second);
}

/* {"prune": that of the tree}; a null stays, since it takes away what is below. */
static cJSON *only_prune(const cJSON *tree)
{
	const cJSON *prune = fg_json_get(tree, "prune");
	cJSON *out = cJSON_CreateObject();

	if (prune)
		cJSON_AddItemToObject(out, "prune", cJSON_Duplicate(prune, true));
	return out;
}

void fg_prune_rules_of(const struct fg_prune_config *config, const struct fg_instance *instance,
	struct fg_prune_rules *out)
{
	const cJSON *template = fg_json_object(config->templates, instance->template);
	cleanup_json cJSON *under = NULL, *over = NULL, *merged = NULL;

	*out = config->rules;
	if (!template) {
		rules_read(out, fg_json_object(fg_json_object(instance->doc, "spec"), "prune"));
		return;
	}
	under = only_prune(config->defaults);
	over = only_prune(template);
	merged = template_merge(under, over, NULL);
	rules_read(out, fg_json_object(merged, "prune"));
}

enum fg_prune_reason fg_prune_decide(
	const struct fg_prune_rules *rules, const struct fg_prune_subject *s)
{
	int64_t unused = s->now_ms - s->used_ms;
	bool idle = rules->idle_ms > 0 && unused >= rules->idle_ms;
	bool old = rules->max_age_ms > 0 && s->now_ms - s->created_ms >= rules->max_age_ms;
	bool in_use = rules->idle_ms > 0 ? !idle : unused < s->every_ms;

	if (!s->managed)
		return FG_PRUNE_FOREIGN;
	if (s->protected)
		return FG_PRUNE_PROTECTED;
	if (s->missing)
		return FG_PRUNE_MISSING;
	if (!rules->enabled || (rules->idle_ms <= 0 && rules->max_age_ms <= 0))
		return FG_PRUNE_OFF;
	if (s->busy)
		return FG_PRUNE_BUSY;
	if (!s->up && rules->action == FG_PRUNE_STOP)
		return FG_PRUNE_STOPPED;
	if (old && rules->in_use && !idle)
		return FG_PRUNE_AGE;
	if (!idle && (!old || in_use))
		return FG_PRUNE_USED;
	if (s->up && !s->measured)
		return FG_PRUNE_UNMEASURED;
	return idle ? FG_PRUNE_IDLE : FG_PRUNE_AGE;
}

const char *fg_prune_reason_text(enum fg_prune_reason reason)
{
	static const char *const texts[] = {
		[FG_PRUNE_IDLE] = FG_TEXT("it is idle"),
		[FG_PRUNE_AGE] = FG_TEXT("it is old enough"),
		[FG_PRUNE_BUSY] = FG_TEXT("somebody is working on it"),
		[FG_PRUNE_FOREIGN] = FG_TEXT("Fleetgram did not make it"),
		[FG_PRUNE_MISSING] = FG_TEXT("its container is missing"),
		[FG_PRUNE_OFF] = FG_TEXT("pruning is off for it"),
		[FG_PRUNE_PAUSED] = FG_TEXT("its host is paused for maintenance"),
		[FG_PRUNE_PROTECTED] = FG_TEXT("it is protected"),
		[FG_PRUNE_STOPPED] = FG_TEXT("it is stopped already"),
		[FG_PRUNE_UNMEASURED] = FG_TEXT("its usage is not known yet"),
		[FG_PRUNE_USED] = FG_TEXT("it was used meanwhile"),
	};

	return fg_tr(texts[reason]);
}
