/*
 * Templates as people see them: what they make, and what they have to be told.
 */
#ifndef BOT_COMMANDS_PLAN_H
#define BOT_COMMANDS_PLAN_H

#include "chat/command.h"
#include "fleetgram/fleet/spec.h"

/* The template of that name; an error names the nearest one. out points into the config of
 * c->setup. */
int plan_template(struct command *c, const char *name, struct fg_template *out);

/* The template over the defaults; the caller deletes it. */
cJSON *plan_merged(const struct command *c, const struct fg_template *t);

/* "0.5 CPU, 64m memory, 256 processes", of limits as a template has them. */
void plan_limits_html(struct fg_str *html, const cJSON *limits);

/* Whether it makes a service. */
bool plan_is_service(const struct command *c, const struct fg_template *t);

/* Where a service's tasks may run, plain, of a placement as a spec or a template has it:
 * "node.role==worker, spread over node.labels.zone, at most 2 on a node". Nothing for anywhere. */
void plan_placement(struct fg_str *out, const cJSON *placement);

/* "a=1, b=***": parameters with what is secret in them masked. Caller frees. */
char *plan_params(const cJSON *params);

/* The parameters that have neither a default nor a value in params are an error that says what each
 * is for. */
int plan_missing(struct command *c, const struct fg_template *t, const cJSON *params);

/* The words of /create: NAME or HOST/NAME, the template, and what is written NAME=VALUE. */
struct plan_order {
	char *name;
	char *host;           /* NULL: not chosen */
	char *host_glob;      /* the host has to match it, too; NULL: any */
	const char *replicas; /* as written, where the template makes a service; NULL: not given */
	cJSON *params;        /* {"NAME":"VALUE"} */
};

/* host= and replicas= are parameters where the template has some of that name. No parameter is
 * missing then. */
int plan_order_read(struct command *c, const struct fg_template *t, struct plan_order *out);
void plan_order_finish(struct plan_order *order);

#endif
