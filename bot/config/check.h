/* The forms that strings in a config may have. Each returns 0, or -1 with the reason in err. */
#ifndef BOT_CONFIG_CHECK_H
#define BOT_CONFIG_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include "fleetgram/base/err.h"

int config_check_api_url(const char *s, struct fg_err *err);
int config_check_command(const char *s, struct fg_err *err); /* a chat command's name */
int config_check_cron(const char *s, struct fg_err *err);
int config_check_env_pair(const char *s, struct fg_err *err);
int config_check_host_url(const char *s, struct fg_err *err);
int config_check_context(const char *s, struct fg_err *err);
int config_check_ssh_file(const char *s, struct fg_err *err);
int config_check_hours(const char *s, struct fg_err *err); /* "" or HH:MM-HH:MM */
int config_check_language(const char *s, struct fg_err *err);
int config_check_listen(const char *s, struct fg_err *err);
int config_check_name(const char *s, struct fg_err *err); /* of a host, a template, a schedule */
int config_check_parameter(const char *s, struct fg_err *err); /* a parameter's name */
int config_check_pattern(const char *s, struct fg_err *err);   /* an extended regular expression */
int config_check_port(const char *s, struct fg_err *err);      /* "[IP:][HOST:]CONTAINER[/PROTO]" */
int config_check_proxy(const char *s, struct fg_err *err);
int config_check_registry(const char *s, struct fg_err *err); /* of images: HOST[:PORT] */
int config_check_restart(const char *s, struct fg_err *err);
int config_check_scope(const char *s, struct fg_err *err); /* a selector, and not the empty one */
int config_check_selector(const char *s, struct fg_err *err); /* "" picks everything */
int config_check_text(const char *s, struct fg_err *err);     /* anything but nothing */
int config_check_time(const char *s, struct fg_err *err);     /* "" or HH:MM */
int config_check_timezone(const char *s, struct fg_err *err);
int config_check_token(const char *s, struct fg_err *err);
int config_check_volume(const char *s, struct fg_err *err);

/* What was written as a URL, right or not, for people: without what may be a password in it. Caller
 * frees. */
char *config_url_shown(const char *s);

/* Whether s as a whole fits the extended regular expression, which is one that
 * config_check_pattern() accepts. */
bool config_pattern_fits(const char *pattern, const char *s);

/* What http.listen names. The strings are the caller's to free; both NULL for "". */
struct config_listen {
	char *unix_path, *address;
	uint16_t port;
	bool loopback;
};

int config_listen_parse(const char *s, struct config_listen *out, struct fg_err *err);

#endif
