/*
 * Credentials for image registries: kept with the fleet, given to the engines, wiped at the end.
 */
#include <sodium.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "image/login.h"

#define HUB "docker.io"
#define HUB_ADDRESS "https://index.docker.io/v1/" /* what the engines know Docker's own by */

void fg_secret_free(char *secret)
{
	if (secret)
		sodium_memzero(secret, strlen(secret));
	free(secret);
}

static void login_destroy(struct login *login)
{
	fg_list_remove(&login->link);
	fg_secret_free(login->password);
	free(login->username);
	free(login);
}

void logins_finish(struct fg_list *logins)
{
	while (!fg_list_empty(logins))
		login_destroy(fg_list_first(logins, struct login, link));
}

const struct login *login_find(const struct fg_fleet *fleet, const char *registry)
{
	const struct fg_list *logins = fleet_logins(fleet);
	const struct login *login;

	fg_list_each (logins, login, link) {
		if (strcmp(login->registry, registry) == 0)
			return login;
	}
	return NULL;
}

int fg_fleet_login(struct fg_fleet *fleet, const char *registry, const char *username,
	const char *password, struct fg_err *err)
{
	char name[sizeof(((struct login *)NULL)->registry)];
	const struct login *before;
	struct login *login;

	fg_image_registry(registry, name);
	if (!*name)
		return fg_fail(err, FG_EINVAL, "\"%.64s\" is not an image registry: HOST[:PORT]",
			registry);
	before = login_find(fleet, name);
	if (before)
		return fg_fail(err, FG_EINVAL, "there are two entries for the registry %s", name);
	login = fg_alloc(sizeof(*login));
	memcpy(login->registry, name, sizeof(name));
	login->username = fg_strdup(username);
	login->password = fg_strdup(password);
	fg_list_append(fleet_logins(fleet), &login->link);
	return 0;
}

char *login_auth(const struct login *login)
{
	cleanup_json cJSON *doc = cJSON_CreateObject();
	cJSON *password;
	bool hub = strcmp(login->registry, HUB) == 0;
	char *text;

	cJSON_AddStringToObject(doc, "username", login->username);
	password = cJSON_AddStringToObject(doc, "password", login->password);
	cJSON_AddStringToObject(doc, "serveraddress", hub ? HUB_ADDRESS : login->registry);
	text = fg_json_print(doc);
	sodium_memzero(password->valuestring, strlen(password->valuestring));
	return text;
}

char *fg_fleet_auth(const struct fg_fleet *fleet, const char *image)
{
	const struct login *login = NULL;
	struct fg_image_ref ref;

	if (fg_image_ref_parse(image, &ref, NULL) == 0)
		login = login_find(fleet, ref.registry);
	return login ? login_auth(login) : NULL;
}
