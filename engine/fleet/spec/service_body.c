/*
 * A service's spec as the swarm wants it: the body of POST /services/create.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "spec/body.h"
#include "spec/template.h"

#define NS_PER_S 1000000000LL

static cJSON *copy_object(const cJSON *object)
{
	return object ? cJSON_Duplicate(object, true) : cJSON_CreateObject();
}

/* A swarm takes capabilities by the names that the kernel's header has. */
static void add_caps(const cJSON *security, const char *from, cJSON *container, const char *key)
{
	cJSON *out = NULL;
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(security, from)) {
		cleanup_free char *name = fg_printf("%s%s",
			strcmp(item->valuestring, "ALL") == 0 ? "" : "CAP_", item->valuestring);

		out = out ? out : cJSON_AddArrayToObject(container, key);
		cJSON_AddItemToArray(out, cJSON_CreateString(name));
	}
}

static void add_security(const cJSON *spec, cJSON *container)
{
	const cJSON *security = fg_json_object(spec, "security");

	if (fg_json_bool(security, "read_only", false))
		cJSON_AddTrueToObject(container, "ReadOnly");
	add_caps(security, "cap_add", container, "CapabilityAdd");
	add_caps(security, "cap_drop", container, "CapabilityDrop");
	if (fg_json_bool(security, "no_new_privileges", true))
		cJSON_AddTrueToObject(
			cJSON_AddObjectToObject(container, "Privileges"), "NoNewPrivileges");
}

/* What may stand behind a mount, for a service. NULL, or what is wrong. */
static const char *add_mount_options(const struct mount *m, bool bind, cJSON *out)
{
	for (const char *s = m->options; *s;) {
		cleanup_free char *option = fg_strndup(s, strcspn(s, ","));

		s += strlen(option);
		s += *s == ',';
		if (strcmp(option, "ro") == 0)
			cJSON_AddTrueToObject(out, "ReadOnly");
		else if (strcmp(option, "nocopy") == 0 && !bind)
			cJSON_AddTrueToObject(
				cJSON_AddObjectToObject(out, "VolumeOptions"), "NoCopy");
		else if (strcmp(option, "z") == 0 || strcmp(option, "Z") == 0)
			return "a service cannot have its mounts labelled (z, Z)";
		else if (strcmp(option, "nocopy") == 0 || !bind)
			return "that option does not go with this kind of mount";
		else if (fg_json_get(out, "BindOptions"))
			return "a mount has one propagation";
		else
			cJSON_AddStringToObject(
				cJSON_AddObjectToObject(out, "BindOptions"), "Propagation", option);
	}
	return NULL;
}

static int add_volumes(const cJSON *spec, cJSON *mounts, struct fg_err *err)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(spec, "volumes")) {
		const char *text = cJSON_GetStringValue(item), *wrong;
		cleanup_mount struct mount m = {0};
		cJSON *out;
		bool bind;

		wrong = mount_parse(text ? text : "", &m);
		if (wrong)
			return fg_fail(err, FG_EINVAL, "volumes: %s", wrong);
		bind = m.source && *m.source == '/';
		out = cJSON_CreateObject();
		cJSON_AddItemToArray(mounts, out);
		cJSON_AddStringToObject(out, "Type", bind ? "bind" : "volume");
		if (m.source)
			cJSON_AddStringToObject(out, "Source", m.source);
		cJSON_AddStringToObject(out, "Target", m.target);
		wrong = add_mount_options(&m, bind, out);
		if (wrong)
			return fg_fail(err, FG_EINVAL, "volumes: %s", wrong);
	}
	return 0;
}

const char *service_tmpfs_parse(const char *options, int64_t *size, int64_t *mode)
{
	struct fg_err why;

	*size = *mode = 0;
	for (const char *s = options; *s;) {
		cleanup_free char *option = fg_strndup(s, strcspn(s, ","));
		char *end;

		s += strlen(option);
		s += *s == ',';
		if (strncmp(option, "size=", 5) == 0) {
			if (fg_size_parse(option + 5, size, &why) < 0 || *size < 0)
				return "its size is none, such as 64m";
		} else if (strncmp(option, "mode=", 5) == 0) {
			*mode = strtol(option + 5, &end, 8);
			if (end == option + 5 || *end || *mode < 0 || *mode > 07777)
				return "its mode is none, such as 1777";
		} else {
			return "of a service it has a size and a mode and no other options";
		}
	}
	return NULL;
}

static int add_tmpfs(const cJSON *spec, cJSON *mounts, struct fg_err *err)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_object(spec, "tmpfs")) {
		const char *options = cJSON_GetStringValue(item), *wrong;
		cJSON *out = cJSON_CreateObject(), *how;
		int64_t size, mode;

		cJSON_AddItemToArray(mounts, out);
		wrong = service_tmpfs_parse(options ? options : "", &size, &mode);
		if (wrong)
			return fg_fail(err, FG_EINVAL, "tmpfs %s: %s", item->string, wrong);
		cJSON_AddStringToObject(out, "Type", "tmpfs");
		cJSON_AddStringToObject(out, "Target", item->string);
		if (!size && !mode)
			continue;
		how = cJSON_AddObjectToObject(out, "TmpfsOptions");
		if (size)
			fg_json_set_i64(how, "SizeBytes", size);
		if (mode)
			fg_json_set_i64(how, "Mode", mode);
	}
	return 0;
}

static int add_container(const cJSON *spec, cJSON *task, struct fg_err *err)
{
	cJSON *container = cJSON_AddObjectToObject(task, "ContainerSpec"), *mounts;

	if (!*fg_json_str(spec, "image", ""))
		return fg_fail(err, FG_EINVAL, "image: the spec has none");
	body_text(spec, "image", container, "Image");
	body_list(spec, "entrypoint", container, "Command");
	body_list(spec, "command", container, "Args");
	body_text(spec, "hostname", container, "Hostname");
	body_text(spec, "user", container, "User");
	body_text(spec, "workdir", container, "Dir");
	cJSON_AddItemToObject(container, "Labels", copy_object(fg_json_object(spec, "labels")));
	fg_json_set_i64(
		container, "StopGracePeriod", fg_json_i64(spec, "stop_timeout", 10) * NS_PER_S);
	if (fg_json_bool(spec, "init", false))
		cJSON_AddTrueToObject(container, "Init");
	body_env(spec, container);
	body_health(spec, container);
	add_security(spec, container);
	mounts = cJSON_AddArrayToObject(container, "Mounts");
	return add_volumes(spec, mounts, err) < 0 || add_tmpfs(spec, mounts, err) < 0 ? -1 : 0;
}

static void add_task(const cJSON *spec, cJSON *task)
{
	const cJSON *limits = fg_json_object(spec, "limits"),
		    *logging = fg_json_object(spec, "logging"), *item;
	cJSON *out = cJSON_AddObjectToObject(cJSON_AddObjectToObject(task, "Resources"), "Limits");
	const char *restart = fg_json_str(spec, "restart", "always"), *times = strchr(restart, ':');

	body_amount(limits, "nano_cpus", out, "NanoCPUs");
	body_amount(limits, "memory", out, "MemoryBytes");
	body_amount(limits, "pids", out, "Pids");
	out = cJSON_AddObjectToObject(task, "RestartPolicy");
	cJSON_AddStringToObject(out, "Condition",
		strcmp(restart, "no") == 0       ? "none"
		: strcmp(restart, "always") == 0 ? "any"
						 : "on-failure");
	if (times)
		fg_json_set_i64(out, "MaxAttempts", strtol(times + 1, NULL, 10));
	out = cJSON_AddArrayToObject(task, "Networks");
	cJSON_ArrayForEach (item, fg_json_array(spec, "networks")) {
		cJSON *network = cJSON_CreateObject();

		cJSON_AddStringToObject(network, "Target", item->valuestring);
		cJSON_AddItemToArray(out, network);
	}
	if (!*fg_json_str(logging, "driver", "") &&
		cJSON_GetArraySize(fg_json_object(logging, "options")) == 0)
		return;
	out = cJSON_AddObjectToObject(task, "LogDriver");
	body_text(logging, "driver", out, "Name");
	cJSON_AddItemToObject(out, "Options", copy_object(fg_json_object(logging, "options")));
}

static void add_placement(const cJSON *spec, cJSON *task)
{
	const cJSON *placement = fg_json_object(spec, "placement"), *item;
	cJSON *out = cJSON_AddObjectToObject(task, "Placement"), *list;

	body_list(placement, "constraints", out, "Constraints");
	body_amount(placement, "max_per_node", out, "MaxReplicas");
	if (cJSON_GetArraySize(fg_json_array(placement, "preferences")) == 0)
		return;
	list = cJSON_AddArrayToObject(out, "Preferences");
	cJSON_ArrayForEach (item, fg_json_array(placement, "preferences")) {
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(cJSON_AddObjectToObject(one, "Spread"), "SpreadDescriptor",
			item->valuestring);
		cJSON_AddItemToArray(list, one);
	}
}

/* A rollback goes as an update does; when it fails, somebody has to look. */
static void add_update(const cJSON *spec, cJSON *body, const char *key, bool back)
{
	const cJSON *update = fg_json_object(spec, "update");
	cJSON *out = cJSON_AddObjectToObject(body, key);
	int64_t ppm = fg_json_i64(update, "max_failure_ppm", 0);

	fg_json_set_i64(out, "Parallelism", fg_json_i64(update, "parallelism", 1));
	fg_json_set_i64(out, "Delay", fg_json_i64(update, "delay_ns", 0));
	fg_json_set_i64(out, "Monitor", fg_json_i64(update, "monitor_ns", 0));
	cJSON_AddNumberToObject(out, "MaxFailureRatio", (double)ppm / 1e6);
	body_text(update, "order", out, "Order");
	if (back)
		cJSON_AddStringToObject(out, "FailureAction", "pause");
	else
		body_text(update, "failure_action", out, "FailureAction");
}

static int add_ports(const cJSON *spec, cJSON *body, struct fg_err *err)
{
	cJSON *list =
		cJSON_AddArrayToObject(cJSON_AddObjectToObject(body, "EndpointSpec"), "Ports");
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(spec, "ports")) {
		const char *text = cJSON_GetStringValue(item), *wrong;
		struct portmap p;
		cJSON *out;

		wrong = portmap_parse(text ? text : "", &p);
		if (!wrong && *p.ip)
			wrong = "a service's port is published on every node and has no address";
		if (wrong)
			return fg_fail(err, FG_EINVAL, "ports: %s", wrong);
		out = cJSON_CreateObject();
		cJSON_AddItemToArray(list, out);
		cJSON_AddStringToObject(out, "Protocol", p.proto);
		fg_json_set_i64(out, "TargetPort", p.inside);
		if (p.outside)
			fg_json_set_i64(out, "PublishedPort", p.outside);
		cJSON_AddStringToObject(out, "PublishMode", "ingress");
	}
	return 0;
}

cJSON *fg_spec_service_body(const cJSON *spec, const char *name, struct fg_err *err)
{
	cleanup_json cJSON *body = cJSON_CreateObject();
	cJSON *task = cJSON_AddObjectToObject(body, "TaskTemplate"), *mode;

	cJSON_AddStringToObject(body, "Name", name);
	cJSON_AddItemToObject(body, "Labels", copy_object(fg_json_object(spec, "labels")));
	mode = cJSON_AddObjectToObject(body, "Mode");
	if (fg_json_bool(spec, "global", false))
		cJSON_AddObjectToObject(mode, "Global");
	else
		fg_json_set_i64(cJSON_AddObjectToObject(mode, "Replicated"), "Replicas",
			fg_json_i64(spec, "replicas", 1));
	add_task(spec, task);
	add_placement(spec, task);
	add_update(spec, body, "UpdateConfig", false);
	add_update(spec, body, "RollbackConfig", true);
	if (add_container(spec, task, err) < 0 || add_ports(spec, body, err) < 0)
		return NULL;
	return fg_steal(&body);
}
