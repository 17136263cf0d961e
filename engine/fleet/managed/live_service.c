/*
 * A service read back into the form of a spec.
 *
 * A swarm keeps what it was given and adds little: defaults that say what a spec's do, the ids of
 * networks in the place of their names, a digest behind the image. What a template cannot say
 * (secrets, configs, sysctls, reservations) is nobody's drift.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "managed/managed.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/template.h"

#define NS_PER_S 1000000000LL
#define MONITOR_NS (5 * NS_PER_S) /* what a swarm takes 0 for */
#define OWN "io.fleetgram."

static const cJSON *task_of(const struct live_service *l)
{
	return fg_json_object(l->spec, "TaskTemplate");
}

static const cJSON *container_of(const struct live_service *l)
{
	return fg_json_object(task_of(l), "ContainerSpec");
}

static cJSON *text_of(const char *text)
{
	return cJSON_CreateString(text);
}

static cJSON *list_of(const cJSON *list)
{
	return cJSON_IsArray(list) ? cJSON_Duplicate(list, true) : cJSON_CreateArray();
}

static void set_number(cJSON *to, const char *key, const cJSON *from, const char *name)
{
	fg_json_set_i64(to, key, fg_json_i64(from, name, 0));
}

static cJSON *live_image(const struct live_service *l)
{
	const char *image = fg_json_str(container_of(l), "Image", "");
	cleanup_free char *bare = managed_image(l->spec);

	return text_of(strchr(fg_json_str(l->want, "image", ""), '@') ? image : bare);
}

static cJSON *live_env(const struct live_service *l)
{
	cJSON *out = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(container_of(l), "Env")) {
		const char *pair = cJSON_GetStringValue(item);
		cleanup_free char *key = pair ? fg_strndup(pair, strcspn(pair, "=")) : NULL;

		if (!key)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(out, key);
		cJSON_AddStringToObject(out, key, pair + strlen(key) + (pair[strlen(key)] == '='));
	}
	return out;
}

/* Fleetgram's own are no template's, unless one says them. */
static bool is_own(const struct live_service *l, const char *key)
{
	return strncmp(key, OWN, strlen(OWN)) == 0 &&
	       !fg_json_get(fg_json_object(l->want, "labels"), key);
}

/* The service and its tasks both have them: one that only either has as wanted shows. */
static cJSON *live_labels(const struct live_service *l)
{
	const cJSON *want = fg_json_object(l->want, "labels"), *item;
	const cJSON *tasks = fg_json_object(container_of(l), "Labels");
	cJSON *out = cJSON_CreateObject();

	cJSON_ArrayForEach (item, fg_json_object(l->spec, "Labels"))
		if (cJSON_IsString(item) && !is_own(l, item->string))
			cJSON_AddStringToObject(out, item->string, item->valuestring);
	cJSON_ArrayForEach (item, tasks) {
		const char *wanted = fg_json_str(want, item->string, NULL);

		if (!cJSON_IsString(item) || (wanted && strcmp(wanted, item->valuestring) == 0))
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(out, item->string);
		cJSON_AddStringToObject(out, item->string, item->valuestring);
	}
	cJSON_ArrayForEach (item, want)
		if (!fg_json_get(tasks, item->string))
			cJSON_DeleteItemFromObjectCaseSensitive(out, item->string);
	return out;
}

static cJSON *live_health(const struct live_service *l)
{
	const cJSON *check = fg_json_object(container_of(l), "Healthcheck");
	cJSON *out;

	if (!check)
		return cJSON_CreateNull();
	out = cJSON_CreateObject();
	cJSON_AddItemToObject(out, "test", list_of(fg_json_get(check, "Test")));
	set_number(out, "interval_ns", check, "Interval");
	set_number(out, "timeout_ns", check, "Timeout");
	set_number(out, "start_period_ns", check, "StartPeriod");
	set_number(out, "retries", check, "Retries");
	return out;
}

static cJSON *live_limits(const struct live_service *l)
{
	const cJSON *limits = fg_json_object(fg_json_object(task_of(l), "Resources"), "Limits");
	cJSON *out = cJSON_CreateObject();

	set_number(out, "nano_cpus", limits, "NanoCPUs");
	set_number(out, "memory", limits, "MemoryBytes");
	set_number(out, "pids", limits, "Pids");
	return out;
}

static cJSON *live_logging(const struct live_service *l)
{
	const cJSON *driver = fg_json_object(task_of(l), "LogDriver"), *options;
	cJSON *out = cJSON_CreateObject();

	options = fg_json_object(driver, "Options");
	cJSON_AddStringToObject(out, "driver", fg_json_str(driver, "Name", ""));
	cJSON_AddItemToObject(
		out, "options", options ? cJSON_Duplicate(options, true) : cJSON_CreateObject());
	return out;
}

static bool wants_network(const struct live_service *l, const char *id)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(l->want, "networks"))
		if (strcmp(item->valuestring, id) == 0)
			return true;
	return false;
}

/* By their names, unless the spec has the id itself. */
static cJSON *live_networks(const struct live_service *l)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(task_of(l), "Networks")) {
		const char *id = fg_json_str(item, "Target", "");

		cJSON_AddItemToArray(
			out, text_of(wants_network(l, id) ? id : fg_json_str(l->networks, id, id)));
	}
	return out;
}

static cJSON *live_ports(const struct live_service *l)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(fg_json_object(l->spec, "EndpointSpec"), "Ports")) {
		struct portmap p = {.outside = (int)fg_json_i64(item, "PublishedPort", 0),
			.inside = (int)fg_json_i64(item, "TargetPort", 0)};
		bool host = strcmp(fg_json_str(item, "PublishMode", ""), "host") == 0;
		cleanup_free char *text = NULL, *shown = NULL;

		snprintf(p.proto, sizeof(p.proto), "%s", fg_json_str(item, "Protocol", "tcp"));
		text = portmap_text(&p);
		shown = fg_printf("%s%s", text, host ? " on its node" : "");
		cJSON_AddItemToArray(out, text_of(shown));
	}
	return field_set(out);
}

static cJSON *live_restart(const struct live_service *l)
{
	const cJSON *policy = fg_json_object(task_of(l), "RestartPolicy");
	const char *condition = fg_json_str(policy, "Condition", "any");
	long long times = (long long)fg_json_i64(policy, "MaxAttempts", 0);
	cleanup_free char *text = NULL;

	if (strcmp(condition, "none") == 0)
		return text_of("no");
	if (strcmp(condition, "any") == 0)
		condition = "always";
	text = times ? fg_printf("%s:%lld", condition, times) : fg_strdup(condition);
	return text_of(text);
}

static cJSON *live_caps(const cJSON *list)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		const char *name = cJSON_IsString(item) ? item->valuestring : "?";

		cJSON_AddItemToArray(out, text_of(strncmp(name, "CAP_", 4) == 0 ? name + 4 : name));
	}
	return field_set(out);
}

static cJSON *live_security(const struct live_service *l)
{
	const cJSON *container = container_of(l);
	const cJSON *privileges = fg_json_object(container, "Privileges");
	bool wanted = fg_json_bool(fg_json_object(l->want, "security"), "no_new_privileges", true);
	cJSON *out = cJSON_CreateObject();

	cJSON_AddItemToObject(out, "cap_add", live_caps(fg_json_array(container, "CapabilityAdd")));
	cJSON_AddItemToObject(
		out, "cap_drop", live_caps(fg_json_array(container, "CapabilityDrop")));
	cJSON_AddBoolToObject(out, "no_new_privileges",
		l->old ? wanted : fg_json_bool(privileges, "NoNewPrivileges", false));
	cJSON_AddBoolToObject(out, "read_only", fg_json_bool(container, "ReadOnly", false));
	return out;
}

static cJSON *live_update(const struct live_service *l)
{
	const cJSON *update = fg_json_object(l->spec, "UpdateConfig");
	int64_t monitor = fg_json_i64(update, "Monitor", 0);
	cJSON *out = cJSON_CreateObject();

	fg_json_set_i64(out, "parallelism", fg_json_i64(update, "Parallelism", update ? 0 : 1));
	set_number(out, "delay_ns", update, "Delay");
	fg_json_set_i64(out, "monitor_ns", monitor ? monitor : MONITOR_NS);
	fg_json_set_i64(out, "max_failure_ppm",
		llround(fg_json_double(update, "MaxFailureRatio", 0) * 1e6));
	cJSON_AddStringToObject(out, "order", fg_json_str(update, "Order", "stop-first"));
	cJSON_AddStringToObject(
		out, "failure_action", fg_json_str(update, "FailureAction", "pause"));
	return out;
}

static cJSON *live_placement(const struct live_service *l)
{
	const cJSON *placement = fg_json_object(task_of(l), "Placement"), *item;
	cJSON *out = cJSON_CreateObject(), *constraints = cJSON_CreateArray(), *spread;

	/* Without blanks, as in a spec. */
	cJSON_ArrayForEach (item, fg_json_array(placement, "Constraints")) {
		char *text = cJSON_IsString(item) ? item->valuestring : NULL;
		char *at = text ? strstr(text, "==") : NULL, *p;
		cleanup_free char *tidy = NULL;

		at = text && !at ? strstr(text, "!=") : at;
		if (!at)
			continue;
		p = at + 2 + strspn(at + 2, " ");
		tidy = fg_printf("%.*s%.2s%s", (int)strcspn(text, " =!"), text, at, p);
		cJSON_AddItemToArray(constraints, text_of(tidy));
	}
	cJSON_AddItemToObject(out, "constraints", field_set(constraints));
	spread = cJSON_AddArrayToObject(out, "preferences");
	cJSON_ArrayForEach (item, fg_json_array(placement, "Preferences"))
		cJSON_AddItemToArray(spread, text_of(fg_json_str(fg_json_object(item, "Spread"),
						     "SpreadDescriptor", "?")));
	set_number(out, "max_per_node", placement, "MaxReplicas");
	return out;
}

cJSON *managed_live(const struct live_service *l)
{
	const cJSON *container = container_of(l);
	cJSON *out = cJSON_CreateObject(), *tmpfs = NULL;
	int64_t replicas = managed_replicas(l->spec);

	cJSON_AddStringToObject(out, "mode", "service");
	cJSON_AddItemToObject(out, "image", live_image(l));
	cJSON_AddItemToObject(out, "command", list_of(fg_json_get(container, "Args")));
	cJSON_AddItemToObject(out, "entrypoint", list_of(fg_json_get(container, "Command")));
	cJSON_AddItemToObject(out, "env", live_env(l));
	cJSON_AddItemToObject(out, "healthcheck", live_health(l));
	cJSON_AddStringToObject(out, "hostname", fg_json_str(container, "Hostname", ""));
	cJSON_AddBoolToObject(out, "init", fg_json_bool(container, "Init", false));
	cJSON_AddItemToObject(out, "labels", live_labels(l));
	cJSON_AddItemToObject(out, "limits", live_limits(l));
	cJSON_AddItemToObject(out, "logging", live_logging(l));
	cJSON_AddItemToObject(out, "networks", live_networks(l));
	cJSON_AddItemToObject(out, "placement", live_placement(l));
	cJSON_AddItemToObject(out, "ports", live_ports(l));
	cJSON_AddItemToObject(out, "restart", live_restart(l));
	cJSON_AddItemToObject(out, "security", live_security(l));
	fg_json_set_i64(out, "stop_timeout",
		fg_json_i64(container, "StopGracePeriod", 10 * NS_PER_S) / NS_PER_S);
	cJSON_AddItemToObject(out, "volumes", managed_live_mounts(l, &tmpfs));
	cJSON_AddItemToObject(out, "tmpfs", tmpfs);
	cJSON_AddItemToObject(out, "update", live_update(l));
	cJSON_AddStringToObject(out, "user", fg_json_str(container, "User", ""));
	cJSON_AddStringToObject(out, "workdir", fg_json_str(container, "Dir", ""));
	cJSON_AddBoolToObject(out, "global", replicas < 0);
	fg_json_set_i64(out, "replicas", replicas < 0 ? 0 : replicas);
	return out;
}
