/*
 * What is mounted into a container, as Compose says it.
 *
 * The engine keeps a mount in the form it was asked for in: short ones as Binds, anonymous volumes
 * in the Config, long ones as Mounts. Each goes back into the form it came from.
 */
#include <string.h>
#include "compose/compose.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

/* Podman tells every option there is, and Docker would not know most of them: a list of options
 * without those that go without saying. Caller frees. */
static char *without_defaults(const char *options)
{
	static const char *const defaults[] = {
		"nodev", "nosuid", "rbind", "rprivate", "rw", "tmpcopyup"};
	cleanup_free char *copy = fg_strdup(options);
	char *rest = copy, *option;
	struct fg_str out;

	fg_str_init(&out, strlen(options) + 1);
	while ((option = strsep(&rest, ","))) {
		size_t i = 0;

		while (i < FG_ARRAY_LEN(defaults) && strcmp(option, defaults[i]) != 0)
			i++;
		if (i == FG_ARRAY_LEN(defaults))
			fg_str_printf(&out, "%s%s", out.len ? "," : "", option);
	}
	return fg_str_take(&out);
}

/* A bind in the words that it was asked for in. Caller frees. */
static char *bind_text(const struct compose *c, const char *bind)
{
	const char *first = strchr(bind, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	cleanup_free char *options = NULL;

	if (!second || !c->what->podman)
		return fg_strdup(bind);
	options = without_defaults(second + 1);
	return fg_printf("%.*s%s%s", (int)(second - bind), bind, *options ? ":" : "", options);
}

/* "SOURCE:TARGET[:MODE]", where no part can hold a colon. */
static void put_binds(struct compose *c, cJSON *taken)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(c->host, "Binds")) {
		const char *bind = cJSON_IsString(item) ? item->valuestring : "";
		cleanup_free char *text = bind_text(c, bind);
		const char *colon = strchr(text, ':'), *target = colon ? colon + 1 : text;
		cleanup_free char *source = NULL, *inside = NULL;

		if (!*text)
			continue;
		inside = fg_strndup(target, strcspn(target, ":"));
		cJSON_AddItemToArray(taken, cJSON_CreateString(inside));
		compose_add(compose_list(c->service, "volumes"), text);
		source = fg_strndup(text, colon ? (size_t)(colon - text) : 0);
		if (*source && *source != '/')
			compose_external(c->volumes, source);
	}
}

/* With a root that cannot be written Podman adds some where programs want to write. */
static bool is_podmans(const struct compose *c, const char *path, const char *options)
{
	static const char *const paths[] = {"/dev", "/dev/shm", "/run", "/tmp", "/var/tmp"};

	if (!c->what->podman || *options || !fg_json_bool(c->host, "ReadonlyRootfs", false))
		return false;
	for (size_t i = 0; i < FG_ARRAY_LEN(paths); i++)
		if (strcmp(path, paths[i]) == 0)
			return true;
	return false;
}

static void put_tmpfs(struct compose *c, cJSON *taken)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_object(c->host, "Tmpfs")) {
		const char *said = cJSON_IsString(item) ? item->valuestring : "";
		cleanup_free char *options =
			c->what->podman ? without_defaults(said) : fg_strdup(said);
		cleanup_free char *text =
			fg_printf("%s%s%s", item->string, *options ? ":" : "", options);

		if (is_podmans(c, item->string, options))
			continue;
		cJSON_AddItemToArray(taken, cJSON_CreateString(item->string));
		compose_add(compose_list(c->service, "tmpfs"), text);
	}
}

/* Options that Compose knows are in an object that is called like the type. */
static void put_options(struct compose *c, cJSON *out, const char *type, const cJSON *mount)
{
	static const struct {
		const char *type, *field, *said;
	} kinds[] = {{"bind", "BindOptions", "Propagation"}, {"volume", "VolumeOptions", "NoCopy"},
		{"tmpfs", "TmpfsOptions", "SizeBytes"}};

	for (size_t i = 0; i < FG_ARRAY_LEN(kinds); i++) {
		const cJSON *options = fg_json_object(mount, kinds[i].field), *item;
		cJSON *inner;

		if (strcmp(type, kinds[i].type) != 0 || !options)
			continue;
		cJSON_ArrayForEach (item, options) {
			if (strcmp(item->string, kinds[i].said) != 0 && !cJSON_IsFalse(item) &&
				!cJSON_IsNull(item))
				compose_leave_out(c, "some options of its mounts");
		}
		item = fg_json_get(options, kinds[i].said);
		if (!item)
			continue;
		inner = cJSON_AddObjectToObject(out, type);
		if (cJSON_IsString(item))
			compose_put(inner, "propagation", item->valuestring);
		else if (cJSON_IsTrue(item))
			cJSON_AddTrueToObject(inner, "nocopy");
		else if (fg_json_i64(options, kinds[i].said, 0) > 0)
			fg_json_set_i64(inner, "size", fg_json_i64(options, kinds[i].said, 0));
		if (!inner->child)
			cJSON_DeleteItemFromObjectCaseSensitive(out, type);
	}
}

static void put_mounts(struct compose *c, cJSON *taken)
{
	const cJSON *mount;

	cJSON_ArrayForEach (mount, fg_json_array(c->host, "Mounts")) {
		const char *type = fg_json_str(mount, "Type", ""),
			   *source = fg_json_str(mount, "Source", ""),
			   *target = fg_json_str(mount, "Target", "");
		cJSON *out;

		if (strcmp(type, "bind") != 0 && strcmp(type, "volume") != 0 &&
			strcmp(type, "tmpfs") != 0) {
			compose_leave_out(c, "a mount of another kind");
			continue;
		}
		cJSON_AddItemToArray(taken, cJSON_CreateString(target));
		out = cJSON_CreateObject();
		cJSON_AddItemToArray(compose_list(c->service, "volumes"), out);
		compose_put(out, "type", type);
		if (strcmp(type, "volume") == 0 && *source)
			source = compose_external(c->volumes, source);
		compose_put(out, "source", source);
		compose_put(out, "target", target);
		if (fg_json_bool(mount, "ReadOnly", false))
			cJSON_AddTrueToObject(out, "read_only");
		compose_put(out, "consistency", fg_json_str(mount, "Consistency", ""));
		put_options(c, out, type, mount);
	}
}

/* Volumes without a name; those that the image declares come with it. */
static void put_anonymous(struct compose *c, const cJSON *taken)
{
	const cJSON *own = fg_json_object(c->own, "Volumes"), *item;

	cJSON_ArrayForEach (item, fg_json_object(c->config, "Volumes")) {
		if (!fg_json_get(own, item->string) && !compose_has(taken, item->string))
			compose_add(compose_list(c->service, "volumes"), item->string);
	}
}

void compose_mounts(struct compose *c)
{
	cleanup_json cJSON *taken = cJSON_CreateArray();

	put_binds(c, taken);
	put_mounts(c, taken);
	put_tmpfs(c, taken);
	put_anonymous(c, taken);
}
