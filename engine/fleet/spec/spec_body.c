/*
 * A spec as the engine wants it: the body of POST /containers/create.
 */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/body.h"
#include "spec/template.h"

static int add_ports(const cJSON *spec, cJSON *body, cJSON *host, struct fg_err *err)
{
	cJSON *exposed = cJSON_AddObjectToObject(body, "ExposedPorts");
	cJSON *bindings = cJSON_AddObjectToObject(host, "PortBindings");
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(spec, "ports")) {
		const char *text = cJSON_GetStringValue(item), *wrong;
		char port[32], outside[16] = "";
		struct portmap p;
		cJSON *list, *binding;

		wrong = portmap_parse(text ? text : "", &p);
		if (wrong)
			return fg_fail(err, FG_EINVAL, "ports: %s", wrong);
		snprintf(port, sizeof(port), "%d/%s", p.inside, p.proto);
		if (p.outside)
			snprintf(outside, sizeof(outside), "%d", p.outside);
		if (!fg_json_get(exposed, port))
			cJSON_AddObjectToObject(exposed, port);
		list = cJSON_GetObjectItemCaseSensitive(bindings, port);
		if (!list)
			list = cJSON_AddArrayToObject(bindings, port);
		binding = cJSON_CreateObject();
		cJSON_AddStringToObject(binding, "HostIp", p.ip);
		cJSON_AddStringToObject(binding, "HostPort", outside);
		cJSON_AddItemToArray(list, binding);
	}
	return 0;
}

static int add_volumes(const cJSON *spec, cJSON *body, cJSON *host, struct fg_err *err)
{
	cJSON *binds = cJSON_AddArrayToObject(host, "Binds");
	cJSON *anonymous = cJSON_AddObjectToObject(body, "Volumes");
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(spec, "volumes")) {
		const char *text = cJSON_GetStringValue(item), *wrong;
		cleanup_mount struct mount m = {0};
		cleanup_free char *tidy = NULL;

		wrong = mount_parse(text ? text : "", &m);
		if (wrong)
			return fg_fail(err, FG_EINVAL, "volumes: %s", wrong);
		tidy = mount_text(&m);
		if (m.source)
			cJSON_AddItemToArray(binds, cJSON_CreateString(tidy));
		else
			cJSON_AddObjectToObject(anonymous, m.target);
	}
	return 0;
}

static void add_restart(const cJSON *spec, cJSON *host)
{
	const char *restart = fg_json_str(spec, "restart", "no"), *colon = strchr(restart, ':');
	cleanup_free char *name = fg_strndup(restart, strcspn(restart, ":"));
	cJSON *policy = cJSON_AddObjectToObject(host, "RestartPolicy");

	cJSON_AddStringToObject(policy, "Name", name);
	if (colon)
		cJSON_AddNumberToObject(
			policy, "MaximumRetryCount", (double)strtol(colon + 1, NULL, 10));
}

static void add_security(const cJSON *spec, cJSON *host)
{
	const cJSON *security = fg_json_object(spec, "security");
	cJSON *options;

	cJSON_AddBoolToObject(host, "ReadonlyRootfs", fg_json_bool(security, "read_only", false));
	cJSON_AddBoolToObject(host, "Privileged", fg_json_bool(security, "privileged", false));
	body_list(security, "cap_add", host, "CapAdd");
	body_list(security, "cap_drop", host, "CapDrop");
	if (!fg_json_bool(security, "no_new_privileges", true))
		return;
	options = cJSON_AddArrayToObject(host, "SecurityOpt");
	cJSON_AddItemToArray(options, cJSON_CreateString("no-new-privileges"));
}

static void add_logging(const cJSON *spec, cJSON *host)
{
	const cJSON *logging = fg_json_object(spec, "logging");
	const cJSON *options = fg_json_object(logging, "options");
	const char *driver = fg_json_str(logging, "driver", "");
	cJSON *out;

	if (!*driver && cJSON_GetArraySize(options) == 0)
		return;
	out = cJSON_AddObjectToObject(host, "LogConfig");
	cJSON_AddStringToObject(out, "Type", driver);
	cJSON_AddItemToObject(out, "Config", cJSON_Duplicate(options, true));
}

/*
 * Engines before API 1.44 take only one network at the creation; whoever creates connects the
 * container to the others before it starts.
 */
static void add_network(const cJSON *spec, cJSON *body, cJSON *host)
{
	const cJSON *first = cJSON_GetArrayItem(fg_json_array(spec, "networks"), 0);
	const char *name = cJSON_GetStringValue(first);
	cJSON *config;

	if (!name) {
		body_text(spec, "network_mode", host, "NetworkMode");
		return;
	}
	cJSON_AddStringToObject(host, "NetworkMode", name);
	config = cJSON_AddObjectToObject(body, "NetworkingConfig");
	config = cJSON_AddObjectToObject(config, "EndpointsConfig");
	cJSON_AddObjectToObject(config, name);
}

static void add_limits(const cJSON *spec, cJSON *host)
{
	const cJSON *limits = fg_json_object(spec, "limits");

	body_amount(limits, "nano_cpus", host, "NanoCpus");
	body_amount(limits, "memory", host, "Memory");
	body_amount(limits, "memory_swap", host, "MemorySwap");
	body_amount(limits, "pids", host, "PidsLimit");
}

cJSON *fg_spec_create_body(const cJSON *spec, struct fg_err *err)
{
	cleanup_json cJSON *body = cJSON_CreateObject();
	const cJSON *labels = fg_json_object(spec, "labels");
	const cJSON *tmpfs = fg_json_object(spec, "tmpfs");
	cJSON *host = cJSON_AddObjectToObject(body, "HostConfig");

	if (!*fg_json_str(spec, "image", "")) {
		fg_fail(err, FG_EINVAL, "image: the spec has none");
		return NULL;
	}
	body_text(spec, "image", body, "Image");
	body_text(spec, "hostname", body, "Hostname");
	body_text(spec, "user", body, "User");
	body_text(spec, "workdir", body, "WorkingDir");
	body_list(spec, "command", body, "Cmd");
	body_list(spec, "entrypoint", body, "Entrypoint");
	fg_json_set_i64(body, "StopTimeout", fg_json_i64(spec, "stop_timeout", 10));
	cJSON_AddItemToObject(
		body, "Labels", labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject());
	body_env(spec, body);
	body_health(spec, body);
	add_limits(spec, host);
	add_logging(spec, host);
	add_network(spec, body, host);
	add_restart(spec, host);
	add_security(spec, host);
	if (tmpfs)
		cJSON_AddItemToObject(host, "Tmpfs", cJSON_Duplicate(tmpfs, true));
	if (fg_json_bool(spec, "init", false))
		cJSON_AddTrueToObject(host, "Init");
	if (add_ports(spec, body, host, err) < 0 || add_volumes(spec, body, host, err) < 0)
		return NULL;
	return fg_steal(&body);
}
