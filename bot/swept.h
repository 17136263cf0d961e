/*
 * What sweeps did and nobody was told of yet.
 *
 * What is taken is on the disk before the engine is told to, and its result in the store as soon as
 * it is known, so that neither a stop nor a crash loses it, be it of the whole machine: the next
 * start finds out and tells of it. A failure stays there when it was told: the same one of the same
 * instance is told again only after SWEPT_AGAIN_MS.
 */
#ifndef BOT_SWEPT_H
#define BOT_SWEPT_H

#include "app.h"

#define SWEPT_AGAIN_MS ((int64_t)6 * 3600 * 1000)

int swept_setup(struct fg_store *store, struct fg_err *err);

/* It is about to be taken. Whatever ends this process or the machine now: what becomes of it is
 * told. Waits for the disk. */
void swept_begin(struct app *app, const struct fg_prune_item *item);
/* At the start: what an earlier process had begun and never ended is asked of its engine. */
void swept_resume(struct app *app);
/* What became of one; what was left alone is no news. Does not wait for the disk. */
void swept_note(struct app *app, const struct fg_prune_item *item);

/* To every chat that may see it, and to the next digest; nothing new is fine. */
int swept_tell(struct app *app, struct fg_err *err);

#endif
