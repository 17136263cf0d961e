/*
 * Kinds of incidents: what they are called, and how they go on.
 */
#ifndef BOT_NOTIFY_KINDS_H
#define BOT_NOTIFY_KINDS_H

#include "notify/incidents.h"

/* Incidents of one stream share their bulletins: what makes a sound is never hidden in what makes
 * none, and what is about hosts stands alone. */
enum kind_stream {
	STREAM_ALARM,
	STREAM_STOPPED,
	STREAM_HOST,
	STREAM_UPDATE,
	STREAMS,
};

struct kind {
	const char *word;
	const char *one, *many; /* what those of one message are, with their number (%zu) */
	enum kind_stream stream;
	bool lasting;  /* while it is open, another report says how it is now, and is no other one */
	bool detailed; /* its message shows what inspect and the log say */
	int64_t quiet_ms; /* of its own accord it is over when nothing was heard of it for so long;
			     0: somebody says so */
};

extern const struct kind kinds[INCIDENT_KINDS];
/* INCIDENT_KINDS: there is none of that word. */
enum incident_kind kind_of(const char *word);
/* It is a swarm's: its container_id is that of a service, a node or the swarm, and its host the
 * manager under which it is shown, whose being away says nothing about it. */
bool kind_is_swarm(enum incident_kind kind);
/* Whether the config wants such incidents at all. */
bool kind_wanted(const struct config *config, enum incident_kind kind);

#endif
