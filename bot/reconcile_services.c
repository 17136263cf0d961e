/* Comparing the registry with the swarms. */
#include "reconcile_services.h"
#include "fleetgram/base/log.h"
#include "fleetgram/fleet/managed.h"

void reconcile_services(struct app *app, struct fg_fleet *fleet)
{
	struct fg_reconciled result;
	struct fg_err err;

	if (!fg_fleet_may_swarm(fleet))
		return;
	if (fg_managed_reconcile(app->registry, fleet, &result, &err) < 0)
		fg_warn("the registry was not compared with the services of swarms: %s", err.text);
	else if (result.adopted || result.missing || result.back)
		fg_info("services: %d instances adopted, %d missing, %d back", result.adopted,
			result.missing, result.back);
}
