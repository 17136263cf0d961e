/* Mutes: whom they cover, that they end, that there is a bound. */
#include "../telegram/scratch.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/mutes.h"
#include "tap.h"

#define HOUR ((int64_t)3600 * 1000)

static int add(struct fg_store *store, const char *selector, const char *scope, int64_t until_ms,
	struct fg_err *err)
{
	struct mute mute = {
		.selector = selector, .scope = scope, .until_ms = until_ms, .by = "ann"};
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(store, &tx, err) < 0 || mutes_add(&tx, &mute, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

static int end(struct fg_store *store, const char *selector, const char *scope)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;
	int n;

	if (fg_tx_begin(store, &tx, &err) < 0)
		return -1;
	n = mutes_end(&tx, selector, scope, &err);
	return fg_tx_commit(&tx, &err) < 0 ? -1 : n;
}

static struct fg_subject subject(const char *host, const char *name, const cJSON *labels)
{
	return (struct fg_subject){.host = host,
		.name = name,
		.state = "",
		.health = "",
		.image = "",
		.template = "",
		.project = "",
		.id = *name ? "abcdef0123456789" : "",
		.labels = labels};
}

struct seen {
	size_t n;
	int64_t last_ms;
	bool ordered;
};

static void see(const struct mute *mute, void *arg)
{
	struct seen *seen = arg;

	seen->ordered &= mute->until_ms >= seen->last_ms;
	seen->last_ms = mute->until_ms;
	seen->n++;
}

static struct seen all(struct fg_store *store, int64_t now)
{
	struct seen seen = {.ordered = true};

	mutes_each(store, now, see, &seen);
	return seen;
}

static void test_match(struct fg_store *store, int64_t now)
{
	cleanup_json cJSON *red = cJSON_CreateObject(), *blue = cJSON_CreateObject();
	struct fg_subject web, db, host;
	struct mutes *loaded;
	struct fg_err err;

	cJSON_AddStringToObject(red, "team", "red");
	cJSON_AddStringToObject(blue, "team", "blue");
	web = subject("prod1", "web", red);
	db = subject("prod1", "db", blue);
	host = subject("prod1", "", NULL);
	is_int(mutes_until(store, &web, now), 0, "nothing is muted");
	add(store, "web*", "", now + HOUR, &err);
	is_int(mutes_until(store, &web, now), now + HOUR, "by name");
	is_int(mutes_until(store, &db, now), 0, "… no other one");
	is_int(mutes_until(store, &host, now), 0, "… and no host");
	is_int(mutes_until(store, &web, now + HOUR), 0, "… until it ends");
	add(store, "id=abcdef012345", "", now + 2 * HOUR, &err);
	is_int(mutes_until(store, &web, now), now + 2 * HOUR, "of two the later end counts");
	is_int(end(store, NULL, NULL), 2, "all are ended");
	add(store, "host=prod* name=web", "", now + HOUR, &err);
	is_int(mutes_until(store, &host, now), 0, "what is about a container on it mutes no host");
	add(store, "host=prod*", "", now + HOUR, &err);
	is_int(mutes_until(store, &host, now), now + HOUR, "the host and …");
	is_int(mutes_until(store, &db, now), now + HOUR, "… what is on it");
	is_int(end(store, NULL, NULL), 2, "both are ended");
	add(store, "", "label=team:red", now + HOUR, &err);
	is_int(mutes_until(store, &web, now), now + HOUR, "everything in a scope");
	is_int(mutes_until(store, &db, now), 0, "… nothing outside it");
	is_int(mutes_until(store, &host, now), 0, "… and no host");
	add(store, "name=db", "name=web", now + HOUR, &err);
	is_int(mutes_until(store, &db, now), 0, "a scope is no further word of the selector");
	add(store, "", "", now + 3 * HOUR, &err);
	is_int(mutes_until(store, &host, now), now + 3 * HOUR, "everything");
	is_int(end(store, "", "label=team:red"), 1, "a scope ends its own");
	is_int(mutes_until(store, &db, now), now + 3 * HOUR, "… and no other's");
	loaded = mutes_load(store, now);
	end(store, "", NULL);
	is_int(mutes_find(loaded, &db), now + 3 * HOUR, "for many they are read once");
	is_int(mutes_find(loaded, &host), now + 3 * HOUR, "… for hosts, too");
	is_int(mutes_until(store, &host, now), 0, "… while it is over by now");
	mutes_unload(loaded);
	is_int(end(store, "name=nothing", NULL), 0, "one that there is not");
	end(store, NULL, NULL);
}

static void test_bounds(struct fg_store *store, int64_t now)
{
	struct fg_err err = {0};
	struct seen seen;
	int failed = 0;

	for (int i = 0; i < MUTES_MOST; i++) {
		cleanup_free char *selector = fg_printf("name=c%d", i);

		failed += add(store, selector, "", now + HOUR + (i * 7919) % 1000, &err) < 0;
	}
	is_int(failed, 0, "as many as there may be");
	seen = all(store, now);
	ok(seen.n == MUTES_MOST && seen.ordered, "they are listed by their ends");
	ok(add(store, "name=more", "", now + HOUR, &err) < 0 && err.code == FG_ETOOBIG,
		"no more: %s", err.text);
	is_int((int64_t)all(store, now).n, MUTES_MOST, "… it is not there");
	ok(add(store, "name=c7", "", now + 5 * HOUR, &err) == 0, "one of them anew");
	seen = all(store, now);
	ok(seen.n == MUTES_MOST && seen.last_ms == now + 5 * HOUR, "… has another end");
	add(store, "name=c7", "", now - 1, &err);
	is_int((int64_t)all(store, now).n, MUTES_MOST - 1, "one that is over is not listed");
	ok(add(store, "name=more", "", now + HOUR, &err) == 0, "… and leaves its place");
	is_int(end(store, NULL, NULL), MUTES_MOST, "all of them");
}

static void run(void *arg)
{
	struct fg_store *store = scratch_store();
	int64_t now = fg_wall_ms();
	struct fg_err err;

	(void)arg;
	ok(mutes_setup(store, &err) == 0, "set up");
	test_match(store, now);
	test_bounds(store, now);
	fg_store_close(store);
	scratch_finish();
}

int main(void)
{
	fg_loop_run("main", run, NULL);
	return done_testing();
}
