/*
 * Who may ask: the checks of a request's Host and Authorization headers.
 */
#ifndef BOT_HTTP_ACCESS_H
#define BOT_HTTP_ACCESS_H

#include <stdbool.h>

/*
 * Whether a Host header means this machine: localhost, 127.0.0.0/8 or [::1], with any port or none.
 * On loopback everything else is a page of somebody else's that was made to resolve to us.
 */
bool access_host_is_local(const char *host);

/* Whether an Authorization header carries the token, compared in constant time. authorization may
 * be NULL; an empty token fits nothing. */
bool access_bearer(const char *authorization, const char *token);

/* Whether an Accept header (may be NULL) names text/html, as browsers do and scripts do not. */
bool access_wants_html(const char *accept);

#endif
