/*
 * A reply: what a command says, and where it goes.
 *
 * Commands add parts (HTML with an optional keyboard, or a file); they neither know nor care
 * whether a chat or a terminal reads them. The parts of a finished command leave together, in the
 * transaction that marks it as done. Progress is a live message (telegram/live.h) that belongs to the
 * update, and whose place the answer takes; a command that is taken up or reported after a restart
 * goes on with the same one.
 */
#ifndef BOT_CHAT_REPLY_H
#define BOT_CHAT_REPLY_H

#include "app.h"
#include "fleetgram/base/list.h"
#include "fleetgram/base/str.h"
#include "telegram/html.h"
#include "telegram/keyboard.h"
#include "telegram/live.h"

#define REPLY_MESSAGES 3 /* longer texts go as a file */

struct reply_part {
	struct fg_list link;
	struct fg_str html;
	cJSON *keyboard; /* of keyboard.h; NULL: none */
	char *file_name; /* NULL: no file */
	void *file;
	size_t file_len;
	bool photo;
};

struct reply {
	struct app *app;
	bool terminal; /* console and exec: progress goes to stderr, the rest is printed */
	bool live;     /* on such a terminal: a command may print what comes before its end */
	int64_t chat_id, thread;
	int64_t update_id; /* what is answered; 0: nothing of Telegram's, and there is no progress */
	int64_t edit_id; /* the message whose button was pressed, when the answer is to stand there;
			    0: a new one */
	struct fg_list parts;
	cJSON *data;          /* the same for programs (exec --json); NULL: text only */
	bool shown;    /* progress, so that the chat sees that something is done */
	cJSON *offers; /* of keyboard.h: what the person may have meant, shown if the command fails;
			  NULL: nothing */
	struct live *progress; /* NULL: not asked for yet */
	int64_t shown_ms; /* monotonic: when it was last printed, on a terminal */
	bool placed; /* reply_commit() has put something in the progress's or the button's place */
	/* On a terminal: show the text and ask whether to go on; NULL: nobody can be asked. */
	bool (*ask)(const char *text);
};

void reply_init(struct reply *r, struct app *app);
void reply_finish(struct reply *r);

/* A new part, to be filled with html_printf() and friends. */
struct fg_str *reply_add(struct reply *r);
/* A new part from a format as html_printf() has it. Always 0, so that a command may end with it. */
int reply_html(struct reply *r, const char *fmt, ...);
/* The keyboard of the last part, made when there is none. */
cJSON *reply_keyboard(struct reply *r);
/* The keyboard of what the person may have meant, made when there is none. */
cJSON *reply_offers(struct reply *r);
/* They go below the last part. */
void reply_show_offers(struct reply *r);
/* A file; data is taken over, caption (HTML) may be NULL. */
void reply_file(struct reply *r, const char *name, void *data, size_t len, const char *caption);
/* The same for a picture, shown as one; on a terminal only its caption is. */
void reply_photo(struct reply *r, const char *name, void *data, size_t len, const char *caption);
/*
 * head (HTML, may be "") and then text, which is foreign and shown in a fixed width: in as many
 * messages as allowed, else as the file name with head as its caption.
 */
void reply_long(
	struct reply *r, const char *head, const char *text, size_t len, const char *file_name);

/*
 * Show how far things are, in the one message that is edited: the newest state, every two seconds
 * or so. HTML. Does not wait.
 */
void reply_progress(struct reply *r, const char *html);
/* The same with a keyboard of keyboard.h, which is taken over; NULL: none. */
void reply_progress_with(struct reply *r, const char *html, cJSON *keyboard);

/* Put all parts into the open transaction. When that fails it may be done again. */
int reply_commit(struct reply *r, struct fg_tx *tx, struct fg_err *err);
/* All parts as plain text. Caller frees. */
char *reply_plain(struct reply *r);

#endif
