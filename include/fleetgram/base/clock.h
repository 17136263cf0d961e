/*
 * Three clocks: one that only goes forward, for deadlines; the wall's, for people and for what is
 * stored; and the machine's own since it was started, for what is stored and must not move when
 * the wall's is set.
 */
#ifndef FLEETGRAM_BASE_CLOCK_H
#define FLEETGRAM_BASE_CLOCK_H

#include <stdint.h>

#define FG_NEVER INT64_MAX /* a deadline that does not come */

int64_t fg_now_ms(void);  /* monotonic milliseconds since some point in the past */
int64_t fg_wall_ms(void); /* milliseconds since 1970-01-01 UTC */

/* Milliseconds since the machine was started, its sleep included; they mean something only
 * together with the name of that start, which is "" where it cannot be told. */
int64_t fg_boot_ms(void);
const char *fg_boot_id(void);

/*
 * The wall clock may be set, by hours or by years, while the program runs. set: when that was last
 * noticed (monotonic), 0: never. age: how long ago a stored wall time was, but no more than can be
 * known: when the clock was set since then, the time since it was set; never less than 0. What is
 * given up or deleted by its age goes by this. A machine that slept counts as one that was set.
 */
int64_t fg_wall_set_ms(void);
int64_t fg_wall_age(int64_t wall_ms);
void fg_wall_shift(int64_t ms); /* for tests: as if the clock were set by so much */

/* RFC 3339 in UTC with milliseconds, "2026-01-31T23:59:59.123Z". */
#define FG_RFC3339 32
const char *fg_rfc3339(char buf[FG_RFC3339], int64_t wall_ms);
/* Any RFC 3339 time, offset and up to nine decimals included. 0 and *wall_ms set, or -1; the
 * engines' zero date "0001-01-01T00:00:00Z" gives 0 ms. */
int fg_rfc3339_parse(const char *s, int64_t *wall_ms);

#endif
