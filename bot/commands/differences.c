/*
 * Looking for drift in many instances, and putting it into words.
 */
#include <string.h>
#include "commands/differences.h"
#include "commands/format.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/task.h"

#define AT_ONCE 16
#define FIELDS_MOST 20 /* a container */
#define VALUE_WIDTH 120

struct look {
	struct fg_today *today;
	struct difference *d;
};

static void look_at(void *arg)
{
	struct look *look = arg;
	struct difference *d = look->d;

	d->looked = fg_drift(look->today, d->item->host, &d->instance, &d->drift, &d->err) == 0;
}

static int look_all(struct command *c, struct fg_today *today, struct differences *out)
{
	cleanup_free struct look *looks = fg_alloc((out->n + 1) * sizeof(*looks));
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, AT_ONCE);
	for (size_t i = 0; i < out->n && rc == 0; i++) {
		looks[i] = (struct look){today, &out->v[i]};
		rc = fg_group_go(&group, "drift", look_at, &looks[i], &c->err);
	}
	/* They work on this memory until they have ended. */
	if (fg_group_wait(&group, FG_NEVER, rc == 0 ? &c->err : NULL) < 0)
		rc = -1;
	if (rc == 0 && fg_task_canceled())
		rc = fg_fail(&c->err, FG_ECANCELED, "canceled");
	return rc;
}

int differences_take(
	struct command *c, struct fg_today *today, struct fg_items *items, struct differences *out)
{
	*out = (struct differences){0};
	out->v = fg_alloc((items->n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < items->n; i++) {
		struct difference *d = &out->v[out->n];

		*d = (struct difference){.item = &items->v[i]};
		if (target_instance(c, d->item, &d->instance) > 0)
			out->n++;
		else
			out->others++;
	}
	if (look_all(c, today, out) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		out->drifted += out->v[i].drift.state == FG_CONFIG_DRIFTED;
		out->strange += out->v[i].drift.state == FG_CONFIG_UNKNOWN;
	}
	return 0;
}

void differences_finish(struct differences *d)
{
	for (size_t i = 0; i < d->n; i++) {
		fg_instance_finish(&d->v[i].instance);
		fg_drift_finish(&d->v[i].drift);
	}
	free(d->v);
	*d = (struct differences){0};
}

/* A value as anybody may read it: NULL stays NULL. Caller frees. */
static char *masked(const char *field, const char *value)
{
	static const char *const named[] = {"env.", "labels.", "logging.options."};
	cleanup_free char *pair = NULL, *shown = NULL;
	const char *key = "value";

	if (!value)
		return NULL;
	for (size_t i = 0; i < FG_ARRAY_LEN(named); i++)
		if (strncmp(field, named[i], strlen(named[i])) == 0)
			key = field + strlen(named[i]);
	if (strchr(key, '='))
		key = "value";
	pair = fg_printf("%s=%s", key, value);
	shown = format_masked(pair);
	return fg_strdup(shown + strlen(key) + 1);
}

static void add_value(struct fg_str *html, const char *value)
{
	cleanup_free char *cut = value ? format_cut(value, VALUE_WIDTH) : NULL;

	if (cut)
		html_printf(html, "<code>%s</code>", *cut ? cut : "\"\"");
	else
		html_printf(html, "none");
}

void differences_html(struct fg_str *html, const struct fg_drift *drift)
{
	for (size_t i = 0; i < drift->n && i < FIELDS_MOST; i++) {
		const struct fg_difference *d = &drift->v[i];
		cleanup_free char *want = masked(d->field, d->want),
				  *have = masked(d->field, d->have);
		cleanup_free char *field = format_cut(d->field, 80);

		html_printf(html, "• %s: ", field);
		/* Both masked alike. */
		if (want && have && strcmp(want, have) == 0) {
			add_value(html, want);
			html_printf(html, " (another value)\n");
			continue;
		}
		add_value(html, want);
		fg_str_puts(html, " → ");
		add_value(html, have);
		fg_str_putc(html, '\n');
	}
	if (drift->n > FIELDS_MOST)
		html_printf(html, "• … and %d more\n", (int)(drift->n - FIELDS_MOST));
}

void differences_strange_html(struct fg_str *html, const struct difference *d)
{
	cleanup_free char *title = target_title(d->item);

	html_printf(html, "❔ <b>%s</b>: %s\n", title, d->looked ? d->drift.why.text : d->err.text);
}

static void add_text_or_null(cJSON *object, const char *key, const char *text)
{
	cJSON_AddItemToObject(object, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

cJSON *differences_fields(const struct fg_drift *drift)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < drift->n; i++) {
		const struct fg_difference *d = &drift->v[i];
		cleanup_free char *want = masked(d->field, d->want),
				  *have = masked(d->field, d->have);
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "field", d->field);
		add_text_or_null(one, "want", want);
		add_text_or_null(one, "have", have);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}

cJSON *differences_data(const struct differences *d)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < d->n; i++) {
		const struct difference *one = &d->v[i];
		cJSON *data = cJSON_CreateObject();

		cJSON_AddStringToObject(data, "name", one->instance.name);
		cJSON_AddStringToObject(data, "host", one->instance.host);
		cJSON_AddStringToObject(data, "config", fg_config_state_name(one->drift.state));
		cJSON_AddItemToObject(data, "differences", differences_fields(&one->drift));
		if (one->drift.state == FG_CONFIG_UNKNOWN)
			cJSON_AddStringToObject(
				data, "why", one->looked ? one->drift.why.text : one->err.text);
		cJSON_AddItemToArray(list, data);
	}
	return list;
}
