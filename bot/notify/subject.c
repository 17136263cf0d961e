/* Keys of subjects. */
#include <string.h>
#include <strings.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/subject.h"

#define KEY_MOST 512 /* bytes; a longer one of labels is none that people know it by */

static char *key_of_labels(const cJSON *labels)
{
	const char *task = fg_json_str(labels, "com.docker.swarm.service.name", "");
	const char *project = fg_json_str(labels, "com.docker.compose.project", "");
	const char *service = fg_json_str(labels, "com.docker.compose.service", "");
	const char *number = fg_json_str(labels, "com.docker.compose.container-number", "");
	const char *single = fg_json_str(labels, "com.docker.compose.oneoff", "");

	if (*task)
		return fg_printf("service:%s", task);
	if (!*project || !*service)
		return NULL;
	if (strcasecmp(single, "true") == 0)
		return fg_printf("run:%s/%s", project, service);
	return *number ? fg_printf("compose:%s/%s/%s", project, service, number) : NULL;
}

char *subject_key(const char *name, const cJSON *labels)
{
	char *key = key_of_labels(labels);

	if (key && strlen(key) <= KEY_MOST)
		return key;
	free(key);
	return name && *name ? fg_printf("name:%s", name) : fg_strdup("");
}

bool subject_has_slots(const char *key)
{
	return strncmp(key, "service:", 8) == 0;
}

bool subject_is_shared(const char *key)
{
	return subject_has_slots(key) || strncmp(key, "run:", 4) == 0;
}

const char subject_fill[] =
	"UPDATE incidents SET subject = (SELECT CASE"
	" WHEN container = '' OR name = '' THEN ''"
	" WHEN task <> '' THEN 'service:' || task"
	" WHEN project = '' OR service = '' THEN 'name:' || name"
	" WHEN single = 'true' THEN 'run:' || project || '/' || service"
	" WHEN number = '' THEN 'name:' || name"
	" ELSE 'compose:' || project || '/' || service || '/' || number END FROM (SELECT"
	" ifnull(json_extract(o, '$.\"com.docker.swarm.service.name\"'), '') AS task,"
	" ifnull(json_extract(o, '$.\"com.docker.compose.project\"'), '') AS project,"
	" ifnull(json_extract(o, '$.\"com.docker.compose.service\"'), '') AS service,"
	" ifnull(json_extract(o, '$.\"com.docker.compose.container-number\"'), '') AS number,"
	" lower(ifnull(json_extract(o, '$.\"com.docker.compose.oneoff\"'), '')) AS single"
	" FROM (SELECT CASE WHEN json_valid(labels) THEN labels ELSE '{}' END AS o)))";
