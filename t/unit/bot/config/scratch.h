/* A folder of this run's own, configs parsed as if they lay in it, and what is wrong with them. */
#ifndef T_UNIT_BOT_CONFIG_SCRATCH_H
#define T_UNIT_BOT_CONFIG_SCRATCH_H

#include "tap.h"
#include "config/config.h"
#include "fleetgram/base/mem.h"

static char folder[] = "/tmp/fleetgram-config-XXXXXX";

/* Write a file into the folder of this run; its path is the caller's to free. */
static char *put(const char *name, const char *text)
{
	char *path = fg_printf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		diag("cannot write %s", path);
	return path;
}

static struct config *parse(const char *text, struct config_errors *errors)
{
	cleanup_free char *name = fg_printf("%s/f.json", folder);

	return config_parse(name, text, strlen(text), errors);
}

/* The first error of a text without its file, or "" when it is right. Overwritten by the next call.
 */
static const char *mistake(const char *text)
{
	static char buf[1200];
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *config = parse(text, &errors);
	size_t skip = strlen(folder) + strlen("/f.json:");

	buf[0] = '\0';
	if (errors.n > 0)
		snprintf(buf, sizeof(buf), "%s",
			strncmp(errors.v[0].text, folder, strlen(folder)) == 0
				? errors.v[0].text + skip
				: errors.v[0].text);
	return buf;
}

#endif
