/*
 * A certificate: what the listener shows to who asks over TLS, with the key that goes with it.
 *
 * Loaded as a pair, and only when the two belong together. A newer pair takes the older one's place
 * for new connections; whoever was shown the older one holds it until the connection ends, for
 * GnuTLS goes on to point at it.
 */
#ifndef BOT_HTTP_CERTIFICATE_H
#define BOT_HTTP_CERTIFICATE_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include "fleetgram/base/err.h"

struct certificate;

/* Whether the libmicrohttpd that is installed can serve over TLS, and choose a certificate for each
 * connection. */
bool certificate_usable(void);

/*
 * Read PEM files: a certificate, followed by those of the authorities between it and a root, and
 * its key without a passphrase. NULL: err says what is wrong, and wrong whether it is the "cert" or
 * the "key". One that has expired, or is not valid yet, is warned of and taken. Blocks while it
 * reads.
 */
struct certificate *certificate_load(
	const char *cert, const char *key, const char **wrong, struct fg_err *err);

struct certificate *certificate_ref(struct certificate *certificate); /* NULL is fine in both */
void certificate_unref(struct certificate *certificate);

/* For GnuTLS to show in one session, which has to hold the certificate until its end. */
void certificate_show(struct certificate *certificate, gnutls_pcert_st **chain,
	unsigned int *length, gnutls_privkey_t *key);

#endif
