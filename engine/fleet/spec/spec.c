/*
 * Building specs, their hash, and what to warn about in one.
 */
#include <sodium.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "spec/template.h"

#define CANONICAL_MAX ((size_t)64 * 1024 * 1024)

static const struct field *field_find(const char *name)
{
	for (size_t i = 0; i < field_count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static int unknown_fields(const cJSON *merged, struct fg_err *err)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, merged) {
		if (!field_find(item->string) && !service_field(item->string) &&
			strcmp(item->string, "mode") != 0 &&
			strcmp(item->string, "parameters") != 0)
			return field_unknown(err, "", item->string);
	}
	return 0;
}

/* Where it is attached: to networks by name, or by a mode; "default" when nothing is said. */
static int network_settle(cJSON *spec, struct fg_err *err)
{
	bool networks = cJSON_GetArraySize(fg_json_array(spec, "networks")) > 0;
	bool mode = *fg_json_str(spec, "network_mode", "") != '\0';

	if (networks && mode)
		return fg_fail(err, FG_EINVAL, "network_mode: it cannot be combined with networks");
	if (!networks && !mode)
		cJSON_ReplaceItemInObjectCaseSensitive(
			spec, "network_mode", cJSON_CreateString("default"));
	return 0;
}

static cJSON *spec_read(const cJSON *merged, struct fg_err *err)
{
	cleanup_json cJSON *spec = cJSON_CreateObject();

	fg_json_set_i64(spec, "version", FG_SPEC_VERSION);
	for (size_t i = 0; i < field_count; i++) {
		const cJSON *in = fg_json_get(merged, fields[i].name);

		if (cJSON_IsNull(in))
			in = NULL;
		if (fields[i].read(in, spec, fields[i].name, err) < 0)
			return NULL;
	}
	if (network_settle(spec, err) < 0)
		return NULL;
	return fg_steal(&spec);
}

cJSON *fg_template_merge(
	const cJSON *defaults, const struct fg_template *template, struct fg_err *err)
{
	return template_merge(defaults, template->config, err);
}

cJSON *fg_spec_build(const cJSON *defaults, const struct fg_template *template,
	const char *instance, const cJSON *params, struct fg_err *err)
{
	cleanup_json cJSON *merged = template_merge(defaults, template->config, err);
	cJSON *spec = NULL;

	if (merged && unknown_fields(merged, err) == 0 && service_fields_check(merged, err) == 0 &&
		template_expand(merged, instance, params, err) == 0)
		spec = template_is_service(merged) ? service_spec_read(merged, err)
						   : spec_read(merged, err);
	if (!spec)
		fg_wrap(err, "template %s", template->name);
	return spec;
}

void fg_spec_hash(const cJSON *spec, char hash[FG_HASH_SIZE])
{
	/* Where it runs, when it is pulled and when it is swept do not change what the container
	 * is. */
	static const char *const apart[] = {"host", "prune", "pull"};
	cleanup_json cJSON *core = cJSON_Duplicate(spec, true);
	unsigned char digest[crypto_hash_sha256_BYTES];
	cleanup_str struct fg_str text;
	size_t i;

	for (i = 0; i < FG_ARRAY_LEN(apart); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(core, apart[i]);
	fg_str_init(&text, CANONICAL_MAX);
	fg_json_canonical(&text, core);
	crypto_hash_sha256(digest, (const unsigned char *)text.s, text.len);
	memcpy(hash, "sha256:", 7);
	sodium_bin2hex(hash + 7, FG_HASH_SIZE - 7, digest, sizeof(digest));
}

/* Whether the host's path is an engine's socket, or a folder in which one lies. */
static const char *socket_within(const char *source)
{
	static const char *const sockets[] = {"/run/docker.sock", "/var/run/docker.sock",
		"/run/podman/podman.sock", "/var/run/podman/podman.sock",
		"/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock"};
	size_t len = strlen(source);

	for (size_t i = 0; i < FG_ARRAY_LEN(sockets); i++) {
		const char *s = sockets[i];

		if (strcmp(source, "/") == 0 ||
			(strncmp(s, source, len) == 0 && (s[len] == '/' || !s[len])))
			return s;
	}
	if (len > 12 && (strcmp(source + len - 12, "/docker.sock") == 0 ||
				strcmp(source + len - 12, "/podman.sock") == 0))
		return source;
	return NULL;
}

void fg_spec_warnings(const cJSON *spec, struct fg_str *out)
{
	const cJSON *security = fg_json_object(spec, "security"), *item;
	bool told = false;

	if (fg_json_bool(security, "privileged", false))
		fg_str_puts(out, fg_tr("privileged: it can do anything to its host\n"));
	cJSON_ArrayForEach (item, fg_json_array(security, "cap_add")) {
		const char *cap = cJSON_IsString(item) ? item->valuestring : "";

		if (strcmp(cap, "ALL") == 0 || strcmp(cap, "SYS_ADMIN") == 0)
			fg_str_printf(out,
				fg_tr("the capability %s is nearly as much as privileged\n"), cap);
	}
	cJSON_ArrayForEach (item, fg_json_array(spec, "volumes")) {
		cleanup_mount struct mount m = {0};

		if (!cJSON_IsString(item) || mount_parse(item->valuestring, &m) || !m.source)
			continue;
		if (!told && *m.source == '/' && socket_within(m.source)) {
			fg_str_printf(out,
				fg_tr("the engine's socket is within reach (%s): it can do "
				      "anything to its host\n"),
				item->valuestring);
			told = true;
		}
	}
}
