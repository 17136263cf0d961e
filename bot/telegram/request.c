/* A message of the outbox as a call of the Bot API: its method, its text with what has to be said
 * first. */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/html.h"
#include "telegram/outbox.h"
#include "telegram/request.h"
#include "telegram/speech.h"

#define UPLOAD_MS 300000 /* a file of 50 MB over a slow line */
#define PREFIX_MAX 256

/* Lines in front: that it may be a repeat, which stays, and how late it is sent. */
static void add_prefix(struct fg_str *out, const struct queue_item *item)
{
	cleanup_language const struct fg_language *before =
		fg_language_set(speech_of(item->chat, item->thread));
	int64_t age = fg_wall_age(item->created_at);
	char human[FG_HUMAN];

	if (item->repeat || (item->edit && item->marked))
		html_printf(out, "<i>(This may be a repeat.)</i>\n");
	if (!item->edit && age > OUTBOX_LATE_MS)
		html_printf(out, "<i>Sent %s late.</i>\n", fg_duration_human(human, age));
}

/* Prefix and text, within the limit. Caller frees. */
static char *make_text(const struct queue_item *item, size_t max, bool plain)
{
	cleanup_free char *text = NULL, *whole = NULL;
	cleanup_str struct fg_str prefix;

	fg_str_init(&prefix, PREFIX_MAX);
	add_prefix(&prefix, item);
	text = html_cut(item->html, max - html_length(prefix.s));
	whole = fg_printf("%s%s", prefix.s, text);
	return plain ? html_plain(whole) : fg_steal(&whole);
}

static void add_text(
	cJSON *params, const char *key, const struct queue_item *item, size_t max, bool plain)
{
	cleanup_free char *text = make_text(item, max, plain);

	cJSON_AddStringToObject(params, key, text);
	if (!plain)
		cJSON_AddStringToObject(params, "parse_mode", "HTML");
}

static void add_flag(cJSON *params, const char *object, const char *key)
{
	cJSON_AddTrueToObject(cJSON_AddObjectToObject(params, object), key);
}

static void add_place(cJSON *params, const struct queue_item *item)
{
	if (item->thread)
		fg_json_set_i64(params, "message_thread_id", item->thread);
	if (item->reply_to) {
		cJSON *reply = cJSON_AddObjectToObject(params, "reply_parameters");

		fg_json_set_i64(reply, "message_id", item->reply_to);
		cJSON_AddTrueToObject(reply, "allow_sending_without_reply");
	}
	if (item->silent)
		cJSON_AddTrueToObject(params, "disable_notification");
}

static void make_edit(struct request *rq, const struct queue_item *item, bool plain)
{
	fg_json_set_i64(rq->params, "message_id", item->message_id);
	if (item->caption) {
		rq->call.method = "editMessageCaption";
		add_text(rq->params, "caption", item, HTML_CAPTION, plain);
	} else {
		rq->call.method = "editMessageText";
		add_text(rq->params, "text", item, HTML_MESSAGE, plain);
		add_flag(rq->params, "link_preview_options", "is_disabled");
	}
}

static void make_file(struct request *rq, const struct queue_item *item, bool plain)
{
	rq->file = (struct telegram_file){
		.field = item->photo ? "photo" : "document",
		.name = item->file_name,
		.data = item->file ? item->file : "",
		.len = item->file_len,
	};
	rq->call.file = &rq->file;
	rq->call.method = item->photo ? "sendPhoto" : "sendDocument";
	rq->call.timeout_ms = UPLOAD_MS;
	if (item->html[0] || item->repeat)
		add_text(rq->params, "caption", item, HTML_CAPTION, plain);
	add_place(rq->params, item);
}

void request_make(struct request *rq, const struct queue_item *item, bool plain)
{
	*rq = (struct request){.params = cJSON_CreateObject()};
	rq->call.params = rq->params;
	rq->call.single = true;
	fg_json_set_i64(rq->params, "chat_id", item->chat);
	if (item->edit) {
		make_edit(rq, item, plain);
	} else if (item->file_name) {
		make_file(rq, item, plain);
	} else {
		rq->call.method = "sendMessage";
		add_text(rq->params, "text", item, HTML_MESSAGE, plain);
		add_flag(rq->params, "link_preview_options", "is_disabled");
		add_place(rq->params, item);
	}
	if (item->keyboard)
		cJSON_AddItemToObject(rq->params, "reply_markup",
			fg_json_parse(item->keyboard, strlen(item->keyboard), NULL));
}
