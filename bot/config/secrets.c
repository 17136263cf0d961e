/* Tokens and passwords: where they may come from, in which order, and that the log knows them. */
#include <curl/curl.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/check.h"
#include "config/finish.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define SECRET_FILE_MAX 4096

/* What a file holds, without white space around it; caller frees. NULL: it cannot be, and why says
 * the reason. */
static char *read_secret(const char *path, const char **why)
{
	char buf[SECRET_FILE_MAX + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, SECRET_FILE_MAX);
	char *s = buf, *end, *secret = NULL;

	*why = n < 0 ? strerror(errno) : NULL;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return NULL;
	buf[n] = '\0';
	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	if (*s == '\0')
		*why = "it is empty";
	else if (strlen(buf) < (size_t)n && (size_t)(end - buf) != strlen(buf))
		*why = "it is not a text";
	else
		secret = fg_strdup(s);
	explicit_bzero(buf, sizeof(buf));
	return secret;
}

/* A token is secret as a whole and in its second half, which is the secret proper. */
static void keep_token_secret(const char *token)
{
	const char *colon = token ? strchr(token, ':') : NULL;

	fg_log_secret(token);
	if (colon && strlen(colon + 1) >= 8)
		fg_log_secret(colon + 1);
}

struct finish {
	struct config *config;
	const struct config_source *source;
	struct config_errors *errors;
};

/* A file that the config names at item, and that has to be there. */
static char *secret_of(struct finish *f, const char *path, const cJSON *item, const char *key)
{
	const char *why;
	char *secret = read_secret(path, &why);

	if (!secret)
		config_errors_at(f->errors, f->source, item, CONFIG_AT_VALUE, key,
			"cannot use %s: %s", path, why);
	fg_log_secret(secret);
	return secret;
}

/* A token that came from outside the config's text. */
static char *checked(struct finish *f, const char *from, char *token)
{
	struct fg_err err;

	keep_token_secret(token);
	if (!token || config_check_token(token, &err) == 0)
		return token;
	config_errors_add(f->errors, from, 0, 0, NULL, "%s", err.text);
	free(token);
	return NULL;
}

static char *credential(struct finish *f)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY"), *why;
	cleanup_free char *path = NULL;
	char *token;

	if (!dir || !*dir)
		return NULL;
	path = fg_printf("%s/telegram-token", dir);
	token = read_secret(path, &why);
	if (!token && access(path, F_OK) == 0)
		config_errors_add(f->errors, path, 0, 0, NULL, "cannot use it: %s", why);
	return checked(f, path, token);
}

static void find_token(struct finish *f)
{
	const cJSON *item = fg_json_path(config_source_root(f->source), "telegram.token_file");
	const char *env = getenv("FLEETGRAM_TOKEN");
	struct config *c = f->config;
	size_t before = f->errors->n;

	keep_token_secret(c->telegram.token_text);
	if (env && *env)
		c->telegram.token = checked(f, "FLEETGRAM_TOKEN", fg_strdup(env));
	else
		c->telegram.token = credential(f);
	if (c->telegram.token || f->errors->n > before)
		return;
	if (c->telegram.token_file)
		c->telegram.token = checked(f, c->telegram.token_file,
			secret_of(f, c->telegram.token_file, item, "telegram.token_file"));
	else
		c->telegram.token = fg_strdup(c->telegram.token_text);
}

/* The password in a proxy's URL, as written and as meant. */
static void keep_proxy_secret(const char *proxy)
{
	CURLU *u = proxy ? curl_url() : NULL;
	char *raw = NULL, *plain = NULL;

	if (!u)
		return;
	if (curl_url_set(u, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
		curl_url_get(u, CURLUPART_PASSWORD, &raw, 0);
		curl_url_get(u, CURLUPART_PASSWORD, &plain, CURLU_URLDECODE);
		fg_log_secret(raw);
		fg_log_secret(plain);
	}
	curl_free(raw);
	curl_free(plain);
	curl_url_cleanup(u);
}

void config_finish_secrets(
	struct config *config, const struct config_source *source, struct config_errors *errors)
{
	struct finish f = {config, source, errors};
	const cJSON *root = config_source_root(source);
	const cJSON *registries = fg_json_path(root, "images.registries");
	size_t i;

	find_token(&f);
	keep_proxy_secret(config->telegram.proxy);
	if (config->http.token_file)
		config->http.token = secret_of(&f, config->http.token_file,
			fg_json_path(root, "http.token_file"), "http.token_file");
	for (i = 0; i < config->images.registry_count; i++) {
		struct config_registry *r = &config->images.registries[i];
		const cJSON *item = fg_json_get(fg_json_get(registries, r->name), "password_file");
		cleanup_free char *key = fg_printf("images.registries.%s.password_file", r->name);

		if (r->password_file)
			r->password = secret_of(&f, r->password_file, item, key);
	}
}
