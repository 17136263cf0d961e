/*
 * The dashboard that a browser gets: readable without a script, and live with it. Read only.
 */
#ifndef BOT_HTTP_PAGE_H
#define BOT_HTTP_PAGE_H

#include <microhttpd.h>
#include "http/health.h"

/* With a Content-Security-Policy that allows its own style sheet and nothing else. */
struct MHD_Response *page_create(const struct health *h);

#endif
