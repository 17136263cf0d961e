/*
 * /apply: instances made into what the config says.
 */
#include <stdio.h>
#include <string.h>
#include "commands/batch.h"
#include "commands/differences.h"
#include "commands/format.h"
#include "commands/service_act.h"
#include "commands/service_differences.h"
#include "commands/wave.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/apply.h"

#define PREVIEW_CAP 131072 /* more than a few messages goes as a file */

static const char *const ways[] = {
	[FG_APPLY_NOTHING] = "",
	[FG_APPLY_NAME] = FG_TEXT("gets its name back"),
	[FG_APPLY_LIMITS] = FG_TEXT("is changed while it runs"),
	[FG_APPLY_REPLACE] = FG_TEXT("is made again"),
};

/* What is pinned is not made again: that could bring another image along. */
static bool is_pinned(struct command *c, const struct difference *d)
{
	cleanup_record struct fg_record record = {0};

	return fg_apply_way(&d->drift) == FG_APPLY_REPLACE &&
	       fg_registry_record(c->app->registry, d->item->host->name, d->item->c.id,
		       d->item->c.name, &record, NULL) > 0 &&
	       record.pinned;
}

static void write_preview(struct command *c, struct fg_str *html, const struct differences *all)
{
	size_t again = 0;

	html_printf(html, "🧭 <b>Apply the config?</b> (config says → is)\n");
	for (size_t i = 0; i < all->n; i++) {
		const struct difference *d = &all->v[i];
		cleanup_free char *title = NULL;
		bool pinned;

		if (d->drift.state != FG_CONFIG_DRIFTED)
			continue;
		title = target_title(d->item);
		pinned = is_pinned(c, d);
		html_printf(html, "\n<b>%s</b> %S:\n", title,
			pinned ? fg_tr("is pinned, and left alone")
			       : fg_tr(ways[fg_apply_way(&d->drift)]));
		differences_html(html, &d->drift);
		again += !pinned && fg_apply_way(&d->drift) == FG_APPLY_REPLACE;
	}
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].drift.state == FG_CONFIG_UNKNOWN)
			differences_strange_html(html, &all->v[i]);
	if (again)
		html_printf(html, "\nWhat is made again keeps its volumes; the old container stays "
				  "until the new one is good. What shares its network, processes "
				  "or IPC is restarted too.\n");
}

/* Nothing differs; that what cannot be known does not differ is no comfort. */
static int nothing(struct command *c, const struct differences *all, const struct fg_items *items)
{
	const struct difference *first = all->n ? &all->v[0] : NULL;
	struct fg_str *html;
	char count[64];

	if (all->n == 0)
		return fg_fail(&c->err, FG_EINVAL,
			items->n == 1 ? "%s is no instance of a template: there is nothing to apply"
				      : "%s and the others are no instances of templates: there is "
					"nothing to apply",
			items->v[0].c.name);
	if (all->strange == all->n)
		return fg_fail(&c->err, FG_ECONFLICT, "what %s should be is not known: %s%s",
			first->instance.name,
			first->looked ? first->drift.why.text : first->err.text,
			all->n > 1 ? fg_tr(", and so with the others: /drift") : "");
	html = reply_add(c->reply);
	target_silent(html, items);
	html_printf(html,
		all->n - all->strange == 1 ? "✅ Nothing to do: %s is as the config says.\n"
					   : "✅ Nothing to do: %s are as the config says.\n",
		format_count(count, all->n - all->strange, "%zu instance", "%zu instances"));
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].drift.state == FG_CONFIG_UNKNOWN)
			differences_strange_html(html, &all->v[i]);
	c->reply->data = cJSON_CreateArray();
	return 0;
}

/* Leave in items only those that have drifted, in the order of all. */
static void keep_drifted(struct fg_items *items, struct differences *all)
{
	size_t kept = 0, n = 0;

	for (size_t i = 0, k = 0; i < items->n; i++) {
		bool is = k < all->n && all->v[k].item == &items->v[i];
		struct difference *d = is ? &all->v[k++] : NULL;

		if (!d || d->drift.state != FG_CONFIG_DRIFTED) {
			fg_container_finish(&items->v[i].c);
			if (d) {
				fg_instance_finish(&d->instance);
				fg_drift_finish(&d->drift);
			}
			continue;
		}
		items->v[kept] = items->v[i];
		d->item = &items->v[kept++];
		all->v[n++] = *d;
	}
	items->n = kept;
	all->n = n;
}

/*
 * What was agreed to is these very changes to these very containers: each is known by a hash of
 * both until the answer comes; waves know the container by themselves. The copies share what the
 * items own.
 */
static struct fg_items agreed(
	const struct fg_items *items, const struct differences *all, bool in_waves)
{
	struct fg_items out = {.v = fg_alloc((items->n + 1) * sizeof(*out.v)), .n = items->n};

	for (size_t i = 0; i < items->n; i++) {
		const struct fg_drift *drift = &all->v[i].drift;
		cleanup_json cJSON *what = cJSON_CreateObject();
		char hash[FG_HASH_SIZE];

		out.v[i] = items->v[i];
		if (!in_waves)
			cJSON_AddStringToObject(what, "id", items->v[i].c.id);
		cJSON_AddStringToObject(what, "hash", drift->hash);
		for (size_t k = 0; k < drift->n; k++)
			cJSON_AddStringToObject(
				what, drift->v[k].field, drift->v[k].have ? drift->v[k].have : "");
		fg_spec_hash(what, hash);
		snprintf(out.v[i].c.id, sizeof(out.v[i].c.id), "%s", strchr(hash, ':') + 1);
	}
	return out;
}

static void show_pull(const struct fg_pull_progress *p, void *arg)
{
	char done[FG_HUMAN], total[FG_HUMAN];

	if (p->bytes_total > 0)
		batch_step(arg, fg_tr("getting its image: %s of %s"), fg_size_human(done, p->bytes),
			fg_size_human(total, p->bytes_total));
	else
		batch_step(arg, "%s", fg_tr("getting its image"));
}

static void show_step(const char *step, void *arg)
{
	batch_step(arg, "%s", step);
}

/* What is to be applied: as it was shown, or in waves, as it is at each one's turn. */
struct order {
	struct fg_today *today;
	const struct differences *all;
};

/*
 * In waves time passes: the one container again. 1: it differs as it did when it was agreed to; 0:
 * not any more; -1: in other ways.
 */
static int look_again(struct batch_job *job, const struct order *order, struct differences *now)
{
	struct fg_items one = {.v = job->item, .n = 1}, same;
	const char *name = job->item->c.name;
	int rc = 1;

	if (differences_take(job->c, order->today, &one, now) < 0) {
		job->err = job->c->err;
		return -1;
	}
	if (!now->n)
		return fg_fail(&job->err, FG_ECONFLICT, "%s is no longer an instance", name);
	if (now->v[0].drift.state == FG_CONFIG_UNKNOWN)
		return fg_fail(&job->err, FG_ECONFLICT, "what %s should be is not known: %s", name,
			now->v[0].looked ? now->v[0].drift.why.text : now->v[0].err.text);
	if (now->v[0].drift.state != FG_CONFIG_DRIFTED)
		return 0;
	same = agreed(&one, now, true);
	if (strcmp(same.v[0].c.id, job->target->agreed) != 0)
		rc = fg_fail(&job->err, FG_ECONFLICT,
			"%s does not differ any more as you were shown: look at its /drift again",
			name);
	free(same.v);
	return rc;
}

static int apply_it(struct batch_job *job, const struct difference *d)
{
	static const char *const done[] = {
		[FG_APPLY_NOTHING] = "nothing",
		[FG_APPLY_NAME] = "renamed",
		[FG_APPLY_LIMITS] = "limits",
		[FG_APPLY_REPLACE] = "replaced",
	};
	cleanup_applied struct fg_applied applied = {0};
	char author[96];

	if (is_pinned(job->c, d)) {
		snprintf(job->same, sizeof(job->same), "%s", FG_TEXT("pinned"));
		return 0;
	}
	if (fg_apply(job->c->app->registry, d->item->host, &d->instance, &d->drift,
		    &(struct fg_apply){
			    .by = command_author(job->c, author),
			    .scope = job->c->person.scope,
			    .settle_ms = job->c->setup->config->update.settle_ms,
			    .pull = {.progress = show_pull, .arg = job},
			    .step = show_step,
			    .arg = job,
		    },
		    &applied, &job->err) < 0)
		return -1;
	if (*applied.replaced.id)
		snprintf(job->item->c.id, sizeof(job->item->c.id), "%s", applied.replaced.id);
	if (applied.replaced.dependants)
		fg_str_printf(&job->notes,
			fg_ntr("%d that shares its network, processes or IPC restarted too\n",
				"%d that share its network, processes or IPC restarted too\n",
				(size_t)applied.replaced.dependants),
			applied.replaced.dependants);
	if (applied.replaced.notes.len)
		fg_str_puts(&job->notes, applied.replaced.notes.s);
	job->data = cJSON_CreateObject();
	cJSON_AddStringToObject(job->data, "way", done[applied.way]);
	return 1;
}

static int apply_one(struct batch_job *job)
{
	const struct order *order = job->batch->arg;
	cleanup_differences struct differences now = {0};
	int rc = 0;

	if (job->target) {
		rc = look_again(job, order, &now);
		return rc > 0 ? apply_it(job, &now.v[0]) : rc;
	}
	for (size_t i = 0; i < order->all->n; i++)
		if (order->all->v[i].item == job->item)
			return apply_it(job, &order->all->v[i]);
	return 0;
}

/* As command_confirm(). What is not to be touched has left items and all then. */
static int ask(
	struct command *c, struct waves *waves, struct fg_items *items, struct differences *all)
{
	cleanup_str struct fg_str preview = {0};
	struct fg_items shown;
	int rc;

	fg_str_init(&preview, PREVIEW_CAP);
	target_silent(&preview, items);
	write_preview(c, &preview, all);
	if (preview.full)
		return fg_fail(&c->err, FG_ETOOBIG,
			"%zu instances differ in more than can be shown: apply fewer at a time",
			all->drifted);
	keep_drifted(items, all);
	shown = agreed(items, all, waves);
	rc = wave_confirm(c, waves, items, &shown, &preview);
	free(shown.v);
	return rc;
}

/* The words without wave=, which is the containers'. The caller frees the array. */
static const char **service_words(struct command *c, size_t *n)
{
	const char **words = target_words(c);

	*n = c->n;
	command_option(words, n, "wave");
	return words;
}

static void drifted_names(struct fg_str *names, const struct service_differences *all)
{
	fg_str_init(names, 256);
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].drift.state == FG_CONFIG_DRIFTED)
			fg_str_printf(
				names, "%s%s", names->len ? ", " : "", all->v[i].instance.name);
}

/* Those that are picked beside containers are left out, which one is to know. (Of one that only
 * has a container's name, swarm_meant() has told.) */
static void tell_services(struct command *c, struct fg_today *today)
{
	cleanup_service_differences struct service_differences all = {0};
	cleanup_str struct fg_str names = {0};
	struct fg_err why = c->err;
	size_t n;
	cleanup_free const char **words = service_words(c, &n);

	if (!c->frozen && !swarm_one_name(words, n) &&
		service_differences_take(c, today, words, n, &all) == 0 && all.drifted) {
		drifted_names(&names, &all);
		reply_html(c->reply,
			"ℹ️ Services are left out here: they are applied one at a time, by "
			"<code>/apply service=NAME</code>. These have drifted: %s",
			names.s);
	}
	c->err = why;
}

/* No container is picked. One service is as good as its name; several are not done in one go, for
 * the swarm works at each as long as its own settings say. */
static int services_only(struct command *c, struct fg_today *today)
{
	cleanup_service_differences struct service_differences all = {0};
	cleanup_service_items struct fg_service_items one = {0};
	cleanup_str struct fg_str names = {0};
	struct fg_err why = c->err;
	size_t n;
	cleanup_free const char **words = service_words(c, &n);

	if (service_differences_take(c, today, words, n, &all) < 0 || all.n == 0) {
		c->err = why;
		return -1;
	}
	drifted_names(&names, &all);
	if (all.n > 1)
		return fg_fail(&c->err, FG_EINVAL,
			all.drifted
				? "services are applied one at a time, by name. These have drifted: %s"
				: "services are applied one at a time, by name; none of these has "
				  "drifted%s",
			names.s);
	if (swarm_pick_one(c, all.v[0].item->s.id, &one) < 0)
		return -1;
	return service_apply(c, &one);
}

static int apply_run(struct command *c)
{
	cleanup_today struct fg_today *today =
		fg_today_create(c->setup->config->templates, c->setup->config->defaults);
	cleanup_free const char **words = target_words(c);
	cleanup_items struct fg_items items = {0};
	cleanup_waves struct waves *waves = NULL;
	cleanup_differences struct differences all = {0};
	struct order order = {today, &all};
	cleanup_service_items struct fg_service_items services = {0};
	size_t n = c->n;
	int rc = swarm_meant(c, words, &n, &services);

	if (rc != 0)
		return rc < 0 ? -1 : service_apply(c, &services);
	rc = wave_pick(c, words, n, &items, &waves);
	if (rc < 0 && c->err.code == FG_ENOTFOUND)
		return services_only(c, today);
	if (rc > 0 && !wave_resumed(waves)) {
		tell_services(c, today);
		if (differences_take(c, today, &items, &all) < 0)
			return -1;
		if (all.drifted == 0 && !c->frozen)
			return nothing(c, &all, &items);
		rc = ask(c, waves, &items, &all);
	}
	if (rc <= 0)
		return rc;
	if (wave_begin(c, waves, &items) < 0)
		return -1;
	rc = batch_each(c, &items,
		&(struct batch){
			.verb = FG_TEXT("apply"),
			.past = FG_TEXT("applied"),
			.same = FG_TEXT("as the config says"),
			.one = apply_one,
			.arg = &order,
			.waves = waves,
		});
	target_note_silent(c, &items);
	return rc;
}

const struct command_row command_apply = {
	.name = "apply",
	.verb = "apply",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "SEL [wave=1,10%,rest]",
	.help = "Make instances into what the config says",
	.more = "Only those that have drifted are touched: /drift shows them. Limits are changed "
		"while the container runs; for anything else it is made again, with its volumes, "
		"and the old one stays until the new one is good. With wave= some hosts come "
		"first and the next ones only when all is well. The name of a service of a swarm "
		"means that: the swarm changes what differs by its own rolling update; "
		"service=NAME does in any case.\n\n/apply web\n/apply template=web wave=1,rest",
	.run = apply_run,
};
