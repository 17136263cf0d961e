/*
 * Docker's contexts: engines that `docker context create` has put down under a name.
 *
 * They are files below $DOCKER_CONFIG, or ~/.docker: contexts/meta/ID/meta.json says where the
 * engine is, contexts/tls/ID/docker/ has the certificates, and ID is the SHA-256 of the name. They
 * are only read.
 */
#ifndef FLEETGRAM_DOCKER_CONTEXT_H
#define FLEETGRAM_DOCKER_CONTEXT_H

#include "fleetgram/base/err.h"

struct fg_context {
	char *url;             /* of its engine */
	char *ca, *cert, *key; /* PEM files; NULL: it has none */
};

/* out is zeroed. The error names the file that is missing or wrong. Reads files. */
int fg_context_read(const char *name, struct fg_context *out, struct fg_err *err);
void fg_context_finish(struct fg_context *context);
#define cleanup_context __attribute__((cleanup(fg_context_finish)))

#endif
