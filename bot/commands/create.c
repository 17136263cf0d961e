/*
 * /create: a new instance of a template.
 */
#include <string.h>
#include "commands/card.h"
#include "commands/create_service.h"
#include "commands/format.h"
#include "commands/plan.h"
#include "fleetgram/base/json.h"

struct order {
	struct command *c;
	struct fg_template template;
	struct plan_order is;
	cJSON *spec;
	struct fg_str placed; /* why it is that host; "" when it was chosen */
	struct fg_host *host;
	char author[96];
};

static void order_finish(struct order *o)
{
	plan_order_finish(&o->is);
	cJSON_Delete(o->spec);
	fg_str_finish(&o->placed);
}

/* What was agreed to is on the host that was shown. */
static void recall_host(const struct command *c, struct order *o)
{
	const char *host = fg_json_str(cJSON_GetArrayItem(c->frozen, 0), "host", "");

	if (!o->is.host && *host)
		o->is.host = fg_strdup(host);
}

/* Nobody makes what they could not see. */
static int check_scope(struct command *c, const struct order *o)
{
	struct fg_subject subject = {
		.name = o->is.name,
		.host = o->host->name,
		.state = "running",
		.health = "",
		.image = fg_json_str(o->spec, "image", ""),
		.template = o->template.name,
		.project = "",
		.id = "",
		.labels = fg_json_object(o->spec, "labels"),
	};

	if (!c->person.scope || fg_selector_match(c->person.scope, &subject))
		return 0;
	return fg_fail(&c->err, FG_EDENIED, "that would be outside of what you may see (%s)",
		fg_selector_text(c->person.scope));
}

static void show_pull(const struct fg_pull_progress *p, void *arg)
{
	struct order *o = arg;
	cleanup_str struct fg_str html = {0};
	char done[FG_HUMAN], total[FG_HUMAN];

	fg_str_init(&html, 4096);
	html_printf(&html, "⬇️ Getting the image for <b>%s</b>\n", o->is.name);
	if (p->bytes_total > 0) {
		format_bar(&html, p->bytes, p->bytes_total);
		html_printf(&html, " %s of %s\n", fg_size_human(done, p->bytes),
			fg_size_human(total, p->bytes_total));
	}
	if (p->layers)
		html_printf(&html, "%d of %d layers\n", p->layers_done, p->layers);
	else if (p->status && *p->status)
		html_printf(&html, "%s\n", p->status);
	reply_progress(o->c->reply, html.s);
}

/* Warnings come one a line. */
static void write_warnings(struct fg_str *html, const char *warnings)
{
	for (const char *line = warnings; *line;) {
		size_t len = strcspn(line, "\n");

		fg_str_puts(html, "⚠️ ");
		html_text_len(html, line, len);
		fg_str_putc(html, '\n');
		line += len + (line[len] == '\n');
	}
}

static void write_limits(struct fg_str *html, const cJSON *limits)
{
	int64_t cpus = fg_json_i64(limits, "nano_cpus", 0),
		memory = fg_json_i64(limits, "memory", 0), pids = fg_json_i64(limits, "pids", 0);
	size_t begin = html->len;
	char human[FG_HUMAN];

	if (cpus > 0)
		html_printf(html, ", %s CPU", format_cpus(human, cpus));
	if (memory > 0)
		html_printf(html, ", %s memory", fg_size_human(human, memory));
	if (pids > 0)
		html_printf(html, ", %lld processes", pids);
	if (html->len == begin)
		html_printf(html, ", no limits");
	fg_str_putc(html, '\n');
}

static void write_preview(const struct order *o, struct fg_str *html)
{
	cleanup_free char *image = format_image(fg_json_str(o->spec, "image", "?"));
	cleanup_free char *params = plan_params(o->is.params);
	cleanup_str struct fg_str warnings = {0};

	html_printf(html, "📦 <b>Create %s on %s?</b>\n", o->is.name, o->host->name);
	html_printf(
		html, "Template <code>%s</code>, image <code>%s</code>", o->template.name, image);
	write_limits(html, fg_json_object(o->spec, "limits"));
	if (o->placed.len)
		html_printf(html, "🖥 %s\n", o->placed.s);
	if (*params)
		html_printf(html, "With <code>%s</code>\n", params);
	fg_str_init(&warnings, 4096);
	fg_spec_warnings(o->spec, &warnings);
	write_warnings(html, warnings.s);
	fg_str_truncate(html, html->len - 1);
}

static struct fg_create request(const struct order *o)
{
	return (struct fg_create){
		.name = o->is.name,
		.template = &o->template,
		.defaults = o->c->setup->config->defaults,
		.params = o->is.params,
		.host = o->is.host,
		.host_glob = o->is.host_glob,
		.registry = o->c->app->registry,
		.placed = (struct fg_str *)&o->placed,
		.scope = o->c->person.scope,
		.unasked = o->c->by_clock,
		.created_by = o->author,
		.pull = {.progress = show_pull, .arg = (void *)o},
	};
}

static void write_report(struct fg_str *html, const struct order *o, const char *warnings)
{
	html_printf(html, "✅ <b>%s</b> is created and started.\n", o->is.name);
	if (o->placed.len)
		html_printf(html, "🖥 %s\n", o->placed.s);
	write_warnings(html, warnings);
	fg_str_putc(html, '\n');
}

/* With the card of what was made. It is made even when its card is not to be had. */
static int report(struct command *c, const struct order *o, const struct fg_instance *instance,
	const char *warnings)
{
	cleanup_items struct fg_items items = {0};
	cleanup_selector struct fg_selector *sel = NULL;
	cleanup_free char *host = fg_printf("host=%s", o->host->name);
	cleanup_free char *id = fg_printf("id=%s", instance->container_id);
	const char *words[] = {host, id};
	cleanup_str struct fg_str head = {0};
	struct fg_err err;

	fg_str_init(&head, 32768);
	write_report(&head, o, warnings);
	sel = fg_selector_parse(words, FG_ARRAY_LEN(words), &err);
	if (sel && fg_fleet_list(c->setup->fleet, NULL, sel, &items, &err) == 0 && items.n == 1 &&
		card_show(c, &items.v[0], head.s) == 0)
		return 0;
	c->reply->data = cJSON_Duplicate(instance->doc, true);
	return reply_html(c->reply, "%S", head.s);
}

static int place(struct command *c, struct order *o)
{
	cleanup_instance struct fg_instance instance = {0};
	cleanup_str struct fg_str preview = {0}, warnings = {0};
	struct fg_item made = {0};
	struct fg_create create;
	char hash[FG_HASH_SIZE];
	int rc;

	if (plan_order_read(c, &o->template, &o->is) < 0)
		return -1;
	command_author(c, o->author);
	recall_host(c, o);
	fg_str_init(&o->placed, 512);
	create = request(o);
	o->spec = fg_instance_plan(c->setup->fleet, &create, &o->host, &c->err);
	if (!o->spec || check_scope(c, o) < 0)
		return -1;
	fg_str_init(&preview, 16384);
	write_preview(o, &preview);
	made.host = o->host;
	made.c.name = o->is.name;
	/* What was agreed to is this very spec on this very host. */
	fg_spec_hash(o->spec, hash);
	snprintf(made.c.id, sizeof(made.c.id), "%s", strchr(hash, ':') + 1);
	rc = command_confirm(c, &(struct fg_items){.v = &made, .n = 1}, preview.s);
	if (rc <= 0)
		return rc;
	create.host = o->host->name;
	made.c.id[0] = '\0';
	if (command_begin(c, &(struct fg_items){.v = &made, .n = 1}, NULL) < 0)
		return -1;
	fg_str_init(&warnings, 16384);
	if (fg_instance_create(
		    c->setup->fleet, c->app->registry, &create, &instance, &warnings, &c->err) < 0)
		return -1;
	return report(c, o, &instance, warnings.s);
}

static int create_run(struct command *c)
{
	struct order o = {.c = c};
	int rc;

	if (plan_template(c, c->words[1], &o.template) < 0)
		return -1;
	if (plan_is_service(c, &o.template))
		return create_service(c, &o.template);
	rc = place(c, &o);
	order_finish(&o);
	return rc;
}

const struct command_row command_create = {
	.name = "create",
	.verb = "create",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 2,
	.max = -1,
	.usage = "NAME TEMPLATE [host=…] [replicas=N] [param=value…]",
	.help = "Create and start an instance of a template",
	.more = "/templates lists the templates and their parameters. The image is fetched when "
		"the host does not have it. "
		"host=NAME or HOST/NAME chooses the host. Without it, of the hosts that the template "
		"and a host= glob allow, the one is taken that answers, is not paused and has the "
		"most memory free of limits. A template with mode: service makes a service of a "
		"swarm, and what is told is how many of its tasks run in the end; replicas=N is for "
		"those alone.\n"
		"\n"
		"/create shop1 web\n"
		"/create shop1 web host=prod*\n"
		"/create prod2/shop1 web PORT=8081 TITLE=\"My shop\"",
	.run = create_run,
};
