/*
 * The config: what the operator wrote, checked whole and turned into plain fields.
 *
 * A config is read in one go and never changed afterwards; a reload makes a new one. All that is
 * wrong with it is found in one pass and reported together, each mistake with its line and column.
 * Defaults are filled in, relative paths are taken from the folder of the file, durations are
 * milliseconds, lists of strings end with NULL. Secrets are registered with the log as they are
 * read.
 *
 * Selectors are kept as text: what they mean is for the fleet to say.
 */
#ifndef BOT_CONFIG_CONFIG_H
#define BOT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "fleetgram/base/log.h"
#include "fleetgram/base/retry.h"
#include "role.h"

enum config_unknown_users {
	CONFIG_UNKNOWN_TELL_ID,
	CONFIG_UNKNOWN_IGNORE,
};

enum config_prune_action {
	CONFIG_PRUNE_STOP,
	CONFIG_PRUNE_REMOVE,
};

enum config_log_format {
	CONFIG_LOG_TEXT,
	CONFIG_LOG_JSON,
};

struct config_user {
	int64_t id; /* positive */
	char *name; /* may be NULL */
	enum role role;
	char *scope;     /* a selector, NULL: everything */
	char **commands; /* without slashes; NULL: all of the role's, empty: none */
	char **deny;     /* may be NULL */
	char *language;  /* NULL: the chat's, or the config's */
};

struct config_chat {
	int64_t id;     /* not 0 */
	int64_t thread; /* a forum topic; 0: the whole chat */
	char *name;     /* may be NULL */
	enum role role;
	char *scope; /* a selector, NULL: everything */
	bool notify;
	char *language; /* NULL: the person's, or the config's */
};

struct config_host {
	char *name;
	char *url; /* unix:///PATH, tcp://HOST:PORT, ssh://[USER@]HOST[:PORT]; NULL: the first of
		      config_local_candidates() that answers */
	char *context; /* whence url and tls are; NULL: they were given */
	struct {
		char *ca, *cert, *key; /* files; NULL: not given */
	} tls;
	struct {
		char *key, *known_hosts;
	} ssh;
	int64_t timeout_ms;
};

struct config_registry {
	char *name; /* host[:port] of an image registry */
	char *username, *password_file;
	char *password; /* what the file held */
};

struct config_schedule {
	char *name, *cron, *command;
};

struct config {
	char *path; /* the file; NULL: there was none */

	struct {
		char *token;                   /* NULL: none was given anywhere */
		char *api_url;                 /* without a slash at its end */
		char *proxy;                   /* NULL: none */
		char *token_text, *token_file; /* as configured; `token` is what counts */
		int64_t poll_timeout_ms, stale_after_ms;
		struct fg_retry retry;
		struct {
			int global_per_second, chat_per_second, group_per_minute;
		} rate;
		enum config_unknown_users unknown_users;
	} telegram;

	struct config_user *users;
	size_t user_count;
	struct config_chat *chats;
	size_t chat_count;
	struct config_host *hosts; /* never empty */
	size_t host_count;

	cJSON *templates; /* object of templates by name, those of templates_dir included */
	cJSON *defaults;  /* object that goes under each of them */
	char *templates_dir;

	struct {
		bool enabled;
		bool in_use; /* age alone is reason enough */
		int64_t idle_ms, max_age_ms; /* 0: off */
		int64_t every_ms;
		enum config_prune_action action;
		struct {
			double cpu_percent;
			int64_t bytes_per_second;
		} quiet;
	} prune;

	struct {
		int64_t settle_ms;
	} update;

	struct {
		bool enabled;
		int64_t after_ms, within_ms;
		int count;
	} autoheal;

	struct {
		int64_t check_every_ms; /* 0: never */
		struct config_registry *registries;
		size_t registry_count;
	} images;

	struct {
		bool die, oom, unhealthy, host, updates;
		struct {
			int count; /* 0: off */
			int64_t within_ms;
		} restart_loop;
		double cpu_percent, memory_percent, disk_percent; /* 0: off */
		int64_t for_ms, startup_delay_ms;
		int log_lines;
		char *quiet;  /* "22:00-07:00", "": no quiet hours */
		char *digest; /* "08:00", "": none */
		char *only;   /* a selector, "": everything */
	} notify;

	struct {
		int64_t ttl_ms;
		char **always; /* commands without slashes */
	} confirm;

	bool exec_enabled, history_enabled;

	struct config_schedule *schedules;
	size_t schedule_count;

	struct {
		char *listen;    /* as written; "": no listener */
		char *unix_path; /* NULL unless it is a Unix socket */
		char *address;   /* an IP address without brackets, or NULL */
		uint16_t port;
		bool loopback;
		char *token_file;
		char *token; /* NULL: none */
		bool allow_unauthenticated;
		struct {
			char *cert, *key;
		} tls;                           /* both or neither */
		struct certificate *certificate; /* from those files; NULL: no TLS */
	} http;

	int64_t health_refresh_ms;
	char *state_dir; /* absolute; need not exist yet */
	struct {
		enum fg_log_level level;
		enum config_log_format format;
	} log;
	int64_t shutdown_grace_ms;
	char *timezone; /* NULL: the system's */
	char *language;
};

/* One mistake. The text is the whole line to show: "FILE:LINE:COLUMN: KEY: what is wrong". */
struct config_error {
	char *text;
	size_t line, column; /* from 1, columns in characters; 0: not about a place in a file */
};

#define CONFIG_ERRORS_MAX 200 /* more are only counted */

/* Zeroed is empty. */
struct config_errors {
	struct config_error *v;
	size_t n;
	size_t more; /* mistakes beyond CONFIG_ERRORS_MAX */
};

void config_errors_finish(struct config_errors *errors);
/* All of them, a line each with its newline; caller frees. */
char *config_errors_text(const struct config_errors *errors);
#define cleanup_config_errors __attribute__((cleanup(config_errors_finish)))

/* Which file to read: option (of -c), $FLEETGRAM_CONFIG, /etc/fleetgram/fleetgram.json if it is
 * there. Caller frees; NULL: none. */
char *config_find_path(const char *option);

struct config_source;

/* One more look at a config that was read, by who knows what its texts mean: adds what is wrong
 * (config/errors.h). source NULL: there is no file. */
typedef void config_look(const struct config *config, const struct config_source *source,
	struct config_errors *errors);

/*
 * Read and check a config. path NULL: the defaults, with what the environment says. NULL: errors
 * says what is wrong (it is added to; in the order of the file). Reads files and blocks for as long
 * as that takes. look may be NULL.
 */
struct config *config_load(const char *path, config_look *look, struct config_errors *errors);
/* The same from text, without such a look; name stands for the file in errors, and its folder for the one that relative
 * paths start from. */
struct config *config_parse(
	const char *name, const char *text, size_t len, struct config_errors *errors);
void config_destroy(struct config *config); /* NULL is fine */

static inline void config_destroy_ptr(struct config **config)
{
	config_destroy(*config);
}
#define cleanup_config __attribute__((cleanup(config_destroy_ptr)))

/* The URLs of this machine's usual engine sockets, in the order to try them. Ends with NULL; for
 * config_strings_free(). */
char **config_local_candidates(void);
void config_strings_free(char **list);                      /* NULL is fine */
bool config_strings_have(char *const *list, const char *s); /* NULL holds nothing */

#endif
