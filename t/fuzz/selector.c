/* Any words as a selector: either a reason, or picks that its own text gives again and that its hosts allow. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/selector.h"

#define SUBJECTS 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char labels[] = "{\"tier\":\"web-front\",\"a:b\":\"c=d\",\"n\":7}";
	cleanup_free char *words = fg_strndup((const char *)data, size);
	struct fg_err err;
	cleanup_selector struct fg_selector *sel = fg_selector_parse_string(words, &err), *again = NULL;
	cleanup_json cJSON *some = fg_json_parse(labels, strlen(labels), NULL);
	const struct fg_subject subjects[SUBJECTS] = {
		{.name = "web", .host = "prod1", .state = "running", .health = "healthy", .image = "nginx:1.25", .template = "web",
			.project = "shop", .id = "aa11bb22cc33", .labels = some},
		{.name = "web", .host = "prod2", .state = "exited", .health = "unhealthy", .image = "docker.io/library/nginx",
			.template = "", .project = "", .id = "aa11bb22cc33"},
		{.name = "beef", .host = "prod2", .state = "paused", .health = "", .image = "reg:5000/a/b@sha256:00", .template = "api",
			.project = "shop", .id = "cafe00112233", .labels = some},
		{.name = "", .host = "", .state = "", .health = "", .image = "", .template = "", .project = "", .id = ""},
		{.name = "x", .host = "test", .state = "dead", .health = "starting", .image = "localhost/w:", .template = "w", .project = "p",
			.id = "beef11112222"},
	};
	bool picked[SUBJECTS], twice[SUBJECTS];

	if (!sel) {
		if (err.code != FG_EINVAL || !*err.text)
			abort();
		return 0;
	}
	again = fg_selector_parse_string(fg_selector_text(sel), &err);
	if (!again)
		abort();
	fg_selector_apply(sel, subjects, SUBJECTS, picked);
	fg_selector_apply(again, subjects, SUBJECTS, twice);
	for (size_t i = 0; i < SUBJECTS; i++) {
		if (picked[i] != twice[i])
			abort();
		/* Hosts that do not match are never asked, so nothing on them may be picked. */
		if (picked[i] && !fg_selector_match_host(sel, subjects[i].host))
			abort();
		fg_selector_match(sel, &subjects[i]);
	}
	fg_selector_plain(sel);
	return 0;
}
