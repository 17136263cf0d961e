/*
 * The command line's modes beside the bot itself. Each runs in a task, with the application open
 * where it says so, and returns the exit code.
 */
#ifndef BOT_CLI_H
#define BOT_CLI_H

#include "app.h"

int cli_console(struct app *app);
int cli_exec(struct app *app, char **words, int count, bool yes, bool json);
int cli_registry(struct app *app, char **words, int count);
int cli_audit(struct app *app, char **words, int count);
/* Opens nothing itself but what it checks. */
int cli_check(const char *config_path);

#endif
