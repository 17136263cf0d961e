/*
 * What is told of a batch when it has ended.
 */
#ifndef BOT_COMMANDS_BATCH_REPORT_H
#define BOT_COMMANDS_BATCH_REPORT_H

#include "commands/batch.h"

/* Add the report to the reply. -1: all jobs failed; on a terminal, any did. */
int batch_report(struct command *c, const struct batch *batch, struct batch_job *jobs, size_t n);

/* A report on any number of jobs into html, and for programs into the reply's data. */
void batch_summary(struct command *c, struct fg_str *html, const struct batch *batch,
	const struct batch_job *jobs, size_t n);

#endif
