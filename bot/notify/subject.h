/*
 * Subjects: what an incident is about, under whatever id.
 *
 * Containers come and go; what an operator calls by one name stays. The tasks of a swarm's service
 * are one subject on each host, so are the single runs of a Compose service ("docker compose run");
 * a container of a Compose project is what project, service and number say, and any other one what
 * its name says. Two subjects of one host never have the same key.
 */
#ifndef BOT_NOTIFY_SUBJECT_H
#define BOT_NOTIFY_SUBJECT_H

#include <stdbool.h>
#include <cjson/cJSON.h>

/* Labels that a swarm puts on the containers of its tasks. */
#define TASK_LABEL_NODE "com.docker.swarm.node.id"
#define TASK_LABEL_SERVICE "com.docker.swarm.service.id"
#define TASK_LABEL_TASK "com.docker.swarm.task.id"

/* Of a container with that name and those labels (NULL: not known); "": it has none. The caller
 * frees it. */
char *subject_key(const char *name, const cJSON *labels);
/* Whether several containers may be it at the same time. */
bool subject_is_shared(const char *key);
/* Whether these have places of their own, as the tasks of a service do. */
bool subject_has_slots(const char *key);

/* Fills the column `subject` of the table of incidents in rows that were written before there was
 * one: the same in SQL. */
extern const char subject_fill[];

#endif
