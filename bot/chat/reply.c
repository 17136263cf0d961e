/* A reply: its parts, and their way into the outbox or onto a terminal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "chat/reply.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/outbox.h"

#define PART_BYTES                                                                                 \
	((size_t)256 * 1024) /* of HTML: three messages of four-byte characters, escaped, and then \
				some */
#define PLAIN_BYTES ((size_t)64 * 1024 * 1024)
#define PROGRESS_EVERY 2000 /* ms between two lines on a terminal */

void reply_init(struct reply *r, struct app *app)
{
	*r = (struct reply){.app = app};
	fg_list_init(&r->parts);
}

static void part_destroy(struct reply_part *part)
{
	fg_list_remove(&part->link);
	fg_str_finish(&part->html);
	cJSON_Delete(part->keyboard);
	free(part->file_name);
	free(part->file);
	free(part);
}

void reply_finish(struct reply *r)
{
	while (!fg_list_empty(&r->parts))
		part_destroy(fg_list_first(&r->parts, struct reply_part, link));
	cJSON_Delete(r->data);
	cJSON_Delete(r->offers);
	r->data = r->offers = NULL;
	live_destroy(fg_steal(&r->progress));
}

static struct reply_part *add_part(struct reply *r)
{
	struct reply_part *part = fg_alloc(sizeof(*part));

	fg_str_init(&part->html, PART_BYTES);
	fg_list_append(&r->parts, &part->link);
	return part;
}

static struct reply_part *last_part(struct reply *r)
{
	return fg_list_empty(&r->parts) ? add_part(r)
					: fg_list_entry(r->parts.prev, struct reply_part, link);
}

struct fg_str *reply_add(struct reply *r)
{
	return &add_part(r)->html;
}

int reply_html(struct reply *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	html_vprintf(reply_add(r), fmt, ap);
	va_end(ap);
	return 0;
}

cJSON *reply_keyboard(struct reply *r)
{
	struct reply_part *part = last_part(r);

	if (!part->keyboard)
		part->keyboard = keyboard_create();
	return part->keyboard;
}

cJSON *reply_offers(struct reply *r)
{
	if (!r->offers)
		r->offers = keyboard_create();
	return r->offers;
}

void reply_show_offers(struct reply *r)
{
	struct reply_part *part = last_part(r);

	if (!r->offers || part->keyboard)
		return;
	part->keyboard = r->offers;
	r->offers = NULL;
}

void reply_file(struct reply *r, const char *name, void *data, size_t len, const char *caption)
{
	struct reply_part *part = add_part(r);

	part->file_name = fg_strdup(name);
	part->file = data;
	part->file_len = len;
	fg_str_puts(&part->html, caption ? caption : "");
}

void reply_photo(struct reply *r, const char *name, void *data, size_t len, const char *caption)
{
	reply_file(r, name, data, len, caption);
	fg_list_entry(r->parts.prev, struct reply_part, link)->photo = true;
}

static bool fits(const char *html)
{
	char *pieces[REPLY_MESSAGES];
	int n = html_split(html, HTML_MESSAGE, pieces, REPLY_MESSAGES);

	for (int i = 0; i < n; i++)
		free(pieces[i]);
	return n > 0;
}

void reply_long(
	struct reply *r, const char *head, const char *text, size_t len, const char *file_name)
{
	cleanup_str struct fg_str html = {0}, clean = {0};

	fg_str_init(&clean, PLAIN_BYTES);
	fg_text_clean(&clean, text, len);
	fg_str_init(&html, PART_BYTES);
	fg_str_puts(&html, head);
	fg_str_puts(&html, "<pre>");
	html_text_len(&html, clean.s, clean.len);
	fg_str_puts(&html, "</pre>");
	if (!r->terminal && !html.full && fits(html.s)) {
		fg_str_add(reply_add(r), html.s, html.len);
		return;
	}
	len = clean.len;
	reply_file(r, file_name, fg_str_take(&clean), len, head);
}

/* Progress */

/* The update's live message, of this run or of the one that was interrupted; NULL: it has none. */
static struct live *progress(struct reply *r)
{
	char owner[24];
	struct live_options options = {
		.store = r->app->store,
		.outbox = r->app->outbox,
		.kind = LIVE_COMMAND,
		.owner = owner,
		.chat_id = r->chat_id,
		.thread = r->thread,
		.edit_id = r->edit_id,
		.priority = OUTBOX_PROGRESS,
	};

	if (r->progress || r->terminal || !r->chat_id || !r->update_id)
		return r->progress;
	snprintf(owner, sizeof(owner), "%lld", (long long)r->update_id);
	r->progress = live_open(&options);
	return r->progress;
}

void reply_progress(struct reply *r, const char *html)
{
	reply_progress_with(r, html, NULL);
}

void reply_progress_with(struct reply *r, const char *html, cJSON *keyboard)
{
	struct live *live = progress(r);

	r->shown = true;
	if (live) {
		live_set(live, html, keyboard);
		return;
	}
	cJSON_Delete(keyboard);
	if (r->terminal && isatty(STDERR_FILENO) &&
		(!r->shown_ms || fg_now_ms() - r->shown_ms >= PROGRESS_EVERY)) {
		cleanup_free char *plain = html_plain(html);

		r->shown_ms = fg_now_ms();
		fprintf(stderr, "%s\n", plain);
	}
}

/* Leaving */

/* The first message takes the place of the progress or of the message whose button was pressed. */
static int place(struct reply *r, struct fg_tx *tx, struct outbox_message *m, struct fg_err *err)
{
	struct live *live = progress(r);

	r->placed = true;
	m->edit_id = r->edit_id;
	if (live)
		return live_close(live, tx, m, err);
	return outbox_push(tx, m, err) < 0 ? -1 : 0;
}

static int push(struct reply *r, struct fg_tx *tx, struct outbox_message *m, struct fg_err *err)
{
	struct outbox_message head = {.chat_id = r->chat_id, .thread = r->thread};

	m->chat_id = r->chat_id;
	m->thread = r->thread;
	if (!r->placed && !m->file.name)
		return place(r, tx, m, err);
	/* A file cannot take the place of progress: its caption does. */
	if (!r->placed && progress(r) && live_shown(progress(r))) {
		head.html = *m->html ? m->html : fg_tr("📄 The answer is in the file below.");
		m->html = "";
		if (place(r, tx, &head, err) < 0)
			return -1;
	}
	return outbox_push(tx, m, err) < 0 ? -1 : 0;
}

/* More than a few messages of text go as a file with its beginning as the caption. */
static int push_as_file(struct reply *r, struct fg_tx *tx, const char *html, const cJSON *keyboard,
	struct fg_err *err)
{
	cleanup_free char *plain = html_plain(html);
	struct outbox_message m = {
		.html = "",
		.keyboard = keyboard,
		.file = {.name = "answer.txt", .data = plain, .len = strlen(plain)},
	};

	return push(r, tx, &m, err);
}

static int push_text(struct reply *r, struct fg_tx *tx, const char *html, const cJSON *keyboard,
	struct fg_err *err)
{
	char *pieces[REPLY_MESSAGES] = {NULL};
	int n = html_split(html, HTML_MESSAGE, pieces, REPLY_MESSAGES), rc = 0;

	if (n == 0)
		return *html ? push_as_file(r, tx, html, keyboard, err) : 0;
	for (int i = 0; i < n; i++) {
		struct outbox_message m = {
			.html = pieces[i], .keyboard = i == n - 1 ? keyboard : NULL};

		if (rc == 0)
			rc = push(r, tx, &m, err);
		free(pieces[i]);
	}
	return rc;
}

static int commit_part(
	struct reply *r, struct fg_tx *tx, const struct reply_part *part, struct fg_err *err)
{
	cleanup_json cJSON *keyboard = NULL;
	struct outbox_message m = {0};
	bool captioned;

	if (part->keyboard && !keyboard_empty(part->keyboard)) {
		keyboard = keyboard_encode(tx, part->keyboard, err);
		if (!keyboard)
			return -1;
	}
	if (!part->file_name)
		return push_text(r, tx, part->html.s, keyboard, err);
	captioned = html_length(part->html.s) <= HTML_CAPTION;
	if (!captioned && push_text(r, tx, part->html.s, NULL, err) < 0)
		return -1;
	m.html = captioned ? part->html.s : "";
	m.keyboard = keyboard;
	m.file.name = part->file_name;
	m.file.data = part->file;
	m.file.len = part->file_len;
	m.file.photo = part->photo;
	return push(r, tx, &m, err);
}

int reply_commit(struct reply *r, struct fg_tx *tx, struct fg_err *err)
{
	struct reply_part *part;

	r->placed = false;
	fg_list_each (&r->parts, part, link)
		if (commit_part(r, tx, part, err) < 0)
			return -1;
	if (!r->placed && r->progress)
		return live_close(r->progress, tx, NULL, err);
	return 0;
}

char *reply_plain(struct reply *r)
{
	struct fg_str out;
	struct reply_part *part;

	fg_str_init(&out, PLAIN_BYTES);
	fg_list_each (&r->parts, part, link) {
		cleanup_free char *plain = html_plain(part->html.s);

		if (out.len && out.s[out.len - 1] != '\n')
			fg_str_putc(&out, '\n');
		fg_str_puts(&out, plain);
		if (part->file_name && !part->photo) {
			if (*plain)
				fg_str_putc(&out, '\n');
			fg_str_add(&out, part->file, part->file_len);
		}
	}
	return fg_str_take(&out);
}
