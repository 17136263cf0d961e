/* The config: read by the table, completed, and checked for what no single key can tell. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config/config.h"
#include "config/finish.h"
#include "config/read.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "http/certificate.h"

#define DEFAULT_PATH "/etc/fleetgram/fleetgram.json"

char *config_find_path(const char *option)
{
	const char *env = getenv("FLEETGRAM_CONFIG");

	if (option)
		return fg_strdup(option);
	if (env && *env)
		return fg_strdup(env);
	return access(DEFAULT_PATH, F_OK) == 0 ? fg_strdup(DEFAULT_PATH) : NULL;
}

char **config_local_candidates(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char **list = fg_alloc(4 * sizeof(*list)), **at = list;

	*at++ = fg_strdup("unix:///var/run/docker.sock");
	*at++ = fg_strdup("unix:///run/podman/podman.sock");
	if (run && *run == '/')
		*at++ = fg_printf("unix://%s/podman/podman.sock", run);
	return list;
}

/* Commands may be written as they are typed. */
static void strip_slashes(char **list)
{
	for (; list && *list; list++) {
		if (**list == '/')
			memmove(*list, *list + 1, strlen(*list));
	}
}

/* A path in the config starts from the config's folder. */
static void resolve(const struct config *config, char **path)
{
	const char *slash = config->path ? strrchr(config->path, '/') : NULL;
	char *whole;

	if (!*path || **path == '/' || !slash)
		return;
	whole = fg_printf("%.*s%s", (int)(slash - config->path) + 1, config->path, *path);
	free(*path);
	*path = whole;
}

static void resolve_paths(struct config *config)
{
	size_t i;

	resolve(config, &config->telegram.token_file);
	resolve(config, &config->templates_dir);
	resolve(config, &config->http.token_file);
	resolve(config, &config->http.tls.cert);
	resolve(config, &config->http.tls.key);
	resolve(config, &config->state_dir);
	for (i = 0; i < config->host_count; i++) {
		struct config_host *host = &config->hosts[i];

		resolve(config, &host->tls.ca);
		resolve(config, &host->tls.cert);
		resolve(config, &host->tls.key);
		resolve(config, &host->ssh.key);
		resolve(config, &host->ssh.known_hosts);
	}
	for (i = 0; i < config->images.registry_count; i++)
		resolve(config, &config->images.registries[i].password_file);
}

static char *default_state_dir(void)
{
	const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	struct passwd *pw;

	if (state && *state == '/') /* systemd separates several by colons */
		return fg_strndup(state, strcspn(state, ":"));
	if (xdg && *xdg == '/')
		return fg_printf("%s/fleetgram", xdg);
	if (!home || *home != '/') {
		pw = getpwuid(getuid());
		home = pw && pw->pw_dir ? pw->pw_dir : "/root";
	}
	return fg_printf("%s/.local/state/fleetgram", home);
}

/* The daemon has to find it from any folder. */
static void make_absolute(char **path)
{
	cleanup_free char *here = NULL;
	char *whole;

	if (!*path || **path == '/')
		return;
	here = getcwd(NULL, 0);
	whole = fg_printf("%s/%s", here ? here : "", *path);
	free(*path);
	*path = whole;
}

static void strip_end(char *url)
{
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		url[--len] = '\0';
}

/* The trees that are kept as they are. */
static void keep_trees(struct config *config, const cJSON *root)
{
	const cJSON *templates = fg_json_object(root, "templates"),
		    *defaults = fg_json_object(root, "defaults");

	config->templates = templates ? cJSON_Duplicate(templates, true) : cJSON_CreateObject();
	config->defaults = defaults ? cJSON_Duplicate(defaults, true) : cJSON_CreateObject();
}

static struct config *build(const char *path, const struct config_source *source,
	config_look *look, struct config_errors *errors)
{
	struct config *config = fg_alloc(sizeof(*config));
	const struct config_key *whole = config_key_find("", "");
	size_t first = errors->n, i;

	config->path = fg_strdup(path);
	config_read(whole, config_source_root(source), config, "", source, errors);
	if (!config->state_dir)
		config->state_dir = default_state_dir();
	resolve_paths(config);
	make_absolute(&config->state_dir);
	if (config->telegram.api_url)
		strip_end(config->telegram.api_url);
	for (i = 0; i < config->user_count; i++) {
		strip_slashes(config->users[i].commands);
		strip_slashes(config->users[i].deny);
	}
	strip_slashes(config->confirm.always);
	keep_trees(config, config_source_root(source));
	config_finish_relations(config, source, errors);
	config_finish_secrets(config, source, errors);
	config_finish_certificate(config, source, errors);
	config_finish_templates(config, source, errors);
	if (look)
		look(config, source, errors);
	config_errors_sort(errors, first);
	config_finish_folder(config, source, errors);
	if (errors->n == first)
		return config;
	config_destroy(config);
	return NULL;
}

struct config *config_load(const char *path, config_look *look, struct config_errors *errors)
{
	cleanup_source struct config_source *source = NULL;

	if (path) {
		source = config_source_open(path, errors);
		if (!source)
			return NULL;
	}
	return build(path, source, look, errors);
}

struct config *config_parse(
	const char *name, const char *text, size_t len, struct config_errors *errors)
{
	cleanup_source struct config_source *source = config_source_parse(name, text, len, errors);

	return source ? build(name, source, NULL, errors) : NULL;
}

void config_destroy(struct config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config->images.registry_count; i++)
		free(config->images.registries[i].password);
	config_release(config_key_find("", ""), config);
	cJSON_Delete(config->templates);
	cJSON_Delete(config->defaults);
	free(config->path);
	free(config->telegram.token);
	free(config->http.unix_path);
	free(config->http.address);
	free(config->http.token);
	certificate_unref(config->http.certificate);
	free(config);
}
