/* The second half of loading a config: what several keys, the environment, or other files say
 * together. */
#ifndef BOT_CONFIG_FINISH_H
#define BOT_CONFIG_FINISH_H

#include "config/errors.h"

/* Each completes the config and adds what is wrong; source may be NULL. */

/* Hosts and their transports, the listener, lists whose entries exclude each other. */
void config_finish_relations(
	struct config *config, const struct config_source *source, struct config_errors *errors);
/* Tokens and passwords, from wherever they are; the log is told of each. */
void config_finish_secrets(
	struct config *config, const struct config_source *source, struct config_errors *errors);
/* The pair of http.tls: read, and checked to be one. */
void config_finish_certificate(
	struct config *config, const struct config_source *source, struct config_errors *errors);
/* Whether each template can make a container. */
void config_finish_templates(
	struct config *config, const struct config_source *source, struct config_errors *errors);
/* Those in templates_dir, whose mistakes come after those of the config, file by file. */
void config_finish_folder(
	struct config *config, const struct config_source *source, struct config_errors *errors);

#endif
