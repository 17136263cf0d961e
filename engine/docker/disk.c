/*
 * Disk: the engine's own account of what it holds, row by row.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/disk.h"
#include "fleetgram/docker/volume.h"

#define WALK_MS \
	120000 /* more than any other call may take: it looks at every file of every volume */

/* -1 for what the engine did not work out. */
static int64_t known(const cJSON *row, const char *key)
{
	int64_t n = fg_json_i64(row, key, -1);

	return n >= 0 ? n : -1;
}

static void decode_build(struct fg_disk_row *row)
{
	row->id = fg_decode_inside(row->raw, "ID");
	row->name = fg_decode_inside(row->raw, "Description");
	row->created_ms = fg_decode_ms(row->raw, "CreatedAt");
	row->bytes = known(row->raw, "Size");
	/* what an image holds too stays on the disk */
	if (fg_json_bool(row->raw, "Shared", false))
		row->bytes = 0;
	row->users = fg_json_bool(row->raw, "InUse", false) ? 1 : 0;
}

static int64_t decode_seconds(const cJSON *row, const char *key)
{
	int64_t s = fg_json_i64(row, key, 0);

	return s > 0 && s < INT64_MAX / 1000 ? s * 1000 : 0;
}

static void decode_container(struct fg_disk_row *row)
{
	const char *name = fg_decode_name(fg_json_array(row->raw, "Names"));

	row->id = fg_decode_inside(row->raw, "Id");
	row->name = name ? name : "";
	row->labels = fg_json_object(row->raw, "Labels");
	row->created_ms = decode_seconds(row->raw, "Created");
	row->bytes = known(row->raw, "SizeRw");
	/* the engine leaves a zero out */
	if (row->bytes < 0 && !fg_json_get(row->raw, "SizeRw"))
		row->bytes = 0;
	row->users = -1;
}

static void decode_image(struct fg_disk_row *row)
{
	int64_t size = known(row->raw, "Size"), shared = known(row->raw, "SharedSize");
	const char *tag = fg_disk_tag(row, 0);

	row->id = fg_decode_inside(row->raw, "Id");
	row->name = tag ? tag : "";
	row->labels = fg_json_object(row->raw, "Labels");
	row->created_ms = decode_seconds(row->raw, "Created");
	row->shared_bytes = shared > 0 ? shared : 0;
	row->bytes = size < 0 ? -1 : size > row->shared_bytes ? size - row->shared_bytes : 0;
	row->users = known(row->raw, "Containers");
}

static void decode_volume(struct fg_disk_row *row)
{
	const cJSON *usage = fg_json_object(row->raw, "UsageData");

	row->id = row->name = fg_decode_inside(row->raw, "Name");
	row->labels = fg_json_object(row->raw, "Labels");
	row->created_ms = fg_decode_ms(row->raw, "CreatedAt");
	row->bytes = known(usage, "Size");
	row->users = known(usage, "RefCount");
}

static const struct {
	const char *key, *type;
	void (*decode)(struct fg_disk_row *row);
} kinds_of[FG_DISK_KINDS] = {
	[FG_DISK_BUILDS] = {"BuildCache", "build-cache", decode_build},
	[FG_DISK_CONTAINERS] = {"Containers", "container", decode_container},
	[FG_DISK_IMAGES] = {"Images", "image", decode_image},
	[FG_DISK_VOLUMES] = {"Volumes", "volume", decode_volume},
};

static void decode(struct fg_disk *out, enum fg_disk_kind kind)
{
	const cJSON *list = fg_json_array(out->raw, kinds_of[kind].key), *item;

	out->v[kind] = fg_alloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof(*out->v[kind]));
	cJSON_ArrayForEach (item, list) {
		struct fg_disk_row *row = &out->v[kind][out->n[kind]];

		*row = (struct fg_disk_row){.raw = item, .id = "", .name = ""};
		kinds_of[kind].decode(row);
		if (*row->id)
			out->n[kind]++;
	}
}

static const char *hex_of(const cJSON *image)
{
	const char *id = fg_json_str(image, "Id", "");

	return strncmp(id, "sha256:", 7) == 0 ? id + 7 : id;
}

/* In Podman's account an image has a row for each name, with no more than the tag, and no labels:
 * its list of images is put in their place, with the users that the account alone tells. */
static int podman_images(struct fg_engine *engine, cJSON *account, struct fg_err *err)
{
	struct fg_call call = {.path = "/images/json", .cap = FG_CAP_LIST};
	cJSON *images = fg_call_json(engine, &call, cJSON_Array, err), *image, *row;

	if (!images)
		return -1;
	cJSON_ArrayForEach (image, images) {
		cJSON_ArrayForEach (row, fg_json_array(account, "Images"))
			if (strcmp(hex_of(row), hex_of(image)) == 0)
				break;
		cJSON_DeleteItemFromObjectCaseSensitive(image, "Containers");
		fg_json_set_i64(image, "Containers", row ? known(row, "Containers") : -1);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(account, "Images");
	cJSON_AddItemToObject(account, "Images", images);
	return 0;
}

int fg_disk_read(
	struct fg_engine *engine, unsigned int kinds, struct fg_disk *out, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	char api[FG_API_SIZE];
	bool first = true;
	int podman;

	*out = (struct fg_disk){.layers_bytes = -1};
	if (fg_engine_agree(engine, fg_now_ms() + engine->timeout_ms, api, err) < 0)
		return -1;
	fg_str_init(&path, FG_CAP_PATH);
	fg_str_puts(&path, "/system/df");
	for (int kind = 0; kind < FG_DISK_KINDS && fg_api_compare(api, "1.42") >= 0; kind++) {
		if (!(kinds & FG_DISK_BIT(kind)))
			continue;
		fg_str_printf(&path, "%ctype=%s", first ? '?' : '&', kinds_of[kind].type);
		first = false;
	}
	out->raw = fg_call_json(engine,
		&(struct fg_call){
			.path = path.s,
			.timeout_ms = engine->timeout_ms + WALK_MS,
			.cap = FG_CAP_LIST,
		},
		cJSON_Object, err);
	if (!out->raw)
		return -1;
	podman = fg_engine_podman(engine, err);
	if (podman < 0 || (podman && (kinds & FG_DISK_BIT(FG_DISK_IMAGES)) &&
				  podman_images(engine, out->raw, err) < 0)) {
		fg_disk_finish(out);
		return -1;
	}
	out->layers_bytes = known(out->raw, "LayersSize");
	for (int kind = 0; kind < FG_DISK_KINDS; kind++)
		decode(out, kind);
	return 0;
}

void fg_disk_finish(struct fg_disk *disk)
{
	for (int kind = 0; kind < FG_DISK_KINDS; kind++)
		free(disk->v[kind]);
	cJSON_Delete(disk->raw);
	*disk = (struct fg_disk){.layers_bytes = -1};
}

const char *fg_disk_tag(const struct fg_disk_row *image, size_t index)
{
	const cJSON *tag;

	cJSON_ArrayForEach (tag, fg_json_array(image->raw, "RepoTags")) {
		const char *text = cJSON_GetStringValue(tag);

		if (text && strncmp(text, "<none>", 6) != 0 && index-- == 0)
			return text;
	}
	return NULL;
}

int fg_disk_anonymous(const struct fg_disk_row *container)
{
	const cJSON *mount;
	int n = 0;

	cJSON_ArrayForEach (mount, fg_json_array(container->raw, "Mounts"))
		n += strcmp(fg_json_str(mount, "Type", ""), "volume") == 0 &&
		     fg_volume_anonymous(fg_json_str(mount, "Name", ""), NULL);
	return n;
}

int fg_build_remove(struct fg_engine *engine, const char *id, int64_t *freed, struct fg_err *err)
{
	cleanup_json cJSON *filters = cJSON_CreateObject(), *doc = NULL;
	cJSON *ids = cJSON_AddArrayToObject(filters, "id");
	cleanup_free char *text = NULL;
	cleanup_str struct fg_str path = {0};
	const cJSON *gone;

	*freed = 0;
	/* it is taken as an expression: what has more than letters and digits could mean others */
	if (!*id || strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") !=
			    strlen(id))
		return fg_fail(err, FG_EINVAL, "\"%.32s\" is no record of a build cache", id);
	cJSON_AddItemToArray(ids, cJSON_CreateString(id));
	text = fg_json_print(filters);
	fg_str_init(&path, FG_CAP_PATH);
	fg_str_puts(&path, "/build/prune?all=1&filters=");
	fg_url_escape(&path, text);
	doc = fg_call_json(engine,
		&(struct fg_call){
			.method = "POST",
			.path = path.s,
			.timeout_ms = engine->timeout_ms + WALK_MS,
		},
		cJSON_Object, err);
	if (!doc)
		return -1;
	*freed = known(doc, "SpaceReclaimed");
	if (*freed < 0)
		*freed = 0;
	cJSON_ArrayForEach (gone, fg_json_array(doc, "CachesDeleted"))
		if (cJSON_IsString(gone) && strcmp(gone->valuestring, id) == 0)
			return 1;
	return 0;
}
