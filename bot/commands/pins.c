/*
 * Pins, sorted for looking up.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/pins.h"
#include "fleetgram/base/log.h"

/* An instance goes by its container, whose name the registry may learn late. */
static const char *key(const struct fg_entry *entry)
{
	return *entry->container_id ? entry->container_id : entry->name;
}

static int by_key(const void *a, const void *b)
{
	const struct fg_entry *x = a, *y = b;
	int order = strcmp(x->host, y->host);

	return order ? order : strcmp(key(x), key(y));
}

void pins_load(struct pins *pins, struct command *c)
{
	struct fg_err err;

	*pins = (struct pins){0};
	if (fg_registry_pinned(c->app->registry, &pins->entries, &err) < 0)
		fg_error("%s", err.text);
	if (pins->entries.n)
		qsort(pins->entries.v, pins->entries.n, sizeof(*pins->entries.v), by_key);
}

void pins_finish(struct pins *pins)
{
	fg_entries_finish(&pins->entries);
}

bool pins_have(const struct pins *pins, const struct fg_item *item)
{
	static char none[] = "";
	struct fg_entry keys[] = {
		{.host = item->host->name, .name = none, .container_id = (char *)item->c.id},
		{.host = item->host->name, .name = item->c.name, .container_id = none},
	};

	for (size_t i = 0; pins->entries.n && i < FG_ARRAY_LEN(keys); i++)
		if (bsearch(&keys[i], pins->entries.v, pins->entries.n, sizeof(keys[i]), by_key))
			return true;
	return false;
}
