/*
 * /scale, and what /update /rollback /restart do to a service.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands/format.h"
#include "commands/service_act.h"
#include "commands/service_deed.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/fleet/image.h"
#include "fleetgram/fleet/spec.h"

#define REPLICAS_MOST 100000

/* Scaling */

/* The service's instance, when it is one of a template; what is done to it is noted there. */
static void take_instance(struct deed *d)
{
	struct fg_err err;

	if (fg_managed_find(
		    d->c->app->registry, d->item->swarm->id, d->item->s.id, &d->instance, &err) < 0)
		fg_warn("%s: %s", d->item->s.name, err.text);
}

/* One of a template: the registry has to know that it was asked for. */
static int change(struct deed *d, int64_t replicas, const char *image)
{
	const struct config *config = d->c->setup->config;
	cleanup_today struct fg_today *today = fg_today_create(config->templates, config->defaults);
	char author[96];

	return fg_managed_change(d->c->app->registry, today, d->item->swarm, &d->instance,
		&(struct fg_managed_change){
			.replicas = replicas,
			.image = image,
			.by = command_author(d->c, author),
			.warnings = &d->warnings,
		},
		&d->c->err);
}

static int scale(struct deed *d)
{
	if (d->instance.doc)
		return change(d, d->replicas, NULL);
	return fg_swarm_scale(d->item->swarm, d->item->s.id, d->replicas, &d->c->err);
}

static int parse_replicas(struct command *c, const char *word, int64_t *out)
{
	size_t digits = strspn(word, "0123456789");

	if (!digits || word[digits])
		return command_usage(c, "how many tasks it is to have is a number");
	if (digits > 6 || strtol(word, NULL, 10) > REPLICAS_MOST)
		return fg_fail(&c->err, FG_EINVAL, "at most %d can be asked for", REPLICAS_MOST);
	*out = strtol(word, NULL, 10);
	return 0;
}

static int scale_run(struct command *c)
{
	cleanup_service_items struct fg_service_items items = {0};
	cleanup_deed struct deed d = {.c = c, .perform = scale};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = NULL;
	const struct fg_service *s;

	if (parse_replicas(c, c->words[1], &d.replicas) < 0 ||
		swarm_pick_one(c, c->words[0], &items) < 0)
		return -1;
	d.item = &items.v[0];
	s = &d.item->s;
	if (s->mode != FG_SERVICE_REPLICATED)
		return fg_fail(&c->err, FG_EINVAL,
			"%s has as many tasks as there are nodes or as its job needs: only replicated "
			"services can be scaled",
			s->name);
	title = swarm_title(d.item);
	fg_str_init(&preview, 4096);
	html_printf(&preview, "📐 <b>Scale %s</b> from %d to %d?", title, (int)s->wanted,
		(int)d.replicas);
	d.ends = d.replicas < s->running;
	d.operation = "scale";
	d.same = FG_TEXT("of that size already");
	d.preview = fg_str_take(&preview);
	d.doing = fg_printf(fg_tr("scaling to %d"), (int)d.replicas);
	fg_str_init(&preview, 4096);
	html_printf(&preview, "<b>%s</b> scaled from %d to %d.", title, (int)s->wanted,
		(int)d.replicas);
	d.done = fg_str_take(&preview);
	take_instance(&d);
	return deed_run(&d);
}

/* Updating */

static int set_image(struct deed *d)
{
	const char *name = d->image;
	bool blind, same = strcmp(name, d->item->s.image) == 0;
	cleanup_free char *image = fg_managed_pin(d->item->swarm, name, &blind);
	char *auth;
	int rc;

	if (blind && same && *d->item->s.digest)
		return fg_fail(&d->c->err, FG_EREMOTE,
			"the registry of %s cannot be asked what is new", name);
	if (blind && !same)
		fg_str_printf(&d->warnings,
			fg_tr("The registry of %s cannot be asked: each node looks for it by itself.\n"),
			name);
	if (d->instance.doc)
		return change(d, -1, image);
	auth = fg_fleet_auth(d->item->host->fleet, name);
	rc = fg_swarm_set_image(
		d->item->swarm, d->item->s.id, image, auth, &d->warnings, &d->c->err);
	fg_secret_free(auth);
	return rc;
}

static int check_image(struct command *c, const char *image)
{
	if (!*image || strlen(image) > 512 || strpbrk(image, " \t\r\n"))
		return fg_fail(
			&c->err, FG_EINVAL, "image= takes an image's name, such as nginx:1.27");
	return 0;
}

int service_update(struct command *c, struct fg_service_item *item, const char *image)
{
	cleanup_deed struct deed d = {.c = c, .item = item, .perform = set_image};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = swarm_title(item), *from = format_image(item->s.image),
			  *to = NULL;

	image = image ? image : item->s.image;
	if (check_image(c, image) < 0)
		return -1;
	to = format_image(image);
	fg_str_init(&preview, 4096);
	if (strcmp(image, item->s.image) == 0)
		html_printf(&preview, "⬆️ <b>Update %s</b> to the newest <code>%s</code>?",
			title, to);
	else
		html_printf(&preview,
			"⬆️ <b>Update %s</b> from <code>%s</code> to <code>%s</code>?", title,
			from, to);
	html_printf(&preview,
		"\nThe swarm replaces its tasks one after the other, as the service's own "
		"update settings say, and pauses or rolls back when they fail.");
	d.operation = "update";
	d.same = FG_TEXT("up to date");
	d.rolls = true;
	d.preview = fg_str_take(&preview);
	d.doing = fg_printf(fg_tr("updating to %s"), to);
	fg_str_init(&preview, 4096);
	html_printf(&preview, "<b>%s</b> updated: %s → %s.", title, from, to);
	d.done = fg_str_take(&preview);
	d.image = fg_strdup(image);
	take_instance(&d);
	return deed_run(&d);
}

static int roll_back(struct deed *d)
{
	const struct config *config = d->c->setup->config;
	cleanup_today struct fg_today *today = fg_today_create(config->templates, config->defaults);
	struct fg_err err;
	char author[96];
	int rc = fg_swarm_rollback(d->item->swarm, d->item->s.id, d->item->s.version, &d->c->err);

	if (rc > 0 && d->instance.doc &&
		fg_managed_rolled_back(d->c->app->registry, today, d->item->swarm, &d->instance,
			command_author(d->c, author), &err) < 0)
		fg_str_printf(&d->warnings, "%s\n", err.text);
	return rc;
}

int service_rollback(struct command *c, struct fg_service_item *item)
{
	cleanup_deed struct deed d = {.c = c, .item = item, .perform = roll_back};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = swarm_title(item), *from = format_image(item->s.image);
	cleanup_free char *to = NULL, *name = NULL;
	const cJSON *before = fg_json_object(item->s.raw, "PreviousSpec");
	const char *image =
		fg_json_str(fg_json_object(fg_json_object(before, "TaskTemplate"), "ContainerSpec"),
			"Image", "");

	if (!item->s.previous)
		return fg_fail(&c->err, FG_ENOTFOUND, "the swarm knows nothing to roll %s back to",
			item->s.name);
	name = fg_strndup(image, strcspn(image, "@"));
	to = format_image(name);
	fg_str_init(&preview, 4096);
	html_printf(&preview,
		"⬇️ <b>Roll %s back?</b>\n<code>%s</code> → <code>%s</code>, and everything else as it was "
		"before the last change.",
		title, from, to);
	d.operation = "rollback";
	d.same = FG_TEXT("as it was already");
	d.rolls = d.back = true;
	d.preview = fg_str_take(&preview);
	d.doing = fg_printf(fg_tr("rolling back to %s"), to);
	fg_str_init(&preview, 4096);
	html_printf(&preview, "<b>%s</b> rolled back: %s → %s.", title, from, to);
	d.done = fg_str_take(&preview);
	take_instance(&d);
	return deed_run(&d);
}

static int force(struct deed *d)
{
	return fg_swarm_force(d->item->swarm, d->item->s.id, &d->c->err);
}

int service_restart(struct command *c, struct fg_service_item *item)
{
	cleanup_deed struct deed d = {.c = c, .item = item, .perform = force};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = swarm_title(item);

	fg_str_init(&preview, 4096);
	html_printf(&preview,
		"🔄 <b>Restart %s?</b> The swarm replaces its tasks one after the other.", title);
	d.operation = "restart";
	d.same = FG_TEXT("running already");
	d.rolls = true;
	d.preview = fg_str_take(&preview);
	d.doing = fg_strdup(fg_tr("restarting"));
	fg_str_init(&preview, 4096);
	html_printf(&preview, "<b>%s</b> restarted.", title);
	d.done = fg_str_take(&preview);
	take_instance(&d);
	return deed_run(&d);
}

const struct command_row command_scale = {
	.name = "scale",
	.verb = "scale",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 2,
	.max = 2,
	.usage = "SERVICE N",
	.help = "Set how many tasks a service has",
	.more = "Shows how far the swarm is until that many run, or why they do not.\n"
		"\n"
		"/scale web 3\n"
		"/scale prod1/web 0",
	.run = scale_run,
};
