/*
 * Images: the list, and one in detail.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

/* The strings of an array without the "<none>:<none>" that stand for nothing. */
static size_t decode_strings(const cJSON *array, char ***out)
{
	size_t n = 0;
	const cJSON *item;

	*out = NULL;
	if (cJSON_GetArraySize(array) == 0)
		return 0;
	*out = fg_realloc(NULL, (size_t)cJSON_GetArraySize(array), sizeof(**out));
	cJSON_ArrayForEach (item, array) {
		const char *s = cJSON_GetStringValue(item);

		if (s && *s && strncmp(s, "<none>", 6) != 0)
			(*out)[n++] = fg_decode_line(s);
	}
	return n;
}

static void free_strings(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

int fg_image_list(struct fg_engine *engine, struct fg_images *out, struct fg_err *err)
{
	struct fg_call call = {.path = "/images/json", .cap = FG_CAP_LIST};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Array, err);
	const cJSON *row;

	*out = (struct fg_images){0};
	if (!doc)
		return -1;
	if (doc->child)
		out->v = fg_realloc(NULL, (size_t)cJSON_GetArraySize(doc), sizeof(*out->v));
	cJSON_ArrayForEach (row, doc) {
		struct fg_image *image = &out->v[out->n];
		int64_t created = fg_json_i64(row, "Created", 0);

		if (!*fg_json_str(row, "Id", ""))
			continue;
		*image = (struct fg_image){
			.id = fg_decode_line(fg_json_str(row, "Id", "")),
			.size = fg_json_i64(row, "Size", 0),
			.created_ms =
				created > 0 && created < INT64_MAX / 1000 ? created * 1000 : 0,
		};
		image->tag_count = decode_strings(fg_json_array(row, "RepoTags"), &image->tags);
		image->digest_count =
			decode_strings(fg_json_array(row, "RepoDigests"), &image->digests);
		out->n++;
	}
	return 0;
}

void fg_images_finish(struct fg_images *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct fg_image *image = &list->v[i];

		free(image->id);
		free_strings(image->tags, image->tag_count);
		free_strings(image->digests, image->digest_count);
	}
	free(list->v);
	*list = (struct fg_images){0};
}

void fg_image_split(const char *ref, struct fg_str *name, struct fg_str *tag)
{
	const char *at = strchr(ref, '@'), *slash = strrchr(ref, '/'), *colon;
	size_t len = at ? (size_t)(at - ref) : strlen(ref);

	if (at) /* the slash that counts stands in the name */
		slash = memrchr(ref, '/', len);
	colon = memrchr(slash ? slash : ref, ':', len - (slash ? (size_t)(slash - ref) : 0));
	fg_str_add(name, ref, colon ? (size_t)(colon - ref) : len);
	if (at) /* a digest says more than a tag beside it */
		fg_str_puts(tag, at + 1);
	else
		fg_str_puts(tag, colon ? colon + 1 : "latest");
}

/* The name as the registry knows it: "docker.io/library/" may be left out by whoever writes it. */
static const char *short_name(const char *name)
{
	static const char *const implied[] = {"index.docker.io/", "docker.io/", "library/"};

	for (size_t i = 0; i < FG_ARRAY_LEN(implied); i++)
		if (strncmp(name, implied[i], strlen(implied[i])) == 0)
			name += strlen(implied[i]);
	return name;
}

const char *fg_image_digest(const cJSON *digests, const char *ref)
{
	cleanup_str struct fg_str name = {0}, tag = {0};
	const char *first = "", *wanted;
	const cJSON *item;

	fg_str_init(&name, FG_CAP_LINE);
	fg_str_init(&tag, FG_CAP_LINE);
	fg_image_split(ref, &name, &tag);
	wanted = short_name(name.s);
	cJSON_ArrayForEach (item, digests) {
		const char *digest = cJSON_GetStringValue(item);
		size_t len = digest ? strcspn(digest, "@") : 0;
		const char *own = digest ? short_name(digest) : "";

		if (!digest || strncmp(digest, "<none>", 6) == 0)
			continue;
		len -= (size_t)(own - digest);
		if (len == strlen(wanted) && strncmp(own, wanted, len) == 0)
			return digest;
		if (!*first)
			first = digest;
	}
	return first;
}

int fg_image_has_children(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	struct fg_call call = {.path = "/images/json?all=1", .cap = FG_CAP_LIST};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Array, err);
	const cJSON *row;

	if (!doc)
		return -1;
	cJSON_ArrayForEach (row, doc)
		if (strcmp(fg_json_str(row, "ParentId", ""), id) == 0)
			return 1;
	return 0;
}

int fg_image_inspect(
	struct fg_engine *engine, const char *ref, struct fg_image_info *out, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};

	*out = (struct fg_image_info){.id = "", .digest = ""};
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/images/", ref, "/json", err) < 0)
		return -1;
	out->raw = fg_call_json(engine, &(struct fg_call){.path = path.s}, cJSON_Object, err);
	if (!out->raw)
		return -1;
	out->id = fg_decode_inside(out->raw, "Id");
	out->digest = fg_image_digest(fg_json_array(out->raw, "RepoDigests"), ref);
	return 0;
}

void fg_image_info_finish(struct fg_image_info *info)
{
	cJSON_Delete(info->raw);
	*info = (struct fg_image_info){.id = "", .digest = ""};
}

int fg_image_tag(struct fg_engine *engine, const char *image, const char *name, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0}, repository = {0}, tag = {0};

	fg_str_init(&path, FG_CAP_PATH);
	fg_str_init(&repository, FG_CAP_LINE);
	fg_str_init(&tag, FG_CAP_LINE);
	fg_image_split(name, &repository, &tag);
	if (strchr(name, '@') || repository.len == 0 || repository.full)
		return fg_fail(err, FG_EINVAL, "\"%.64s\" cannot be an image's name", name);
	if (fg_call_path(&path, "/images/", image, "/tag?repo=", err) < 0)
		return -1;
	fg_url_escape(&path, repository.s);
	fg_str_puts(&path, "&tag=");
	fg_url_escape(&path, tag.s);
	return fg_call_action(engine, &(struct fg_call){.method = "POST", .path = path.s}, err) < 0
		       ? -1
		       : 0;
}

/* Each string at key in the rows, a line of out. */
static void add_removed(struct fg_str *out, const cJSON *rows, const char *key)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, rows) {
		cleanup_free char *line = fg_decode_line(fg_json_str(row, key, ""));

		if (out && *line)
			fg_str_printf(out, "%s\n", line);
	}
}

int fg_image_remove(struct fg_engine *engine, const char *ref, bool force, struct fg_str *untagged,
	struct fg_str *deleted, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *rows = NULL;

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/images/", ref, force ? "?force=1" : "", err) < 0)
		return -1;
	rows = fg_call_json(
		engine, &(struct fg_call){.method = "DELETE", .path = path.s}, cJSON_Array, err);
	if (!rows)
		return -1;
	add_removed(untagged, rows, "Untagged");
	add_removed(deleted, rows, "Deleted");
	return 0;
}
