/*
 * /templates: what can be created.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/plan.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"

#define PATTERN_USUAL "^[A-Za-z0-9._:/@-]{1,128}$"

/* What is secret is asked for, and not told. */
static char *default_text(const cJSON *p)
{
	const cJSON *value = fg_json_get(p, "default");
	cleanup_free char *printed = NULL, *pair = NULL, *masked = NULL;

	if (!value || cJSON_IsNull(value))
		return NULL;
	if (!cJSON_IsString(value))
		printed = fg_json_print(value);
	pair = fg_printf("%s=%s", p->string, printed ? printed : value->valuestring);
	masked = format_masked(pair);
	return format_cut(masked + strlen(p->string) + 1, 60);
}

static void add_parameter(struct fg_str *html, const cJSON *p)
{
	const char *pattern = fg_json_str(p, "pattern", PATTERN_USUAL),
		   *description = fg_json_str(p, "description", "");
	cleanup_free char *text = default_text(p);

	html_printf(html, "   <code>%s</code>", p->string);
	if (text && *text)
		html_printf(html, " = <code>%s</code>", text);
	else
		html_printf(html, text ? " (may be empty)" : " (needed)");
	if (*description)
		html_printf(html, " · %s", description);
	if (strcmp(pattern, PATTERN_USUAL) != 0) {
		cleanup_free char *cut = format_cut(pattern, 60);

		html_printf(html, " · like <code>%s</code>", cut);
	}
	fg_str_putc(html, '\n');
}

/* "a service, 3 tasks, node.role==worker" */
static void add_service(struct fg_str *html, const cJSON *merged)
{
	const cJSON *replicas = fg_json_get(merged, "replicas");
	cleanup_free char *printed = replicas && !cJSON_IsString(replicas)
					     ? fg_json_print(replicas)
					     : fg_strdup(fg_json_str(merged, "replicas", "1"));
	cleanup_free char *cut = format_cut(printed, 40);
	cleanup_str struct fg_str placement = {0};

	if (fg_json_bool(merged, "global", false))
		html_printf(html, "   a service, one task on each node");
	else
		html_printf(html, "   a service, tasks: %s", cut);
	fg_str_init(&placement, 1024);
	plan_placement(&placement, fg_json_object(merged, "placement"));
	if (placement.len)
		html_printf(html, FG_TEXT(" · %s"), placement.s);
	fg_str_putc(html, '\n');
}

static void add_template(struct fg_str *html, const char *name, const cJSON *merged)
{
	const char *image = fg_json_str(merged, "image", "?"),
		   *host = fg_json_str(merged, "host", "");
	cleanup_free char *shown = format_image(image);
	const cJSON *p;

	html_printf(html, "\n📦 <b>%s</b> · <code>%s</code>\n   ", name, shown);
	plan_limits_html(html, fg_json_object(merged, "limits"));
	fg_str_putc(html, '\n');
	if (fg_spec_is_service(merged))
		add_service(html, merged);
	if (*host)
		html_printf(html, "   on %s\n", host);
	cJSON_ArrayForEach (p, fg_json_object(merged, "parameters")) {
		add_parameter(html, p);
	}
}

static cJSON *parameters_data(const cJSON *merged)
{
	cJSON *data = cJSON_Duplicate(fg_json_object(merged, "parameters"), true), *p;

	cJSON_ArrayForEach (p, data) {
		cleanup_free char *text = default_text(p);

		if (text && strstr(text, "***"))
			cJSON_ReplaceItemInObjectCaseSensitive(
				p, "default", cJSON_CreateString(text));
	}
	return data;
}

static cJSON *template_data(const char *name, const cJSON *merged)
{
	static const char *const keys[] = {
		"image", "host", "limits", "mode", "replicas", "global", "placement"};
	cJSON *data = cJSON_CreateObject(), *parameters = parameters_data(merged);

	cJSON_AddStringToObject(data, "name", name);
	for (size_t i = 0; i < FG_ARRAY_LEN(keys); i++) {
		const cJSON *field = fg_json_get(merged, keys[i]);

		if (field)
			cJSON_AddItemToObject(data, keys[i], cJSON_Duplicate(field, true));
	}
	if (parameters)
		cJSON_AddItemToObject(data, "parameters", parameters);
	return data;
}

static int templates_run(struct command *c)
{
	struct fg_str *html = reply_add(c->reply);
	const cJSON *config;
	char count[64];
	int n = cJSON_GetArraySize(c->setup->config->templates);

	c->reply->data = cJSON_CreateArray();
	if (n == 0) {
		html_printf(html, "There are no templates. They belong into the config, under "
				  "<code>templates</code>.");
		return 0;
	}
	html_printf(html, "<b>%s</b>\n",
		format_count(count, (size_t)n, "%zu template", "%zu templates"));
	cJSON_ArrayForEach (config, c->setup->config->templates) {
		struct fg_template t = {.name = config->string, .config = config};
		cleanup_json cJSON *merged = plan_merged(c, &t);

		add_template(html, t.name, merged);
		cJSON_AddItemToArray(c->reply->data, template_data(t.name, merged));
	}
	if (target_may(c, "create"))
		html_printf(html, "\n/create NAME TEMPLATE makes one.");
	return 0;
}

const struct command_row command_templates = {
	.name = "templates",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.usage = "",
	.help = "What can be created, and with which parameters",
	.more = "A parameter with a value after = has a default; the others have to be given to "
		"/create. Where a pattern is shown, a value has to be like it.\n"
		"\n"
		"/templates",
	.run = templates_run,
};
