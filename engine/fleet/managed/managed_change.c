/*
 * Managed services changed by hand: scaled, given another image, rolled back.
 *
 * The service's label says in the same update what the registry will: a spec with the change in it.
 */
#include <string.h>
#include "managed/managed.h"
#include "drift/today.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/image.h"
#include "registry/document.h"

static void put(cJSON *doc, const char *key, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(doc, key);
	cJSON_AddItemToObject(doc, key, value);
}

/* Overrides */

/* What the config says of it: today, or, without a template, when it was changed first. */
static void override_set(
	cJSON *overrides, const char *key, const cJSON *own, const cJSON *to, const cJSON *was)
{
	const cJSON *before = fg_json_object(overrides, key);
	const cJSON *from = own      ? fg_json_get(own, key)
			    : before ? fg_json_get(before, "from")
				     : was;
	cleanup_json cJSON *base = from ? cJSON_Duplicate(from, true) : NULL;
	cJSON *over;

	cJSON_DeleteItemFromObjectCaseSensitive(overrides, key);
	if (!base || cJSON_Compare(base, to, true))
		return;
	over = cJSON_AddObjectToObject(overrides, key);
	cJSON_AddItemToObject(over, "from", fg_steal(&base));
	cJSON_AddItemToObject(over, "to", cJSON_Duplicate(to, true));
}

static cJSON *number(int64_t value)
{
	cleanup_json cJSON *holder = cJSON_CreateObject();

	fg_json_set_i64(holder, "n", value);
	return cJSON_DetachItemFromObjectCaseSensitive(holder, "n");
}

/* The change */

struct change {
	const struct fg_managed_change *what;
	cJSON *image, *replicas; /* without a digest; NULL: as they are */
	cJSON *own;              /* today's by the config alone; NULL: its template is gone */
	cJSON *spec;             /* what it was made from, with the change; NULL: not known */
	char hash[FG_HASH_SIZE]; /* of that */
	cJSON *was_image, *was_replicas;
};

static void change_finish(struct change *c)
{
	cJSON_Delete(c->image);
	cJSON_Delete(c->replicas);
	cJSON_Delete(c->own);
	cJSON_Delete(c->spec);
	cJSON_Delete(c->was_image);
	cJSON_Delete(c->was_replicas);
}

static void spec_change(struct change *c, const struct fg_instance *instance)
{
	const cJSON *spec = fg_json_object(instance->doc, "spec");

	if (cJSON_GetArraySize(spec) == 0)
		return;
	c->spec = cJSON_Duplicate(spec, true);
	if (c->image)
		put(c->spec, "image", cJSON_Duplicate(c->image, true));
	if (c->replicas)
		put(c->spec, "replicas", cJSON_Duplicate(c->replicas, true));
	fg_spec_hash(c->spec, c->hash);
}

/* Called again when somebody else was faster. */
static int edit(cJSON *spec, void *arg, struct fg_err *err)
{
	struct change *c = arg;
	cJSON *replicated = (cJSON *)fg_json_path(spec, "Mode.Replicated");
	cJSON *container = (cJSON *)fg_json_path(spec, "TaskTemplate.ContainerSpec");
	cleanup_free char *image = managed_image(spec);
	int64_t replicas = managed_replicas(spec);
	bool changed = false;

	if (c->replicas && !cJSON_IsObject(replicated))
		return fg_fail(err, FG_EINVAL,
			"it is no replicated service: how many tasks it has is not a number");
	cJSON_Delete(c->was_image);
	cJSON_Delete(c->was_replicas);
	c->was_image = cJSON_CreateString(image);
	c->was_replicas = number(replicas);
	if (c->replicas && replicas != c->what->replicas) {
		fg_json_set_i64(replicated, "Replicas", c->what->replicas);
		changed = true;
	}
	if (c->image && cJSON_IsObject(container) &&
		strcmp(fg_json_str(container, "Image", ""), c->what->image) != 0) {
		put(container, "Image", cJSON_CreateString(c->what->image));
		changed = true;
	}
	if (changed && *c->hash)
		managed_label(spec, FG_LABEL_HASH, c->hash);
	return changed;
}

static void note(cJSON *doc, const char *what, const char *by, const cJSON *from, const cJSON *to)
{
	cJSON *entry = document_note(doc, what);

	cJSON_AddStringToObject(entry, "by", by ? by : "");
	if (from && to && cJSON_Compare(from, to, true))
		return;
	if (from)
		cJSON_AddItemToObject(entry, "from", cJSON_Duplicate(from, true));
	if (to)
		cJSON_AddItemToObject(entry, "to", cJSON_Duplicate(to, true));
}

static cJSON *overrides_of(const cJSON *doc)
{
	const cJSON *before = fg_json_object(doc, "overrides");

	return before ? cJSON_Duplicate(before, true) : cJSON_CreateObject();
}

static bool record(cJSON *doc, void *arg)
{
	const struct change *c = arg;
	cJSON *overrides = overrides_of(doc);

	if (c->replicas)
		override_set(overrides, "replicas", c->own, c->replicas, c->was_replicas);
	if (c->image)
		override_set(overrides, "image", c->own, c->image, c->was_image);
	put(doc, "overrides", overrides);
	if (c->spec) {
		put(doc, "spec", cJSON_Duplicate(c->spec, true));
		document_set(doc, "config_hash", c->hash);
	}
	if (c->image) {
		const char *at = strchr(c->what->image, '@');

		document_set(doc, "image", c->image->valuestring);
		document_set(doc, "image_digest", at ? at + 1 : "");
		note(doc, FG_TEXT("updated"), c->what->by, c->was_image, c->image);
	}
	if (c->replicas)
		note(doc, FG_TEXT("scaled"), c->what->by, c->was_replicas, c->replicas);
	return true;
}

int fg_managed_change(struct fg_registry *registry, struct fg_today *today, struct fg_swarm *swarm,
	const struct fg_instance *instance, const struct fg_managed_change *change,
	struct fg_err *err)
{
	struct change c = {.what = change};
	char *auth = NULL;
	int rc;

	if (change->image) {
		cleanup_free char *bare = fg_strndup(change->image, strcspn(change->image, "@"));

		c.image = cJSON_CreateString(bare);
		auth = fg_fleet_auth(swarm->managers[0]->fleet, bare);
	}
	if (change->replicas >= 0)
		c.replicas = number(change->replicas);
	c.own = today_own(today, instance, NULL, NULL);
	spec_change(&c, instance);
	rc = fg_swarm_update(swarm, instance->container_id,
		&(struct fg_service_change){edit, &c, auth}, change->warnings, err);
	fg_secret_free(auth);
	/* Asked for is what it is already, too: it is no drift from now on. */
	if (rc >= 0 &&
		managed_edit(registry, swarm->id, instance->container_id, record, &c, err) < 0)
		rc = fg_wrap(err, "it is changed, and the registry does not know it");
	change_finish(&c);
	return rc;
}

/* Back */

struct back {
	const struct fg_instance *before; /* as it was before it was changed */
	cJSON *own;
	const cJSON *spec; /* the swarm's, of now */
	const char *by, *hash;
};

static cJSON *overrides_back(const cJSON *doc, const struct back *b, const cJSON *image)
{
	cleanup_json cJSON *replicas = number(managed_replicas(b->spec));
	cJSON *overrides = overrides_of(b->by ? doc : b->before->doc);

	/* What the swarm undid by itself is as little asked for as what it went back to. */
	if (!b->by || !b->own)
		return overrides;
	override_set(overrides, "image", b->own, image, NULL);
	if (managed_replicas(b->spec) >= 0 && !fg_json_bool(b->own, "global", false))
		override_set(overrides, "replicas", b->own, replicas, NULL);
	return overrides;
}

static bool record_back(cJSON *doc, void *arg)
{
	const struct back *b = arg;
	const char *full =
		fg_json_str(fg_json_path(b->spec, "TaskTemplate.ContainerSpec"), "Image", "");
	const char *at = strchr(full, '@');
	cleanup_free char *name = managed_image(b->spec);
	cleanup_json cJSON *image = cJSON_CreateString(name);
	const cJSON *spec = fg_json_object(b->before->doc, "spec");

	note(doc, FG_TEXT("rolled back"), b->by, fg_json_get(doc, "image"), image);
	put(doc, "overrides", overrides_back(doc, b, image));
	document_set(doc, "image", name);
	document_set(doc, "image_digest", at ? at + 1 : "");
	/* The label has the hash of what it was made from then; what that was may not be known. */
	if (document_set(doc, "config_hash", b->hash))
		put(doc, "spec",
			spec && strcmp(b->before->config_hash, b->hash) == 0
				? cJSON_Duplicate(spec, true)
				: cJSON_CreateObject());
	return true;
}

int fg_managed_rolled_back(struct fg_registry *registry, struct fg_today *today,
	struct fg_swarm *swarm, const struct fg_instance *instance, const char *by,
	struct fg_err *err)
{
	cleanup_service struct fg_service now = {0};
	cleanup_json cJSON *own = NULL;
	struct back b = {.before = instance, .by = by};
	const char *hash;

	if (fg_swarm_service(swarm, instance->container_id, &now, err) < 0)
		return -1;
	own = today_own(today, instance, now.labels, NULL);
	hash = fg_service_label(&now, FG_LABEL_HASH);
	b.own = own;
	b.spec = fg_json_object(now.raw, "Spec");
	b.hash = hash ? hash : "";
	return managed_edit(registry, swarm->id, instance->container_id, record_back, &b, err);
}
