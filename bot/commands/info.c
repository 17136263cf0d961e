/*
 * /info: everything about one container.
 */
#include "commands/card.h"
#include "commands/service_card.h"

static int info_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items services = {0};
	size_t n = c->n;
	int rc = swarm_maybe(c, words, n) ? 1 : target_one(c, words, n, &items);

	if (rc == 0)
		return card_show(c, &items.v[0], NULL);
	if (!target_may(c, "service"))
		return rc > 0 ? fg_fail(&c->err, FG_EDENIED, "you may not use /%s%s%s", "service",
					"", "")
			      : -1;
	if (rc > 0 || swarm_maybe(c, words, n))
		rc = swarm_meant(c, words, &n, &services);
	return rc > 0 ? service_show(c, &services.v[0]) : -1;
}

const struct command_row command_info = {
	.name = "info",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.min = 1,
	.max = 8,
	.usage = "NAME",
	.help = "One container: state, ports, mounts, limits, environment",
	.more = "NAME is a container's name, the beginning of its id, or HOST/NAME. Values of "
		"variables that look secret are "
		"not shown. The name of a service of a swarm shows that, as /service does.\n"
		"\n"
		"/info web\n"
		"/info prod1/web",
	.run = info_run,
};
