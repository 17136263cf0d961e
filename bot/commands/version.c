/*
 * /version: which Fleetgram, and which engines.
 */
#include "commands/target.h"

#define PROBE_TIMEOUT 3000 /* ms */

static int version_run(struct command *c)
{
	struct fg_fleet *fleet = c->setup->fleet;
	struct fg_str *html = reply_add(c->reply);
	cJSON *engines;

	fg_fleet_probe(fleet, PROBE_TIMEOUT);
	html_printf(html, "<b>Fleetgram %s</b>\n", FLEETGRAM_VERSION);
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "version", FLEETGRAM_VERSION);
	engines = cJSON_AddArrayToObject(c->reply->data, "engines");
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		const struct fg_host *host = fg_fleet_host(fleet, i);
		cJSON *engine;

		if (c->person.scope && !fg_selector_match_host(c->person.scope, host->name))
			continue;
		engine = cJSON_CreateObject();
		cJSON_AddStringToObject(engine, "host", host->name);
		cJSON_AddStringToObject(engine, "engine", host->version.kind);
		cJSON_AddStringToObject(engine, "version", host->version.version);
		cJSON_AddStringToObject(engine, "api_version", host->version.api_version);
		cJSON_AddItemToArray(engines, engine);
		if (*host->version.version)
			html_printf(html, "%s: %s %s, API %s\n", host->name, host->version.kind,
				host->version.version, host->version.api_version);
		else
			html_printf(html, "%s: does not answer\n", host->name);
	}
	return 0;
}

const struct command_row command_version = {
	.name = "version",
	.group = GROUP_GENERAL,
	.role = ROLE_NONE,
	.usage = "",
	.help = "The versions of Fleetgram and of the engines",
	.more = "/version",
	.run = version_run,
};
