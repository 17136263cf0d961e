/*
 * A crowd: the incidents of one message as one chat sees them, summed up in bounded memory.
 */
#ifndef BOT_NOTIFY_CROWD_H
#define BOT_NOTIFY_CROWD_H

#include "notify/kinds.h"

#define CROWD_FULL 3    /* so many are told one by one */
#define CROWD_NAMES 10
#define CROWD_GROUPS 12 /* of host and project; the rest is only counted */

struct crowd_group {
	char *host, *project;
	size_t n, over;
};

struct crowd_names {
	char *v[CROWD_NAMES]; /* "HOST/NAME" */
	size_t n;             /* of all, those that are not in v included */
};

struct crowd {
	size_t n, over, acked;
	size_t kinds[INCIDENT_KINDS];
	int64_t first_ms, last_ms; /* wall clock */
	struct incident *full[CROWD_FULL]; /* the first ones, own */
	struct crowd_group groups[CROWD_GROUPS];
	size_t group_n, elsewhere;    /* elsewhere: incidents of no group that is there */
	struct crowd_names open, all;
};

void crowd_add(struct crowd *crowd, const struct incident *incident);
void crowd_finish(struct crowd *crowd);
#define cleanup_crowd __attribute__((cleanup(crowd_finish)))

struct incident *incident_copy(const struct incident *incident);
void incident_destroy(struct incident *incident); /* a copy; NULL is fine */

#endif
