/*
 * The parts of the page for a browser, as HTML: everything that comes from outside is escaped.
 */
#ifndef BOT_HTTP_PAGE_PARTS_H
#define BOT_HTTP_PAGE_PARTS_H

#include "fleetgram/base/str.h"
#include "http/health.h"

#define PAGE_INSTANCES 1000 /* as many at most have a row */
#define PAGE_INCIDENTS 10
#define PAGE_COMMANDS 10

void page_summary(struct fg_str *out, const struct health *h);
void page_incidents(struct fg_str *out, const struct health *h);
/* picture: not NULL */
void page_hosts(struct fg_str *out, const struct health_picture *picture);
void page_instances(struct fg_str *out, const struct health *h); /* not before the first picture */
void page_commands(struct fg_str *out, const struct health *h);

#endif
