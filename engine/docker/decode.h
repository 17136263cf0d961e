/*
 * What several nouns need to read an engine's answers; private to this room.
 *
 * JSON that came through call.c is valid UTF-8. What people will see on one line is cleaned further
 * here: no control characters, no escape sequences, no newlines, and never longer than its cap.
 */
#ifndef FLEETGRAM_DOCKER_DECODE_H
#define FLEETGRAM_DOCKER_DECODE_H

#include "fleetgram/base/json.h"
#include "fleetgram/base/str.h"
#include "fleetgram/docker/container.h"
#include "fleetgram/docker/events.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/docker/stats.h"

#define FG_CAP_LINE 4096 /* a name, an image, a status */

/* Replace every byte that is not part of a UTF-8 character by U+FFFD. */
void fg_decode_repair(struct fg_str *text);

char *fg_decode_line(const char *s); /* a cleaned copy, never NULL; caller frees */
/* "nginx:1.27@sha256:…" as both its halves, cleaned, never NULL, "" without a digest; the caller
 * frees them. */
void fg_decode_image(const char *reference, char **image, char **digest);
/* Whether all of it is printable ASCII: most texts are, and stay as they are. */
bool fg_decode_is_plain(const char *s, size_t len);
void fg_decode_copy(char *buf, size_t size, const char *s); /* the same into buf, cut to fit */

/* The cleaned string at key inside object, which is changed when it was not clean; "" when absent.
 */
const char *fg_decode_inside(const cJSON *object, const char *key);

int64_t fg_decode_ms(
	const cJSON *object, const char *key); /* an RFC 3339 time as wall ms; 0 when absent */
int64_t fg_decode_ns(const char *rfc3339);     /* nanoseconds kept; 0 when it is no time */

int fg_decode_int(const cJSON *object, const char *key,
	int fallback); /* the fallback for what is no int, too */

/* Podman's words for states that Docker has too, in Docker's words; others unchanged. */
const char *fg_decode_state(const char *state);
/* A health word, "" for "none" and anything unknown. */
const char *fg_decode_health(const char *word);
/* The health in a list's "Up 3 minutes (healthy)". */
const char *fg_decode_status_health(const char *status);

/* Of the names of a container, the one that is its own: links from other containers have an inner
 * slash. NULL when there is none. */
const char *fg_decode_name(const cJSON *names);

/* Whole documents; the functions that own a doc take it over. */
int fg_container_decode(const cJSON *row, struct fg_container *out); /* -1: it has no id */
int fg_container_info_decode(cJSON *doc, struct fg_container_info *out, struct fg_err *err);
void fg_df_decode(const cJSON *doc, struct fg_engine_df *out);
void fg_event_decode(cJSON *doc, struct fg_event *out);
void fg_sample_decode(const cJSON *doc, struct fg_sample *out);
/* "registry/name:tag@digest" to its name and what is asked of it, "latest" when nothing is. The
 * caller finishes both. */
void fg_image_split(const char *ref, struct fg_str *name, struct fg_str *tag);
/* Of digests "name@sha256:…", the one whose name is that of ref, else the first; "" when there is
 * none. */
const char *fg_image_digest(const cJSON *digests, const char *ref);

#endif
