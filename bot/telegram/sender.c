/* One message of the outbox on its way. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "telegram/answer.h"
#include "telegram/html.h"
#include "telegram/moves.h"
#include "telegram/policy.h"
#include "telegram/request.h"
#include "telegram/sender.h"
#include "telegram/speech.h"

#define WHY_MAX 4096    /* bytes of a line about a file and an error */
#define REQUESTS_MOST 8 /* for one message, each with something less in it */

/* What a refusal means for the message. */
enum cure {
	CURE_NONE, /* it can never be sent */
	CURE_AS_DOCUMENT,
	CURE_AS_SEND,
	CURE_CHAT_GONE,
	CURE_DONE, /* it is as it should be */
	CURE_PLAIN,
	CURE_NO_FILE,
	CURE_NO_KEYBOARD,
	CURE_NO_REPLY,
	CURE_NO_THREAD,
};

static const struct {
	const char *text; /* within the description, whatever its case */
	enum cure cure;
} refusals[] = {
	{"BUTTON_", CURE_NO_KEYBOARD},
	{"PEER_ID_INVALID", CURE_CHAT_GONE},
	{"PHOTO_", CURE_AS_DOCUMENT},
	{"IMAGE_PROCESS_FAILED", CURE_AS_DOCUMENT},
	{"MESSAGE_ID_INVALID", CURE_AS_SEND},
	{"REPLY_MARKUP", CURE_NO_KEYBOARD},
	{"can't parse entities", CURE_PLAIN},
	{"can't parse inline keyboard", CURE_NO_KEYBOARD},
	{"chat not found", CURE_CHAT_GONE},
	{"group chat was deactivated", CURE_CHAT_GONE},
	{"message can't be edited", CURE_AS_SEND},
	{"message is not modified", CURE_DONE},
	{"message thread not found", CURE_NO_THREAD},
	{"message to be replied not found", CURE_NO_REPLY},
	{"message to edit not found", CURE_AS_SEND},
	{"message to reply not found", CURE_NO_REPLY},
	{"not enough rights to send photos", CURE_AS_DOCUMENT},
	{"not enough rights to send text messages", CURE_CHAT_GONE},
	{"replied message not found", CURE_NO_REPLY},
	{"there is no caption in the message to edit", CURE_AS_SEND},
	{"there is no text in the message to edit", CURE_AS_SEND},
	{"upgraded to a supergroup", CURE_NONE},
};

static enum cure cure_for(const struct fg_err *err)
{
	if (err->status == 403)
		return CURE_CHAT_GONE;
	for (size_t i = 0; err->status == 400 && i < sizeof(refusals) / sizeof(*refusals); i++)
		if (strcasestr(err->text, refusals[i].text))
			return refusals[i].cure;
	/* Too large, not wanted in this chat, or unknown to this server: the chat is told. */
	return err->status == 400 || err->status == 404 || err->status == 413 ? CURE_NO_FILE
									       : CURE_NONE;
}

static void drop_text(char **text)
{
	free(*text);
	*text = NULL;
}

/* Its text goes alone, with what became of the file. */
static bool leave_out_file(struct queue_item *item, const struct fg_err *err)
{
	cleanup_language const struct fg_language *before =
		fg_language_set(speech_of(item->chat, item->thread));
	cleanup_str struct fg_str html;

	fg_str_init(&html, strlen(item->html) + WHY_MAX);
	if (!item->file_name || item->edit)
		return false;
	fg_str_puts(&html, item->html);
	if (html.len)
		fg_str_putc(&html, '\n');
	html_printf(&html, "⚠️ Telegram does not take the file %s here: %s", item->file_name, err->text);
	free(item->html);
	item->html = fg_str_take(&html);
	drop_text(&item->file_name);
	return true;
}

/* Leave out what was refused; false: there is nothing (more) of the kind to leave out. */
static bool leave_out(
	enum cure cure, struct queue_item *item, const struct fg_err *err, bool *plain)
{
	switch (cure) {
	case CURE_AS_DOCUMENT:
		return (item->photo && !(item->photo = false)) || leave_out_file(item, err);
	case CURE_NO_FILE:
		return leave_out_file(item, err);
	case CURE_NO_KEYBOARD:
		if (!item->keyboard)
			return false;
		drop_text(&item->keyboard);
		return true;
	case CURE_NO_REPLY:
		return item->reply_to && !(item->reply_to = 0);
	case CURE_NO_THREAD:
		return item->thread && !(item->thread = 0);
	case CURE_PLAIN:
		return !*plain && (*plain = true);
	default:
		return false;
	}
}

/* Until the limiter lets this chat's next request go; then it is counted. Its time, or -1. */
static int64_t wait_turn(struct limiter *limiter, int64_t chat, struct fg_err *err)
{
	int64_t now = fg_now_ms(), when;

	while ((when = limiter_when(limiter, chat, now)) > now) {
		if (fg_task_sleep(when - now, err) < 0)
			return -1;
		now = fg_now_ms();
	}
	limiter_take(limiter, chat, now);
	return now;
}

static void drop(struct sender_report *r, const struct queue_item *item, const struct fg_err *err)
{
	r->outcome.result = QUEUE_DROPPED;
	fg_warn("a message to chat %lld is dropped: %s", (long long)item->chat, err->text);
}

/* A refusal that no other request will change. */
static void judge_refusal(struct sender_report *r, struct telegram *tg,
	const struct queue_item *item, enum cure cure, const struct fg_err *err)
{
	int64_t moved = telegram_migrated_to(tg, err);

	if (telegram_token_refused(err)) {
		r->outcome.result = QUEUE_KEPT;
		r->trouble = SENDER_REFUSED;
	} else if (moves_possible(item->chat, moved)) {
		r->outcome.result = QUEUE_MIGRATED;
		r->outcome.chat = moved;
	} else if (cure == CURE_DONE) {
		r->outcome.result = QUEUE_DELIVERED;
		r->outcome.message_id = item->message_id;
	} else if (cure == CURE_AS_SEND && item->edit) {
		r->outcome.result = QUEUE_AS_SEND;
	} else if (cure == CURE_CHAT_GONE) {
		r->outcome.result = QUEUE_CHAT_GONE;
		r->outcome.why = err->text;
	} else {
		drop(r, item, err);
	}
}

/* What the failure means, when no other form of the message will help. */
static void judge(
	struct sender_report *r, struct telegram *tg, const struct queue_item *item, enum cure cure)
{
	const struct fg_err *err = &r->err;
	struct fg_retry retry = telegram_retry(tg);

	switch (policy_class(err)) {
	case POLICY_FLOOD:
		r->outcome.result = QUEUE_KEPT;
		r->outcome.hold_ms = policy_pause(&retry, err->retry_after_ms);
		r->trouble = SENDER_FLOOD;
		break;
	case POLICY_LOST:
		r->outcome.result =
			answer_is_gateway(err->status) ? QUEUE_DOUBTED : QUEUE_LOST;
		r->trouble = SENDER_AWAY;
		break;
	case POLICY_PASSING:
		r->trouble = SENDER_AWAY;
		r->outcome.result = QUEUE_KEPT;
		break;
	case POLICY_FINAL:
		judge_refusal(r, tg, item, cure, err);
		break;
	}
}

static void note_delivery(
	struct sender_report *r, const struct queue_item *item, const cJSON *result)
{
	r->outcome.result = QUEUE_DELIVERED;
	r->outcome.message_id =
		item->edit ? item->message_id : fg_json_i64(result, "message_id", 0);
}

struct departure {
	struct fg_store *store;
	struct limiter *limiter;
	int64_t id, chat, taken_at;
};

static int depart(void *arg, struct fg_err *err)
{
	const struct departure *d = arg;

	if (queue_gone(d->store, d->id, true, err) == 0) {
		limiter_late(d->limiter, d->chat, d->taken_at, fg_now_ms());
		return 0;
	}
	if (err->code != FG_ECANCELED)
		err->code = FG_EUNREACHABLE; /* to whoever called it never left */
	return -1;
}

void sender_run(struct telegram *tg, struct limiter *limiter, struct fg_store *store,
	struct queue_item *item, struct sender_report *r)
{
	struct departure departure = {
		.store = store, .limiter = limiter, .id = item->id, .chat = item->chat};
	bool plain = false;

	*r = (struct sender_report){0};
	for (int i = 0; i < REQUESTS_MOST; i++) {
		cleanup_json cJSON *result = NULL;
		struct request rq;
		enum cure cure;

		departure.taken_at = wait_turn(limiter, item->chat, &r->err);
		if (departure.taken_at < 0) {
			r->trouble = SENDER_CANCELED;
			return;
		}
		request_make(&rq, item, plain);
		if (!item->edit) {
			rq.call.before_body = depart;
			rq.call.before_body_arg = &departure;
		}
		result = telegram_call(tg, &rq.call, &r->err);
		cJSON_Delete(rq.params);
		if (result) {
			note_delivery(r, item, result);
			return;
		}
		if (r->err.code == FG_ECANCELED) {
			r->trouble = SENDER_CANCELED;
			return;
		}
		cure = r->err.code == FG_EREMOTE ? cure_for(&r->err) : CURE_NONE;
		if (!leave_out(cure, item, &r->err, &plain)) {
			judge(r, tg, item, cure);
			return;
		}
		if (!item->edit)
			queue_gone(store, item->id, false, NULL);
	}
	drop(r, item, &r->err);
}
