/*
 * The labels by which an instance's container is known as one.
 */
#ifndef FLEET_LABEL_H
#define FLEET_LABEL_H

#include <cjson/cJSON.h>

struct instance_labels {
	const char *name, *template, *config_hash;
	const char *created_by, *created_at; /* NULL: "" */
	const cJSON *params;                 /* as they were given; NULL or {}: none */
};

/* Put them into the body of a create, over what a template says by the same names. */
void label_instance(cJSON *body, const struct instance_labels *labels);

#endif
