/*
 * A container's networks, ports and mounts, read back into the form of a spec.
 */
#include <stdlib.h>
#include <string.h>
#include "drift/drift_mount.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/template.h"

static bool is_one_of(const char *s, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(*names, s) == 0)
			return true;
	return false;
}

/* Networks */

static const char *const usual_modes[] = {
	"", "bridge", "default", "pasta", "podman", "private", "slirp4netns", NULL};

static const char *live_mode(const struct live *l)
{
	return fg_json_str(fg_json_object(l->info->raw, "HostConfig"), "NetworkMode", "");
}

static const cJSON *endpoints(const struct live *l)
{
	return fg_json_object(fg_json_object(l->info->raw, "NetworkSettings"), "Networks");
}

static bool mode_same(const char *want, const char *live)
{
	static const char shared[] = "container:";

	if (is_one_of(want, usual_modes) && is_one_of(live, usual_modes))
		return true;
	/* The engine says the other one's id. */
	if (strncmp(want, shared, sizeof(shared) - 1) == 0)
		return strncmp(live, shared, sizeof(shared) - 1) == 0;
	return strcmp(want, live) == 0;
}

cJSON *live_network_mode(const struct live *l, const char *name)
{
	const char *want = fg_json_str(l->want, name, ""), *live = live_mode(l);

	if (cJSON_GetArraySize(fg_json_array(l->want, "networks")))
		return cJSON_CreateString("");
	if (!mode_same(want, live))
		return cJSON_CreateString(live);
	/* Taken off its bridge, it keeps the mode. */
	if (!l->podman && is_one_of(want, usual_modes) && endpoints(l) && !endpoints(l)->child)
		return cJSON_CreateString("none");
	return cJSON_CreateString(want);
}

/* Networks may be named by their id. */
static bool network_is(const cJSON *endpoint, const char *name)
{
	const char *id = fg_json_str(endpoint, "NetworkID", "");

	return strcmp(endpoint->string, name) == 0 ||
	       (strlen(name) >= 12 && strncmp(id, name, strlen(name)) == 0);
}

static const char *wanted_network(const cJSON *want, const cJSON *endpoint)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, want)
		if (cJSON_IsString(item) && network_is(endpoint, item->valuestring))
			return item->valuestring;
	return NULL;
}

/* Those of a mode come with it. */
static bool mode_brings(const char *mode, const char *network)
{
	static const char *const apart[] = {"host", "none", NULL};

	if (is_one_of(mode, usual_modes))
		return is_one_of(network, usual_modes);
	return strcmp(mode, network) == 0 || is_one_of(network, apart) || strchr(mode, ':');
}

cJSON *live_networks(const struct live *l, const char *name)
{
	const cJSON *want = fg_json_array(l->want, name), *item, *end;
	cJSON *out = cJSON_CreateArray(), *more = cJSON_CreateArray();
	bool any = cJSON_GetArraySize(want) > 0, brought = false;

	cJSON_ArrayForEach (item, want)
		cJSON_ArrayForEach (end, endpoints(l))
			if (cJSON_IsString(item) && network_is(end, item->valuestring)) {
				cJSON_AddItemToArray(out, cJSON_Duplicate(item, false));
				break;
			}
	cJSON_ArrayForEach (end, endpoints(l)) {
		if (!any && mode_brings(fg_json_str(l->want, "network_mode", ""), end->string))
			brought = true;
		else if (!wanted_network(want, end))
			cJSON_AddItemToArray(more, cJSON_CreateString(end->string));
	}
	if (brought && more->child)
		cJSON_ArrayForEach (end, endpoints(l))
			if (mode_brings(fg_json_str(l->want, "network_mode", ""), end->string))
				cJSON_AddItemToArray(out, cJSON_CreateString(end->string));
	more = field_set(more);
	while (more->child)
		cJSON_AddItemToArray(out, cJSON_DetachItemFromArray(more, 0));
	cJSON_Delete(more);
	return out;
}

/* Ports */

static bool anywhere(const char *ip)
{
	return !*ip || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

/* The port as it was asked for, when it means this one. */
static const char *wanted_port(const cJSON *want, const struct portmap *live)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, want) {
		struct portmap p;

		if (!cJSON_IsString(item) || portmap_parse(item->valuestring, &p))
			continue;
		if (p.inside == live->inside && strcmp(p.proto, live->proto) == 0 &&
			(p.outside == live->outside || p.outside == 0) &&
			(strcmp(p.ip, live->ip) == 0 || (anywhere(p.ip) && anywhere(live->ip))))
			return item->valuestring;
	}
	return NULL;
}

static void add_port(cJSON *out, const cJSON *want, const char *port, const cJSON *binding)
{
	cleanup_free char *inner = fg_strdup(port), *text = NULL;
	struct portmap p;
	const char *found;

	if (portmap_parse(inner, &p))
		return;
	strncpy(p.ip, fg_json_str(binding, "HostIp", ""), sizeof(p.ip) - 1);
	p.outside = (int)strtol(fg_json_str(binding, "HostPort", "0"), NULL, 10);
	if (p.outside < 0 || p.outside > 65535)
		p.outside = 0;
	found = wanted_port(want, &p);
	if (!found)
		text = portmap_text(&p);
	cJSON_AddItemToArray(out, cJSON_CreateString(found ? found : text));
}

cJSON *live_ports(const struct live *l, const char *name)
{
	const cJSON *host = fg_json_object(l->info->raw, "HostConfig"), *port, *binding;
	const cJSON *want = fg_json_array(l->want, name);
	cJSON *out = cJSON_CreateArray();

	cJSON_ArrayForEach (port, fg_json_object(host, "PortBindings"))
		cJSON_ArrayForEach (binding, (cJSON_IsArray(port) ? port : NULL))
			add_port(out, want, port->string, binding);
	return field_set(out);
}

/* Mounts */

/* The volume as it was asked for, when it is this mount. */
static const char *wanted_volume(const cJSON *want, const cJSON *mount)
{
	const char *target = fg_json_str(mount, "Destination", "");
	bool bind = strcmp(fg_json_str(mount, "Type", ""), "bind") == 0;
	const char *source = fg_json_str(mount, bind ? "Source" : "Name", "");
	const cJSON *item;

	cJSON_ArrayForEach (item, want) {
		cleanup_mount struct mount m = {0};
		bool writes;

		if (!cJSON_IsString(item) || mount_parse(item->valuestring, &m) ||
			strcmp(m.target, target) != 0)
			continue;
		writes = strncmp(m.options, "ro", 2) != 0 && !strstr(m.options, ",ro");
		if (strstr(m.options, "rprivate") || strstr(m.options, "rshared") ||
			strstr(m.options, "rslave"))
			writes = fg_json_bool(mount, "RW", true);
		if (fg_json_bool(mount, "RW", true) != writes)
			return NULL;
		if (!m.source)
			return bind ? NULL : item->valuestring;
		return strcmp(m.source, source) == 0 ? item->valuestring : NULL;
	}
	return NULL;
}

static char *mount_found(const cJSON *mount)
{
	bool bind = strcmp(fg_json_str(mount, "Type", ""), "bind") == 0;
	const char *source = fg_json_str(mount, bind ? "Source" : "Name", "");
	const char *target = fg_json_str(mount, "Destination", "");
	bool anonymous = !bind && strlen(source) == 64 && strspn(source, "0123456789abcdef") == 64;

	if (anonymous)
		return fg_strdup(target);
	return fg_printf("%s:%s%s", source, target, fg_json_bool(mount, "RW", true) ? "" : ":ro");
}

cJSON *live_volumes(const struct live *l, const char *name)
{
	const cJSON *want = fg_json_array(l->want, name), *mount;
	const cJSON *image = fg_json_object(l->image, "Volumes");
	cJSON *out = cJSON_CreateArray();

	cJSON_ArrayForEach (mount, fg_json_array(l->info->raw, "Mounts")) {
		const char *type = fg_json_str(mount, "Type", "");
		const char *found = wanted_volume(want, mount);
		cleanup_free char *text = NULL;

		if (strcmp(type, "bind") != 0 && strcmp(type, "volume") != 0)
			continue;
		/* The image asks for it by itself. */
		if (!found && strcmp(type, "volume") == 0 &&
			(!l->image || fg_json_get(image, fg_json_str(mount, "Destination", ""))))
			continue;
		if (!found)
			text = mount_found(mount);
		cJSON_AddItemToArray(out, cJSON_CreateString(found ? found : text));
	}
	return field_set(out);
}

/* Each of the options that were asked for is there; engines add their own. */
static bool options_hold(const char *want, const char *live)
{
	while (*want) {
		size_t len = strcspn(want, ",");
		const char *p = live;
		bool found = false;

		while (*p && !found) {
			size_t n = strcspn(p, ",");

			found = n == len && strncmp(p, want, len) == 0;
			p += n + (p[n] == ',');
		}
		if (!found)
			return false;
		want += len + (want[len] == ',');
	}
	return true;
}

cJSON *live_tmpfs(const struct live *l, const char *name)
{
	const cJSON *host = fg_json_object(l->info->raw, "HostConfig"), *item;
	cJSON *out = cJSON_CreateObject();

	cJSON_ArrayForEach (item, fg_json_object(host, "Tmpfs")) {
		const char *live = cJSON_GetStringValue(item);
		const char *want = fg_json_str(fg_json_object(l->want, name), item->string, NULL);

		cJSON_AddStringToObject(out, item->string,
			want && options_hold(want, live ? live : "") ? want
			: live                                       ? live
								     : "");
	}
	return out;
}
