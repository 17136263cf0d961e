/*
 * Changing limits: the engine first, then what the registry says of it.
 */
#include <string.h>
#include "registry/document.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "drift/limits.h"
#include "queue.h"
#include "registry/registry.h"
#include "spec/template.h"
#include "drift/today.h"

/* By name, in templates and documents; in specs; and for the engine. */
static const struct {
	const char *name, *spec, *engine;
} kinds[FG_LIMITS] = {
	[FG_LIMIT_CPUS] = {"cpus", "nano_cpus", "NanoCpus"},
	[FG_LIMIT_MEMORY] = {"memory", "memory", "Memory"},
	[FG_LIMIT_MEMORY_SWAP] = {"memory_swap", "memory_swap", "MemorySwap"},
	[FG_LIMIT_PIDS] = {"pids", "pids", "PidsLimit"},
};

const char *fg_limit_name(enum fg_limit limit)
{
	return kinds[limit].name;
}

int fg_limit_parse(
	struct fg_limits *limits, enum fg_limit limit, const char *text, struct fg_err *err)
{
	cleanup_json cJSON *item = cJSON_CreateString(strcmp(text, "none") == 0        ? "0"
						      : strcmp(text, "unlimited") == 0 ? "-1"
										       : text);

	if (limit_read(kinds[limit].name, item, &limits->v[limit], err) < 0)
		return -1;
	limits->set[limit] = true;
	return 0;
}

char *fg_limit_text(enum fg_limit limit, int64_t value)
{
	char *text = NULL;

	if (limit == FG_LIMIT_CPUS)
		text = value ? fg_printf("%.10g", (double)value / 1e9) : NULL;
	else if (limit == FG_LIMIT_PIDS)
		text = value ? fg_printf("%lld", (long long)value) : NULL;
	else
		text = size_text(value);
	return text ? text : fg_strdup("none");
}

struct fg_limits fg_limits_of(const struct fg_container_info *info)
{
	return (struct fg_limits){
		.v = {[FG_LIMIT_CPUS] = info->nano_cpus,
			[FG_LIMIT_MEMORY] = info->memory,
			[FG_LIMIT_MEMORY_SWAP] = info->memory_swap,
			[FG_LIMIT_PIDS] = info->pids},
		.set = {true, true, true, true},
	};
}

/* The engine */

static int64_t swap_for(int64_t swap, int64_t memory)
{
	return swap == 0 ? 2 * memory : swap;
}

/*
 * What memory_swap has to be when only memory was named: what is there while it is enough; where it
 * was twice the memory, or would be too little, twice the new one.
 */
static int64_t swap_along(const struct fg_limits *now, int64_t memory)
{
	int64_t swap = now->v[FG_LIMIT_MEMORY_SWAP], before = now->v[FG_LIMIT_MEMORY];

	if (swap == -1)
		return -1;
	return swap == 2 * before || swap < memory ? 2 * memory : swap;
}

/* Engines take 0 for "as it is", and nothing else for none. */
int fg_limits_plan(const struct fg_limits *now, struct fg_limits *want, struct fg_err *err)
{
	int64_t *v = want->v;
	int64_t memory = want->set[FG_LIMIT_MEMORY] ? v[FG_LIMIT_MEMORY] : now->v[FG_LIMIT_MEMORY];

	for (int i = FG_LIMIT_CPUS; i <= FG_LIMIT_MEMORY; i++) {
		if (!want->set[i] || v[i])
			continue;
		if (now->v[i])
			return fg_fail(err, FG_EINVAL,
				"an engine cannot take the limit of %s away from a container that "
				"is there: give it a larger one, or take it out of the template "
				"and /apply",
				kinds[i].name);
		want->set[i] = false;
	}
	if (want->set[FG_LIMIT_MEMORY] && !want->set[FG_LIMIT_MEMORY_SWAP]) {
		v[FG_LIMIT_MEMORY_SWAP] = swap_along(now, memory);
		want->set[FG_LIMIT_MEMORY_SWAP] = true;
	}
	if (!want->set[FG_LIMIT_MEMORY_SWAP])
		return 0;
	v[FG_LIMIT_MEMORY_SWAP] = swap_for(v[FG_LIMIT_MEMORY_SWAP], memory);
	if (v[FG_LIMIT_MEMORY_SWAP] > 0 && memory == 0)
		return fg_fail(err, FG_EINVAL, "memory_swap needs a limit of memory beside it");
	if (v[FG_LIMIT_MEMORY_SWAP] > 0 && v[FG_LIMIT_MEMORY_SWAP] < memory)
		return fg_fail(err, FG_EINVAL,
			"memory_swap is memory and swap together, and less than memory");
	/* Without a limit of memory there is none of swap to be had or taken away. */
	if (v[FG_LIMIT_MEMORY_SWAP] == 0)
		want->set[FG_LIMIT_MEMORY_SWAP] = false;
	return 0;
}

static cJSON *update_body(const struct fg_limits *want)
{
	cJSON *body = cJSON_CreateObject();

	for (int i = 0; i < FG_LIMITS; i++)
		if (want->set[i])
			fg_json_set_i64(body, kinds[i].engine,
				i == FG_LIMIT_PIDS && want->v[i] == 0 ? -1 : want->v[i]);
	return body;
}

static int engine_update(
	struct fg_host *host, const char *id, const cJSON *body, struct fg_err *err)
{
	int rc = fg_container_update(host->engine, id, body, err);

	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc >= 0)
		return 0;
	/* Podman 4 has no such call, and says 404 or 405 of it. */
	if (strcmp(host->version.kind, "podman") == 0 && (err->status == 404 || err->status == 405))
		return fg_fail(err, FG_EREMOTE,
			"Podman %s cannot change the limits of a container that is there",
			host->version.version);
	return -1;
}

/* A kernel may have no limit of swap: that one is not missed. */
static int check_held(const struct fg_limits *want, const struct fg_limits *now, struct fg_err *err)
{
	for (int i = 0; i < FG_LIMITS; i++) {
		cleanup_free char *asked = fg_limit_text(i, want->v[i]),
				  *got = fg_limit_text(i, now->v[i]);

		if (!want->set[i] || i == FG_LIMIT_MEMORY_SWAP || now->v[i] == want->v[i])
			continue;
		return fg_fail(err, FG_EREMOTE, "the engine took %s=%s and still says %s",
			kinds[i].name, asked, got);
	}
	return 0;
}

int limits_update(struct fg_host *host, struct fg_container_info *info,
	const struct fg_limits *limits, struct fg_err *err)
{
	struct fg_limits now = fg_limits_of(info), want = *limits;
	struct fg_container_info after = {0};
	cleanup_json cJSON *body = NULL;
	int rc;

	if (fg_limits_plan(&now, &want, err) < 0)
		return -1;
	body = update_body(&want);
	if (!body->child)
		return 0;
	if (limits_holdable(host, info, body, err) < 0 ||
		engine_update(host, info->id, body, err) < 0)
		return fg_wrap(err, "cannot change the limits of %s", info->name);
	rc = fg_container_inspect(host->engine, info->id, &after, err);
	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc < 0)
		return fg_wrap(
			err, "the limits of %s are changed, and cannot be looked at", info->name);
	fg_container_info_finish(info);
	*info = after;
	now = fg_limits_of(info);
	return check_held(&want, &now, err);
}

/* The registry */

cJSON *limits_json(const struct fg_limits *limits)
{
	cJSON *out = cJSON_CreateObject();

	for (int i = 0; i < FG_LIMITS; i++) {
		if (!limits->set[i])
			continue;
		if (i == FG_LIMIT_CPUS)
			cJSON_AddNumberToObject(out, kinds[i].name, (double)limits->v[i] / 1e9);
		else
			fg_json_set_i64(out, kinds[i].name, limits->v[i]);
	}
	return out;
}

void limits_document(cJSON *doc, const struct fg_limits *limits)
{
	cJSON_DeleteItemFromObjectCaseSensitive(doc, "limits");
	cJSON_AddItemToObject(doc, "limits", limits ? limits_json(limits) : cJSON_CreateObject());
}

/* A change that is to be noted, and what is known of it. */
struct noting {
	struct fg_today *today;
	const cJSON *labels; /* of the container */
	const char *id, *by;
	const struct fg_limits *asked, *before, *after;
};

/*
 * What a spec says of them afterwards. memory_swap stays the engine's choice where nobody named it;
 * where it was named before, and had to be raised along, it is what it has become.
 */
static cJSON *spec_limits(const cJSON *spec, const struct noting *n)
{
	const cJSON *said = fg_json_object(spec, "limits");
	cJSON *to = cJSON_CreateObject();

	for (int i = 0; i < FG_LIMITS; i++)
		if (n->asked->set[i])
			fg_json_set_i64(to, kinds[i].spec, n->asked->v[i]);
	if (n->asked->set[FG_LIMIT_MEMORY] && !n->asked->set[FG_LIMIT_MEMORY_SWAP]) {
		int64_t swap = fg_json_i64(said, "memory_swap", 0);

		fg_json_set_i64(
			to, "memory_swap", swap > 0 ? n->after->v[FG_LIMIT_MEMORY_SWAP] : swap);
	}
	if (n->asked->set[FG_LIMIT_MEMORY_SWAP] && !n->asked->set[FG_LIMIT_MEMORY])
		fg_json_set_i64(to, "memory", fg_json_i64(said, "memory", 0));
	return to;
}

/*
 * The spec that the container was made from, as far as anybody knows: that of the document, else
 * today's when it is the very one. Caller deletes; NULL: nobody does.
 */
static cJSON *made_spec(const struct fg_instance *instance, const struct noting *n)
{
	struct made made = today_made(instance, n->id, n->labels);
	const cJSON *spec = today_made_spec(instance, &made);
	cJSON *today;
	char hash[FG_HASH_SIZE];

	if (spec)
		return cJSON_Duplicate(spec, true);
	today = n->today ? fg_today_spec(n->today, instance, n->labels, NULL, NULL) : NULL;
	if (today && today_hash(today, made.version, hash) && strcmp(hash, made.hash) == 0)
		return today;
	cJSON_Delete(today);
	return NULL;
}

static void replace_item(cJSON *doc, const char *key, cJSON *item)
{
	cJSON_DeleteItemFromObjectCaseSensitive(doc, key);
	cJSON_AddItemToObject(doc, key, item);
}

static void note_spec(cJSON *doc, cJSON *spec, const cJSON *to)
{
	cJSON *limits = (cJSON *)fg_json_object(spec, "limits");
	char hash[FG_HASH_SIZE];
	const cJSON *item;

	if (!limits)
		limits = cJSON_AddObjectToObject(spec, "limits");
	cJSON_ArrayForEach (item, to)
		replace_item(limits, item->string, cJSON_Duplicate(item, false));
	fg_spec_hash(spec, hash);
	document_set(doc, "config_hash", hash);
	replace_item(doc, "spec", spec);
}

static bool note(cJSON *doc, void *arg)
{
	const struct noting *n = arg;
	struct fg_instance instance;
	cleanup_json cJSON *own = NULL, *to = NULL;
	cJSON *spec, *entry;

	document_view(doc, &instance);
	if (strcmp(instance.container_id, n->id) != 0)
		return false; /* a record, or another one by now */
	own = n->today ? today_own(n->today, &instance, n->labels, NULL) : NULL;
	spec = made_spec(&instance, n);
	to = spec_limits(spec ? spec : own, n);
	replace_item(doc, "overrides",
		today_limits_override(
			fg_json_object(doc, "overrides"), fg_json_object(own, "limits"), to));
	if (spec)
		note_spec(doc, spec, to);
	limits_document(doc, n->after);
	entry = document_note(doc, "limits");
	cJSON_AddStringToObject(entry, "by", n->by ? n->by : "");
	cJSON_AddItemToObject(entry, "from", limits_json(n->before));
	cJSON_AddItemToObject(entry, "to", limits_json(n->after));
	return true;
}

static int registry_note(struct fg_registry *registry, struct fg_host *host,
	const struct fg_container_info *info, struct noting *n, struct fg_err *err)
{
	cleanup_instance struct fg_instance instance = {0};
	cleanup_tx struct fg_tx tx = {0};
	int rc = registry ? fg_registry_find(registry, host->name, info->id, &instance, err) : 0;

	if (rc <= 0)
		return rc;
	n->labels = fg_json_object(fg_json_object(info->raw, "Config"), "Labels");
	if (fg_tx_begin(registry->store, &tx, err) < 0 ||
		registry_edit(&tx, host->name, info->id, NULL, note, n, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	return 0;
}

int fg_limits_change(struct fg_registry *registry, struct fg_today *today, struct fg_host *host,
	const char *id, const struct fg_limits *limits, const char *by, struct fg_limits *before,
	struct fg_limits *after, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	struct queue *queue = queue_enter(host->name, id, err);
	struct fg_limits was, now;
	int rc;

	if (!queue)
		return -1;
	rc = fg_container_inspect(host->engine, id, &info, err);
	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc < 0) {
		queue_leave(queue);
		return fg_wrap(err, "cannot look at %.12s", id);
	}
	was = fg_limits_of(&info);
	rc = limits_update(host, &info, limits, err);
	now = fg_limits_of(&info);
	if (rc == 0 && registry_note(registry, host, &info,
			       &(struct noting){.today = today,
				       .id = info.id,
				       .by = by,
				       .asked = limits,
				       .before = &was,
				       .after = &now},
			       err) < 0)
		rc = fg_wrap(err, "the limits are changed, and the registry does not know it");
	queue_leave(queue);
	if (before)
		*before = was;
	if (after)
		*after = now;
	return rc;
}
