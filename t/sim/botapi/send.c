/* The methods that put a message into a chat. */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "keyboard.h"
#include "methods.h"
#include "rich.h"

#define TEXT_MAX 4096
#define CAPTION_MAX 1024
#define DOCUMENT_MAX ((size_t)50 << 20)
#define PHOTO_MAX ((size_t)10 << 20)

struct envelope { /* what every kind of message has, checked */
	struct chat *chat;
	const cJSON *markup;
	struct message *reply_to;
	int64_t thread;
};

void refuse(struct reply *r, const char *method, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	complain("limit", method, "%s", text);
	reply_fail(r, 400, "%s", text);
	free(text);
}

bool chat_refuses(const struct chat *chat, struct reply *r)
{
	switch (chat->state) {
	case CHAT_BLOCKED:
		reply_fail(r, 403, "Forbidden: bot was blocked by the user");
		return true;
	case CHAT_DEACTIVATED:
		reply_fail(r, 403, "Forbidden: user is deactivated");
		return true;
	case CHAT_GONE:
		reply_fail(r, 400, "Bad Request: chat not found");
		return true;
	case CHAT_KICKED:
		reply_fail(r, 403, "Forbidden: bot was kicked from the %s chat", chat->type);
		return true;
	case CHAT_MIGRATED:
		reply_fail(r, 400, "Bad Request: group chat was upgraded to a supergroup chat");
		r->migrate_to = chat->migrate_to;
		return true;
	case CHAT_MUTED:
		reply_fail(
		        r, 400, "Bad Request: not enough rights to send text messages to the chat");
		return true;
	case CHAT_UNSTARTED:
		reply_fail(r, 403, "Forbidden: bot can't initiate conversation with a user");
		return true;
	case CHAT_OK:
		break;
	}
	return false;
}

struct chat *chat_target(const struct exchange *x, struct reply *r)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(x->params, "chat_id");
	const char *name = cJSON_GetStringValue(id);
	struct chat *chat;

	if (!id || (name && !*name)) {
		reply_fail(r, 400, "Bad Request: chat_id is empty");
		return NULL;
	}
	chat = name && *name == '@' ? chat_find_name(name) : chat_find(json_int(id, 0));
	if (!chat) {
		reply_fail(r, 400, "Bad Request: chat not found");
		return NULL;
	}
	return chat_refuses(chat, r) ? NULL : chat;
}

bool take_text(const struct exchange *x, struct reply *r, const char *key, size_t limit,
        const char *too_long, struct rich *out)
{
	const char *text = json_text(x->params, key),
	           *list = strcmp(key, "text") == 0 ? "entities" : "caption_entities";
	const cJSON *entities = cJSON_GetObjectItemCaseSensitive(x->params, list);
	char *why = NULL;

	*out = (struct rich){0};
	if (!text_is_utf8(text ? text : "")) {
		refuse(r, x->method, "Bad Request: strings must be encoded in UTF-8");
		return false;
	}
	if (!rich_parse(
	            text ? text : "", json_text(x->params, "parse_mode"), entities, out, &why)) {
		refuse(r, x->method, "Bad Request: %s", why);
		free(why);
		return false;
	}
	if (text_points(out->text) > limit) {
		refuse(r, x->method, "Bad Request: %s", too_long);
		rich_finish(out);
		return false;
	}
	return true;
}

bool take_markup(const struct exchange *x, struct reply *r, const cJSON **markup)
{
	char *why;

	*markup = cJSON_GetObjectItemCaseSensitive(x->params, "reply_markup");
	/* An empty string is as good as none. */
	if (cJSON_IsString(*markup) && !*(*markup)->valuestring)
		*markup = NULL;
	why = keyboard_refusal(*markup);
	if (why)
		refuse(r, x->method, "%s", why);
	free(why);
	return !why;
}

static bool take_envelope(const struct exchange *x, struct reply *r, struct envelope *e)
{
	const cJSON *reply = cJSON_GetObjectItemCaseSensitive(x->params, "reply_parameters");
	int64_t reply_id = json_int_of(reply, "message_id", 0);

	if (!take_markup(x, r, &e->markup))
		return false;
	e->chat = chat_target(x, r);
	if (!e->chat)
		return false;
	e->reply_to = reply_id ? message_find(e->chat, reply_id) : NULL;
	if (reply_id && !e->reply_to && !json_true(reply, "allow_sending_without_reply")) {
		reply_fail(r, 400, "Bad Request: message to be replied not found");
		return false;
	}
	e->thread = json_int_of(x->params, "message_thread_id", 0);
	if (e->thread && !chat_has_thread(e->chat, e->thread)) {
		reply_fail(r, 400, "Bad Request: message thread not found");
		return false;
	}
	return true;
}

static struct message *put(const struct envelope *e)
{
	struct message *m = message_new(e->chat, true);
	cJSON *quoted;

	m->seq = calls_last() + 1;
	cJSON_AddItemToObject(m->json, "from", bot_user());
	if (e->thread) {
		cJSON_AddNumberToObject(m->json, "message_thread_id", (double)e->thread);
		if (e->chat->is_forum)
			cJSON_AddTrueToObject(m->json, "is_topic_message");
	}
	if (e->reply_to) {
		quoted = need(cJSON_Duplicate(e->reply_to->json, true));
		cJSON_DeleteItemFromObjectCaseSensitive(quoted, "reply_to_message");
		cJSON_AddItemToObject(m->json, "reply_to_message", quoted);
	}
	if (cJSON_HasObjectItem(e->markup, "inline_keyboard"))
		cJSON_AddItemToObject(m->json, "reply_markup", cJSON_Duplicate(e->markup, true));
	return m;
}

static void put_text(struct message *m, const char *key, struct rich *text, const char *raw)
{
	cJSON_AddStringToObject(m->json, key, text->text);
	if (text->entities)
		cJSON_AddItemToObject(m->json,
		        strcmp(key, "text") == 0 ? "entities" : "caption_entities", text->entities);
	text->entities = NULL;
	m->html = copy_text(raw);
}

void method_send_message(struct exchange *x, struct reply *r)
{
	const char *raw = json_text(x->params, "text");
	struct envelope e;
	struct message *m;
	struct rich text;

	if (!raw || !*raw) {
		refuse(r, x->method, "Bad Request: message text is empty");
		return;
	}
	if (!take_text(x, r, "text", TEXT_MAX, "message is too long", &text))
		return;
	if (!*text.text) {
		refuse(r, x->method, "Bad Request: text must be non-empty");
	} else if (take_envelope(x, r, &e)) {
		m = put(&e);
		put_text(m, "text", &text, raw);
		r->result = need(cJSON_Duplicate(m->json, true));
	}
	rich_finish(&text);
}

/* The file a parameter brings: a part of that name, one it refers to, or one sent before. */
static struct file *take_file(
        const struct exchange *x, struct reply *r, const char *key, size_t limit)
{
	const char *text = json_text(x->params, key);
	struct upload *upload =
	        exchange_upload(x, text && strncmp(text, "attach://", 9) == 0 ? text + 9 : key);
	struct file *file;

	if (!upload) {
		file = text ? file_find(text) : NULL;
		if (!text || !*text)
			refuse(r, x->method, "Bad Request: there is no %s in the request", key);
		else if (!file)
			refuse(r, x->method,
			        "Bad Request: wrong file identifier/HTTP URL specified");
		return file;
	}
	if (!upload->data.len) {
		refuse(r, x->method, "Bad Request: file must be non-empty");
		return NULL;
	}
	if (upload->data.len > limit) {
		refuse(r, x->method, "Bad Request: file of size %zu bytes is too big",
		        upload->data.len);
		return NULL;
	}
	return file_new(upload);
}

static void add_file_fields(cJSON *json, const struct file *file)
{
	cJSON_AddStringToObject(json, "file_id", file->id);
	cJSON_AddStringToObject(json, "file_unique_id", file->id + 7);
	cJSON_AddNumberToObject(json, "file_size", (double)file->data.len);
}

/* PNG tells its size at a fixed place; of the other formats only the first bytes are looked at. */
static bool read_picture(struct file *file)
{
	const unsigned char *d = (const unsigned char *)file->data.data;

	if (file->data.len >= 24 && memcmp(d, "\x89PNG\r\n\x1a\n", 8) == 0) {
		file->width = (int64_t)d[16] << 24 | d[17] << 16 | d[18] << 8 | d[19];
		file->height = (int64_t)d[20] << 24 | d[21] << 16 | d[22] << 8 | d[23];
		return true;
	}
	file->width = file->height = 90;
	return file->data.len > 12 &&
	       (memcmp(d, "\xff\xd8\xff", 3) == 0 || memcmp(d, "GIF8", 4) == 0 ||
	               memcmp(d + 8, "WEBP", 4) == 0);
}

static bool is_fit_photo(const struct exchange *x, struct reply *r, struct file *file)
{
	if (!read_picture(file)) {
		refuse(r, x->method, "Bad Request: IMAGE_PROCESS_FAILED");
		return false;
	}
	if (file->width < 1 || file->height < 1 || file->width + file->height > 10000 ||
	        file->width > 20 * file->height || file->height > 20 * file->width) {
		refuse(r, x->method, "Bad Request: PHOTO_INVALID_DIMENSIONS");
		return false;
	}
	return true;
}

static void send_file(struct exchange *x, struct reply *r, const char *key, size_t limit)
{
	bool photo = strcmp(key, "photo") == 0;
	struct file *file = take_file(x, r, key, limit);
	struct rich caption;
	struct envelope e;
	struct message *m;
	cJSON *json;

	if (!file || (photo && !is_fit_photo(x, r, file)) ||
	        !take_text(x, r, "caption", CAPTION_MAX, "message caption is too long", &caption))
		return;
	if (take_envelope(x, r, &e)) {
		m = put(&e);
		m->file = file;
		json = photo ? cJSON_AddArrayToObject(m->json, key)
		             : cJSON_AddObjectToObject(m->json, key);
		if (photo) {
			cJSON_AddItemToArray(json, need(cJSON_CreateObject()));
			json = json->child;
			cJSON_AddNumberToObject(json, "width", (double)file->width);
			cJSON_AddNumberToObject(json, "height", (double)file->height);
		} else {
			cJSON_AddStringToObject(json, "file_name", file->name);
			cJSON_AddStringToObject(json, "mime_type", file->type);
		}
		add_file_fields(json, file);
		if (*caption.text)
			put_text(m, "caption", &caption, json_text(x->params, "caption"));
		r->result = need(cJSON_Duplicate(m->json, true));
	}
	rich_finish(&caption);
}

void method_send_document(struct exchange *x, struct reply *r)
{
	send_file(x, r, "document", DOCUMENT_MAX);
}

void method_send_photo(struct exchange *x, struct reply *r)
{
	send_file(x, r, "photo", PHOTO_MAX);
}

void method_send_chat_action(struct exchange *x, struct reply *r)
{
	const char *action = json_text(x->params, "action");
	int64_t thread = json_int_of(x->params, "message_thread_id", 0);
	struct chat *chat = chat_target(x, r);

	if (!chat)
		return;
	if (!action || !*action)
		reply_fail(r, 400, "Bad Request: wrong parameter action in request");
	else if (thread && !chat_has_thread(chat, thread))
		reply_fail(r, 400, "Bad Request: message thread not found");
	else
		reply_true(r);
}
