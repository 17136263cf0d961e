/*
 * Reading templates for people.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/plan.h"
#include "fleetgram/base/json.h"

int plan_template(struct command *c, const char *name, struct fg_template *out)
{
	const cJSON *templates = c->setup->config->templates, *t;
	const char *near = NULL;
	size_t least = 4;

	cJSON_ArrayForEach (t, templates) {
		size_t distance = fg_text_distance(name, t->string);

		if (strcmp(t->string, name) == 0) {
			*out = (struct fg_template){.name = t->string, .config = t};
			return 0;
		}
		if (distance < least) {
			least = distance;
			near = t->string;
		}
	}
	if (!cJSON_GetArraySize(templates))
		return fg_fail(&c->err, FG_ENOTFOUND,
			"there is no template %s: the config has no templates yet", name);
	return fg_fail(&c->err, FG_ENOTFOUND,
		"there is no template %s%s%s%s. /templates lists them", name,
		near ? fg_tr(" (did you mean ") : "", near ? near : "", near ? "?)" : "");
}

cJSON *plan_merged(const struct command *c, const struct fg_template *t)
{
	cJSON *merged = fg_template_merge(c->setup->config->defaults, t, NULL);

	/* A config with such a template was refused; and if not, it is shown as it is. */
	return merged ? merged : cJSON_Duplicate(t->config, true);
}

/* A value as the config has it: a string or a number. */
static char *value_text(const cJSON *value)
{
	if (cJSON_IsString(value))
		return format_cut(value->valuestring, 40);
	if (cJSON_IsNumber(value) || cJSON_IsRaw(value) || cJSON_IsBool(value))
		return fg_json_print(value);
	return NULL;
}

void plan_limits_html(struct fg_str *html, const cJSON *limits)
{
	static const struct {
		const char *key, *unit;
	} kinds[] = {
		{"cpus", "CPU"}, {"memory", FG_TEXT("memory")}, {"pids", FG_TEXT("processes")}};
	const char *sep = "";

	for (size_t i = 0; i < FG_ARRAY_LEN(kinds); i++) {
		cleanup_free char *text = value_text(fg_json_get(limits, kinds[i].key));

		if (!text && strcmp(kinds[i].key, "pids") == 0)
			text = fg_printf("%d", FG_DEFAULT_PIDS);
		if (!text || strcmp(text, "0") == 0 || strcmp(text, "-1") == 0)
			continue;
		html_printf(html, "%S%s %s", sep, text, fg_tr(kinds[i].unit));
		sep = ", ";
	}
	if (!*sep)
		html_printf(html, "no limits");
}

bool plan_is_service(const struct command *c, const struct fg_template *t)
{
	cleanup_json cJSON *merged = plan_merged(c, t);

	return fg_spec_is_service(merged);
}

void plan_placement(struct fg_str *out, const cJSON *placement)
{
	const cJSON *item;
	cleanup_free char *most = value_text(fg_json_get(placement, "max_per_node"));
	const char *sep = "";

	cJSON_ArrayForEach (item, fg_json_array(placement, "constraints")) {
		cleanup_free char *text = value_text(item);

		fg_str_printf(out, "%s%s", sep, text ? text : "?");
		sep = ", ";
	}
	cJSON_ArrayForEach (item, fg_json_array(placement, "preferences")) {
		cleanup_free char *text = value_text(item);

		fg_str_puts(out, sep);
		fg_str_printf(out, fg_tr("spread over %s"), text ? text : "?");
		sep = ", ";
	}
	if (!most || strcmp(most, "0") == 0)
		return;
	fg_str_puts(out, sep);
	fg_str_printf(out, fg_tr("at most %s on a node"), most);
}

char *plan_params(const cJSON *params)
{
	struct fg_str out;
	const cJSON *p;

	fg_str_init(&out, 1024);
	cJSON_ArrayForEach (p, params) {
		cleanup_free char *pair = fg_printf("%s=%s", p->string, p->valuestring);
		cleanup_free char *masked = format_masked(pair), *cut = format_cut(masked, 60);

		fg_str_printf(&out, "%s%s", out.len ? ", " : "", cut);
	}
	return fg_str_take(&out);
}

int plan_missing(struct command *c, const struct fg_template *t, const cJSON *params)
{
	cleanup_json cJSON *merged = plan_merged(c, t);
	cleanup_str struct fg_str list = {0}, example = {0};
	const cJSON *p;

	fg_str_init(&list, FG_ERR_TEXT / 2);
	fg_str_init(&example, FG_ERR_TEXT / 4);
	cJSON_ArrayForEach (p, fg_json_object(merged, "parameters")) {
		const char *description = fg_json_str(p, "description", "");

		if (fg_json_get(p, "default") || fg_json_get(params, p->string))
			continue;
		fg_str_printf(&list, "%s%s%s%s%s", list.len ? ", " : "", p->string,
			*description ? " (" : "", description, *description ? ")" : "");
		fg_str_printf(&example, " %s=…", p->string);
	}
	if (!list.len)
		return 0;
	return fg_fail(&c->err, FG_EINVAL, "template %s has to know %s. Add%s", t->name, list.s,
		example.s);
}

/* A name is taken as it is, a glob is one more thing that the host has to match. */
static int take_host(struct command *c, struct plan_order *o, const char *value)
{
	if (o->host || o->host_glob)
		return fg_fail(&c->err, FG_EINVAL, "the host is given twice");
	if (fg_glob_is_pattern(value))
		o->host_glob = fg_strdup(value);
	else
		o->host = fg_strdup(value);
	return 0;
}

static int take_word(
	struct command *c, const cJSON *merged, struct plan_order *o, const char *word)
{
	const cJSON *parameters = fg_json_object(merged, "parameters");
	const char *equals = strchr(word, '=');
	cleanup_free char *name = NULL;

	if (!equals || equals == word)
		return command_usage(c, "parameters are written NAME=VALUE");
	name = fg_strndup(word, (size_t)(equals - word));
	if (strcmp(name, "host") == 0 && !fg_json_get(parameters, name))
		return take_host(c, o, equals + 1);
	if (strcmp(name, "replicas") == 0 && !fg_json_get(parameters, name) &&
		fg_spec_is_service(merged)) {
		if (o->replicas)
			return fg_fail(&c->err, FG_EINVAL, "replicas= is given twice");
		o->replicas = equals + 1;
		return 0;
	}
	if (fg_json_get(o->params, name))
		return fg_fail(&c->err, FG_EINVAL, "the parameter %s is given twice", name);
	cJSON_AddStringToObject(o->params, name, equals + 1);
	return 0;
}

int plan_order_read(struct command *c, const struct fg_template *t, struct plan_order *out)
{
	cleanup_json cJSON *merged = plan_merged(c, t);
	const char *slash = strchr(c->words[0], '/');

	if (slash)
		out->host = fg_strndup(c->words[0], (size_t)(slash - c->words[0]));
	out->name = fg_strdup(slash ? slash + 1 : c->words[0]);
	out->params = cJSON_CreateObject();
	for (size_t i = 2; i < c->n; i++)
		if (take_word(c, merged, out, c->words[i]) < 0)
			return -1;
	return plan_missing(c, t, out->params);
}

void plan_order_finish(struct plan_order *order)
{
	free(order->name);
	free(order->host);
	free(order->host_glob);
	cJSON_Delete(order->params);
}
