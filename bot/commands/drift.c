/*
 * /drift: instances that are not what the config says.
 */
#include <string.h>
#include "commands/differences.h"
#include "commands/format.h"
#include "commands/overview.h"
#include "commands/service_differences.h"

static void add_drifted(struct fg_str *html, const struct differences *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct difference *d = &all->v[i];
		cleanup_free char *title = NULL, *template = NULL;

		if (d->drift.state != FG_CONFIG_DRIFTED)
			continue;
		title = target_title(d->item);
		template = format_cut(d->instance.template, 48);
		html_printf(html, "\n<b>%s</b> (template <code>%s</code>)\n", title, template);
		differences_html(html, &d->drift);
	}
}

static void add_strange(struct fg_str *html, const struct differences *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].drift.state == FG_CONFIG_UNKNOWN)
			differences_strange_html(html, &all->v[i]);
}

/* Of what is gone there is nothing to look at; who asks for everything should know of it. */
static int add_missing(struct command *c, struct fg_str *html)
{
	cleanup_instances struct fg_instances list = {0};
	struct fg_err err;
	int missing = 0;

	if (fg_registry_list(c->app->registry, &list, &err) < 0)
		return 0;
	for (size_t i = 0; i < list.n; i++)
		missing += strcmp(list.v[i].state, "missing") == 0 && overview_sees(c, &list.v[i]);
	if (missing)
		html_printf(html,
			fg_ntr("⚫ %d more is missing: /status\n",
				"⚫ %d more are missing: /status\n", (size_t)missing),
			missing);
	return missing;
}

static void write_report(struct command *c, const struct differences *all, bool everything)
{
	struct fg_str *html = reply_add(c->reply);
	size_t known = all->n - all->strange;
	char count[64];

	if (all->n == 0)
		html_printf(html, everything ? "There are no instances: /create makes one.\n"
					     : "None of these is an instance of a template.\n");
	else if (all->drifted)
		html_printf(html,
			all->drifted == 1
				? "🧭 <b>%d of %s has drifted</b> (config says → is)\n"
				: "🧭 <b>%d of %s have drifted</b> (config says → is)\n",
			(int)all->drifted,
			format_count(count, all->n, "%zu instance", "%zu instances"));
	else if (known)
		html_printf(html,
			known == 1 ? "✅ Nothing has drifted: %s is as the config says.\n"
				   : "✅ Nothing has drifted: %s are as the config says.\n",
			format_count(count, known, "%zu instance", "%zu instances"));
	add_drifted(html, all);
	if (all->strange && all->strange < all->n)
		fg_str_putc(html, '\n');
	add_strange(html, all);
	if (everything)
		add_missing(c, html);
}

static void add_button(struct command *c, const struct differences *all)
{
	cleanup_free char *words = words_join(c->words, c->n);
	char selector[TARGET_WORDS];

	if (!all->drifted || !target_may(c, "apply"))
		return;
	if (all->n == 1)
		keyboard_button(reply_keyboard(c->reply), fg_tr("Apply"), false, "apply %s",
			target_selector(selector, all->v[0].item));
	else
		keyboard_button(reply_keyboard(c->reply), fg_tr("Apply"), false, "apply %s",
			c->n ? words : "label=" FG_LABEL_MANAGED);
}

static void service_button(struct command *c, const struct service_differences *all)
{
	if (all->n == 1 && all->drifted && target_may(c, "apply"))
		keyboard_button(reply_keyboard(c->reply), fg_tr("Apply"), false, "apply service=%s",
			all->v[0].item->s.id);
}

static int drift_service(struct command *c, struct fg_today *today, struct fg_service_items *meant)
{
	cleanup_service_differences struct service_differences all = {0};

	if (service_differences_one(c, today, meant, &all) < 0)
		return -1;
	if (all.n == 0)
		return reply_html(c->reply, "None of these is an instance of a template.");
	service_differences_html(reply_add(c->reply), &all);
	c->reply->data = cJSON_CreateArray();
	service_differences_data(c->reply->data, &all);
	service_button(c, &all);
	return 0;
}

static int drift_run(struct command *c)
{
	cleanup_today struct fg_today *today =
		fg_today_create(c->setup->config->templates, c->setup->config->defaults);
	cleanup_items struct fg_items items = {0};
	cleanup_differences struct differences all = {0};
	cleanup_service_differences struct service_differences services = {0};
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items meant = {0};
	size_t n = c->n;
	int rc = swarm_maybe(c, words, n) ? swarm_meant(c, words, &n, &meant) : 0;

	if (rc != 0)
		return rc < 0 ? -1 : drift_service(c, today, &meant);
	if (service_differences_take(c, today, words, n, &services) < 0)
		return -1;
	if (command_pick(c, words, n, true, &items) < 0) {
		if (c->err.code != FG_ENOTFOUND || services.n == 0)
			return -1;
		fg_items_finish(&items);
	}
	if (differences_take(c, today, &items, &all) < 0)
		return -1;
	if (all.n || (services.n == 0 && !services.why.code))
		write_report(c, &all, c->n == 0);
	if (services.n || services.why.code)
		service_differences_html(reply_add(c->reply), &services);
	c->reply->data = differences_data(&all);
	service_differences_data(c->reply->data, &services);
	if (all.n == 0)
		service_button(c, &services);
	add_button(c, &all);
	target_note_silent(c, &items);
	return 0;
}

const struct command_row command_drift = {
	.name = "drift",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[SEL]",
	.help = "Instances that are not what the config says",
	.more = "Compares each with its template as the config has it now, and with what the "
		"engine says it is, field by field: what the config says → what it is. What was "
		"changed with /limits or /tag counts as asked for, until the config changes that "
		"field (of a service, with /scale or /update image=). /apply mends it.\n\n/drift\n/drift template=web",
	.run = drift_run,
};
