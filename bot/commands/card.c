/*
 * Writing a container's card.
 */
#include <stdio.h>
#include <string.h>
#include "commands/card.h"
#include "commands/card_facts.h"
#include "commands/format.h"
#include "fleetgram/base/json.h"

void card_title(struct fg_str *html, const struct fg_item *item)
{
	cleanup_free char *title = target_title(item);

	html_printf(html, "%S <b>%s</b> · %s", format_dot(item->c.state, item->c.health), title,
		item->c.state);
	if (*item->c.health && strcmp(item->c.state, "running") == 0)
		html_printf(html, ", %s", item->c.health);
}

static void add_times(struct fg_str *html, const struct card *card)
{
	const struct fg_container_info *info = card->info;
	char age[FG_HUMAN];

	if (format_is_up(info->state) && info->started_ms > 0)
		html_printf(html, " for %s", format_age(age, card->now_ms - info->started_ms));
	fg_str_putc(html, '\n');
}

static void add_end(struct fg_str *html, const struct card *card)
{
	const struct fg_container_info *info = card->info;
	char ago[FG_HUMAN], words[64];
	const char *why = format_exit(words, info->exit_code, info->oom_killed);

	if (!format_is_up(info->state) && info->finished_ms > 0) {
		html_printf(html, "Ended %s with exit code %d",
			format_ago(ago, info->finished_ms, card->now_ms), info->exit_code);
		if (why)
			html_printf(html, ": %s", why);
		fg_str_putc(html, '\n');
	}
	if (*info->error) {
		cleanup_free char *error = format_cut(info->error, 300);

		html_printf(html, "❗ %s\n", error);
	}
}

static void add_identity(struct fg_str *html, const struct card *card)
{
	const struct fg_container_info *info = card->info;
	cleanup_free char *image = format_image(info->image);
	char ago[FG_HUMAN], id[13];

	snprintf(id, sizeof(id), "%s", info->id);
	html_printf(html, "Image <code>%s</code>\n", image);
	html_printf(html, "Id <code>%s</code>, created %s\n", id,
		format_ago(ago, info->created_ms, card->now_ms));
}

static void add_health(struct fg_str *html, const struct card *card)
{
	const struct fg_container_info *info = card->info;
	cleanup_free char *output = NULL;
	const char *end;

	if (strcmp(info->health, "unhealthy") != 0 || !*info->health_output)
		return;
	end = info->health_output + strlen(info->health_output);
	while (end > info->health_output && strchr(" \t\r\n", end[-1]))
		end--;
	output = fg_strndup(info->health_output,
		fg_utf8_cut(info->health_output, (size_t)(end - info->health_output), 400));
	html_printf(html, "The health check says:\n<pre>");
	html_text(html, output);
	fg_str_puts(html, "</pre>\n");
}

static void add_instance(struct fg_str *html, const struct card *card)
{
	const struct fg_instance *instance = card->instance;
	int64_t created = 0, used = 0;
	char a[FG_HUMAN], b[FG_HUMAN];

	if (!instance)
		return;
	(void)fg_rfc3339_parse(instance->created_at, &created);
	(void)fg_rfc3339_parse(instance->last_used_at, &used);
	html_printf(html, "Instance of <code>%s</code>", instance->template);
	if (*instance->created_by)
		html_printf(html, ", made by %s", instance->created_by);
	if (created > 0)
		html_printf(html, " %s", format_ago(a, created, card->now_ms));
	if (used > 0)
		html_printf(html, ", last used %s", format_ago(b, used, card->now_ms));
	fg_str_putc(html, '\n');
}

static void add_notes(struct fg_str *html, const struct card *card)
{
	const struct fg_record *record = card->record;

	if (record && record->pinned)
		html_printf(html, "📌 Pinned: updates leave it alone\n");
	if (record && *record->note)
		html_printf(html, "📝 %s\n", record->note);
}

void card_html(struct fg_str *html, const struct card *card)
{
	card_title(html, card->item);
	add_times(html, card);
	add_end(html, card);
	add_health(html, card);
	add_identity(html, card);
	add_instance(html, card);
	add_notes(html, card);
	card_facts_html(html, card);
}

static void add_time(cJSON *data, const char *key, int64_t ms)
{
	char time[FG_RFC3339];

	if (ms > 0)
		cJSON_AddStringToObject(data, key, fg_rfc3339(time, ms));
	else
		cJSON_AddNullToObject(data, key);
}

cJSON *card_data(const struct card *card)
{
	const struct fg_container_info *info = card->info;
	cJSON *data = target_data(card->item), *limits;

	add_time(data, "started_at", info->started_ms);
	add_time(data, "finished_at", info->finished_ms);
	cJSON_AddNumberToObject(data, "exit_code", info->exit_code);
	cJSON_AddBoolToObject(data, "oom_killed", info->oom_killed);
	cJSON_AddStringToObject(data, "error", info->error);
	cJSON_AddStringToObject(data, "restart_policy", info->restart_policy);
	fg_json_set_i64(data, "restart_count", info->restart_count);
	limits = cJSON_AddObjectToObject(data, "limits");
	cJSON_AddNumberToObject(limits, "cpus", (double)info->nano_cpus / 1e9);
	fg_json_set_i64(limits, "memory", info->memory);
	fg_json_set_i64(limits, "pids", info->pids);
	card_facts_data(data, card);
	if (card->instance && card->instance->doc)
		cJSON_AddStringToObject(data, "created_by", card->instance->created_by);
	cJSON_AddBoolToObject(data, "pinned", card->record && card->record->pinned);
	cJSON_AddStringToObject(data, "note", card->record ? card->record->note : "");
	return data;
}

/* Buttons */

struct button {
	const char *label, *command;
	const char *states; /* that it makes sense in, with spaces around; NULL: any */
	bool edit, new_row;
};

static const struct button buttons[] = {
	{FG_TEXT("▶️ Start"), "up", " created exited dead ", true, false},
	{FG_TEXT("▶️ Go on"), "unpause", " paused ", true, false},
	{FG_TEXT("📜 Logs"), "logs", NULL, false, false},
	{FG_TEXT("📊 Stats"), "stats", " running paused ", false, false},
	{FG_TEXT("📈 Chart"), "chart", " running paused ", false, false},
	{FG_TEXT("⚙️ Processes"), "top", " running ", false, false},
	{FG_TEXT("🔄 Restart"), "restart", " running restarting ", true, true},
	{FG_TEXT("⏸ Pause"), "pause", " running ", true, false},
	{FG_TEXT("⏹ Stop"), "stop", " running restarting ", true, false},
	{FG_TEXT("⏹ Stop"), "stop", " paused ", true, true},
	{FG_TEXT("🗑 Remove"), "remove", " created exited dead ", true, true},
	{FG_TEXT("↻ Refresh"), "info", NULL, true, true},
};

static bool fits_state(const struct button *b, const char *state)
{
	char word[24];

	if (!b->states)
		return true;
	snprintf(word, sizeof(word), " %s ", state);
	return strstr(b->states, word) != NULL;
}

static bool may(const struct command *c, const struct button *b)
{
	/* Of what is not measured there is nothing to draw. */
	if (!c->setup->config->history_enabled && strcmp(b->command, "chart") == 0)
		return false;
	return target_may(c, b->command);
}

void card_buttons(struct command *c, const struct fg_item *item)
{
	char selector[TARGET_WORDS];
	cJSON *keyboard = NULL;

	for (size_t i = 0; i < FG_ARRAY_LEN(buttons); i++) {
		const struct button *b = &buttons[i];

		if (!fits_state(b, item->c.state) || !may(c, b))
			continue;
		if (!keyboard)
			keyboard = reply_keyboard(c->reply);
		else if (b->new_row)
			keyboard_row(keyboard);
		keyboard_button(keyboard, fg_tr(b->label), b->edit, "%s %s", b->command,
			target_selector(selector, item));
	}
}

int card_show(struct command *c, struct fg_item *item, const char *head)
{
	cleanup_info struct fg_container_info info = {0};
	cleanup_instance struct fg_instance instance = {0};
	cleanup_record struct fg_record record = {0};
	struct card card = {.item = item, .info = &info, .now_ms = fg_wall_ms()};
	struct fg_str *html;

	if (target_inspect(c, item, &info) < 0)
		return -1;
	if (target_instance(c, item, &instance))
		card.instance = &instance;
	if (target_record(c, item, &record))
		card.record = &record;
	html = reply_add(c->reply);
	fg_str_puts(html, head ? head : "");
	card_html(html, &card);
	card_buttons(c, item);
	cJSON_Delete(c->reply->data);
	c->reply->data = card_data(&card);
	return 0;
}
