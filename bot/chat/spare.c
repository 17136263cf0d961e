/*
 * Leaving hosts alone that are paused for maintenance.
 */
#include <string.h>
#include "chat/spare.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"

/* Whether a word says this very host: host=NAME or NAME/…. */
static bool is_named(const char *const *words, size_t n, const char *host)
{
	size_t len = strlen(host);

	for (size_t i = 0; i < n; i++)
		if ((strncmp(words[i], "host=", 5) == 0 && strcmp(words[i] + 5, host) == 0) ||
			(strncmp(words[i], host, len) == 0 && words[i][len] == '/'))
			return true;
	return false;
}

bool command_spares(
	const struct command *c, const char *const *words, size_t n, const struct fg_host *host)
{
	return c->row->mutates && fg_host_paused(host) &&
	       (c->by_clock || !is_named(words, n, host->name));
}

static void note_paused(struct fg_items *items, struct fg_host *host)
{
	if (items->paused_n && items->paused[items->paused_n - 1] == host)
		return;
	items->paused = fg_realloc(items->paused, items->paused_n + 1, sizeof(struct fg_host *));
	items->paused[items->paused_n++] = host;
}

int spare_refuse(struct command *c, const struct fg_host *host)
{
	return fg_fail(&c->err, FG_ECONFLICT,
		c->by_clock
			? "%s is paused for maintenance: nothing was done"
			: "%s is paused for maintenance: nothing was done. To do it all the same, "
			  "add host=%s",
		host->name, host->name);
}

/* Whatever a command takes containers by, HOST/NAME is one of it. */
static int refuse_item(struct command *c, const struct fg_host *host, const char *name)
{
	return fg_fail(&c->err, FG_ECONFLICT,
		c->by_clock
			? "%s is paused for maintenance: nothing was done"
			: "%s is paused for maintenance: nothing was done. To do it all the same, "
			  "call it %s/%s",
		host->name, host->name, name);
}

int spare_paused(struct command *c, const char *const *words, size_t n, struct fg_items *items)
{
	cleanup_free char *first = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < items->n; i++) {
		struct fg_host *host = items->v[i].host;

		if (!command_spares(c, words, n, host)) {
			items->v[kept++] = items->v[i];
			continue;
		}
		note_paused(items, host);
		if (!first)
			first = fg_strdup(items->v[i].c.name);
		fg_container_finish(&items->v[i].c);
	}
	items->n = kept;
	if (kept || !items->paused_n)
		return 0;
	refuse_item(c, items->paused[0], first);
	fg_items_finish(items);
	return -1;
}
