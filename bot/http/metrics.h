/*
 * GET /metrics: what was counted (base/metric.h) and what is so now, as text for a scraper.
 */
#ifndef BOT_HTTP_METRICS_H
#define BOT_HTTP_METRICS_H

#include <stdbool.h>
#include "http/health.h"

#define METRICS_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_INSTANCES 1000 /* as many at most have series of their own */

/* Whether an Accept header asks for OpenMetrics; NULL does not. */
bool metrics_wants_openmetrics(const char *accept);
/* Never waits: of the hosts it tells what the last picture has. Caller frees. */
char *metrics_text(const struct health *h, bool openmetrics);

#endif
