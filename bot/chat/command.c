/* What every command does alike: finding its containers, asking, and beginning. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "chat/audit.h"
#include "chat/command.h"
#include "chat/confirm.h"
#include "chat/inbox.h"
#include "chat/spare.h"
#include "chat/turn.h"
#include "commands/format.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/pause.h"

#define BUTTON_TARGETS 8
#define ABOUT_SEEN ((size_t)512)          /* bytes of names in the audit: what was looked at */
#define ABOUT_CHANGED ((size_t)16 * 1024) /* … and what was to be changed */

#define COMMAND(name) extern const struct command_row command_##name;
#include "commands/table.h"
#undef COMMAND

const struct command_row *const command_table[] = {
#define COMMAND(name) &command_##name,
#include "commands/table.h"
#undef COMMAND
	NULL,
};

const struct command_row *command_find(const char *name)
{
	for (const struct command_row *const *row = command_table; *row; row++)
		if (strcasecmp((*row)->name, name) == 0 ||
			((*row)->alias && strcasecmp((*row)->alias, name) == 0))
			return *row;
	return NULL;
}

bool command_exists(const struct command_row *row, const struct config *config)
{
	return !row->exists || (config && row->exists(config));
}

const struct command_row *command_lookup(const struct config *config, const char *name)
{
	const struct command_row *row = command_find(name);

	return row && command_exists(row, config) ? row : NULL;
}

const struct command_row *command_nearest(const char *name, const struct person *person)
{
	const struct command_row *best = NULL;
	size_t least =
		strlen(name) <= 4 ? 2 : 3; /* one typo in a short word, two in a longer one */

	for (const struct command_row *const *row = command_table; *row; row++) {
		size_t distance = fg_text_distance(name, (*row)->name);

		if (distance < least && roles_allow(person, *row)) {
			least = distance;
			best = *row;
		}
	}
	return best;
}

int command_unknown(const char *name, const struct person *person, struct fg_err *err)
{
	const struct command_row *near = command_nearest(name, person);

	return fg_fail(err, FG_EUSAGE, "there is no command %s%s%s%s", name,
		near ? fg_tr(", did you mean ") : "", near ? near->name : "", near ? "?" : "");
}

int command_usage(struct command *c, const char *problem)
{
	return fg_fail(&c->err, FG_EUSAGE, "%s. Usage: /%s%s%s", fg_tr(problem), c->row->name,
		*c->row->usage ? " " : "", c->row->usage);
}

const char *command_author(const struct command *c, char buf[96])
{
	if (c->person.id)
		snprintf(buf, 96, "%s (%lld)", c->person.name, (long long)c->person.id);
	else
		snprintf(buf, 96, "%s", c->person.name);
	return buf;
}

const char *command_option(const char **words, size_t *n, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < *n; i++) {
		const char *word = words[i];

		if (strncmp(word, key, len) != 0 || word[len] != '=')
			continue;
		memmove(&words[i], &words[i + 1],
			(*n - i) * sizeof(*words)); /* the closing NULL too */
		(*n)--;
		return word + len + 1;
	}
	return NULL;
}

/* Targets as a question and the note of a beginning keep them. */
static cJSON *freeze(const struct fg_items *targets)
{
	cJSON *frozen = cJSON_CreateArray();

	for (size_t i = 0; targets && i < targets->n; i++) {
		const struct fg_item *item = &targets->v[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "host", item->host->name);
		cJSON_AddStringToObject(one, "id", item->c.id);
		cJSON_AddStringToObject(one, "name", item->c.name);
		cJSON_AddItemToArray(frozen, one);
	}
	return frozen;
}

void command_about_frozen(struct command *c, const cJSON *targets)
{
	size_t cap = c->row && !c->row->mutates ? ABOUT_SEEN : ABOUT_CHANGED;
	const cJSON *one;
	int left = cJSON_GetArraySize(targets);
	struct fg_str out;

	free(c->about);
	fg_str_init(&out, cap + 32);
	cJSON_ArrayForEach (one, targets) {
		const char *host = fg_json_str(one, "host", ""),
			   *name = fg_json_str(one, "name", "");

		if (out.len + strlen(host) + strlen(name) + 2 > cap) {
			fg_str_printf(&out, " +%d", left);
			break;
		}
		fg_str_printf(&out, "%s%s/%s", out.len ? " " : "", host, name);
		left--;
	}
	c->about = fg_str_take(&out);
}

void command_about(struct command *c, const struct fg_items *targets)
{
	cleanup_json cJSON *frozen = freeze(targets);

	command_about_frozen(c, frozen);
}

/* Picking */

/* A command about one instance is a use of it. */
static void note_use(struct command *c, const struct fg_items *picked)
{
	struct fg_err err;

	if (picked->n == 1 && fg_registry_touch(c->app->registry, picked->v[0].host->name,
				      picked->v[0].c.id, &err) < 0)
		fg_warn("the registry does not learn that %s was used: %s", picked->v[0].c.name,
			err.text);
}

/* A button that runs the command again with meant in the place of word, which may be the end of
 * HOST/WORD. */
static void offer(struct command *c, const char *word, const char *meant)
{
	cleanup_free const char **words = fg_alloc((c->n + 1) * sizeof(*words));
	cleanup_free char *line = NULL;
	size_t len = strlen(word);
	bool found = false;

	for (size_t i = 0; i < c->n; i++) {
		size_t n = strlen(c->words[i]);
		bool same = !found && n >= len && strcmp(c->words[i] + n - len, word) == 0 &&
			    (n == len || c->words[i][n - len - 1] == '/');

		words[i] = same ? meant : c->words[i];
		found = found || same;
	}
	if (!found)
		return;
	line = words_join(words, c->n);
	keyboard_row(reply_offers(c->reply));
	keyboard_button(reply_offers(c->reply), meant, false, "%s %s", c->row->name, line);
}

/* The ones meant, perhaps, by a name that nothing has. */
static void offer_near(struct command *c, const struct fg_selector *sel, char *near[FG_NEAR])
{
	for (size_t i = 0; i < FG_NEAR && near[i]; i++) {
		offer(c, fg_selector_plain(sel), near[i]);
		free(near[i]);
	}
}

int command_pick(
	struct command *c, const char *const *words, size_t n, bool all, struct fg_items *out)
{
	cleanup_selector struct fg_selector *sel = NULL;
	char *near[FG_NEAR] = {NULL};

	if (n == 0) {
		if (!all)
			return command_usage(c, "which containers?");
		return fg_fleet_list(c->setup->fleet, c->person.scope, NULL, out, &c->err);
	}
	sel = fg_selector_parse(words, n, &c->err);
	if (!sel)
		return -1;
	if (fg_fleet_pick(c->setup->fleet, c->person.scope, sel, out, near, &c->err) < 0) {
		offer_near(c, sel, near);
		return -1;
	}
	if (spare_paused(c, words, n, out) < 0)
		return -1;
	command_about(c, out);
	note_use(c, out);
	return 0;
}

int command_pick_known(struct command *c, const char *const *words, size_t n, bool brief,
	struct fg_items *out)
{
	struct fg_fleet *fleet = c->setup->fleet;
	const struct fg_selector *scope = c->person.scope;
	cleanup_selector struct fg_selector *sel = NULL;
	char *near[FG_NEAR] = {NULL};

	if (n == 0)
		return brief ? fg_fleet_list_brief(fleet, scope, out, &c->err)
			     : fg_fleet_list_known(fleet, scope, NULL, out, &c->err);
	sel = fg_selector_parse(words, n, &c->err);
	if (!sel)
		return -1;
	if ((brief ? fg_fleet_pick_brief : fg_fleet_pick_known)(
		    fleet, scope, sel, out, near, &c->err) < 0) {
		offer_near(c, sel, near);
		return -1;
	}
	command_about(c, out);
	note_use(c, out);
	return 0;
}

/* Each with a button of its own. */
static void name_them(struct command *c, const char *word, const struct fg_item *v, size_t n,
	struct fg_str *names)
{
	for (size_t i = 0; i < n && i < BUTTON_TARGETS; i++) {
		cleanup_free char *title = fg_item_title(&v[i]);

		fg_str_printf(names, "%s%s", names->len ? ", " : "", title);
		offer(c, word, title);
	}
}

int command_pick_one(struct command *c, const char *word, struct fg_items *out)
{
	cleanup_str struct fg_str names = {0};
	size_t all;

	if (command_pick(c, &word, 1, false, out) < 0)
		return -1;
	all = out->n + out->stale_n;
	if (all == 1)
		return 0;
	fg_str_init(&names, 512);
	name_them(c, word, out->v, out->n, &names);
	name_them(c, word, out->stale, out->stale_n, &names);
	return fg_fail(&c->err, FG_EINVAL, "%s means %zu containers (%s%s): name one", word, all,
		names.s, all > BUTTON_TARGETS ? ", …" : "");
}

/* Asking */

/* Whether frozen has one of the same host and key ("id", "name"). */
static bool holds(const cJSON *frozen, const cJSON *what, const char *key)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, frozen)
		if (strcmp(fg_json_str(one, "host", ""), fg_json_str(what, "host", "")) == 0 &&
			strcmp(fg_json_str(one, key, ""), fg_json_str(what, key, "")) == 0)
			return true;
	return false;
}

/* What is in a and not in b, as names, each after sign; or only that, but under the same name. */
static void difference(
	struct fg_str *out, const char *sign, const cJSON *a, const cJSON *b, bool same_name)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, a)
		if (!holds(b, one, "id") && holds(b, one, "name") == same_name)
			fg_str_printf(out, "%s%s%s", out->len ? ", " : "", sign,
				fg_json_str(one, "name", "?"));
}

static int check_frozen(struct command *c, const struct fg_items *targets)
{
	cleanup_json cJSON *now = freeze(targets);
	cleanup_str struct fg_str changes = {0};

	fg_str_init(&changes, 512);
	difference(&changes, fg_tr("changed: "), c->frozen, now, true);
	difference(&changes, fg_tr("gone: "), c->frozen, now, false);
	difference(&changes, fg_tr("new: "), now, c->frozen, false);
	if (changes.len == 0)
		return 1;
	c->outcome = AUDIT_REFUSED;
	return fg_fail(&c->err, FG_ECONFLICT,
		"nothing was done, for these are no longer what you were shown (%s). Ask again",
		changes.s);
}

/* Every target is named: nobody can agree to what they were not shown. */
static int add_preview(struct command *c, const struct fg_items *targets, const char *preview)
{
	struct fg_str *out = reply_add(c->reply);

	fg_str_puts(out, preview);
	for (size_t i = 0; targets && i < targets->n; i++) {
		cleanup_free char *title = fg_item_title(&targets->v[i]);

		if (*targets->v[i].c.state) /* else the preview has said what it would be */
			html_printf(out, "\n• <b>%s</b> (%s)", title, targets->v[i].c.state);
	}
	for (size_t i = 0; targets && i < targets->n; i++)
		if (fg_host_paused(targets->v[i].host) &&
			(i == 0 || targets->v[i].host != targets->v[i - 1].host))
			html_printf(out, "\n🔧 <b>%s</b> is paused for maintenance",
				targets->v[i].host->name);
	for (size_t i = 0; targets && i < targets->stale_n; i++) {
		cleanup_free char *title = fg_item_title(&targets->stale[i]);

		html_printf(out, "\n⚠️ <b>%s</b> is left out: its host does not answer", title);
	}
	if (!out->full)
		return 0;
	reply_finish(c->reply);
	return fg_fail(&c->err, FG_ETOOBIG,
		"%zu containers are too many to be shown at once: name fewer", targets->n);
}

void command_targets_are(struct command *c, const char *one, const char *many)
{
	c->one = one;
	c->many = many;
}

static int ask_chat(struct command *c, const struct fg_items *targets, const char *preview)
{
	cleanup_confirm struct confirm confirm = {
		.chat_id = c->chat_id,
		.user_id = c->person.id,
		.expires_ms = fg_wall_ms() + c->setup->config->confirm.ttl_ms,
		.line = fg_strdup(c->line),
		.targets = freeze(targets),
	};
	const char *verb = fg_tr(c->row->verb ? c->row->verb : c->row->name);
	char capital[64], label[160];

	if (add_preview(c, targets, preview) < 0 ||
		confirm_put(c->app->store, &confirm, &c->err) < 0)
		return -1;
	snprintf(label, sizeof(label), "%s", format_capital(capital, verb));
	if (!c->one)
		command_targets_are(c, FG_PLURAL("%s %zu container", "%s %zu containers"));
	if (targets && targets->n > 1)
		fg_nprintf(label, sizeof(label), targets->n, c->one, c->many, capital, targets->n);
	keyboard_button(reply_keyboard(c->reply), label, true, "confirm %s", confirm.id);
	keyboard_button(reply_keyboard(c->reply), fg_tr("Cancel"), true, "cancel %s", confirm.id);
	c->outcome = AUDIT_ASKED;
	return 0;
}

static int ask_terminal(struct command *c, const struct fg_items *targets, const char *preview)
{
	cleanup_free char *plain = NULL;
	bool yes;

	if (add_preview(c, targets, preview) < 0)
		return -1;
	plain = reply_plain(c->reply);
	reply_finish(c->reply);
	yes = c->reply->ask && c->reply->ask(plain);
	c->outcome = yes ? NULL : AUDIT_CANCELLED;
	return yes ? 1 : fg_fail(&c->err, FG_ECANCELED, "nothing was done");
}

static bool must_ask(const struct command *c, const struct fg_items *targets)
{
	for (size_t i = 0; targets && i < targets->n; i++)
		if (fg_host_paused(targets->v[i].host))
			return true;
	/* What is left out may be what was meant. */
	if (c->asks || (targets && targets->n + targets->stale_n > 1) || c->row->asks)
		return true;
	return config_strings_have(c->setup->config->confirm.always, c->row->name);
}

int command_confirm(struct command *c, const struct fg_items *targets, const char *preview)
{
	if (targets)
		command_about(c, targets);
	if (c->frozen)
		return check_frozen(c, targets);
	if (c->asking == ASK_GIVEN || !must_ask(c, targets))
		return 1;
	if (c->asking == ASK_CHAT)
		return ask_chat(c, targets, preview);
	if (c->asking == ASK_TERMINAL)
		return ask_terminal(c, targets, preview);
	if (add_preview(c, targets, preview) < 0)
		return -1;
	c->outcome = AUDIT_ASKED;
	return fg_fail(&c->err, FG_EDENIED, "this needs --yes");
}

/* Beginning */

static char *begin_note(const struct command *c, const struct fg_items *targets, const char *note)
{
	cleanup_json cJSON *doc = cJSON_CreateObject();

	cJSON_AddStringToObject(doc, "line", c->line);
	cJSON_AddItemToObject(doc, "targets", freeze(targets));
	if (note)
		cJSON_AddStringToObject(doc, "note", note);
	return fg_json_print(doc);
}

int command_begin(struct command *c, const struct fg_items *targets, const char *note)
{
	return command_begin_with(c, targets, note, NULL, NULL);
}

int command_begin_with(struct command *c, const struct fg_items *targets, const char *note,
	int (*also)(struct fg_tx *tx, void *arg, struct fg_err *err), void *arg)
{
	cleanup_free char *text = NULL;
	cleanup_tx struct fg_tx tx = {0};

	if (targets)
		command_about(c, targets);
	if (c->update_id) {
		text = begin_note(c, targets, note);
		if (fg_tx_begin(c->app->store, &tx, &c->err) < 0 ||
			(c->confirm_id && confirm_use(&tx, c->confirm_id, &c->err) < 0) ||
			inbox_begin(&tx, c->update_id, text, &c->err) < 0 ||
			(also && also(&tx, arg, &c->err) < 0) || fg_tx_commit(&tx, &c->err) < 0)
			return fg_wrap(&c->err, "nothing was done");
	}
	if (c->turn)
		turn_release(fg_steal(&c->turn));
	return 0;
}
