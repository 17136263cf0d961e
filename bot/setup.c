/* A setup: what one reading of the config made. */
#include <stdio.h>
#include <string.h>
#include "chat/roles.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/image.h"
#include "mentions.h"
#include "setup.h"

#define FIND_TIMEOUT 2000 /* ms for a local socket to answer */

/* The first of this machine's usual sockets that answers, else the first. Caller frees. */
static char *find_local(void)
{
	char **candidates = config_local_candidates();
	char *found = NULL;

	for (char **url = candidates; *url && !found; url++) {
		struct fg_engine_options options = {.url = *url, .timeout_ms = FIND_TIMEOUT};
		struct fg_err err;
		struct fg_engine *engine = fg_engine_create(&options, &err);

		if (engine && fg_engine_ping(engine, &err) == 0)
			found = fg_strdup(*url);
		fg_engine_destroy(engine);
	}
	if (!found)
		found = fg_strdup(candidates[0]);
	config_strings_free(candidates);
	return found;
}

static int add_host(struct fg_fleet *fleet, const struct config_host *host, struct fg_err *err)
{
	cleanup_free char *local = host->url ? NULL : find_local();
	struct fg_host_options options = {
		.name = host->name,
		.engine =
			{
				.url = local ? local : host->url,
				.tls = {.ca = host->tls.ca,
					.cert = host->tls.cert,
					.key = host->tls.key},
				.ssh = {.key = host->ssh.key,
					.known_hosts = host->ssh.known_hosts},
				.timeout_ms = host->timeout_ms,
			},
	};

	if (fg_fleet_add(fleet, &options, err) < 0)
		return fg_wrap(err, "host %s", host->name);
	return 0;
}

static int add_logins(struct fg_fleet *fleet, const struct config *config, struct fg_err *err)
{
	for (size_t i = 0; i < config->images.registry_count; i++) {
		const struct config_registry *r = &config->images.registries[i];

		if (fg_fleet_login(fleet, r->name, r->username, r->password, err) < 0)
			return fg_wrap(err, "images.registries");
	}
	return 0;
}

struct setup *setup_create(struct config *config, struct fg_err *err)
{
	static uint64_t made;
	struct setup *setup = fg_alloc(sizeof(*setup));

	setup->refs = 1;
	setup->number = ++made;
	setup->config = config;
	setup->fleet = fg_fleet_create();
	setup->roles = roles_create(config, err);
	if (!setup->roles)
		goto fail;
	setup->only = fg_selector_parse_string(config->notify.only, err);
	if (!setup->only)
		goto fail;
	for (size_t i = 0; i < config->host_count; i++)
		if (add_host(setup->fleet, &config->hosts[i], err) < 0)
			goto fail;
	if (add_logins(setup->fleet, config, err) < 0)
		goto fail;
	return setup;
fail:
	setup_unref(setup);
	return NULL;
}

struct setup *setup_ref(struct setup *setup)
{
	setup->refs++;
	return setup;
}

void setup_unref(struct setup *setup)
{
	if (--setup->refs > 0)
		return;
	roles_destroy(setup->roles);
	fg_selector_destroy(setup->only);
	fg_fleet_unref(setup->fleet);
	config_destroy(setup->config);
	free(setup);
}

static struct setup *load(const char *path, struct config_errors *errors, struct fg_err *err)
{
	struct config *config = config_load(path, mentions_check, errors);

	if (config)
		return setup_create(config, err);
	fg_fail(err, FG_EINVAL, "the config has %zu mistake%s", errors->n + errors->more,
		errors->n + errors->more == 1 ? "" : "s");
	return NULL;
}

struct setup *setup_load(const char *path, struct fg_err *err)
{
	cleanup_config_errors struct config_errors errors = {0};
	struct setup *setup = load(path, &errors, err);
	cleanup_free char *text = config_errors_text(&errors);

	fputs(text, stderr);
	return setup;
}

struct setup *setup_load_told(const char *path, struct fg_str *mistakes, struct fg_err *err)
{
	cleanup_config_errors struct config_errors errors = {0};
	struct setup *setup = load(path, &errors, err);
	cleanup_free char *text = config_errors_text(&errors);

	for (size_t i = 0; i < errors.n; i++)
		fg_error("%s", errors.v[i].text);
	if (errors.more)
		fg_error("and %zu more", errors.more);
	fg_str_puts(mistakes, text);
	return setup;
}
