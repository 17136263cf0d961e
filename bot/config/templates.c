/* Templates: those in the folder beside those in the config, and whether each can make a container.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config/check.h"
#include "config/finish.h"
#include "config/read.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/spec.h"

#define SUFFIX ".json"
#define USUAL_PATTERN "[A-Za-z0-9._:/@-]{1,128}" /* of a parameter that names none */

/* A parameter's default has to be a value that the parameter takes. */
static void check_parameters(const cJSON *item, const char *path,
	const struct config_source *source, struct config_errors *errors)
{
	const cJSON *parameter;

	cJSON_ArrayForEach (parameter, fg_json_object(item, "parameters")) {
		const char *value = fg_json_str(parameter, "default", NULL);
		const char *pattern = fg_json_str(parameter, "pattern", USUAL_PATTERN);
		cleanup_free char *key =
			fg_printf("%s.parameters.%s.default", path, parameter->string);

		if (value && config_check_pattern(pattern, NULL) == 0 &&
			!config_pattern_fits(pattern, value))
			config_errors_at(errors, source, fg_json_get(parameter, "default"),
				CONFIG_AT_VALUE, key, "does not fit the pattern %s", pattern);
	}
}

/* The ${…} of a template: what it says itself, and then what the defaults under it say. */
struct references {
	const cJSON *declared; /* its parameters */
	const struct config_source *source;
	struct config_errors *errors;
	const cJSON *template; /* the defaults' turn: their mistakes are told here; NULL: its own */
	cJSON *told;           /* the wrong ones, by name */
};

/* The text of an item, or its key. */
static void check_text(struct references *r, const cJSON *item, bool key, const char *path)
{
	const char *s = key ? item->string : item->valuestring;
	const cJSON *at = r->template ? r->template : item;
	enum config_spot spot = r->template || key ? CONFIG_AT_KEY : CONFIG_AT_VALUE;
	char name[FG_PARAMETER_SIZE];
	int found;

	do {
		found = fg_template_reference(&s, name);
		if (found == 0 || (found > 0 && (strcmp(name, "name") == 0 ||
							fg_json_get(r->declared, name))))
			continue;
		if (!r->template || !fg_json_get(r->told, name))
			config_errors_at(r->errors, r->source, at, spot, path,
				"%s%s${%s%s; $${ is a plain ${",
				r->template ? "in the defaults: " : "",
				found > 0 ? "there is no parameter " : "", name,
				found > 0 ? "}" : " is not closed");
		if (!fg_json_get(r->told, name))
			cJSON_AddTrueToObject(r->told, name);
	} while (found > 0);
}

static void check_tree(struct references *r, const cJSON *item, const char *path)
{
	const cJSON *child;
	int i = 0;

	if (cJSON_IsString(item))
		check_text(r, item, false, path);
	cJSON_ArrayForEach (child, item) {
		cleanup_free char *below = r->template ? fg_strdup(path)
					   : child->string
						   ? fg_printf("%s.%s", path, child->string)
						   : fg_printf("%s[%d]", path, i++);

		if (child->string)
			check_text(r, child, true, below);
		check_tree(r, child, below);
	}
}

static void check_references(const struct config *config, const cJSON *item, const char *path,
	const struct config_source *source, struct config_errors *errors)
{
	struct fg_template template = {.name = path, .config = item};
	cleanup_json cJSON *merged = fg_template_merge(config->defaults, &template, NULL);
	cleanup_json cJSON *told = cJSON_CreateObject();
	struct references r = {
		.declared = fg_json_object(merged, "parameters"),
		.source = source,
		.errors = errors,
		.told = told,
	};
	const cJSON *field;

	if (!merged) /* for a mistake that is told elsewhere */
		return;
	cJSON_ArrayForEach (field, item) {
		cleanup_free char *below = fg_printf("%s.%s", path, field->string);

		if (strcmp(field->string, "parameters") != 0)
			check_tree(&r, field, below);
	}
	r.template = item;
	cJSON_ArrayForEach (field, merged)
		if (strcmp(field->string, "parameters") != 0)
			check_tree(&r, field, path);
}

/* What this kind of template says and cannot have. What only the defaults say holds as far as it
 * can. */
static void check_fields(const struct config *config, const cJSON *item, const char *path,
	const struct config_source *source, struct config_errors *errors)
{
	static const char *const fields[] = {"global", "limits.memory_swap", "network_mode",
		"placement", "prune", "pull", "replicas", "security.privileged", "update"};
	const char *mode = fg_json_str(
		item, "mode", fg_json_str(config->defaults, "mode", "container"));
	bool service = strcmp(mode, "service") == 0;

	for (size_t i = 0; i < FG_ARRAY_LEN(fields); i++) {
		const cJSON *said = fg_json_path(item, fields[i]);
		const char *why = fg_spec_misfit(service, fields[i]);
		cleanup_free char *key = fg_printf("%s.%s", path, fields[i]);

		if (why && said && !cJSON_IsNull(said) && !cJSON_IsFalse(said) &&
			!(cJSON_IsNumber(said) && said->valuedouble == 0))
			config_errors_at(
				errors, source, said, CONFIG_AT_KEY, key, "cannot be here: %s", why);
	}
}

static void check_template(const struct config *config, const cJSON *item, const char *name,
	const struct config_source *source, struct config_errors *errors)
{
	cleanup_free char *path = fg_printf("templates.%s", name);

	check_parameters(item, path, source, errors);
	check_fields(config, item, path, source, errors);
	check_references(config, item, path, source, errors);
	if (cJSON_IsObject(item) && !fg_json_str(item, "image", NULL) &&
		(cJSON_IsNull(fg_json_get(item, "image")) ||
			!fg_json_get(config->defaults, "image")))
		config_errors_at(errors, source, item, CONFIG_AT_KEY, path, "\"image\" is missing");
}

static void add_file(
	struct config *config, const char *path, const char *name, struct config_errors *errors)
{
	cleanup_source struct config_source *source = config_source_open(path, errors);
	cleanup_free char *key = fg_printf("templates.%s", name);
	size_t first = errors->n;
	struct fg_err err;

	if (!source)
		return;
	if (config_check_name(name, &err) < 0) {
		config_errors_add(errors, path, 0, 0, NULL, "%s", err.text);
		return;
	}
	if (fg_json_get(config->templates, name)) {
		config_errors_add(errors, path, 0, 0, NULL,
			"there is a template \"%s\" in the configuration too", name);
		return;
	}
	config_read(config_key_find("templates", ".*"), config_source_root(source), NULL, key,
		source, errors);
	check_template(config, config_source_root(source), name, source, errors);
	config_errors_sort(errors, first);
	cJSON_AddItemToObject(
		config->templates, name, cJSON_Duplicate(config_source_root(source), true));
}

static int wanted(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return entry->d_name[0] != '.' && len > suffix &&
	       strcmp(entry->d_name + len - suffix, SUFFIX) == 0;
}

void config_finish_folder(
	struct config *config, const struct config_source *source, struct config_errors *errors)
{
	const cJSON *item = fg_json_get(config_source_root(source), "templates_dir");
	struct dirent **files = NULL;
	int i, n;

	if (!config->templates_dir)
		return;
	n = scandir(config->templates_dir, &files, wanted, alphasort);
	if (n < 0) {
		config_errors_at(errors, source, item, CONFIG_AT_VALUE, "templates_dir",
			"cannot read %s: %s", config->templates_dir, strerror(errno));
		return;
	}
	for (i = 0; i < n; i++) {
		cleanup_free char *path =
			fg_printf("%s/%s", config->templates_dir, files[i]->d_name);
		cleanup_free char *name =
			fg_strndup(files[i]->d_name, strlen(files[i]->d_name) - strlen(SUFFIX));

		add_file(config, path, name, errors);
		free(files[i]);
	}
	free(files);
}

void config_finish_templates(
	struct config *config, const struct config_source *source, struct config_errors *errors)
{
	const cJSON *root = config_source_root(source), *item;

	check_parameters(fg_json_get(root, "defaults"), "defaults", source, errors);
	cJSON_ArrayForEach (item, fg_json_object(root, "templates"))
		check_template(config, item, item->string, source, errors);
}
