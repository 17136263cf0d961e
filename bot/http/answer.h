/*
 * Answers: what goes back to a client, kept ready where it does not change.
 */
#ifndef BOT_HTTP_ANSWER_H
#define BOT_HTTP_ANSWER_H

#include <stddef.h>
#include <stdint.h>
#include <microhttpd.h>

#define ANSWER_JSON "application/json"
#define ANSWER_HTML "text/html; charset=utf-8"

/* Takes body over (it was allocated with malloc). */
struct MHD_Response *answer_create(const char *type, char *body);

/* What every answer says: its type, no-store and nosniff; one that answer_create() made does so. */
void answer_mark(struct MHD_Response *answer, const char *type);

/* Queue the answer and let go of it. */
enum MHD_Result answer_send(
	struct MHD_Connection *connection, unsigned int status, struct MHD_Response *answer);

/* {"error":{"code":…,"message":…}}. name and value: one more header, or NULL. */
enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned int status,
	const char *message, const char *name, const char *value);

/*
 * An answer that is good for everybody who asks within one tick of the same picture: rendering
 * costs more than sending, and what is told changes no faster than the figures are exact. Zeroed is
 * empty.
 */
struct answer_kept {
	struct MHD_Response *answer;
	unsigned int status;
	uint64_t picture;
	int64_t tick;
};

void answer_forget(struct answer_kept *kept);

#endif
