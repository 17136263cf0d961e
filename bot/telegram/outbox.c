/* The outbox at work: which chat's next message goes when, and several of them at once. */
#include <stdlib.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "telegram/moves.h"
#include "telegram/outbox.h"
#include "telegram/parked.h"
#include "telegram/policy.h"
#include "telegram/sender.h"

#define LANES 8        /* chats that are sent to at the same time */
#define PROBE_MS 10000 /* for the harmless call that shows whether Telegram is there again */
#define GLOBAL_MS 1000 /* 429s in two chats within this are meant for the whole bot */
#define SOON_MS 1000   /* what outbox_flush() still waits for */
#define STUBBORN_TRIES 3
#define SILENCE_MS 60000 /* beyond the longest pause: what failed before it is another story */

struct outbox {
	struct fg_store *store;
	struct telegram *tg;
	struct limiter *limiter;
	struct fg_cond wake;   /* outbox_run() waits here */
	struct fg_cond looked; /* after it has looked over the whole */
	struct fg_list lanes;
	struct fg_group group;
	bool running, kicked, quiet;
	bool crowded; /* chats wait for a free lane */
	int trouble;  /* failures in a row that may be Telegram's: probe before anything is sent */
	int64_t probe_at;
	unsigned generation;          /* of the options that had the trouble */
	int64_t flood_chat, flood_at; /* the last 429 */
	int64_t arrived_at;           /* wall ms: when Telegram last took a message */
	outbox_parked_fn *on_parked;  /* NULL: nobody is told */
	void *on_parked_arg;
};

/* A chat that is being sent to. */
struct lane {
	struct fg_list link;
	struct outbox *ob;
	int64_t chat;
	struct queue_item item;
	struct sender_report report;
};

static void restore_hold(int64_t chat, int64_t left_ms, void *arg)
{
	struct outbox *ob = arg;

	limiter_hold(ob->limiter, chat, fg_now_ms() + left_ms);
}

struct outbox *outbox_create(
	struct fg_store *store, struct telegram *tg, struct limiter *limiter, struct fg_err *err)
{
	struct outbox *ob = fg_alloc(sizeof(*ob));

	ob->store = store;
	ob->tg = tg;
	ob->limiter = limiter;
	fg_cond_init(&ob->wake);
	fg_cond_init(&ob->looked);
	fg_list_init(&ob->lanes);
	fg_group_init(&ob->group, LANES);
	if (queue_migrate(store, err) < 0 || queue_recover(store, err) < 0 ||
		moves_load(store, err) < 0 || queue_holds(store, restore_hold, ob, err) < 0) {
		free(ob);
		return NULL;
	}
	return ob;
}

void outbox_destroy(struct outbox *ob)
{
	free(ob);
}

void outbox_kick(struct outbox *ob)
{
	ob->kicked = true;
	fg_cond_signal(&ob->wake);
}

int outbox_depth(struct outbox *ob)
{
	return (int)fg_store_i64(ob->store, 0,
		"SELECT count(*) FROM outbox WHERE chat NOT IN (SELECT chat FROM outbox_parked)",
		"");
}

void outbox_on_parked(struct outbox *ob, outbox_parked_fn *fn, void *arg)
{
	ob->on_parked = fn;
	ob->on_parked_arg = arg;
}

void outbox_unpark(struct outbox *ob, int64_t chat)
{
	struct fg_err err;
	int rc = parked_heard(ob->store, chat, &err);

	if (rc < 0)
		fg_warn("what waits for chat %lld goes on waiting: %s", (long long)chat, err.text);
	if (rc > 0)
		outbox_kick(ob);
}

/* After the commit that notes it. */
static void note_move(struct outbox *ob, int64_t old, int64_t new)
{
	struct fg_err err;

	if (moves_load(ob->store, &err) < 0)
		fg_warn("that a chat has moved is known only after a restart: %s", err.text);
	limiter_hold(ob->limiter, new, limiter_held(ob->limiter, old));
	fg_info("chat %lld has become %lld; the config may name either", (long long)old,
		(long long)new);
}

void outbox_moved(struct outbox *ob, int64_t old, int64_t new)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	if (!moves_possible(old, new) || moves_now(old) == new)
		return;
	if (fg_tx_begin(ob->store, &tx, &err) < 0 || queue_move(&tx, old, new, &err) < 0 ||
		fg_tx_commit(&tx, &err) < 0) {
		fg_warn("that chat %lld has become %lld is not kept: %s", (long long)old,
			(long long)new, err.text);
		return;
	}
	note_move(ob, old, new);
	outbox_kick(ob);
}

/* A lane: one chat, message after message */

/* Whether the lane may take its chat's next message without asking the others. */
static bool may_go_on(const struct lane *lane)
{
	const struct outbox *ob = lane->ob;
	enum queue_result result = lane->report.outcome.result;
	int64_t now = fg_now_ms();

	if (result == QUEUE_NONE)
		return true;
	if (result != QUEUE_DELIVERED && result != QUEUE_DROPPED && result != QUEUE_AS_SEND &&
		result != QUEUE_ASIDE)
		return false;
	return !ob->trouble && !ob->crowded && limiter_when(ob->limiter, lane->chat, now) <= now;
}

/* What came of the last message; who has to know that its chat refuses is told with it. */
static int settle(struct fg_tx *tx, const struct lane *lane, struct fg_err *err)
{
	const struct outbox *ob = lane->ob;
	int rc = queue_settle(tx, &lane->item, &lane->report.outcome, err);

	if (rc <= 0 || !ob->on_parked)
		return rc;
	return ob->on_parked(tx, lane->chat, lane->report.outcome.why, ob->on_parked_arg, err);
}

/* Settle the last message and claim the next, in one transaction. 1: there is a next; 0; -1. */
static int turn_once(struct lane *lane, struct queue_item *next, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int found = 0;

	if (fg_tx_begin(lane->ob->store, &tx, err) < 0 || settle(&tx, lane, err) < 0)
		return -1;
	if (may_go_on(lane))
		found = queue_claim(&tx, lane->chat, next, err);
	if (found < 0)
		return -1;
	if (!found && lane->report.outcome.result == QUEUE_NONE)
		return 0;
	return fg_tx_commit(&tx, err) < 0 ? -1 : found;
}

/*
 * The same until the store takes it: what was sent must not be sent again only because the disk is
 * full. -1: cancelled.
 */
static int turn(struct lane *lane)
{
	static const struct fg_retry pace = {.min_ms = 500, .max_ms = 30000, .jitter = 0.1};
	struct queue_item next = {0};
	struct fg_err err;
	int failures = 0, found;

	while ((found = turn_once(lane, &next, &err)) < 0) {
		queue_item_finish(&next);
		if (err.code == FG_ECANCELED)
			return -1;
		if (++failures == 1)
			fg_error("the outbox has to wait: %s", err.text);
		if (fg_task_sleep(fg_retry_delay(&pace, failures, 0), &err) < 0)
			return -1;
	}
	if (failures)
		fg_info("the outbox goes on");
	if (lane->report.outcome.result == QUEUE_MIGRATED)
		note_move(lane->ob, lane->chat, lane->report.outcome.chat);
	queue_item_finish(&lane->item);
	lane->item = next;
	lane->report = (struct sender_report){0};
	return found;
}

/* A 429 holds the chat; when another chat had one a moment ago, it was meant for all. */
static void note_flood(struct lane *lane)
{
	struct outbox *ob = lane->ob;
	struct queue_outcome *outcome = &lane->report.outcome;
	int64_t now = fg_now_ms();

	outcome->hold_all =
		ob->flood_chat && ob->flood_chat != lane->chat && now - ob->flood_at < GLOBAL_MS;
	ob->flood_chat = lane->chat;
	ob->flood_at = now;
	limiter_hold(ob->limiter, outcome->hold_all ? 0 : lane->chat, now + outcome->hold_ms);
	fg_warn("Telegram asks to hold back for %lld s%s; what waits is kept",
		(long long)(outcome->hold_ms + 999) / 1000,
		outcome->hold_all ? ", everywhere" : " in one chat");
}

/* Telegram, or what stands before it, failed at the message, which is neither too fast nor out of
 * reach. */
static bool has_failed(const struct sender_report *r)
{
	return r->trouble == SENDER_AWAY &&
	       (r->err.code == FG_EREMOTE || r->outcome.result == QUEUE_DOUBTED);
}

/* After any failure that may be Telegram's own, nothing goes before a probe got an answer. */
static void note_trouble(struct lane *lane)
{
	struct outbox *ob = lane->ob;
	struct fg_retry retry = telegram_retry(ob->tg);
	int64_t now = fg_now_ms(), pause = fg_retry_delay(&retry, (int)lane->item.tries + 1, 0);

	if (has_failed(&lane->report))
		limiter_hold(
			ob->limiter, lane->chat, now + pause); /* it may be this message alone */
	if (!ob->trouble)
		fg_warn("a message could not be sent, it is kept: %s", lane->report.err.text);
	ob->trouble++;
	ob->generation = telegram_generation(ob->tg);
	ob->probe_at = now + (lane->report.trouble == SENDER_REFUSED
					     ? TELEGRAM_REFUSED_MS
					     : fg_retry_delay(&retry, ob->trouble, 0));
}

static void note_failing(struct lane *lane)
{
	const struct sender_report *r = &lane->report;
	bool failed = has_failed(r);
	struct fg_retry retry = telegram_retry(lane->ob->tg);
	struct queue_item *item = &lane->item;

	if (!failed)
		item->failing_since = 0;
	else if (!item->failing_since ||
		 (!item->aside && fg_wall_age(item->tried_at) > retry.max_ms + SILENCE_MS))
		item->failing_since = fg_wall_ms();
}

/*
 * Telegram goes on failing at this message, and that is not because it fails at everything: for as
 * long as no short trouble of its servers lasts, since the order of the chat is at stake.
 */
static bool is_stubborn(const struct lane *lane)
{
	const struct queue_item *item = &lane->item;
	struct fg_retry retry = telegram_retry(lane->ob->tg);
	int64_t failing = fg_wall_age(item->failing_since);

	if (!item->failing_since)
		return false;
	if (item->aside)
		return true;
	if (item->tries + 1 < retry.attempts || item->tries + 1 < STUBBORN_TRIES ||
		failing < retry.max_ms)
		return false;
	return lane->ob->arrived_at > item->tried_at || failing > OUTBOX_STUBBORN_MS ||
	       fg_wall_age(item->created_at) > OUTBOX_STUBBORN_MS;
}

/* What is behind it goes on; it comes again after the longest pause of the policy, then after as
 * long as it has failed. */
static void set_aside(struct lane *lane)
{
	struct fg_retry retry = telegram_retry(lane->ob->tg);
	int64_t pause = fg_wall_age(lane->item.failing_since);

	if (pause < retry.max_ms)
		pause = retry.max_ms;
	lane->report.trouble = SENDER_FINE;
	lane->report.outcome.result = QUEUE_ASIDE;
	lane->report.outcome.hold_ms = pause < QUEUE_ASIDE_MS ? pause : QUEUE_ASIDE_MS;
	if (fg_wall_age(lane->item.created_at) > QUEUE_KEEP_MS) {
		lane->report.outcome.result = QUEUE_DROPPED;
		fg_warn("a message to chat %lld, which Telegram failed at for 7 days, is dropped: %s",
			(long long)lane->chat, lane->report.err.text);
	} else if (!lane->item.aside) {
		fg_warn("Telegram goes on failing at a message to chat %lld, it is set aside: %s",
			(long long)lane->chat, lane->report.err.text);
	}
}

static void lane_run(void *arg)
{
	struct lane *lane = arg;
	struct outbox *ob = lane->ob;

	while (turn(lane) > 0) {
		sender_run(ob->tg, ob->limiter, ob->store, &lane->item, &lane->report);
		if (lane->report.trouble == SENDER_CANCELED)
			break; /* the row stays marked as on its way, which is what is known of it
				*/
		if (lane->report.outcome.result == QUEUE_DELIVERED)
			ob->arrived_at = fg_wall_ms();
		note_failing(lane);
		if (is_stubborn(lane))
			set_aside(lane);
		if (lane->report.trouble == SENDER_FLOOD)
			note_flood(lane);
		else if (lane->report.trouble != SENDER_FINE)
			note_trouble(lane);
	}
	queue_item_finish(&lane->item);
	fg_list_remove(&lane->link);
	free(lane);
	outbox_kick(ob);
}

/* The scheduler */

struct look {
	struct outbox *ob;
	int64_t now, earliest; /* when the first of those that wait for the limiter may go */
	int places, count;     /* free lanes; heads found for them */
	bool more;             /* than there are places */
	struct queue_head best[LANES]; /* in the order in which they are to go */
};

static bool is_busy(const struct outbox *ob, int64_t chat)
{
	struct lane *lane;

	fg_list_each (&ob->lanes, lane, link)
		if (lane->chat == chat)
			return true;
	return false;
}

static bool goes_before(const struct queue_head *a, const struct queue_head *b)
{
	return a->priority != b->priority ? a->priority < b->priority : a->id < b->id;
}

static void look_at(const struct queue_head *head, void *arg)
{
	struct look *look = arg;
	int64_t when;
	int i;

	if (is_busy(look->ob, head->chat))
		return;
	when = limiter_when(look->ob->limiter, head->chat, look->now);
	if (when < look->now + head->wait_ms)
		when = look->now + head->wait_ms;
	if (when > look->now) {
		if (when < look->earliest)
			look->earliest = when;
		return;
	}
	if (look->count == look->places) {
		look->more = true;
		if (look->count == 0 || !goes_before(head, &look->best[look->count - 1]))
			return;
		look->count--;
	}
	for (i = look->count++; i > 0 && goes_before(head, &look->best[i - 1]); i--)
		look->best[i] = look->best[i - 1];
	look->best[i] = *head;
}

static void start_lane(struct outbox *ob, int64_t chat)
{
	struct lane *lane = fg_alloc(sizeof(*lane));

	lane->ob = ob;
	lane->chat = chat;
	fg_list_append(&ob->lanes, &lane->link);
	if (fg_group_go(&ob->group, "outbox lane", lane_run, lane, NULL) < 0) {
		fg_list_remove(&lane->link);
		free(lane);
	}
}

/* After trouble: whether Telegram answers at all. True: things may go on. */
static bool probe(struct outbox *ob)
{
	struct telegram_call call = {.method = "getMe", .single = true, .timeout_ms = PROBE_MS};
	struct fg_retry retry = telegram_retry(ob->tg);
	bool reloaded = ob->generation != telegram_generation(ob->tg);
	struct fg_err err;
	cJSON *me;

	if (fg_now_ms() < ob->probe_at && !reloaded)
		return false;
	ob->generation = telegram_generation(ob->tg);
	me = telegram_call(ob->tg, &call, &err);
	cJSON_Delete(me);
	if (me) {
		if (ob->trouble > 1)
			fg_info("Telegram answers again");
		ob->trouble = 0;
		return true;
	}
	ob->trouble++;
	if (telegram_token_refused(&err))
		ob->probe_at = fg_now_ms() + TELEGRAM_REFUSED_MS;
	else if (policy_class(&err) == POLICY_FLOOD)
		ob->probe_at = fg_now_ms() + policy_pause(&retry, err.retry_after_ms);
	else
		ob->probe_at = fg_now_ms() + fg_retry_delay(&retry, ob->trouble, 0);
	fg_debug("Telegram is not back: %s", err.text);
	return false;
}

/* Start what may go now; returns when to look again (monotonic ms). */
static int64_t dispatch(struct outbox *ob)
{
	struct look look = {.ob = ob, .now = fg_now_ms(), .earliest = FG_NEVER};
	struct fg_err err;

	look.places = LANES - ob->group.running;
	if (queue_heads(ob->store, look_at, &look, &err) < 0) {
		fg_error("the outbox cannot be read: %s", err.text);
		return look.now + 5000;
	}
	ob->crowded = look.more;
	if (ob->trouble && look.count > 0 && ob->group.running == 0) {
		if (!probe(ob)) {
			ob->quiet = true;
			return ob->probe_at;
		}
		ob->kicked = true; /* time has passed: look again */
		return 0;
	}
	if (ob->trouble)
		look.count = 0;
	for (int i = 0; i < look.count; i++)
		start_lane(ob, look.best[i].chat);
	ob->quiet = ob->group.running == 0 &&
		    (look.earliest == FG_NEVER || look.earliest > look.now + SOON_MS);
	return look.earliest;
}

void outbox_run(void *arg)
{
	struct outbox *ob = arg;
	int64_t next;

	ob->running = true;
	while (!fg_task_canceled()) {
		ob->kicked = false;
		next = dispatch(ob);
		if (ob->kicked)
			continue;
		fg_cond_broadcast(&ob->looked);
		fg_cond_wait(&ob->wake, "messages to send", next, NULL);
	}
	fg_group_wait(&ob->group, FG_NEVER, NULL);
	ob->running = false;
	fg_cond_broadcast(&ob->looked);
}

void outbox_flush(struct outbox *ob, int64_t deadline)
{
	outbox_kick(ob);
	while (ob->running && (ob->kicked || !ob->quiet))
		if (fg_cond_wait(&ob->looked, "the outbox to empty", deadline, NULL) < 0)
			return;
}
