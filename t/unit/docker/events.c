/* Events: Docker's and Podman's words for the same things. */
#include "../../../engine/docker/decode.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

static const struct {
	const char *title, *doc, *type, *action, *id, *name, *exit_code;
	int64_t time_ns;
} rows[] = {
        {"Docker's die",
                "{\"status\":\"die\",\"id\":\"abc\",\"from\":\"img\",\"Type\":\"container\","
                "\"Action\":\"die\",\"Actor\":{\"ID\":\"abc\","
                "\"Attributes\":{\"exitCode\":\"137\",\"name\":\"web\",\"image\":\"img\"}},"
                "\"time\":1767323045,\"timeNano\":1767323045123456789}",
                "container", "die", "abc", "web", "137", INT64_C(1767323045123456789)},
        {"Docker's health",
                "{\"Type\":\"container\",\"Action\":\"health_status: "
                "unhealthy\",\"Actor\":{\"ID\":\"abc\",\"Attributes\":{\"name\":\"web\"}},"
                "\"timeNano\":5}",
                "container", "health_status: unhealthy", "abc", "web", NULL, 5},
        {"Podman's died",
                "{\"status\":\"died\",\"id\":\"abc\",\"Type\":\"container\",\"Action\":\"died\","
                "\"Actor\":{\"ID\":\"abc\","
                "\"Attributes\":{\"containerExitCode\":\"3\",\"name\":\"web\"}},\"time\":7}",
                "container", "die", "abc", "web", "3", INT64_C(7000000000)},
        {"Podman's remove",
                "{\"Type\":\"container\",\"Action\":\"remove\",\"Actor\":{\"ID\":\"abc\","
                "\"Attributes\":{\"name\":\"web\"}},\"timeNano\":1}",
                "container", "destroy", "abc", "web", NULL, 1},
        {"Podman's remove of an image",
                "{\"Type\":\"image\",\"Action\":\"remove\",\"Actor\":{\"ID\":\"i\"}}", "image",
                "delete", "i", "", NULL, 0},
        {"Podman's bare health",
                "{\"Type\":\"container\",\"Action\":\"health_status\",\"Actor\":{\"ID\":\"a\","
                "\"Attributes\":null}}",
                "container", "health_status", "a", "", NULL, 0},
        {"Podman 5's health",
                "{\"Type\":\"container\",\"Action\":\"health_status\",\"HealthStatus\":"
                "\"unhealthy\",\"Actor\":{\"ID\":\"a\"}}",
                "container", "health_status: unhealthy", "a", "", NULL, 0},
        {"an old engine", "{\"status\":\"start\",\"id\":\"abc\",\"from\":\"img\",\"time\":2}", "",
                "start", "abc", "", NULL, INT64_C(2000000000)},
        {"wrong types", "{\"Type\":5,\"Action\":[],\"Actor\":\"x\",\"time\":\"y\",\"timeNano\":-3}",
                "", "", "", "", NULL, 0},
        {"a hostile name",
                "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"a\",\"Attributes\":"
                "{\"name\":\"x\\u001b[2J\\ny\"}}}",
                "container", "die", "a", "x y", NULL, 0},
        {"an endless action",
                "{\"Type\":\"container\",\"Action\":\"exec_start: "
                "0123456789012345678901234567890123456789012345678901234567890123456789\"}",
                "container", "exec_start: 012345678901234567890123456789012345678901234567890", "",
                "", NULL, 0},
};

int main(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_event struct fg_event ev;
		const char *code;
		struct fg_err err;

		fg_event_decode(fg_json_parse(rows[i].doc, strlen(rows[i].doc), &err), &ev);
		code = fg_event_attr(&ev, "exitCode");
		ok(ev.raw && strcmp(ev.type, rows[i].type) == 0 &&
		                strcmp(ev.action, rows[i].action) == 0 &&
		                strcmp(ev.id, rows[i].id) == 0 &&
		                strcmp(ev.name, rows[i].name) == 0 && ev.time_ns == rows[i].time_ns,
		        "%s: %s", rows[i].title, ev.action);
		is_str(code, rows[i].exit_code, "its exit code");
	}
	return done_testing();
}
