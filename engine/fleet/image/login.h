/*
 * The credentials that a fleet has for image registries; private to this room.
 */
#ifndef FLEET_LOGIN_H
#define FLEET_LOGIN_H

#include "fleetgram/base/list.h"
#include "fleetgram/fleet/image.h"

struct login {
	struct fg_list link;
	char registry[256];
	char *username, *password;
};

/* Those for the registry, which has to be in its one form (fg_image_registry()); NULL: none. */
const struct login *login_find(const struct fg_fleet *fleet, const char *registry);

/* Wipe and free all of a list. */
void logins_finish(struct fg_list *logins);

/* Where a fleet keeps them. */
struct fg_list *fleet_logins(const struct fg_fleet *fleet);

/* The JSON object of X-Registry-Auth. Caller wipes and frees. */
char *login_auth(const struct login *login);

/* Put what can be done about it behind an error of a registry's image, if its text tells. */
void image_advise(const struct fg_host *host, const char *image, struct fg_err *err);

static inline void login_secret_ptr(char **secret)
{
	fg_secret_free(*secret);
}
#define cleanup_secret __attribute__((cleanup(login_secret_ptr)))

#endif
