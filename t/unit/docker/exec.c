/* Commands in containers: which of them are a container's own probes. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/events.h"
#include "fleetgram/docker/exec.h"
#include "fleetgram/docker/volume.h"
#include "tap.h"

static cJSON *json(const char *text)
{
	return fg_json_parse(text, strlen(text), NULL);
}

static const struct {
	const char *config, *command;
} probes[] = {
	{"{}", ""},
	{"{\"Healthcheck\":null}", ""},
	{"{\"Healthcheck\":{}}", ""},
	{"{\"Healthcheck\":{\"Test\":[]}}", ""},
	{"{\"Healthcheck\":{\"Test\":[\"NONE\"]}}", ""},
	{"{\"Healthcheck\":{\"Test\":\"true\"}}", ""},
	{"{\"Healthcheck\":{\"Test\":[7,\"true\"]}}", ""},
	{"{\"Healthcheck\":{\"Test\":[\"CMD\"]}}", ""},
	{"{\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"]}}", "true"},
	{"{\"Healthcheck\":{\"Test\":[\"CMD\",\"wget\",\"-q\",7,\"localhost\"]}}", "wget -q localhost"},
	{"{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"exit 1\"]}}", "/bin/sh -c exit 1"},
	{"{\"Shell\":[\"/bin/bash\",\"-ec\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"exit 1\"]}}", "/bin/bash -ec exit 1"},
};

static const struct {
	const char *event, *command; /* NULL: it tells of none */
} events[] = {
	{"{\"Type\":\"container\",\"Action\":\"exec_start: /bin/sh -c exit 1\"}", "/bin/sh -c exit 1"},
	{"{\"Type\":\"container\",\"Action\":\"exec_start: a\\nb: c\"}", "a\nb: c"},
	{"{\"Type\":\"container\",\"Action\":\"exec\"}", ""},
	{"{\"Type\":\"container\",\"status\":\"exec_start: ls\"}", "ls"},
	{"{\"Type\":\"container\",\"Action\":\"exec_die\"}", NULL},
	{"{\"Type\":\"container\",\"Action\":\"exec_create: ls\"}", NULL},
	{"{\"Type\":\"image\",\"Action\":\"exec_start: ls\"}", NULL},
	{"{\"Type\":\"container\",\"Action\":7}", NULL},
	{"{}", NULL},
};

int main(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(probes); i++) {
		cleanup_json cJSON *raw = cJSON_CreateObject();
		cleanup_str struct fg_str command = {0};

		cJSON_AddItemToObject(raw, "Config", json(probes[i].config));
		fg_str_init(&command, 4096);
		fg_exec_healthcheck(raw, &command);
		is_str(command.s, probes[i].command, probes[i].config);
	}
	for (size_t i = 0; i < FG_ARRAY_LEN(events); i++) {
		cleanup_event struct fg_event event = {.raw = json(events[i].event)};

		event.type = fg_json_str(event.raw, "Type", "");
		is_str(fg_event_exec(&event), events[i].command, events[i].event);
	}
	ok(fg_volume_anonymous("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL), "64 hex digits are no name");
	ok(!fg_volume_anonymous("0123456789abcdef", NULL) && !fg_volume_anonymous("data", NULL), "anything else is");
	return done_testing();
}
