/*
 * The digest of an image in its registry, asked without an engine; private to this room.
 */
#ifndef FLEET_MANIFEST_H
#define FLEET_MANIFEST_H

#include "image/login.h"

/* "Bearer realm=…,service=…,scope=…" or "Basic …" of a registry that wants to know who asks. */
struct challenge {
	bool bearer, basic;
	char realm[512], service[256], scope[512]; /* of Bearer; "" when absent */
};

/* Take in one WWW-Authenticate header; what makes no sense is left out. */
void challenge_parse(const char *header, struct challenge *out);

/*
 * A HEAD request for the manifest of ref's tag, with a token from where the registry says, or with
 * the login (NULL: none) itself. Registries on this machine are asked by plain HTTP, as the engines
 * do. FG_ENOTFOUND: there is no such image; a 429 has that status.
 */
int manifest_digest(const struct fg_image_ref *ref, const struct login *login,
	char digest[FG_DIGEST_SIZE], struct fg_err *err);

/* Whether a registry is on the machine of whoever asks. */
bool registry_is_local(const char *registry);

#endif
