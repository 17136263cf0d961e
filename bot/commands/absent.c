/*
 * Looking for names in the registry.
 */
#include <string.h>
#include "commands/absent.h"
#include "commands/overview.h"
#include "fleetgram/base/task.h"

/* "HOST/NAME" or "NAME". */
struct called {
	const char *name, *host; /* host: not terminated; NULL: any */
	size_t host_len;
};

static struct called call_read(const char *word)
{
	const char *slash = strchr(word, '/');

	if (!slash)
		return (struct called){.name = word};
	return (struct called){slash + 1, word, (size_t)(slash - word)};
}

static bool call_fits(const struct called *called, const char *host)
{
	return !called->host || (strlen(host) == called->host_len &&
					strncmp(host, called->host, called->host_len) == 0);
}

int absent_list_all(struct command *c, struct fg_items *out)
{
	struct fg_err err;

	if (c->person.scope && fg_fleet_list(c->setup->fleet, NULL, NULL, out, &err) < 0 &&
		(err.code == FG_ECANCELED || fg_task_canceled())) {
		c->err = err;
		return -1;
	}
	return 0;
}

enum sight absent_look(const struct command *c, const struct fg_items *all, const char *host,
	const char *name, const char *id)
{
	enum sight sight = SIGHT_NONE;

	for (size_t i = 0; i < all->n; i++) {
		const struct fg_item *item = &all->v[i];
		struct fg_subject subject;

		if ((strcmp(item->c.name, name) != 0 && strcmp(item->c.id, id) != 0) ||
			strcmp(item->host->name, host) != 0)
			continue;
		subject = fg_item_subject(item);
		if (!fg_selector_match(c->person.scope, &subject))
			return SIGHT_HIDDEN;
		sight = SIGHT_SEEN;
	}
	return sight;
}

static bool sees_instance(
	struct command *c, const struct fg_items *all, const struct fg_instance *instance)
{
	enum sight sight =
		absent_look(c, all, instance->host, instance->name, instance->container_id);

	return sight == SIGHT_SEEN || (sight == SIGHT_NONE && overview_sees(c, instance));
}

int absent_instances(struct command *c, const char *word, struct fg_instances *out)
{
	cleanup_items struct fg_items all = {0};
	struct called called = call_read(word);
	size_t kept = 0;

	if (absent_list_all(c, &all) < 0 ||
		fg_registry_named(c->app->registry, called.name, out, &c->err) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		if (call_fits(&called, out->v[i].host) && sees_instance(c, &all, &out->v[i]))
			out->v[kept++] = out->v[i];
		else
			fg_instance_finish(&out->v[i]);
	}
	out->n = kept;
	return 0;
}

bool absent_missing(struct command *c, const struct fg_instance *instance)
{
	struct fg_host *host = fg_fleet_find(c->setup->fleet, instance->host);
	cleanup_info struct fg_container_info info = {0};
	struct fg_err err;

	if (!host || strcmp(instance->state, "missing") == 0)
		return true;
	return fg_container_inspect(host->engine, instance->container_id, &info, &err) < 0 &&
	       err.code == FG_ENOTFOUND;
}

/* Of what is gone nothing but its name and host is known: where a scope excludes by
 * anything else, that cannot be judged, and such a name does not exist. */
static bool sees_name(
	struct command *c, const struct fg_items *all, const char *host, const char *name)
{
	enum sight sight = absent_look(c, all, host, name, "");
	struct fg_subject subject = {
		.name = name,
		.host = host,
		.state = "",
		.health = "",
		.image = "",
		.template = "",
		.project = "",
		.id = "",
	};

	if (!c->person.scope || sight != SIGHT_NONE)
		return sight != SIGHT_HIDDEN;
	return !fg_selector_excludes(c->person.scope) &&
	       fg_selector_match(c->person.scope, &subject);
}

static int several(struct command *c, const char *name, const char *one, const char *other)
{
	return fg_fail(&c->err, FG_EINVAL, "there is %s on %s and on %s: say HOST/%s", name, one,
		other, name);
}

static int instance_record(struct command *c, const char *word, struct fg_record *out, char **host)
{
	cleanup_instances struct fg_instances found = {0};

	if (absent_instances(c, word, &found) < 0)
		return -1;
	if (found.n > 1)
		return several(c, found.v[0].name, found.v[0].host, found.v[1].host);
	if (found.n == 0)
		return 0;
	*host = fg_strdup(found.v[0].host);
	return fg_registry_record(c->app->registry, *host, NULL, found.v[0].name, out, &c->err);
}

int absent_record(struct command *c, const char *word, struct fg_record *out, char **host)
{
	struct called called = call_read(word);
	struct fg_fleet *fleet = c->setup->fleet;
	cleanup_items struct fg_items all = {0};
	int rc = absent_list_all(c, &all) < 0 ? -1 : instance_record(c, word, out, host);

	for (size_t i = 0; rc == 0 && i < fg_fleet_count(fleet); i++) {
		const char *name = fg_fleet_host(fleet, i)->name;
		struct fg_record one;

		if (!call_fits(&called, name) || !sees_name(c, &all, name, called.name))
			continue;
		rc = fg_registry_record(c->app->registry, name, NULL, called.name, &one, &c->err);
		if (rc <= 0)
			continue;
		if (*host) {
			fg_record_finish(&one);
			return several(c, called.name, *host, name);
		}
		*out = one;
		*host = fg_strdup(name);
		rc = 0;
	}
	return rc == 0 && *host ? 1 : rc;
}
