/*
 * The log: one line an event on stderr, as text or as a JSON object, that can never print a secret.
 *
 * Secrets (tokens, passwords) are registered as soon as they are known; every line is searched for
 * them before it is written, whatever it came from. Control characters in a message are made
 * visible, so nobody can forge a line.
 */
#ifndef FLEETGRAM_BASE_LOG_H
#define FLEETGRAM_BASE_LOG_H

#include <stdbool.h>

/* FG_LOG_ASKED is what somebody asked for just now, and is written at any level. */
enum fg_log_level { FG_LOG_ERROR, FG_LOG_WARN, FG_LOG_INFO, FG_LOG_DEBUG, FG_LOG_ASKED };

void fg_log_setup(enum fg_log_level level, bool json);
int fg_log_level_parse(const char *name, enum fg_log_level *level); /* -1: no such level */

/* From now on secret is written as ***; it is copied. Texts of under 4 bytes are ignored, they
 * would blot out words. */
void fg_log_secret(const char *secret);
void fg_log_finish(void);    /* forget the secrets, for leak checkers */
void fg_log_redact(char *s); /* blot the secrets out of s in place */

void fg_log(enum fg_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define fg_error(...) fg_log(FG_LOG_ERROR, __VA_ARGS__)
#define fg_warn(...) fg_log(FG_LOG_WARN, __VA_ARGS__)
#define fg_info(...) fg_log(FG_LOG_INFO, __VA_ARGS__)
#define fg_debug(...) fg_log(FG_LOG_DEBUG, __VA_ARGS__)

#endif
