/* Bulletins: messages that are kept as their incidents are, in every chat that may see them. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "notify/audience.h"
#include "notify/mutes.h"
#include "notify/state.h"
#include "notify/text.h"
#include "telegram/html.h"
#include "telegram/live.h"

#define FIRST_MS 300  /* a first showing waits so long for a closer look */
#define PACE_MS 500   /* between two renderings; live messages have their own pace */
#define REST_MS 60000 /* a board without changes is put away after it */
#define STALE_MOST 64 /* bulletins that are brought up to date in one turn */

/* A bulletin in one chat. */
struct seat {
	struct fg_list link;
	int64_t chat_id, thread;
	struct live *live;
	struct crowd crowd; /* while it is rendered */
	const struct fg_language *language;
	const char *scope; /* the setup's */
};

/* A bulletin that is being shown. */
struct board {
	struct fg_list link;
	int64_t id;
	enum kind_stream stream;
	int64_t moved;                         /* the incident that left it empty */
	int64_t rendered, noted;               /* revisions */
	int64_t first_ms, next_ms, touched_ms; /* monotonic */
	struct fg_list seats;
};

static struct board *find_board(struct notify *n, int64_t id)
{
	struct board *b;

	fg_list_each (&n->boards, b, link)
		if (b->id == id)
			return b;
	return NULL;
}

static struct board *board_of(struct notify *n, int64_t id)
{
	struct board *b = find_board(n, id);

	if (b)
		return b;
	b = fg_alloc(sizeof(*b));
	b->id = id;
	fg_list_init(&b->seats);
	fg_list_append(&n->boards, &b->link);
	b->touched_ms = fg_now_ms();
	return b;
}

static void board_destroy(struct board *b)
{
	struct seat *seat;

	fg_list_each (&b->seats, seat, link) {
		live_destroy(seat->live);
		crowd_finish(&seat->crowd);
		fg_list_remove(&seat->link);
		free(seat);
	}
	fg_list_remove(&b->link);
	free(b);
}

void bulletin_new(struct notify *n, int64_t id)
{
	board_of(n, id)->first_ms = fg_now_ms() + FIRST_MS;
}

void bulletin_finish(struct notify *n)
{
	struct board *b;

	fg_list_each (&n->boards, b, link)
		board_destroy(b);
}

/* Rendering */

struct rendering {
	struct notify *n;
	struct board *board;
	const struct incident *incident;
};

static struct seat *seat_of(struct rendering *r, int64_t chat_id, int64_t thread)
{
	struct board *b = r->board;
	cleanup_free char *owner = fg_printf(
		"%lld/%lld/%lld", (long long)b->id, (long long)chat_id, (long long)thread);
	struct live_options options = {
		.store = r->n->app->store,
		.outbox = r->n->app->outbox,
		.kind = "bulletin",
		.owner = owner,
		.chat_id = chat_id,
		.thread = thread,
		.priority = OUTBOX_NOTICE,
		.stays = true,
		.loud = b->stream == STREAM_ALARM || b->stream == STREAM_HOST,
	};
	struct seat *seat;

	fg_list_each (&b->seats, seat, link)
		if (seat->chat_id == chat_id && seat->thread == thread)
			return seat;
	seat = fg_alloc(sizeof(*seat));
	seat->chat_id = chat_id;
	seat->thread = thread;
	seat->live = live_open(&options);
	fg_list_append(&b->seats, &seat->link);
	return seat;
}

static void add_to_seat(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct rendering *r = arg;
	const struct fg_selector *scope = audience_scope(r->n->app->setup, chat);
	const char *host = incident_host(r->incident, scope);
	struct incident seen = *r->incident;
	struct seat *seat;

	if (!host)
		return;
	seen.host = host;
	seat = seat_of(r, chat_id, chat->thread);
	seat->language = fg_language_now(); /* audience_each() has set the chat's */
	seat->scope = fg_selector_text(scope);
	crowd_add(&seat->crowd, &seen);
}

/* Every chat's part of the incidents of a query. */
static int64_t seat_all(struct rendering *r, struct fg_rows *rows, struct fg_err *err)
{
	const struct setup *setup = r->n->app->setup;
	struct incident_row row;
	int64_t n = 0;

	if (!rows)
		return -1;
	for (; fg_rows_next(rows); n++) {
		struct fg_subject subject;

		incident_row_read(rows, &row);
		subject = incident_subject(&row.is);
		r->incident = &row.is;
		audience_each(setup, &subject, add_to_seat, r);
		incident_row_finish(&row);
	}
	return fg_rows_failed(rows, err) < 0 ? -1 : n;
}

static void show(struct rendering *r, struct seat *seat, bool moved)
{
	struct notify *n = r->n;
	struct text_frame frame = {
		.several_hosts = fg_fleet_count(n->app->setup->fleet) > 1,
		.moved = moved,
		.scope = seat->scope,
		.now_ms = fg_wall_ms(),
	};
	cleanup_str struct fg_str html = {0};
	cleanup_free char *cut = NULL;
	cleanup_language const struct fg_language *before = fg_language_set(seat->language);

	if (seat->crowd.n == 1) {
		struct fg_subject subject = incident_subject(seat->crowd.full[0]);

		frame.muted_ms = mutes_until(n->app->store, &subject, frame.now_ms);
	}
	fg_str_init(&html, 64 * 1024);
	text_crowd(&html, &seat->crowd, &frame);
	cut = html_cut(html.s, HTML_MESSAGE);
	live_set(seat->live, cut, text_buttons(&seat->crowd, &frame));
}

static int render(struct notify *n, struct board *b, struct fg_err *err)
{
	struct rendering r = {.n = n, .board = b};
	cleanup_rows struct fg_rows *rows = fg_store_query(n->app->store, err,
		"SELECT " ENTRY_COLUMNS " FROM incidents WHERE bulletin = ? ORDER BY id", "i",
		b->id);
	int64_t count = seat_all(&r, rows, err);
	bool moved = count == 0 && b->moved;
	struct seat *seat;

	if (moved) {
		fg_rows_close(rows);
		rows = fg_store_query(n->app->store, err,
			"SELECT " ENTRY_COLUMNS " FROM incidents WHERE id = ?", "i", b->moved);
		count = seat_all(&r, rows, err);
	}
	fg_list_each (&b->seats, seat, link) {
		if (count >= 0 && seat->crowd.n && (!moved || live_shown(seat->live)))
			show(&r, seat, moved);
		crowd_finish(&seat->crowd);
	}
	return count < 0 ? -1 : 0;
}

/* Turns */

/* Whether what its incidents need is known, or need not be. It may ask for a closer look. */
static bool is_looked_at(struct notify *n, const struct board *b)
{
	cleanup_rows struct fg_rows *rows = NULL;
	bool looked_at = true;

	if (fg_store_i64(n->app->store, 0, "SELECT count(*) FROM incidents WHERE bulletin = ?", "i",
		    b->id) > CROWD_FULL)
		return true;
	rows = fg_store_query(n->app->store, NULL,
		"SELECT " ENTRY_COLUMNS " FROM incidents WHERE bulletin = ?", "i", b->id);
	while (rows && fg_rows_next(rows)) {
		struct incident_row row;

		incident_row_read(rows, &row);
		detail_want(n, &row.is);
		looked_at = looked_at && !detail_under_way(n, row.is.id);
		incident_row_finish(&row);
	}
	return looked_at;
}

/* The live messages have all that there is. */
static bool is_settled(const struct board *b)
{
	struct seat *seat;

	fg_list_each (&b->seats, seat, link)
		if (!live_settled(seat->live))
			return false;
	return true;
}

static int board_turn(
	struct notify *n, struct board *b, int64_t revision, int64_t *next, struct fg_err *err)
{
	int64_t now = fg_now_ms(), due = b->next_ms;

	if (b->rendered != revision) {
		bool ready = is_looked_at(n, b);

		if (!ready && b->first_ms > due)
			due = b->first_ms;
		if (now < due) {
			*next = due < *next ? due : *next;
			return 0;
		}
		if (render(n, b, err) < 0)
			return -1;
		b->rendered = revision;
		b->next_ms = now + PACE_MS;
		b->touched_ms = now;
	}
	if (!is_settled(b)) {
		*next = now + PACE_MS < *next ? now + PACE_MS : *next;
		return 0;
	}
	if (b->noted == revision)
		return 0;
	if (fg_store_note(n->app->store, err, "UPDATE bulletins SET shown = ? WHERE id = ?", "ii",
		    revision, b->id) < 0)
		return -1;
	b->noted = revision;
	return 0;
}

/* Bulletins that are not shown as they should be, up to STALE_MOST. */
struct stale {
	int64_t id, revision, moved;
	enum kind_stream stream;
};

static int find_stale(struct notify *n, struct stale stale[STALE_MOST], struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(n->app->store, err,
		"SELECT id, revision, moved, stream FROM bulletins WHERE revision > shown"
		" ORDER BY id LIMIT ?",
		"i", (int64_t)STALE_MOST);
	int count = 0;

	if (!rows)
		return -1;
	while (count < STALE_MOST && fg_rows_next(rows))
		stale[count++] = (struct stale){fg_rows_i64(rows, 0), fg_rows_i64(rows, 1),
			fg_rows_i64(rows, 2), (enum kind_stream)fg_rows_i64(rows, 3)};
	return fg_rows_failed(rows, err) < 0 ? -1 : count;
}

int bulletin_turn(struct notify *n, int64_t *next, struct fg_err *err)
{
	struct stale stale[STALE_MOST];
	int count = find_stale(n, stale, err);
	struct board *b;

	for (int i = 0; i < count; i++) {
		b = board_of(n, stale[i].id);
		b->stream = stale[i].stream;
		b->moved = stale[i].moved;
		if (board_turn(n, b, stale[i].revision, next, err) < 0)
			return -1;
	}
	fg_list_each (&n->boards, b, link)
		if (fg_now_ms() - b->touched_ms > REST_MS && is_settled(b) &&
			b->rendered == b->noted)
			board_destroy(b);
	return count < 0 ? -1 : 0;
}
