/*
 * Taking a picture: every host is asked side by side, its containers are counted and put beside the
 * registry.
 */
#ifndef BOT_HTTP_PICTURE_H
#define BOT_HTTP_PICTURE_H

#include "http/health.h"

/* A host while its picture is being taken. */
struct picture_host {
	struct fg_host *host;
	const struct fg_entries *entries;
	struct health_counts containers; /* of all that is on it */
	struct fg_containers list;       /* … of which these may be instances */
	bool listed;
	bool was_up; /* before this picture */
	struct fg_registry *registry;
};

/*
 * A new picture into *out, which is overwritten; before is the last one, or NULL. A host that came
 * up since is reconciled with the registry. -1: cancelled; out is then empty.
 */
int picture_take(struct app *app, const struct health_picture *before, struct health_picture *out,
	struct fg_err *err);
void picture_finish(struct health_picture *picture);

/* The registry's instances beside the containers of the hosts that were listed; takes the labels
 * out of the lists. */
int picture_instances(struct fg_registry *registry, const struct config *config,
	struct picture_host *hosts, size_t count, const struct health_picture *before,
	struct health_picture *out, struct fg_err *err);

#endif
