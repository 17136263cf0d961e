/* Keeps uploaded files, and shows chats and files to the test. */
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "world.h"

#define INLINE_MAX ((size_t)1 << 20) /* larger contents are fetched by themselves */

static struct {
	struct file *all;
	unsigned count;
} files;

void files_reset(void)
{
	struct file *file;

	while ((file = files.all)) {
		files.all = file->next;
		free(file->id);
		free(file->name);
		free(file->type);
		free(file->path);
		buf_finish(&file->data);
		free(file);
	}
}

struct file *file_new(struct upload *upload)
{
	struct file *file = need(calloc(1, sizeof(*file)));
	const char *name = upload->filename, *slash = strrchr(name, '/'), *dot;

	/* A name is only a name, whatever the client says. */
	name = slash ? slash + 1 : name;
	dot = strrchr(name, '.');
	file->id = text_format("BQACAgFile%06u", ++files.count);
	file->path = text_format("documents/file_%u%s", files.count, dot ? dot : "");
	file->name = copy_text(*name ? name : "file");
	file->type = copy_text(upload->type ? upload->type : "application/octet-stream");
	file->data = upload->data;
	upload->data = (struct buf){.len = file->data.len};
	file->next = files.all;
	files.all = file;
	return file;
}

struct file *file_find(const char *id)
{
	struct file *file = files.all;

	while (file && strcmp(file->id, id) != 0)
		file = file->next;
	return file;
}

struct file *file_find_path(const char *path)
{
	struct file *file = files.all;

	while (file && strcmp(file->path, path) != 0)
		file = file->next;
	return file;
}

static void view_file(cJSON *view, const struct message *m)
{
	const char *kind = cJSON_HasObjectItem(m->json, "photo") ? "photo" : "document";
	cJSON *file = cJSON_AddObjectToObject(view, kind);
	char *content;

	cJSON_AddStringToObject(file, "file_id", m->file->id);
	cJSON_AddStringToObject(file, "file_name", m->file->name);
	cJSON_AddStringToObject(file, "mime_type", m->file->type);
	cJSON_AddNumberToObject(file, "size", (double)m->file->data.len);
	if (m->file->width) {
		cJSON_AddNumberToObject(file, "width", (double)m->file->width);
		cJSON_AddNumberToObject(file, "height", (double)m->file->height);
	}
	if (m->file->data.len > INLINE_MAX)
		return;
	content = text_base64(m->file->data.data, m->file->data.len);
	cJSON_AddStringToObject(file, "content", content);
	free(content);
}

static void copy_field(cJSON *view, const char *as, const cJSON *item)
{
	if (item)
		cJSON_AddItemToObject(view, as, cJSON_Duplicate(item, true));
}

cJSON *message_view(const struct message *m)
{
	const cJSON *from = cJSON_GetObjectItemCaseSensitive(m->json, "from");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(m->json, "text");
	const cJSON *entities = cJSON_GetObjectItemCaseSensitive(m->json, "entities");
	const cJSON *reply = cJSON_GetObjectItemCaseSensitive(m->json, "reply_to_message");
	cJSON *view = need(cJSON_CreateObject());

	cJSON_AddNumberToObject(view, "message_id", (double)m->id);
	cJSON_AddStringToObject(view, "by", m->by_bot ? "bot" : "user");
	copy_field(view, "from", cJSON_GetObjectItemCaseSensitive(from, "id"));
	copy_field(view, "date", cJSON_GetObjectItemCaseSensitive(m->json, "date"));
	copy_field(
	        view, "text", text ? text : cJSON_GetObjectItemCaseSensitive(m->json, "caption"));
	copy_field(view, "entities",
	        entities ? entities
	                 : cJSON_GetObjectItemCaseSensitive(m->json, "caption_entities"));
	if (m->html)
		cJSON_AddStringToObject(view, "html", m->html);
	cJSON_AddNumberToObject(view, "edited_count", m->edits);
	copy_field(view, "reply_markup", cJSON_GetObjectItemCaseSensitive(m->json, "reply_markup"));
	copy_field(view, "thread", cJSON_GetObjectItemCaseSensitive(m->json, "message_thread_id"));
	copy_field(view, "reply_to", cJSON_GetObjectItemCaseSensitive(reply, "message_id"));
	cJSON_AddNumberToObject(view, "seq", (double)m->seq);
	cJSON_AddNumberToObject(view, "edit_seq", (double)m->edit_seq);
	if (m->file)
		view_file(view, m);
	return view;
}

static void view_chat(cJSON *list, const struct chat *chat, const char *by)
{
	cJSON *view;

	for (size_t i = 0; i < chat->count; i++) {
		const struct message *m = chat->messages[i];

		if (m->gone || (by && strcmp(by, m->by_bot ? "bot" : "user") != 0))
			continue;
		view = message_view(m);
		cJSON_AddNumberToObject(view, "chat_id", (double)chat->id);
		cJSON_AddItemToArray(list, view);
	}
}

void control_messages(struct exchange *x)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(x->params, "chat_id");
	const char *by = json_text(x->params, "by");
	cJSON *list = need(cJSON_CreateArray());

	for (const struct chat *chat = chat_list(); chat; chat = chat->next)
		if (!id || chat->id == json_int(id, 0))
			view_chat(list, chat, by);
	control_answer(x, 200, list);
}

void control_file(struct exchange *x)
{
	const char *id = json_text(x->params, "file_id");
	const struct file *file = id ? file_find(id) : NULL;
	struct buf copy = {0};

	if (!file) {
		control_fail(x, 404, "no such file");
		return;
	}
	buf_add(&copy, file->data.data, file->data.len);
	exchange_answer(x, (struct answer){.status = 200,
	                           .type = "application/octet-stream",
	                           .body = copy.data,
	                           .size = copy.len});
}
