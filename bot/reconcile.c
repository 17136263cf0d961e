/* The first look at the hosts, a few side by side: one that is slow does not keep the others
 * waiting. */
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/registry.h"
#include "reconcile.h"

#define PROBE_MS 5000 /* for a host's first answer */
#define AT_ONCE 16

struct look {
	struct app *app;
	struct fg_host *host;
};

static void look_run(void *arg)
{
	const struct look *look = arg;
	const struct fg_host *host = look->host;
	struct fg_reconciled result;
	struct fg_err err;

	fg_info("host %s: %s %s, API %s", host->name, host->version.kind, host->version.version,
		host->version.api_version);
	if (fg_registry_reconcile(look->app->registry, look->host, &result, &err) < 0)
		fg_error("the registry was not compared with host %s: %s", host->name, err.text);
	else if (result.adopted || result.missing || result.back)
		fg_info("host %s: %d instances adopted, %d missing, %d back", host->name,
			result.adopted, result.missing, result.back);
}

void reconcile_all(struct app *app)
{
	cleanup_setup struct setup *setup = setup_ref(app->setup);
	size_t n = fg_fleet_count(setup->fleet);
	cleanup_free struct look *looks = fg_alloc((n + 1) * sizeof(*looks));
	struct fg_group group;

	fg_fleet_probe(setup->fleet, PROBE_MS);
	fg_group_init(&group, AT_ONCE);
	for (size_t i = 0; i < n && !fg_task_canceled(); i++) {
		struct fg_host *host = fg_fleet_host(setup->fleet, i);

		looks[i] = (struct look){app, host};
		if (!host->up)
			fg_warn("host %s does not answer: %s", host->name, host->why.text);
		else if (fg_group_go(&group, "first look at a host", look_run, &looks[i], NULL) < 0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
}
