/*
 * How things are put for a phone: dots for states, short ages, sizes and image names, secrets
 * masked.
 *
 * What these give back is plain text, cleaned but not escaped: it still has to go through
 * html_printf() and friends.
 */
#ifndef BOT_COMMANDS_FORMAT_H
#define BOT_COMMANDS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"

/* 🟢 runs, 🟠 runs but is unhealthy, 🟡 is on its way, ⏸ is paused, 🔴 is stopped, ⚪
 * was never started, ⚫ is gone. */
const char *format_dot(const char *state, const char *health);
bool format_is_up(const char *state); /* has processes: running, paused or restarting */

/* The engine's sentence made short: "Up 3 minutes (healthy)" is "up 3m, healthy". Caller frees. */
char *format_status(const char *status);

/* One unit is enough for an age: "40s", "3m", "26h", "9d", "2y". */
const char *format_age(char buf[FG_HUMAN], int64_t ms);
/* The age of a moment by the wall clock, "3m ago"; "never" for 0 or less. */
const char *format_ago(char buf[FG_HUMAN], int64_t wall_ms, int64_t now_ms);

/* A moment ahead, by the local clock: "14:30", or "Tue 01 Dec 14:30" when it is not soon. */
const char *format_until(char buf[32], int64_t wall_ms);

/* At most four columns: "0B" "512K" "1.5M" "345G". */
const char *format_bytes(char buf[FG_HUMAN], double bytes);
/* Four columns up to 999 %: "0.3%" "12%" "400%". */
const char *format_percent(char buf[FG_HUMAN], double percent);
/* "0.5", "2": nano-CPUs as people write them. */
const char *format_cpus(char buf[FG_HUMAN], int64_t nano);

/* Without docker.io/, library/ and localhost/; a digest is cut to 12 digits. Caller frees. */
char *format_image(const char *image);
/* Cleaned, on one line, at most max characters, the last of them … when something is missing.
 * Caller frees. */
char *format_cut(const char *s, size_t max);
/* The same with the … in the middle: names that begin alike are told apart by their ends. */
char *format_cut_middle(const char *s, size_t max);

/* Whether a variable or label of that name should not be read over somebody's shoulder. */
bool format_secret(const char *name);
/* "NAME=value" with what is secret in value replaced by ***; passwords inside URLs count. Caller
 * frees. */
char *format_masked(const char *assignment);

/* What an exit code means, "killed by SIGKILL"; NULL when it says no more than its number. */
const char *format_exit(char buf[64], int code, bool oom_killed);

/* A cell of a table: cut or padded to width, to the right when it is a number. The text is put in
 * raw. */
void format_cell(struct fg_str *out, const char *s, size_t width, bool right);
/* ten squares, `done` of `total` of them full */
void format_bar(struct fg_str *out, int64_t done, int64_t total);

/* "1 container", "3 containers": the form for n of "%zu container" and "%zu containers". */
const char *format_count(char buf[64], size_t n, const char *one, const char *many);
/* The same text with a capital for its first letter, if that is Latin, Greek or Cyrillic. */
const char *format_capital(char buf[64], const char *text);

#endif
