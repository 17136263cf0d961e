/*
 * The fields of a template that are amounts: limits, times, health checks.
 */
#include <math.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "spec/template.h"

#define NS_PER_MS 1000000LL
#define DURATION_MAX_MS (366LL * 24 * 3600 * 1000)
#define SIZE_LIMIT (1LL << 50)
#define PIDS_LIMIT (4LL * 1024 * 1024) /* what the kernel can number */
#define STOP_TIMEOUT_S 10              /* the engines' own default, said */
#define INTERVAL_MS 30000
#define RETRIES 3

/* 0 and -1 both mean without a limit, where unlimited allows the latter. */
static int size_read(
	const cJSON *in, const char *path, bool unlimited, int64_t *out, struct fg_err *err)
{
	struct fg_err why;

	*out = 0;
	if (!in)
		return 0;
	if (cJSON_IsString(in) && strcmp(in->valuestring, "-1") == 0)
		*out = -1;
	else if (cJSON_IsString(in) && fg_size_parse(in->valuestring, out, &why) < 0)
		return field_fail(err, path, why.text);
	else if (!cJSON_IsString(in) && !fg_json_to_i64(in, out))
		return field_fail(err, path, "it is no size, such as 64m or 1g");
	if (*out < (unlimited ? -1 : 0) || *out > SIZE_LIMIT)
		return field_fail(err, path, "it is out of range");
	return 0;
}

int field_duration(
	const cJSON *in, const char *path, int64_t fallback_ms, int64_t *ms, struct fg_err *err)
{
	struct fg_err why;

	*ms = fallback_ms;
	if (!in)
		return 0;
	if (!cJSON_IsString(in))
		return field_fail(err, path, "it is no duration, such as 30s or 5m");
	if (fg_duration_parse(in->valuestring, ms, &why) < 0)
		return field_fail(err, path, why.text);
	if (*ms < 0 || *ms > DURATION_MAX_MS)
		return field_fail(err, path, "it is out of range");
	return 0;
}

static int cpus_read(const cJSON *in, const char *path, int64_t *nano, struct fg_err *err)
{
	double cpus = 0;

	if (cJSON_IsString(in)) {
		char *end;

		cpus = strtod(in->valuestring, &end);
		if (end == in->valuestring || *end)
			return field_fail(err, path, "it is no number");
	} else if (cJSON_IsNumber(in)) {
		cpus = in->valuedouble;
	} else if (in) {
		return field_fail(err, path, "it is no number");
	}
	if (!isfinite(cpus) || cpus < 0 || cpus > 4096)
		return field_fail(err, path, "it is out of range");
	*nano = llround(cpus * 1e9);
	if (cpus > 0 && *nano < 1000000)
		return field_fail(err, path, "less than 0.001 is no limit an engine takes");
	return 0;
}

static int pids_read(const cJSON *in, const char *path, int64_t *pids, struct fg_err *err)
{
	*pids = FG_DEFAULT_PIDS;
	if (!in)
		return 0;
	if (cJSON_IsString(in)) { /* a parameter's value */
		char *end;

		*pids = strtoll(in->valuestring, &end, 10);
		if (end == in->valuestring || *end)
			return field_fail(err, path, "it is no whole number");
	} else if (!fg_json_to_i64(in, pids)) {
		return field_fail(err, path, "it is no whole number");
	}
	if (*pids < -1 || *pids > PIDS_LIMIT)
		return field_fail(err, path, "it is out of range");
	if (*pids == -1)
		*pids = 0;
	return 0;
}

char *size_text(int64_t bytes)
{
	static const char units[] = "kmgt";
	size_t unit = 0;

	if (bytes == -1)
		return fg_strdup("unlimited");
	if (bytes == 0)
		return NULL;
	if (bytes % 1024)
		return fg_printf("%lld", (long long)bytes);
	for (bytes /= 1024; bytes % 1024 == 0 && units[unit + 1]; unit++)
		bytes /= 1024;
	return fg_printf("%lld%c", (long long)bytes, units[unit]);
}

int limit_read(const char *name, const cJSON *in, int64_t *out, struct fg_err *err)
{
	if (strcmp(name, "cpus") == 0)
		return cpus_read(in, name, out, err);
	if (strcmp(name, "pids") == 0)
		return pids_read(in, name, out, err);
	return size_read(in, name, strcmp(name, "memory_swap") == 0, out, err);
}

int field_limits(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	static const char *const keys[] = {"cpus", "memory", "memory_swap", "pids", NULL};
	cJSON *out = cJSON_AddObjectToObject(spec, name);
	int64_t nano = 0, memory = 0, swap = 0, pids = 0;

	if (field_keys(in, name, keys, err) < 0 ||
		cpus_read(fg_json_get(in, "cpus"), "limits.cpus", &nano, err) < 0 ||
		size_read(fg_json_get(in, "memory"), "limits.memory", false, &memory, err) < 0 ||
		size_read(fg_json_get(in, "memory_swap"), "limits.memory_swap", true, &swap, err) <
			0 ||
		pids_read(fg_json_get(in, "pids"), "limits.pids", &pids, err) < 0)
		return -1;
	if (swap > 0 && swap < memory)
		return field_fail(err, "limits.memory_swap",
			"it is memory and swap together, and less than memory");
	if (swap > 0 && memory == 0)
		return field_fail(err, "limits.memory_swap", "it needs limits.memory beside it");
	fg_json_set_i64(out, "nano_cpus", nano);
	fg_json_set_i64(out, "memory", memory);
	fg_json_set_i64(out, "memory_swap", swap);
	fg_json_set_i64(out, "pids", pids);
	return 0;
}

/* "CMD…" is for the container's shell; a list is the engine's form, or else a command with its
 * words. */
static int test_read(const cJSON *in, cJSON *out, struct fg_err *err)
{
	cleanup_json cJSON *list = field_list(in, "healthcheck.test", err);
	const char *first;

	if (!list)
		return -1;
	if (cJSON_IsString(in)) {
		bool none = strcmp(in->valuestring, "NONE") == 0;

		cJSON_InsertItemInArray(list, 0, cJSON_CreateString("CMD-SHELL"));
		if (none)
			cJSON_DeleteItemFromArray(list, 0);
	} else if (cJSON_GetArraySize(list) > 0) {
		first = cJSON_GetArrayItem(list, 0)->valuestring;
		if (strcmp(first, "NONE") != 0 && strcmp(first, "CMD") != 0 &&
			strcmp(first, "CMD-SHELL") != 0)
			cJSON_InsertItemInArray(list, 0, cJSON_CreateString("CMD"));
	}
	cJSON_AddItemToObject(out, "test", fg_steal(&list));
	return 0;
}

/* Absent it is null, the image's own; without a test it is that one's test with other times. */
int field_healthcheck(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	static const char *const keys[] = {
		"interval", "retries", "start_period", "test", "timeout", NULL};
	int64_t interval, timeout, start, retries = RETRIES;
	cJSON *out;

	if (!in) {
		cJSON_AddNullToObject(spec, name);
		return 0;
	}
	out = cJSON_AddObjectToObject(spec, name);
	if (field_keys(in, name, keys, err) < 0 ||
		test_read(fg_json_get(in, "test"), out, err) < 0 ||
		field_duration(fg_json_get(in, "interval"), "healthcheck.interval", INTERVAL_MS,
			&interval, err) < 0 ||
		field_duration(fg_json_get(in, "timeout"), "healthcheck.timeout", INTERVAL_MS,
			&timeout, err) < 0 ||
		field_duration(fg_json_get(in, "start_period"), "healthcheck.start_period", 0,
			&start, err) < 0)
		return -1;
	if (fg_json_get(in, "retries") && (!fg_json_to_i64(fg_json_get(in, "retries"), &retries) ||
						  retries < 1 || retries > 1000))
		return field_fail(
			err, "healthcheck.retries", "it is no whole number from 1 to 1000");
	fg_json_set_i64(out, "interval_ns", interval * NS_PER_MS);
	fg_json_set_i64(out, "timeout_ns", timeout * NS_PER_MS);
	fg_json_set_i64(out, "start_period_ns", start * NS_PER_MS);
	fg_json_set_i64(out, "retries", retries);
	return 0;
}

/* In whole seconds, as engines take it; a plain number is meant in seconds too. */
int field_stop_timeout(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	int64_t ms, seconds;

	if (cJSON_IsNumber(in)) {
		if (!fg_json_to_i64(in, &seconds) || seconds < 0 ||
			seconds > DURATION_MAX_MS / 1000)
			return field_fail(err, name, "it is out of range");
	} else {
		if (field_duration(in, name, STOP_TIMEOUT_S * 1000, &ms, err) < 0)
			return -1;
		seconds = (ms + 999) / 1000;
	}
	fg_json_set_i64(spec, name, seconds);
	return 0;
}
