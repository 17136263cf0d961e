/*
 * Selectors against a small fleet: a row is the words and the containers they pick.
 */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/selector.h"
#include "tap.h"

/* One letter a container, in the order of this table. */
static const struct {
	char letter;
	struct fg_subject s;
	const char *labels;
} containers[] = {
	{'a', {.name = "web", .host = "prod1", .state = "running", .health = "healthy", .image = "nginx:1.25",
		.template = "web", .project = "shop", .id = "aa11bb22cc33"}, "{\"tier\":\"web-front\",\"team\":\"red\"}"},
	{'b', {.name = "web", .host = "prod2", .state = "running", .health = "unhealthy", .image = "nginx:1.26",
		.template = "web", .project = "shop", .id = "aa11dd44ee55"}, "{\"tier\":\"web-front\",\"team\":\"blue\"}"},
	{'c', {.name = "web-db", .host = "prod1", .state = "exited", .health = "unhealthy", .image = "docker.io/library/postgres:16",
		.template = "", .project = "shop", .id = "beef00112233"}, "{\"tier\":\"db\"}"},
	{'d', {.name = "beef", .host = "prod2", .state = "paused", .health = "", .image = "reg.example:5000/team/api:v2",
		.template = "api", .project = "", .id = "cafe00112233"}, "{\"a:b\":\"c=d\"}"},
	{'e', {.name = "worker_1", .host = "test", .state = "running", .health = "starting", .image = "localhost/worker",
		.template = "worker", .project = "jobs", .id = "0123456789ab"}, NULL},
	{'f', {.name = "worker_2", .host = "test", .state = "restarting", .health = "", .image = "busybox@sha256:abcd",
		.template = "worker", .project = "jobs", .id = "0123aaaa89ab"}, "{\"empty\":\"\",\"com.docker.compose.project\":\"jobs\"}"},
};

static const struct {
	const char *words, *picked;
} rows[] = {
	/* names */
	{"", "abcdef"},
	{"web", "ab"},
	{"web-db", "c"},
	{"web*", "abc"},
	{"*", "abcdef"},
	{"WEB", ""},
	{"nothing", ""},
	{"worker_?", "ef"},
	{"worker_[1]", "e"},
	{"worker_[!1]", "f"},
	{"*e*", "abcdef"},
	{"web worker_1", "abe"},
	{"web web", "ab"},
	{"name=web", "ab"},
	{"name=web-*", "c"},
	{"name=web name=beef", "abd"},
	{"web name=beef", "abd"},
	{"name=aa11bb", ""},
	/* ids */
	{"aa11bb", "a"},
	{"aa11bb22cc33", "a"},
	{"aa11", ""},
	{"aa1", ""},
	{"0123", ""},
	{"01234", "e"},
	{"0123a", "f"},
	{"AA11BB", ""},
	{"cafe", "d"},
	{"beef", "d"},
	{"beef0", "c"},
	{"id=beef", "c"},
	{"id=aa11", "ab"},
	{"id=aa11*", "ab"},
	{"id=*33", "acd"},
	{"id=aa11 id=cafe", "abd"},
	{"aa11bb cafe", "ad"},
	{"beef web*", "abcd"},
	{"!beef", "abcef"},
	{"!aa11bb", "bcdef"},
	/* hosts */
	{"host=prod1", "ac"},
	{"host=prod*", "abcd"},
	{"host=prod1 host=test", "acef"},
	{"host=nowhere", ""},
	{"!host=prod*", "ef"},
	{"prod1/web", "a"},
	{"prod1/web*", "ac"},
	{"prod*/web", "ab"},
	{"prod?/*", "abcd"},
	{"*/web", "ab"},
	{"test/web", ""},
	{"prod2/aa11", "b"},
	{"prod*/aa11", ""},
	{"prod1/beef", "c"},
	{"prod1/web test/*_2", "af"},
	{"prod1/web worker_1", "ae"},
	{"prod1/web host=prod2", ""},
	{"prod1/* host=prod1", "ac"},
	{"web* !prod1/web", "bc"},
	{"!prod1/*", "bdef"},
	{"web !host=prod1", "b"},
	/* state and health */
	{"state=running", "abe"},
	{"state=r*", "abef"},
	{"state=exited state=paused", "cd"},
	{"!state=running", "cdf"},
	{"state=stopped", ""},
	{"health=healthy", "a"},
	{"health=unhealthy", "b"},
	{"health=*healthy", "ab"},
	{"health=*", "abe"},
	{"health=none", "cdf"},
	{"!health=none", "abe"},
	{"!health=healthy", "bcdef"},
	{"state=running health=starting", "e"},
	/* images */
	{"image=nginx:1.25", "a"},
	{"image=nginx", "ab"},
	{"image=nginx:*", "ab"},
	{"image=ng*", "ab"},
	{"image=postgres", "c"},
	{"image=postgres:16", "c"},
	{"image=docker.io/library/postgres", "c"},
	{"image=library/postgres", ""},
	{"image=api", ""},
	{"image=*/api", "d"},
	{"image=reg.example:5000/team/api:v2", "d"},
	{"image=reg.example*", "d"},
	{"image=worker", "e"},
	{"image=busybox", "f"},
	{"image=nginx image=busybox", "abf"},
	{"!image=nginx", "cdef"},
	/* templates and projects */
	{"template=web", "ab"},
	{"template=w*", "abef"},
	{"template=*", "abdef"},
	{"!template=*", "c"},
	{"project=shop", "abc"},
	{"project=*", "abcef"},
	{"!project=*", "d"},
	{"project=shop template=web", "ab"},
	/* labels */
	{"label=tier", "abc"},
	{"label=ti*", "abc"},
	{"label=tier:web*", "ab"},
	{"label=tier=web*", "ab"},
	{"label=tier:db", "c"},
	{"label=tier:web", ""},
	{"label=t*:red", "a"},
	{"label=tier:db label=team:blue", "bc"},
	{"!label=tier", "def"},
	{"label=a\\:b", "d"},
	{"label=a\\:b:c=d", "d"},
	{"label=a:b", ""},
	{"label=empty", "f"},
	{"label=empty:", "f"},
	{"label=empty:?*", ""},
	{"label=com.docker.compose.project:jobs", "f"},
	/* together */
	{"web* state=running host=prod1", "a"},
	{"web* state=running !health=unhealthy", "a"},
	{"!web !worker*", "cd"},
	{"* !*", ""},
	{"state=running label=team:red label=team:blue", "ab"},
	{"  web \t worker_1  ", "abe"},
};

static const struct {
	const char *words, *part;
} bad[] = {
	{"stat=running", "did you mean state="},
	{"lable=tier", "did you mean label="},
	{"colour=red", "the keys are"},
	{"name=", "no pattern after"},
	{"web !", "no pattern in it"},
	{"!!web", "no pattern in it"},
	{"label=:x", "needs a key"},
	{"/web", "HOST/NAME"},
	{"prod1/", "no name after the slash"},
	{"a/b/c", "HOST/NAME"},
	{"=web", "no such key"},
};

static const struct {
	const char *words, *host;
	bool matches;
} hosts[] = {
	{"", "prod1", true},
	{"web", "prod1", true},
	{"host=prod*", "prod1", true},
	{"host=prod*", "test", false},
	{"!host=prod1", "prod1", false},
	{"!host=prod1", "prod2", true},
	{"prod1/web", "prod1", true},
	{"prod1/web", "test", false},
	{"prod1/web db", "test", true},
	{"prod1/web test/db", "test", true},
	{"prod1/web state=running", "test", false},
	{"prod1/web host=test", "test", false},
	{"!prod1/web", "prod1", true},
	{"!web", "prod1", true},
	{"host=prod1 host=test", "test", true},
};

/* Against one container with the id feedc0de…, as scopes are. */
static const struct {
	const char *words, *name;
	bool matches;
} alone[] = {
	{"feed", "web", false}, {"feed", "feed", true}, {"feed*", "feeder", true}, {"!feed", "web", true}, {"!feed", "feed", false},
	{"id=feed", "web", true}, {"h1/feed", "web", false}, {"h1/w*", "web", true}, {"h2/w*", "web", false},
};

/* What a word without a key means depends on all there are. */
static bool has_keys_only(const char *words)
{
	const char *p = words;

	for (size_t len; *(p += strspn(p, " \t")); p += len) {
		len = strcspn(p, " \t");
		if (!memchr(p, '=', len))
			return false;
	}
	return *words;
}

int main(void)
{
	struct fg_subject subjects[FG_ARRAY_LEN(containers)];
	cJSON *labels[FG_ARRAY_LEN(containers)];
	const size_t n = FG_ARRAY_LEN(containers);
	struct fg_err err;
	size_t i, k;

	for (i = 0; i < n; i++) {
		const char *text = containers[i].labels;

		labels[i] = text ? fg_json_parse(text, strlen(text), NULL) : NULL;
		subjects[i] = containers[i].s;
		subjects[i].labels = labels[i];
	}
	for (i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_selector struct fg_selector *sel = fg_selector_parse_string(rows[i].words, &err);
		bool picked[FG_ARRAY_LEN(containers)];
		char got[FG_ARRAY_LEN(containers) + 1], may[FG_ARRAY_LEN(containers) + 1];
		size_t len = 0, wrong = 0;

		if (!ok(sel != NULL, "\"%s\" parses", rows[i].words))
			continue;
		fg_selector_apply(sel, subjects, n, picked);
		for (k = 0; k < n; k++)
			if (picked[k])
				got[len++] = containers[k].letter;
		got[len] = '\0';
		is_str(got, rows[i].picked, rows[i].words);
		for (len = 0, k = 0; k < n; k++) {
			bool could = fg_selector_may_pick(sel, &subjects[k]);

			wrong += picked[k] && !could;
			if (could)
				may[len++] = containers[k].letter;
		}
		may[len] = '\0';
		ok(wrong == 0, "… and each of them might be, looked at alone");
		if (has_keys_only(rows[i].words))
			is_str(may, got, "… and no other");
	}
	for (i = 0; i < FG_ARRAY_LEN(bad); i++) {
		cleanup_selector struct fg_selector *sel = fg_selector_parse_string(bad[i].words, &err);

		if (!ok(!sel && err.code == FG_EINVAL && strstr(err.text, bad[i].part),
			    "\"%s\" is refused", bad[i].words))
			diag("%s", sel ? "it was taken" : err.text);
	}
	for (i = 0; i < FG_ARRAY_LEN(hosts); i++) {
		cleanup_selector struct fg_selector *sel = fg_selector_parse_string(hosts[i].words, &err);

		ok(fg_selector_match_host(sel, hosts[i].host) == hosts[i].matches, "\"%s\" and host %s",
			hosts[i].words, hosts[i].host);
	}
	for (i = 0; i < FG_ARRAY_LEN(alone); i++) {
		cleanup_selector struct fg_selector *sel = fg_selector_parse_string(alone[i].words, &err);
		struct fg_subject subject = {
			.name = alone[i].name, .host = "h1", .state = "running", .health = "", .image = "i", .template = "",
			.project = "", .id = "feedc0de0123"};

		ok(fg_selector_match(sel, &subject) == alone[i].matches, "\"%s\" alone and %s", alone[i].words, alone[i].name);
	}
	{
		cleanup_selector struct fg_selector *all = fg_selector_parse(NULL, 0, &err);
		cleanup_selector struct fg_selector *some =
			fg_selector_parse_string("state=running !x w* prod/web db", &err);
		const char *words[FG_SELECTOR_WORDS + 1];
		char longest[600];
		bool picked[2];

		ok(fg_selector_is_empty(all) && fg_selector_is_empty(NULL), "no words are empty");
		ok(!fg_selector_is_empty(some), "some are not");
		is_str(fg_selector_plain(some), "web", "the first plain word");
		is_str(fg_selector_plain(all), NULL, "no plain word");
		is_str(fg_selector_text(some), "state=running !x w* prod/web db", "the words as typed");
		ok(fg_selector_match(NULL, &subjects[0]), "NULL matches");
		fg_selector_apply(NULL, subjects, 2, picked);
		ok(picked[0] && picked[1], "NULL picks all");
		for (i = 0; i < FG_ARRAY_LEN(words); i++)
			words[i] = "w";
		ok(!fg_selector_parse(words, FG_ARRAY_LEN(words), &err), "too many words are refused");
		memset(longest, 'x', sizeof(longest) - 1);
		longest[sizeof(longest) - 1] = '\0';
		ok(!fg_selector_parse_string(longest, &err), "too long a word is refused");
	}
	for (i = 0; i < n; i++)
		cJSON_Delete(labels[i]);
	return done_testing();
}
