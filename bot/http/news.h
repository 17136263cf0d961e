/*
 * News: what becomes of incidents, and which commands were run, told to the feed.
 *
 * Both are in the store, which other processes (`fleetgram exec`) write to as well: a look finds
 * what is different since the last one. The first finds nothing; one that nothing was committed
 * before costs next to nothing. What came and went between two looks is not told.
 */
#ifndef BOT_HTTP_NEWS_H
#define BOT_HTTP_NEWS_H

#include "app.h"
#include "http/feed.h"

struct news;

struct news *news_create(const struct app *app, struct feed *feed);
void news_destroy(struct news *news); /* NULL is fine */

/* Publishes what is new; does not wait. What cannot be read is left for the next look. */
void news_look(void *news);

#endif
