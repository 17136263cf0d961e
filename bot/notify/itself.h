/*
 * What the bot tells of itself: that it has started, after how long away, and that it stops.
 *
 * A message to every chat with `notify`. One that comes back within a minute says so in the message
 * that told of its stop, without a sound; and one that dies again and again counts that in the
 * message of its last start. In quiet hours there is no sound either. While it runs, the time of
 * the file `lock` in the state folder is that of its last sign of life: so it knows after a crash,
 * too, how long it was away.
 */
#ifndef BOT_NOTIFY_ITSELF_H
#define BOT_NOTIFY_ITSELF_H

#include "app.h"

#define ITSELF_BEAT_MS ((int64_t)30 * 1000)
#define ITSELF_QUICK_MS ((int64_t)60 * 1000)      /* away for less is a restart */
#define ITSELF_AGAIN_MS ((int64_t)30 * 60 * 1000) /* crashes within so long are counted together \
						   */

struct itself;

/* Looks at what the last run left, and notes that this one has begun. */
struct itself *itself_create(struct app *app, struct fg_err *err);
void itself_destroy(struct itself *itself); /* NULL is fine; itself_run() has ended */
void itself_run(void *itself);              /* a task, the signs of life; until it is cancelled */

/* The hosts were asked for the first time: tell of the start. */
void itself_started(struct itself *itself);
/* Put the last message into the outbox. */
void itself_stopping(struct itself *itself);
/* A config that was read again, on a signal, is refused: what is wrong with it. */
void itself_refused(struct itself *itself, const struct fg_err *why, const char *mistakes);

#endif
