/*
 * /prune: what nobody uses, at a glance, and each kind of it by its word.
 */
#include <stdio.h>
#include <string.h>
#include "chat/spare.h"
#include "commands/format.h"
#include "commands/prune.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/pause.h"
#include "sweep.h"

static const struct {
	const char *word;
	enum fg_unused_kind kind;
	bool all; /* the word `all` means something */
} kinds[] = {
	{FG_TEXT("builds"), FG_UNUSED_BUILDS, false},
	{FG_TEXT("containers"), FG_UNUSED_CONTAINERS, false},
	{FG_TEXT("images"), FG_UNUSED_IMAGES, true},
	{FG_TEXT("networks"), FG_UNUSED_NETWORKS, false},
	{FG_TEXT("volumes"), FG_UNUSED_VOLUMES, true},
};

/* A line of the overview with its button, and the same for programs. */
static void overview_line(struct command *c, struct fg_str *html, cJSON *data, const char *word,
	size_t n, int64_t bytes, bool least, const char *host)
{
	char size[FG_HUMAN], capital[64], label[96];
	cJSON *one = cJSON_AddObjectToObject(data, word);

	fg_json_set_i64(one, "count", (int64_t)n);
	if (bytes >= 0)
		fg_json_set_i64(one, "bytes", bytes);
	html_printf(html, "\n<b>%s</b>: %d", fg_tr(word), (int)n);
	if (bytes >= 0 && n > 0)
		html_printf(html, least ? " · at least %s" : " · %s", fg_size_human(size, bytes));
	if (n == 0)
		return;
	snprintf(label, sizeof(label), "%s %zu", format_capital(capital, fg_tr(word)), n);
	keyboard_button(reply_keyboard(c->reply), label, false, "prune %s%s%s", word,
		host ? " host=" : "", host ? host : "");
}

static int overview_idle(
	struct command *c, struct fg_str *html, cJSON *data, const struct prune_words *words)
{
	struct fg_pruning pruning = sweep_pruning(c->app, c->setup);
	cleanup_prune_plan struct fg_prune_plan plan = {0};
	size_t n = 0;

	if (fg_prune_plan(&pruning, c->person.scope, false, &plan, &c->err) < 0)
		return -1;
	for (size_t i = 0; i < plan.n; i++)
		n += !words->host || strcmp(words->host, plan.v[i].host->name) == 0;
	overview_line(c, html, data, FG_TEXT("idle"), n, -1, false, words->host);
	if (plan.ruled == 0)
		html_printf(html, " (pruning is on for no instance)");
	return 0;
}

static int overview(struct command *c, const struct prune_words *words)
{
	struct fg_unused_wish wish = {
		.kinds = FG_UNUSED_BIT(FG_UNUSED_KINDS) - 1,
		.host = words->host,
		.scope = c->person.scope,
	};
	struct fg_unused_list lists[FG_UNUSED_KINDS] = {0};
	struct fg_str *html;
	cJSON *data;
	int rc;

	if (fg_unused_list(c->setup->fleet, c->app->registry, &wish, lists, &c->err) < 0)
		return -1;
	data = c->reply->data = cJSON_CreateObject();
	html = reply_add(c->reply);
	prune_silent(html, lists[0].silent, lists[0].silent_n);
	if (!words->host)
		prune_paused(c, html, NULL);
	html_printf(html, "🧹 <b>Unused</b>");
	rc = overview_idle(c, html, data, words);
	for (size_t i = 0; i < FG_ARRAY_LEN(kinds); i++) {
		enum fg_unused_kind kind = kinds[i].kind;
		bool least;
		int64_t bytes = prune_bytes(kind, &lists[kind], &least);

		overview_line(c, html, data, kinds[i].word, lists[kind].n,
			kind == FG_UNUSED_NETWORKS ? -1 : bytes, least, words->host);
		fg_unused_finish(&lists[kind]);
	}
	return rc;
}

static int check_host(struct command *c, const char *host)
{
	if (!host || (fg_fleet_find(c->setup->fleet, host) &&
			     fg_selector_match_host(c->person.scope, host)))
		return 0;
	return fg_fail(&c->err, FG_ENOTFOUND, "there is no host \"%s\". /hosts lists them", host);
}

/* By the clock a paused host is left alone, and so is one that became so since it was agreed to,
 * unless it was named. */
static int check_pause(struct command *c, const char *host)
{
	const struct fg_host *named = host ? fg_fleet_find(c->setup->fleet, host) : NULL;
	const cJSON *one;

	if (named)
		return c->by_clock && fg_host_paused(named) ? spare_refuse(c, named) : 0;
	cJSON_ArrayForEach (one, c->frozen) {
		const struct fg_host *agreed =
			fg_fleet_find(c->setup->fleet, fg_json_str(one, "host", ""));

		if (agreed && fg_host_paused(agreed))
			return spare_refuse(c, agreed);
	}
	return 0;
}

static int prune_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	struct prune_words wish = {0};
	size_t n = c->n;

	wish.host = command_option(words, &n, "host");
	if (n > 1 && strcmp(words[1], "all") == 0) {
		wish.all = true;
		n--;
	}
	if (n > 1)
		return command_usage(c, "one kind at a time");
	if (check_host(c, wish.host) < 0 || check_pause(c, wish.host) < 0)
		return -1;
	if (n == 0)
		return overview(c, &wish);
	if (strcmp(words[0], "idle") == 0 && !wish.all)
		return prune_idle(c, &wish);
	for (size_t i = 0; i < FG_ARRAY_LEN(kinds); i++)
		if (strcmp(words[0], kinds[i].word) == 0 && (kinds[i].all || !wish.all))
			return prune_unused(c, kinds[i].kind, &wish);
	return command_usage(
		c, wish.all ? "all goes with images and volumes" : "there is no such kind");
}

const struct command_row command_prune = {
	.name = "prune",
	.verb = "prune",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.asks = true,
	.min = 0,
	.max = 3,
	.usage = "[idle|containers|images|volumes|networks|builds] [all] [host=NAME]",
	.help = "Take away what nobody uses",
	.more = "Alone it shows how much of each kind there is. With a kind it lists exactly what "
		"would go and asks; what came into use meanwhile stays, and is named.\n\n"
		"idle: what the next sweep would take\n"
		"containers: stopped ones that are no instances\n"
		"images: those without a name; with all, whatever no container was made of\n"
		"volumes: those without a name that no container has; with all, named ones too\n"
		"networks: made by somebody, and no container needs them, stopped ones included\n"
		"builds: the build cache\n\n"
		"What has the label io.fleetgram.protect=true is never among them.\n\n"
		"/prune containers\n/prune images all host=prod1",
	.run = prune_run,
};
