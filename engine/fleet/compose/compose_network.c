/*
 * Where a container is attached and what it publishes, as Compose says it.
 */
#include <string.h>
#include "compose/compose.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

/* The engine's own networks, and those that every engine has. */
static bool is_builtin(const char *name)
{
	static const char *const names[] = {"bridge", "default", "host", "none", "podman"};

	for (size_t i = 0; i < FG_ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* What the engine adds by itself, and what Compose will, is left out. */
static void put_aliases(struct compose *c, const cJSON *endpoint, cJSON *out)
{
	const char *id = fg_json_str(c->what->container, "Id", "");
	const cJSON *alias;

	cJSON_ArrayForEach (alias, fg_json_array(endpoint, "Aliases")) {
		const char *text = cJSON_IsString(alias) ? alias->valuestring : "";

		if (!*text || (strlen(text) == 12 && strncmp(text, id, 12) == 0) ||
			strcmp(text, c->name) == 0 ||
			compose_has(cJSON_GetObjectItemCaseSensitive(out, "aliases"), text))
			continue;
		compose_add(compose_list(out, "aliases"), text);
	}
}

static void put_endpoint(struct compose *c, cJSON *list, const char *name, const cJSON *endpoint)
{
	const cJSON *fixed = fg_json_object(endpoint, "IPAMConfig"), *item;
	cJSON *out = cJSON_AddObjectToObject(list, compose_external(c->networks, name));

	put_aliases(c, endpoint, out);
	compose_put(out, "ipv4_address", fg_json_str(fixed, "IPv4Address", ""));
	compose_put(out, "ipv6_address", fg_json_str(fixed, "IPv6Address", ""));
	cJSON_ArrayForEach (item, fg_json_array(fixed, "LinkLocalIPs")) {
		if (cJSON_IsString(item))
			compose_add(compose_list(out, "link_local_ips"), item->valuestring);
	}
	if (cJSON_GetArraySize(fg_json_get(endpoint, "Links")) > 0)
		compose_leave_out(c, "its links within a network");
	if (cJSON_GetArraySize(fg_json_get(endpoint, "DriverOpts")) > 0)
		compose_leave_out(c, "options of its networks' drivers");
}

static const cJSON *networks_of(const struct compose *c)
{
	const cJSON *settings = fg_json_object(c->what->container, "NetworkSettings");

	return fg_json_object(settings, "Networks");
}

/* The primary one first. Compose goes by priority, and without one by name. */
static void put_networks(struct compose *c, const char *mode)
{
	const cJSON *all = networks_of(c), *item;
	cJSON *list = cJSON_AddObjectToObject(c->service, "networks");

	if (!is_builtin(mode))
		put_endpoint(c, list, mode, fg_json_get(all, mode));
	cJSON_ArrayForEach (item, all) {
		if (is_builtin(item->string))
			compose_leave_out(c, "the engine's own network beside the others");
		else if (strcmp(item->string, mode) != 0)
			put_endpoint(c, list, item->string, item);
	}
	if (list->child->next && !is_builtin(mode))
		fg_json_set_i64(list->child, "priority", 1);
}

static bool has_networks(const struct compose *c)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, networks_of(c)) {
		if (!is_builtin(item->string))
			return true;
	}
	return false;
}

static void add_port(cJSON *list, const char *port, const char *ip, const char *outside)
{
	bool v6 = strchr(ip, ':') != NULL;
	cleanup_free char *text = fg_printf("%s%s%s%s%s%s%s", v6 ? "[" : "", ip, v6 ? "]" : "",
		*ip ? ":" : "", outside, *ip || *outside ? ":" : "", port);

	if (!compose_has(list, text))
		compose_add(list, text);
}

static void put_ports(struct compose *c)
{
	const cJSON *own = fg_json_object(c->own, "ExposedPorts"),
		    *bound = fg_json_object(c->host, "PortBindings"), *port, *at;
	bool all = fg_json_bool(c->host, "PublishAllPorts", false);

	cJSON_ArrayForEach (port, bound) {
		cJSON_ArrayForEach (at, port) {
			add_port(compose_list(c->service, "ports"), port->string,
				fg_json_str(at, "HostIp", ""), fg_json_str(at, "HostPort", ""));
		}
	}
	cJSON_ArrayForEach (port, fg_json_object(c->config, "ExposedPorts")) {
		if (fg_json_get(bound, port->string))
			continue;
		if (all)
			add_port(compose_list(c->service, "ports"), port->string, "", "");
		else if (!fg_json_get(own, port->string))
			compose_add(compose_list(c->service, "expose"), port->string);
	}
}

void compose_network(struct compose *c)
{
	const char *mode = fg_json_str(c->host, "NetworkMode", "");
	bool shared = strncmp(mode, "container:", 10) == 0;
	bool apart = shared || strcmp(mode, "host") == 0 || strcmp(mode, "none") == 0;

	/* Unless told otherwise Compose makes a network for the project. */
	if (!*mode || strcmp(mode, "default") == 0 || strcmp(mode, "podman") == 0)
		mode = "bridge";
	if (!apart && (has_networks(c) || !is_builtin(mode))) {
		put_networks(c, mode);
	} else {
		cleanup_free char *text = compose_sharing(c, mode);

		compose_put(c->service, "network_mode", text);
	}
	if (!shared)
		put_ports(c);
}
