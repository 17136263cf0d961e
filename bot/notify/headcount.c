/* Head counts: how the watch has seen a host's containers, through the eyes of each chat. */
#include <string.h>
#include "commands/format.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "notify/audience.h"
#include "notify/headcount.h"
#include "telegram/html.h"

#define NAMES_MOST 5
#define NAME_MOST 60
/* Before it is noticed that an engine ends, it gives its containers ten seconds. */
#define BEFORE_MS 12000
#define PROJECT_LABEL "com.docker.compose.project"
#define TEMPLATE_LABEL "io.fleetgram.template"

struct counting {
	const char *host;
	const struct setup *setup;
	int64_t away_ms; /* wall clock: since when the host was away */
	const struct fg_watch_seen *seen;
	cJSON *counts;
};

static void add_name(cJSON *count, const char *name)
{
	cJSON *names = (cJSON *)fg_json_array(count, "names");

	if (!names)
		names = cJSON_AddArrayToObject(count, "names");
	if (cJSON_GetArraySize(names) < NAMES_MOST)
		cJSON_AddItemToArray(names, cJSON_CreateString(name));
}

static bool is_in(const struct fg_selector *scope, const char *host, const struct fg_watch_seen *s)
{
	struct fg_subject subject = {
		.name = s->name,
		.host = host,
		.state = s->state,
		.health = s->health,
		.image = s->image,
		.template = fg_json_str(s->labels, TEMPLATE_LABEL, ""),
		.project = fg_json_str(s->labels, PROJECT_LABEL, ""),
		.id = s->id,
		.labels = s->labels,
	};

	return fg_selector_match(scope, &subject);
}

/* One container, for the scope of one chat; a scope that several chats have is counted once. */
static void count_for(cJSON *counts, const struct counting *c, const struct fg_selector *scope)
{
	const char *text = fg_selector_text(scope);
	cJSON *count = (cJSON *)fg_json_object(counts, text);
	const char *key = c->seen->up ? "up" : "down";

	if (!is_in(scope, c->host, c->seen))
		return;
	if (!count)
		count = cJSON_AddObjectToObject(counts, text);
	fg_json_set_i64(count, key, fg_json_i64(count, key, 0) + 1);
	if (!c->seen->up)
		add_name(count, c->seen->name);
}

static void count_one(const struct fg_watch_seen *seen, void *arg)
{
	struct counting *c = arg;
	const struct config *config = c->setup->config;

	/* what was down before is no news */
	if (!seen->up && seen->ended_ms < c->away_ms - BEFORE_MS)
		return;
	c->seen = seen;
	for (size_t i = 0; i < config->chat_count; i++) {
		const struct fg_selector *scope = audience_scope(c->setup, &config->chats[i]);
		bool known = !config->chats[i].notify;

		for (size_t k = 0; k < i && !known; k++)
			known = config->chats[k].notify &&
				strcmp(fg_selector_text(
					       audience_scope(c->setup, &config->chats[k])),
					fg_selector_text(scope)) == 0;
		if (!known)
			count_for(c->counts, c, scope);
	}
}

/* What the store has is not from before the outage; where nobody watches, it is all there is. */
static bool is_sure(const struct notify *n, const char *host, int64_t back_ms)
{
	struct fg_watch_state state;

	if (!n->app->watch)
		return true;
	return fg_watch_state(n->app->watch, host, &state) && state.sure_ms &&
	       state.sure_ms >= back_ms;
}

int headcount_take(struct notify *n, const char *host, int64_t back_ms, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_setup struct setup *setup = NULL;
	cleanup_ledger struct ledger l = {0};
	struct counting c = {.host = host};
	struct entry *e;
	int rc;

	if (fg_tx_begin(n->app->store, &tx, err) < 0)
		return -1;
	c.setup = setup = setup_ref(n->app->setup);
	ledger_begin(&l, &tx, setup->config);
	if (ledger_load(&l, host, "", err) < 0)
		return -1;
	e = ledger_find(&l, INCIDENT_HOST, host, "", NULL);
	if (!e || e->is.state != INCIDENT_RECOVERED || fg_json_get(e->is.facts, FACT_COUNTS))
		return 1;
	if (!is_sure(n, host, back_ms))
		return 0;
	c.away_ms = e->is.last_ms;
	c.counts = cJSON_CreateObject();
	rc = fg_watch_seen_each(n->app->store, host, count_one, &c, err);
	entry_set_fact(e, FACT_COUNTS, c.counts);
	if (rc <= 0)
		return rc;
	return ledger_write(&l, err) < 0 || fg_tx_commit(&tx, err) < 0 ? -1 : 1;
}

static void add_names(struct fg_str *html, const cJSON *count, int64_t down)
{
	const cJSON *names = fg_json_array(count, "names"), *name;
	int shown = cJSON_GetArraySize(names);

	cJSON_ArrayForEach (name, names) {
		cleanup_free char *cut =
			format_cut(cJSON_IsString(name) ? name->valuestring : "", NAME_MOST);

		html_printf(html, "%S%s", name != names->child ? ", " : "", cut);
	}
	if (down > shown)
		html_printf(html, " …and %d more", (int)(down - shown));
	fg_str_putc(html, '\n');
}

void headcount_add(struct fg_str *html, const struct incident *i, const char *scope)
{
	const cJSON *counts = fg_json_get(i->facts, FACT_COUNTS);
	const cJSON *count = fg_json_get(counts, scope ? scope : "");
	int64_t up = fg_json_i64(count, "up", 0), down = fg_json_i64(count, "down", 0);

	if (!up && !down)
		return;
	html_printf(html, fg_ntr("%d container runs.", "%d containers run.", (size_t)up), (int)up);
	if (!down) {
		fg_str_putc(html, '\n');
		return;
	}
	fg_str_putc(html, ' ');
	html_printf(html, fg_ntr("%d does not any more: ", "%d do not any more: ", (size_t)down),
		(int)down);
	add_names(html, count, down);
}
