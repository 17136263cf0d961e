/*
 * What containers and services are told of a spec in the same words.
 */
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/body.h"

void body_text(const cJSON *spec, const char *from, cJSON *to, const char *key)
{
	const char *text = fg_json_str(spec, from, "");

	if (*text)
		cJSON_AddStringToObject(to, key, text);
}

void body_list(const cJSON *spec, const char *from, cJSON *to, const char *key)
{
	const cJSON *list = fg_json_array(spec, from);

	if (cJSON_GetArraySize(list) > 0)
		cJSON_AddItemToObject(to, key, cJSON_Duplicate(list, true));
}

void body_amount(const cJSON *from, const char *name, cJSON *to, const char *key)
{
	int64_t amount = fg_json_i64(from, name, 0);

	if (amount != 0)
		fg_json_set_i64(to, key, amount);
}

void body_env(const cJSON *spec, cJSON *body)
{
	cJSON *env = cJSON_AddArrayToObject(body, "Env");
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_object(spec, "env")) {
		const char *value = cJSON_GetStringValue(item);
		cleanup_free char *pair = fg_printf("%s=%s", item->string, value ? value : "");

		cJSON_AddItemToArray(env, cJSON_CreateString(pair));
	}
}

void body_health(const cJSON *spec, cJSON *body)
{
	const cJSON *check = fg_json_object(spec, "healthcheck");
	cJSON *out;

	if (!check)
		return;
	out = cJSON_AddObjectToObject(body, "Healthcheck");
	body_list(check, "test", out, "Test");
	body_amount(check, "interval_ns", out, "Interval");
	body_amount(check, "timeout_ns", out, "Timeout");
	body_amount(check, "start_period_ns", out, "StartPeriod");
	body_amount(check, "retries", out, "Retries");
}
