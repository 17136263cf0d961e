/*
 * What instances should be today, by the config and by what was changed on them by hand, and the
 * hashes of that.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/spec_version.h"
#include "drift/today.h"

#define KEY_MAX ((size_t)1024 * 1024)
#define HASHES_MOST 50000 /* then they are worked out anew */

/* Something worked out once: a hash by what went into it, or an image's Config. */
struct known {
	char *key;
	cJSON *value;            /* of an image */
	char hash[FG_HASH_SIZE]; /* of a spec; "": there is none */
};

struct fg_today {
	const cJSON *templates, *defaults;
	bool defaults_name;    /* the defaults say ${name} */
	void *hashes, *images; /* trees of struct known */
	size_t hash_count;
	cJSON *by_name, *independent; /* templates that say ${name}, and those that do not */
};

static int by_key(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static void known_free(void *p)
{
	struct known *known = p;

	free(known->key);
	cJSON_Delete(known->value);
	free(known);
}

/* The one of that key, made when there is none; *fresh tells. */
static struct known *known_at(void **tree, const char *key, bool *fresh)
{
	struct known wanted = {.key = (char *)key}, *made;
	struct known **found = tfind(&wanted, tree, by_key);

	*fresh = !found;
	if (found)
		return *found;
	made = fg_alloc(sizeof(*made));
	made->key = fg_strdup(key);
	tsearch(made, tree, by_key);
	return made;
}

static bool says_name(const cJSON *item)
{
	cleanup_free char *text = item ? fg_json_print(item) : NULL;

	return text && strstr(text, "${name}");
}

struct fg_today *fg_today_create(const cJSON *templates, const cJSON *defaults)
{
	struct fg_today *today = fg_alloc(sizeof(*today));

	today->templates = templates;
	today->defaults = defaults;
	today->defaults_name = says_name(defaults);
	today->by_name = cJSON_CreateObject();
	today->independent = cJSON_CreateObject();
	return today;
}

void fg_today_destroy(struct fg_today *today)
{
	if (!today)
		return;
	tdestroy(today->hashes, known_free);
	tdestroy(today->images, known_free);
	cJSON_Delete(today->by_name);
	cJSON_Delete(today->independent);
	free(today);
}

const cJSON *today_image(struct fg_today *today, struct fg_host *host, const char *image_id)
{
	cleanup_free char *key = fg_printf("%s %s", host->name, image_id);
	cleanup_image_info struct fg_image_info info = {0};
	struct known *known;
	bool fresh;

	known = known_at(&today->images, key, &fresh);
	if (known->value || !*image_id)
		return known->value;
	if (fg_image_inspect(host->engine, image_id, &info, NULL) < 0)
		return known->value;
	/* Another task may have asked for the same meanwhile. */
	if (!known->value)
		known->value = cJSON_DetachItemFromObjectCaseSensitive(info.raw, "Config");
	return known->value;
}

/* Parameters */

cJSON *today_params(const struct fg_instance *instance, const cJSON *labels)
{
	const cJSON *params = fg_json_object(instance->doc, "params");
	const char *label = fg_json_str(labels, FG_LABEL_PARAMS, NULL);
	cJSON *parsed = NULL;

	if (cJSON_GetArraySize(params) == 0 && label) {
		parsed = fg_json_parse(label, strlen(label), NULL);
		if (cJSON_IsObject(parsed))
			return parsed;
		cJSON_Delete(parsed);
	}
	return params ? cJSON_Duplicate(params, true) : cJSON_CreateObject();
}

/* A template with parameters makes what it was told, and containers of long ago do not say what
 * that was. */
static bool params_known(
	const cJSON *template, const struct fg_instance *instance, const cJSON *labels)
{
	return cJSON_GetArraySize(fg_json_object(template, "parameters")) == 0 ||
	       cJSON_GetArraySize(fg_json_object(instance->doc, "spec")) > 0 ||
	       cJSON_GetArraySize(fg_json_object(instance->doc, "params")) > 0 ||
	       fg_json_str(labels, FG_LABEL_SPEC_VERSION, NULL);
}

/* Specs */

cJSON *today_own(struct fg_today *today, const struct fg_instance *instance, const cJSON *labels,
	struct fg_err *err)
{
	struct fg_template template = {
		.name = instance->template,
		.config = fg_json_object(today->templates, instance->template),
	};
	cleanup_json cJSON *params = NULL, *spec = NULL;

	if (!template.config) {
		fg_fail(err, FG_ENOTFOUND, "its template %s is no longer in the config",
			*template.name ? template.name : "(none)");
		return NULL;
	}
	if (!params_known(template.config, instance, labels)) {
		fg_fail(err, FG_EINVAL,
			"nothing says which parameters template %s was given for it",
			template.name);
		return NULL;
	}
	params = today_params(instance, labels);
	spec = fg_spec_build(today->defaults, &template, instance->name, params, err);
	if (spec && fg_spec_is_service(spec) !=
			    (strcmp(fg_json_str(instance->doc, "kind", ""), "service") == 0)) {
		fg_fail(err, FG_ECONFLICT,
			fg_spec_is_service(spec)
				? "its template %s makes services now, and it is a container"
				: "its template %s makes containers now, and it is a service",
			template.name);
		return NULL;
	}
	return fg_steal(&spec);
}

cJSON *fg_today_spec(struct fg_today *today, const struct fg_instance *instance,
	const cJSON *labels, cJSON **overrides, struct fg_err *err)
{
	cJSON *spec = today_own(today, instance, labels, err);
	cleanup_json cJSON *held = NULL;

	if (!spec)
		return NULL;
	held = today_override(spec, fg_json_object(instance->doc, "overrides"));
	if (overrides)
		*overrides = fg_steal(&held);
	return spec;
}

/* Hashes */

bool today_hash(const cJSON *spec, int version, char hash[FG_HASH_SIZE])
{
	cleanup_json cJSON *lower = NULL;

	if (version < 1 || version > FG_SPEC_VERSION)
		return false;
	if (version < FG_SPEC_VERSION) {
		lower = cJSON_Duplicate(spec, true);
		spec_lower(lower, version, spec_additions);
		spec = lower;
	}
	fg_spec_hash(spec, hash);
	return true;
}

static int label_version(const cJSON *labels)
{
	const char *text = fg_json_str(labels, FG_LABEL_SPEC_VERSION, "");

	/* Version 1 is older than its label. */
	return *text ? (int)strtol(text, NULL, 10) : 1;
}

struct made today_made(
	const struct fg_instance *instance, const char *container_id, const cJSON *labels)
{
	const cJSON *spec = fg_json_object(instance->doc, "spec");
	int64_t version = fg_json_i64(spec, "version", label_version(labels));

	if (strcmp(instance->container_id, container_id) == 0 && *instance->config_hash)
		return (struct made){instance->config_hash, (int)version};
	return (struct made){fg_json_str(labels, FG_LABEL_HASH, ""), label_version(labels)};
}

const cJSON *today_made_spec(const struct fg_instance *instance, const struct made *made)
{
	const cJSON *spec = fg_json_object(instance->doc, "spec");
	char hash[FG_HASH_SIZE];

	if (cJSON_GetArraySize(spec) == 0)
		return NULL;
	fg_spec_hash(spec, hash);
	return strcmp(hash, made->hash) == 0 ? spec : NULL;
}

/* Whether what the template makes depends on the instance's name. */
static bool needs_name(struct fg_today *today, const char *template)
{
	const cJSON *config;

	if (today->defaults_name || fg_json_get(today->by_name, template))
		return true;
	if (fg_json_get(today->independent, template))
		return false;
	config = fg_json_get(today->templates, template);
	cJSON_AddTrueToObject(says_name(config) ? today->by_name : today->independent, template);
	return fg_json_get(today->by_name, template);
}

static void hash_build(struct fg_today *today, const struct fg_instance *instance,
	const cJSON *labels, int version, char hash[FG_HASH_SIZE])
{
	cleanup_json cJSON *spec = fg_today_spec(today, instance, labels, NULL, NULL);

	*hash = '\0';
	if (spec)
		today_hash(spec, version, hash);
}

static const char *hash_find(struct fg_today *today, const struct fg_instance *instance,
	const cJSON *labels, int version)
{
	cleanup_json cJSON *params = today_params(instance, labels);
	const cJSON *overrides = fg_json_object(instance->doc, "overrides");
	cleanup_str struct fg_str key = {0};
	struct known *known;
	bool fresh;

	fg_str_init(&key, KEY_MAX);
	fg_str_printf(&key, "%s\n%d\n%d\n%s\n", instance->template, version,
		params_known(fg_json_get(today->templates, instance->template), instance, labels),
		needs_name(today, instance->template) ? instance->name : "");
	fg_json_canonical(&key, params);
	if (cJSON_GetArraySize(overrides)) {
		fg_str_putc(&key, '\n');
		fg_json_canonical(&key, overrides);
	}
	if (key.full)
		return "";
	if (today->hash_count == HASHES_MOST) {
		tdestroy(today->hashes, known_free);
		today->hashes = NULL;
		today->hash_count = 0;
	}
	known = known_at(&today->hashes, key.s, &fresh);
	if (fresh) {
		today->hash_count++;
		hash_build(today, instance, labels, version, known->hash);
	}
	return known->hash;
}

enum fg_config_state fg_config_state(struct fg_today *today, const struct fg_instance *instance,
	const char *container_id, const cJSON *labels)
{
	struct made made = today_made(instance, container_id, labels);
	const char *hash;

	if (!*made.hash || !fg_json_object(today->templates, instance->template))
		return FG_CONFIG_UNKNOWN;
	hash = hash_find(today, instance, labels, made.version);
	if (!*hash)
		return FG_CONFIG_UNKNOWN;
	return strcmp(hash, made.hash) == 0 ? FG_CONFIG_IN_SYNC : FG_CONFIG_DRIFTED;
}

const char *fg_config_state_name(enum fg_config_state state)
{
	static const char *const names[] = {
		[FG_CONFIG_UNKNOWN] = "unknown",
		[FG_CONFIG_IN_SYNC] = "in-sync",
		[FG_CONFIG_DRIFTED] = "drifted",
	};

	return names[state];
}
