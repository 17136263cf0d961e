/*
 * What is mounted into a service's tasks, read back into the form of a spec.
 */
#include <stdio.h>
#include <string.h>
#include "managed/managed.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/template.h"

/* In the order of a spec's one form. */
static char *options_of(const cJSON *mount)
{
	const char *propagation =
		fg_json_str(fg_json_object(mount, "BindOptions"), "Propagation", "");
	bool nocopy = fg_json_bool(fg_json_object(mount, "VolumeOptions"), "NoCopy", false);
	bool ro = fg_json_bool(mount, "ReadOnly", false);
	bool before = strcmp(propagation, "private") == 0;
	const char *const parts[] = {nocopy ? "nocopy" : "", before ? propagation : "",
		ro ? "ro" : "", before ? "" : propagation};
	struct fg_str out;

	fg_str_init(&out, 256);
	for (size_t i = 0; i < FG_ARRAY_LEN(parts); i++)
		if (*parts[i])
			fg_str_printf(&out, "%s%s", out.len ? "," : "", parts[i]);
	return fg_str_take(&out);
}

static void add_volume(cJSON *volumes, const cJSON *mount, const char *type)
{
	const char *source = fg_json_str(mount, "Source", "");
	cleanup_free char *options = options_of(mount);
	struct mount m = {
		.source = *source ? (char *)source : NULL,
		.target = (char *)fg_json_str(mount, "Target", "?"),
		.options = options,
	};
	cleanup_free char *text = mount_text(&m), *named = NULL;

	if (strcmp(type, "bind") != 0 && strcmp(type, "volume") != 0)
		named = fg_printf("%s %s", type, text);
	cJSON_AddItemToArray(volumes, cJSON_CreateString(named ? named : text));
}

/* Its size and mode, in the words of want when they are the same. */
static void add_tmpfs(cJSON *tmpfs, const cJSON *mount, const cJSON *want)
{
	const char *target = fg_json_str(mount, "Target", "?");
	const char *wanted = fg_json_str(want, target, NULL);
	const cJSON *how = fg_json_object(mount, "TmpfsOptions");
	int64_t size = fg_json_i64(how, "SizeBytes", 0), mode = fg_json_i64(how, "Mode", 0);
	int64_t want_size, want_mode;
	cleanup_free char *human = size_text(size), *text = NULL;
	char octal[16] = "";

	if (mode)
		snprintf(octal, sizeof(octal), "mode=%llo", (unsigned long long)mode);
	text = fg_printf("%s%s%s%s", octal, mode && size ? "," : "", size ? "size=" : "",
		human ? human : "");
	if (wanted && !service_tmpfs_parse(wanted, &want_size, &want_mode) && want_size == size &&
		want_mode == mode)
		cJSON_AddStringToObject(tmpfs, target, wanted);
	else
		cJSON_AddStringToObject(tmpfs, target, text);
}

cJSON *managed_live_mounts(const struct live_service *l, cJSON **tmpfs)
{
	const cJSON *container =
		fg_json_object(fg_json_object(l->spec, "TaskTemplate"), "ContainerSpec");
	cJSON *volumes = cJSON_CreateArray();
	const cJSON *mount;

	*tmpfs = cJSON_CreateObject();
	cJSON_ArrayForEach (mount, fg_json_array(container, "Mounts")) {
		const char *type = fg_json_str(mount, "Type", "bind");

		if (strcmp(type, "tmpfs") == 0)
			add_tmpfs(*tmpfs, mount, fg_json_object(l->want, "tmpfs"));
		else
			add_volume(volumes, mount, type);
	}
	return field_set(volumes);
}
