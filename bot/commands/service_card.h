/*
 * Services for people to read: a line in a list, a card with its tasks by node, and buttons.
 */
#ifndef BOT_COMMANDS_SERVICE_CARD_H
#define BOT_COMMANDS_SERVICE_CARD_H

#include "commands/swarm_target.h"

/* 🟢 as many run as are wanted, 🟠 fewer, 🔴 none, ⏹ none are wanted, ✅ of a job, ended well.
 */
const char *service_dot(const struct fg_service *s);
/* "3/3", of a job "3/5 done"; the caller frees it. */
char *service_numbers(const struct fg_service *s);
/* What its update is at, for people: "updating", "update paused"; "" when there is nothing to say.
 */
const char *service_update_words(const struct fg_service *s);

void service_line(struct fg_str *html, const struct fg_service_item *item);
void service_card(struct fg_str *html, const struct fg_service_item *item,
	const struct fg_service_tasks *tasks, const struct fg_nodes *nodes);
/* What went wrong last: at most `most` tasks that have failed, no two alike, after since_ms (wall
 * clock; 0: ever). False: nothing did. */
bool service_failures(struct fg_str *html, const struct fg_service *s,
	const struct fg_service_tasks *tasks, const struct fg_nodes *nodes, int64_t since_ms,
	size_t most);

/* All of it, as /service tells it, with what the registry knows. */
int service_show(struct command *c, struct fg_service_item *item);

/* For what the person may do with it now, onto that keyboard. */
void service_buttons(struct command *c, cJSON *keyboard, const struct fg_service *s);
/* For programs; tasks and nodes may be NULL. The caller deletes it. */
cJSON *service_data(const struct fg_service_item *item, const struct fg_service_tasks *tasks,
	const struct fg_nodes *nodes);

#endif
