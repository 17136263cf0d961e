/*
 * /prune containers|images|volumes|networks|builds: what lies unused, shown, and exactly that
 * removed.
 */
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/prune.h"
#include "fleetgram/base/json.h"

#define LINES_CAP ((size_t)8 * 1024 * 1024)

/* For programs a kind has its name. People get whole sentences: languages differ in more than the
 * noun. */
static const char *const names[FG_UNUSED_KINDS] = {
	[FG_UNUSED_BUILDS] = "build steps",
	[FG_UNUSED_CONTAINERS] = "containers",
	[FG_UNUSED_IMAGES] = "images",
	[FG_UNUSED_NETWORKS] = "networks",
	[FG_UNUSED_VOLUMES] = "volumes",
};

static const char *const none_of[FG_UNUSED_KINDS] = {
	[FG_UNUSED_BUILDS] = FG_TEXT("Nothing to prune: no build steps without use."),
	[FG_UNUSED_CONTAINERS] = FG_TEXT("Nothing to prune: no containers without use."),
	[FG_UNUSED_IMAGES] = FG_TEXT("Nothing to prune: no images without use."),
	[FG_UNUSED_NETWORKS] = FG_TEXT("Nothing to prune: no networks without use."),
	[FG_UNUSED_VOLUMES] = FG_TEXT("Nothing to prune: no volumes without use."),
};

static const char *const pruning[FG_UNUSED_KINDS] = {
	[FG_UNUSED_BUILDS] = FG_TEXT("🧹 Pruning build steps: %d of %d\n"),
	[FG_UNUSED_CONTAINERS] = FG_TEXT("🧹 Pruning containers: %d of %d\n"),
	[FG_UNUSED_IMAGES] = FG_TEXT("🧹 Pruning images: %d of %d\n"),
	[FG_UNUSED_NETWORKS] = FG_TEXT("🧹 Pruning networks: %d of %d\n"),
	[FG_UNUSED_VOLUMES] = FG_TEXT("🧹 Pruning volumes: %d of %d\n"),
};

/* So many of them, and so many on the button that confirms. */
static const struct {
	const char *one, *many, *button_one, *button_many;
} counts[FG_UNUSED_KINDS] = {
	[FG_UNUSED_BUILDS] = {FG_PLURAL("%zu build step", "%zu build steps"),
		FG_PLURAL("%s %zu build step", "%s %zu build steps")},
	[FG_UNUSED_CONTAINERS] = {FG_PLURAL("%zu container", "%zu containers"),
		FG_PLURAL("%s %zu container", "%s %zu containers")},
	[FG_UNUSED_IMAGES] = {FG_PLURAL("%zu image", "%zu images"),
		FG_PLURAL("%s %zu image", "%s %zu images")},
	[FG_UNUSED_NETWORKS] = {FG_PLURAL("%zu network", "%zu networks"),
		FG_PLURAL("%s %zu network", "%s %zu networks")},
	[FG_UNUSED_VOLUMES] = {FG_PLURAL("%zu volume", "%zu volumes"),
		FG_PLURAL("%s %zu volume", "%s %zu volumes")},
};

int64_t prune_bytes(enum fg_unused_kind kind, const struct fg_unused_list *list, bool *least)
{
	int64_t bytes = 0;

	/* what images have in common goes with the last of them */
	*least = kind == FG_UNUSED_IMAGES && list->n > 0;
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].bytes > 0)
			bytes += list->v[i].bytes;
		*least |= list->v[i].bytes < 0;
	}
	return bytes;
}

static void add_line(
	struct command *c, struct fg_str *lines, const struct fg_unused *one, bool sizes)
{
	cleanup_free char *title = prune_title(c, one->host, one->name);
	char age[FG_HUMAN], size[FG_HUMAN];

	html_printf(lines, "\n• <b>%s</b>", title);
	if (one->created_ms > 0)
		html_printf(lines, " · %s old", format_age(age, fg_wall_ms() - one->created_ms));
	if (sizes)
		html_printf(lines, " · %s",
			one->bytes < 0 ? fg_tr("size unknown") : fg_size_human(size, one->bytes));
	if (*one->note) {
		cleanup_free char *note = format_cut(one->note, 80);

		html_printf(lines, " · %s", note);
	}
}

static const char *count_text(char buf[64], enum fg_unused_kind kind, size_t n)
{
	return format_count(buf, n, counts[kind].one, counts[kind].many);
}

/* "🧹 Prune 3 images?" with what that frees. */
static void write_head(struct command *c, struct fg_str *html, enum fg_unused_kind kind,
	const struct prune_words *words, const struct fg_unused_list *list)
{
	char count[64], size[FG_HUMAN];
	bool least;
	int64_t bytes = prune_bytes(kind, list, &least);

	prune_silent(html, list->silent, list->silent_n);
	if (!words->host)
		prune_paused(c, html, NULL);
	html_printf(html, "🧹 <b>Prune %s?</b>", count_text(count, kind, list->n));
	if (kind != FG_UNUSED_NETWORKS)
		html_printf(html, least ? " At least %s will be free." : " %s will be free.",
			fg_size_human(size, bytes));
	if (kind == FG_UNUSED_CONTAINERS)
		html_printf(html, "\nAnonymous volumes go with them, named ones stay.");
	if (kind == FG_UNUSED_VOLUMES)
		html_printf(html, "\n<b>What is in them is lost.</b>");
}

static int nothing(struct command *c, enum fg_unused_kind kind, const struct prune_words *words,
	const struct fg_unused_list *list)
{
	static const char *const hints[FG_UNUSED_KINDS] = {
		[FG_UNUSED_IMAGES] = FG_TEXT(" /prune images all looks at images with a name too."),
		[FG_UNUSED_VOLUMES] = FG_TEXT(" /prune volumes all looks at named volumes too."),
	};
	struct fg_str *html = reply_add(c->reply);

	prune_silent(html, list->silent, list->silent_n);
	if (!words->host)
		prune_paused(c, html, NULL);
	html_printf(html, none_of[kind]);
	if (!words->all && hints[kind])
		html_printf(html, hints[kind]);
	c->reply->data = cJSON_CreateObject();
	cJSON_AddArrayToObject(c->reply->data, "done");
	return 0;
}

/* The things as targets; the names stay theirs. */
static void to_items(const struct fg_unused_list *list, struct fg_item *v)
{
	for (size_t i = 0; i < list->n; i++) {
		v[i].host = list->v[i].host;
		v[i].c.name = list->v[i].name;
		snprintf(v[i].c.id, sizeof(v[i].c.id), "%s", list->v[i].id);
	}
}

/* What was confirmed and is still there and unused stays in the list; the rest of what was
 * confirmed is added to it all the same: removing looks at each, and says why it stays. */
static void keep_frozen(struct command *c, struct fg_unused_list *list)
{
	struct fg_unused_list out = {.silent = list->silent, .silent_n = list->silent_n};
	const cJSON *one;
	size_t i;

	out.v = fg_alloc(((size_t)cJSON_GetArraySize(c->frozen) + list->n + 1) * sizeof(*out.v));
	for (i = 0; i < list->n; i++) {
		struct fg_unused *here = &list->v[i];

		if (prune_frozen(c, here->host->name, here->id, here->name)) {
			out.v[out.n++] = *here;
		} else {
			free(here->name);
			free(here->note);
		}
	}
	free(list->v);
	*list = out;
	cJSON_ArrayForEach (one, c->frozen) {
		const char *name = fg_json_str(one, "name", ""), *id = fg_json_str(one, "id", "");
		struct fg_host *host = fg_fleet_find(c->setup->fleet, fg_json_str(one, "host", ""));
		struct fg_unused *gone = &list->v[list->n];

		for (i = 0; i < out.n; i++)
			if (list->v[i].host == host && strcmp(list->v[i].id, id) == 0 &&
				strcmp(list->v[i].name, name) == 0)
				break;
		if (i < out.n || !host || !fg_selector_match_host(c->person.scope, host->name))
			continue;
		*gone = (struct fg_unused){.host = host,
			.name = fg_strdup(name),
			.note = fg_strdup(""),
			.bytes = -1,
			.freed = -1};
		snprintf(gone->id, sizeof(gone->id), "%s", id);
		list->n++;
	}
}

struct progress {
	struct command *c;
	enum fg_unused_kind kind;
	size_t done, all;
};

static void show_progress(const struct fg_unused *one, void *arg)
{
	struct progress *p = arg;
	cleanup_str struct fg_str html = {0};

	(void)one;
	if (p->done < p->all)
		p->done++;
	fg_str_init(&html, 4096);
	html_printf(&html, pruning[p->kind], (int)p->done, (int)p->all);
	format_bar(&html, (int64_t)p->done, (int64_t)p->all);
	reply_progress(p->c->reply, html.s);
}

static int report(struct command *c, enum fg_unused_kind kind, const struct fg_unused_list *list,
	int64_t freed)
{
	struct prune_report r;
	cleanup_str struct fg_str head = {0};
	char count[64], size[FG_HUMAN];
	int rc;

	prune_report_init(&r);
	for (size_t i = 0; i < list->n; i++) {
		const struct fg_unused *one = &list->v[i];
		cleanup_free char *title = prune_title(c, one->host, one->name);
		cJSON *data = cJSON_CreateObject();

		cJSON_AddStringToObject(data, "name", one->name);
		cJSON_AddStringToObject(data, "host", one->host->name);
		cJSON_AddStringToObject(data, "id", one->id);
		if (one->freed >= 0)
			fg_json_set_i64(data, "freed_bytes", one->freed);
		prune_report_add(&r, title, one->freed > 0 ? fg_size_human(size, one->freed) : NULL,
			one->result, &one->err, data);
	}
	fg_str_init(&head, 1024);
	html_printf(
		&head, "%S %s removed", r.done_n ? "✅" : "🧹", count_text(count, kind, r.done_n));
	if (r.done_n && freed >= 0)
		html_printf(&head, ", %s freed", fg_size_human(size, freed));
	fg_str_puts(&head, ".");
	cJSON_AddStringToObject(r.data, "kind", names[kind]);
	if (freed >= 0)
		fg_json_set_i64(r.data, "freed_bytes", r.done_n ? freed : 0);
	rc = prune_report_say(c, &r, head.s);
	prune_report_finish(&r);
	return rc;
}

static int ask(struct command *c, enum fg_unused_kind kind, const struct prune_words *words,
	const struct fg_unused_list *list)
{
	cleanup_free struct fg_item *v = fg_alloc((list->n + 1) * sizeof(*v));
	cleanup_str struct fg_str lines = {0}, head = {0};
	cleanup_free char *file = fg_printf("prune-%s.txt", names[kind]);

	to_items(list, v);
	fg_str_init(&lines, LINES_CAP);
	fg_str_init(&head, 16384);
	write_head(c, &head, kind, words, list);
	for (size_t i = 0; i < list->n; i++)
		add_line(c, &lines, &list->v[i], kind != FG_UNUSED_NETWORKS);
	command_targets_are(c, counts[kind].button_one, counts[kind].button_many);
	return prune_confirm(c, &(struct fg_items){.v = v, .n = list->n}, head.s, &lines, file);
}

/* Only containers are looked at again after a crash; of the rest a word has to do. */
static int begin(struct command *c, enum fg_unused_kind kind, const struct fg_unused_list *list)
{
	cleanup_free struct fg_item *v = fg_alloc((list->n + 1) * sizeof(*v));
	char count[64];

	to_items(list, v);
	return command_begin(c,
		kind == FG_UNUSED_CONTAINERS ? &(struct fg_items){.v = v, .n = list->n} : NULL,
		count_text(count, kind, list->n));
}

int prune_unused(struct command *c, enum fg_unused_kind kind, const struct prune_words *words)
{
	struct fg_unused_wish wish = {
		.kinds = FG_UNUSED_BIT(kind),
		.all = words->all,
		.host = words->host,
		.scope = c->person.scope,
	};
	struct fg_unused_list lists[FG_UNUSED_KINDS] = {0};
	struct fg_unused_list *list = &lists[kind];
	struct progress progress = {.c = c, .kind = kind};
	int64_t freed = -1;
	int rc = fg_unused_list(c->setup->fleet, c->app->registry, &wish, lists, &c->err);

	if (rc == 0 && c->frozen)
		keep_frozen(c, list);
	progress.all = list->n;
	if (rc == 0 && !c->frozen && list->n == 0)
		rc = nothing(c, kind, words, list);
	else if (rc == 0 && (c->frozen || (rc = ask(c, kind, words, list)) > 0)) {
		rc = begin(c, kind, list);
		if (rc == 0) {
			fg_unused_remove(c->app->registry, kind, words->all, list, show_progress,
				&progress, &freed);
			rc = report(c, kind, list, freed);
		}
	}
	for (int i = 0; i < FG_UNUSED_KINDS; i++)
		fg_unused_finish(&lists[i]);
	return rc;
}
