/*
 * How a container is bound to its host, as Compose says it: most of its HostConfig, by a table.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "compose/compose.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define SHM_DEFAULT (64 << 20) /* of every engine that was not told otherwise */
#define SHM_PODMAN 65536000    /* Podman's */

struct row {
	const char *key, *field;
	void (*put)(struct compose *c, const char *key, const cJSON *value);
};

static void put_text(struct compose *c, const char *key, const cJSON *value)
{
	compose_put(c->service, key, cJSON_GetStringValue(value));
}

/* Each text once, as Compose wants it. */
static void put_list(struct compose *c, const char *key, const cJSON *value)
{
	cleanup_json cJSON *seen = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, value) {
		const char *text = cJSON_GetStringValue(item);

		if (!text || !*text || compose_has(seen, text))
			continue;
		cJSON_AddItemToArray(seen, cJSON_CreateString(text));
		compose_add(compose_list(c->service, key), text);
	}
}

static void put_map(struct compose *c, const char *key, const cJSON *value)
{
	cJSON *out = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach (item, value) {
		if (cJSON_IsString(item) && item->string)
			compose_put_value(c, out, item->string, item->valuestring);
	}
	if (out->child)
		cJSON_AddItemToObject(c->service, key, out);
	else
		cJSON_Delete(out);
}

static void put_true(struct compose *c, const char *key, const cJSON *value)
{
	if (cJSON_IsTrue(value))
		cJSON_AddTrueToObject(c->service, key);
}

/* 0 and less is what engines say when there is nothing. */
static void put_count(struct compose *c, const char *key, const cJSON *value)
{
	int64_t count;

	if (fg_json_to_i64(value, &count) && count > 0)
		fg_json_set_i64(c->service, key, count);
}

static void put_score(struct compose *c, const char *key, const cJSON *value)
{
	int64_t score;

	if (fg_json_to_i64(value, &score) && score != 0 && score >= -1000 && score <= 1000)
		fg_json_set_i64(c->service, key, score);
}

/* A part of the processors' time; Podman says in this form too what it was told in processors. */
static void put_quota(struct compose *c, const char *key, const cJSON *value)
{
	if (fg_json_i64(c->host, "NanoCpus", 0) <= 0)
		put_count(c, key, value);
}

/* Here 0 says something, but not on Podman. */
static void put_swappiness(struct compose *c, const char *key, const cJSON *value)
{
	int64_t percent;

	if (fg_json_to_i64(value, &percent) && percent >= c->what->podman && percent <= 100)
		fg_json_set_i64(c->service, key, percent);
}

static void put_cpus(struct compose *c, const char *key, const cJSON *value)
{
	int64_t nano;
	char text[40];
	size_t len;

	if (!fg_json_to_i64(value, &nano) || nano <= 0)
		return;
	snprintf(text, sizeof(text), "%lld.%09lld", (long long)(nano / 1000000000),
		(long long)(nano % 1000000000));
	for (len = strlen(text); text[len - 1] == '0' && text[len - 2] != '.'; len--)
		text[len - 1] = '\0';
	cJSON_AddItemToObject(c->service, key, cJSON_CreateRaw(text));
}

/* "64m": in the largest unit that is exact. */
static void set_bytes(cJSON *object, const char *key, int64_t bytes)
{
	static const char units[] = "bkmg";
	char text[40];
	size_t i = 0;

	for (; i < 3 && bytes % 1024 == 0; i++)
		bytes /= 1024;
	snprintf(text, sizeof(text), "%lld%c", (long long)bytes, units[i]);
	cJSON_AddStringToObject(object, key, text);
}

static void put_bytes(struct compose *c, const char *key, const cJSON *value)
{
	int64_t bytes;

	if (fg_json_to_i64(value, &bytes) && bytes > 0)
		set_bytes(c->service, key, bytes);
}

static void put_shm(struct compose *c, const char *key, const cJSON *value)
{
	int64_t bytes;

	if (fg_json_to_i64(value, &bytes) && bytes != SHM_DEFAULT &&
		(bytes != SHM_PODMAN || !c->what->podman))
		put_bytes(c, key, value);
}

/* Memory and swap together; twice the memory is what one gets without asking. */
static void put_swap(struct compose *c, const char *key, const cJSON *value)
{
	int64_t bytes, memory = fg_json_i64(c->host, "Memory", 0);

	if (!fg_json_to_i64(value, &bytes) || bytes == 0 || memory <= 0)
		return;
	if (bytes < 0)
		fg_json_set_i64(c->service, key, -1);
	else if (memory > INT64_MAX / 2 || bytes != 2 * memory)
		set_bytes(c->service, key, bytes);
}

static void put_devices(struct compose *c, const char *key, const cJSON *value)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, value) {
		const char *outside = fg_json_str(item, "PathOnHost", ""),
			   *inside = fg_json_str(item, "PathInContainer", ""),
			   *rights = fg_json_str(item, "CgroupPermissions", "");
		cleanup_free char *text = fg_printf("%s:%s%s%s", outside,
			*inside ? inside : outside, *rights ? ":" : "", rights);

		if (*outside && !compose_has(compose_list(c->service, key), text))
			compose_add(compose_list(c->service, key), text);
	}
}

static void put_restart(struct compose *c, const char *key, const cJSON *value)
{
	const char *name = fg_json_str(value, "Name", "");
	int64_t most = fg_json_i64(value, "MaximumRetryCount", 0);
	cleanup_free char *text = NULL;

	if (!*name || strcmp(name, "no") == 0)
		return;
	text = most > 0 ? fg_printf("%s:%lld", name, (long long)most) : fg_strdup(name);
	compose_put(c->service, key, text);
}

/* What engines choose by themselves stays unsaid. */
static void put_logging(struct compose *c, const char *key, const cJSON *value)
{
	const char *driver = fg_json_str(value, "Type", "");
	const cJSON *options = fg_json_object(value, "Config"), *item;
	cJSON *logging, *out;

	if (!*driver || (strcmp(driver, "json-file") == 0 && (!options || !options->child)))
		return;
	logging = cJSON_AddObjectToObject(c->service, key);
	compose_put(logging, "driver", driver);
	if (!options || !options->child)
		return;
	out = cJSON_AddObjectToObject(logging, "options");
	cJSON_ArrayForEach (item, options) {
		if (cJSON_IsString(item))
			compose_put_value(c, out, item->string, item->valuestring);
	}
}

static void put_namespace(struct compose *c, const char *key, const cJSON *value)
{
	const char *mode = cJSON_IsString(value) ? value->valuestring : "";
	cleanup_free char *text = compose_sharing(c, mode);

	if (strcmp(mode, "private") != 0 && (!c->what->podman || strcmp(mode, "shareable") != 0))
		compose_put(c->service, key, text);
}

static void put_runtime(struct compose *c, const char *key, const cJSON *value)
{
	if (cJSON_IsString(value) && strcmp(value->valuestring, "runc") != 0 &&
		strcmp(value->valuestring, "oci") != 0)
		put_text(c, key, value);
}

/* Compose takes a profile's file, while the engine tells the profile itself. */
static void put_security(struct compose *c, const char *key, const cJSON *value)
{
	cleanup_json cJSON *list = cJSON_Duplicate(value, true);
	cJSON *item = list ? list->child : NULL, *next;

	for (; item; item = next) {
		const char *text = cJSON_IsString(item) ? item->valuestring : "";
		bool profile = strncmp(text, "seccomp", 7) == 0 &&
			       (text[7] == '=' || text[7] == ':') &&
			       strcmp(text + 8, "unconfined") != 0;

		next = item->next;
		if (!profile)
			continue;
		if (strcmp(text + 8, "builtin") != 0)
			compose_leave_out(c, "its own seccomp profile");
		cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
	}
	put_list(c, key, list);
}

/* "nofile", which Podman calls RLIMIT_NOFILE. Caller frees. */
static char *ulimit_name(const char *name)
{
	bool kernels = strncmp(name, "RLIMIT_", 7) == 0;
	char *out = fg_strdup(kernels ? name + 7 : name);

	for (char *p = out; *p && kernels; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

static void put_ulimits(struct compose *c, const char *key, const cJSON *value)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, value) {
		cleanup_free char *name = ulimit_name(fg_json_str(item, "Name", ""));
		cJSON *out = cJSON_GetObjectItemCaseSensitive(c->service, key);

		if (!*name || fg_json_get(out, name))
			continue;
		if (!out)
			out = cJSON_AddObjectToObject(c->service, key);
		out = cJSON_AddObjectToObject(out, name);
		fg_json_set_i64(out, "soft", fg_json_i64(item, "Soft", 0));
		fg_json_set_i64(out, "hard", fg_json_i64(item, "Hard", 0));
	}
}

static void put_volumes_from(struct compose *c, const char *key, const cJSON *value)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, value) {
		cleanup_free char *text =
			fg_printf("container:%s", cJSON_IsString(item) ? item->valuestring : "");

		compose_add(compose_list(c->service, key), text);
	}
}

/* "/db:/web/database": the other one, and what this one calls it. */
static void put_links(struct compose *c, const char *key, const cJSON *value)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, value) {
		const char *link = cJSON_IsString(item) ? item->valuestring : "";
		const char *colon = strchr(link, ':'), *alias = colon ? strrchr(colon, '/') : NULL;
		cleanup_free char *text = NULL;

		if (*link != '/' || !alias)
			continue;
		text = fg_printf("%.*s:%s", (int)(colon - link - 1), link + 1, alias + 1);
		compose_add(compose_list(c->service, key), text);
	}
}

/* Such as graphics cards. */
static void put_requests(struct compose *c, const char *key, const cJSON *value)
{
	cJSON *list = NULL;
	const cJSON *item;

	cJSON_ArrayForEach (item, value) {
		const cJSON *sets = fg_json_array(item, "Capabilities"), *text;
		const cJSON *first = sets ? sets->child : NULL;
		const cJSON *ids = fg_json_array(item, "DeviceIDs");
		cJSON *out = cJSON_CreateObject();
		int64_t count = fg_json_i64(item, "Count", 0);

		if (!list) {
			list = cJSON_AddObjectToObject(c->service, key);
			list = cJSON_AddObjectToObject(list, "resources");
			list = cJSON_AddObjectToObject(list, "reservations");
			list = cJSON_AddArrayToObject(list, "devices");
		}
		cJSON_AddItemToArray(list, out);
		compose_put(out, "driver", fg_json_str(item, "Driver", ""));
		if (count < 0)
			cJSON_AddStringToObject(out, "count", "all");
		else if (count > 0)
			fg_json_set_i64(out, "count", count);
		cJSON_ArrayForEach (text, ids) {
			compose_add(compose_list(out, "device_ids"),
				cJSON_IsString(text) ? text->valuestring : "");
		}
		cJSON_ArrayForEach (text, first) {
			compose_add(compose_list(out, "capabilities"),
				cJSON_IsString(text) ? text->valuestring : "");
		}
		if (cJSON_GetArraySize(sets) > 1 ||
			cJSON_GetArraySize(fg_json_object(item, "Options")) > 0)
			compose_leave_out(c, "some of what it asks of its devices");
	}
}

static const struct row rows[] = {
	{"cap_add", "CapAdd", put_list},
	{"cap_drop", "CapDrop", put_list},
	{"cgroup_parent", "CgroupParent", put_text},
	{"cpu_period", "CpuPeriod", put_quota},
	{"cpu_quota", "CpuQuota", put_quota},
	{"cpu_shares", "CpuShares", put_count},
	{"cpus", "NanoCpus", put_cpus},
	{"cpuset", "CpusetCpus", put_text},
	{"deploy", "DeviceRequests", put_requests},
	{"device_cgroup_rules", "DeviceCgroupRules", put_list},
	{"devices", "Devices", put_devices},
	{"dns", "Dns", put_list},
	{"dns_opt", "DnsOptions", put_list},
	{"dns_search", "DnsSearch", put_list},
	{"external_links", "Links", put_links},
	{"extra_hosts", "ExtraHosts", put_list},
	{"group_add", "GroupAdd", put_list},
	{"init", "Init", put_true},
	{"ipc", "IpcMode", put_namespace},
	{"logging", "LogConfig", put_logging},
	{"mem_limit", "Memory", put_bytes},
	{"mem_reservation", "MemoryReservation", put_bytes},
	{"mem_swappiness", "MemorySwappiness", put_swappiness},
	{"memswap_limit", "MemorySwap", put_swap},
	{"oom_kill_disable", "OomKillDisable", put_true},
	{"oom_score_adj", "OomScoreAdj", put_score},
	{"pid", "PidMode", put_namespace},
	{"pids_limit", "PidsLimit", put_count},
	{"privileged", "Privileged", put_true},
	{"read_only", "ReadonlyRootfs", put_true},
	{"restart", "RestartPolicy", put_restart},
	{"runtime", "Runtime", put_runtime},
	{"security_opt", "SecurityOpt", put_security},
	{"shm_size", "ShmSize", put_shm},
	{"storage_opt", "StorageOpt", put_map},
	{"sysctls", "Sysctls", put_map},
	{"ulimits", "Ulimits", put_ulimits},
	{"userns_mode", "UsernsMode", put_text},
	{"volumes_from", "VolumesFrom", put_volumes_from},
};

/* What only the engine's API has a word for. */
static const struct {
	const char *field, *what;
} unsaid[] = {
	{"Annotations", "its annotations"},
	{"AutoRemove", "that it is removed when it ends"},
	{"BlkioDeviceReadBps", "its limits for single block devices"},
	{"BlkioDeviceReadIOps", "its limits for single block devices"},
	{"BlkioDeviceWriteBps", "its limits for single block devices"},
	{"BlkioDeviceWriteIOps", "its limits for single block devices"},
	{"BlkioWeight", "its weight for block devices"},
	{"BlkioWeightDevice", "its weight for block devices"},
	{"CpuRealtimePeriod", "its real-time scheduling"},
	{"CpuRealtimeRuntime", "its real-time scheduling"},
	{"CpusetMems", "its memory nodes"},
	{"KernelMemory", "its limit of kernel memory"},
	{"KernelMemoryTCP", "its limit of memory for TCP"},
	{"UTSMode", "its sharing of the host's name"},
	{"VolumeDriver", "the driver of its volumes"},
};

static bool says_something(const cJSON *value)
{
	int64_t number;

	if (cJSON_IsString(value))
		return *value->valuestring && strcmp(value->valuestring, "private") != 0;
	if (cJSON_IsArray(value) || cJSON_IsObject(value))
		return value->child != NULL;
	return cJSON_IsTrue(value) || (fg_json_to_i64(value, &number) && number != 0);
}

void compose_host(struct compose *c)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		rows[i].put(c, rows[i].key, fg_json_get(c->host, rows[i].field));
	for (size_t i = 0; i < FG_ARRAY_LEN(unsaid); i++)
		if (says_something(fg_json_get(c->host, unsaid[i].field)))
			compose_leave_out(c, unsaid[i].what);
}
