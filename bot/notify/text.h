/*
 * Incidents as a tired operator reads them: HTML and buttons.
 *
 * A single incident is told with why and with what was seen; two or three are told in short; of more
 * only their numbers and some names are. Everything that comes from containers is text.
 */
#ifndef BOT_NOTIFY_TEXT_H
#define BOT_NOTIFY_TEXT_H

#include "notify/crowd.h"

struct text_frame {
	bool several_hosts;   /* containers are called HOST/NAME */
	bool moved;           /* a newer message goes on with it */
	const char *scope;    /* of the chat, as a selector's text; NULL: all of it */
	int64_t now_ms, muted_ms; /* wall clock; until when it is muted, 0: it is not */
};

/* Add the message about all of a crowd. */
void text_crowd(struct fg_str *html, const struct crowd *crowd, const struct text_frame *frame);
/* Its buttons; NULL: none. The caller deletes them. */
cJSON *text_buttons(const struct crowd *crowd, const struct text_frame *frame);

/* "14:03:05", with the day when it is not today's. */
#define TEXT_TIME 32
const char *text_time(char buf[TEXT_TIME], int64_t wall_ms, int64_t now_ms);

/* Whether all that is known of it is that it was started anew. */
bool text_unexplained(const struct incident *incident);
/* The first line of an incident, without its line end. */
void text_title(struct fg_str *html, const struct incident *incident, bool several_hosts);

#endif
