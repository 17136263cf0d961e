/* The clocks, and RFC 3339. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "fleetgram/base/clock.h"

#define ZERO_DATE_MS (-62135596800000LL) /* 0001-01-01T00:00:00Z, how the engines write "never" */
#define SET_MS 60000                     /* a clock that moved by more was set, or the machine slept */
#define LAST_MS 253402300799999LL        /* 9999-12-31T23:59:59.999Z, the format's last moment */

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t fg_now_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t fg_boot_ms(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

const char *fg_boot_id(void)
{
	static char id[64];
	int fd = *id ? -1 : open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return id;
	n = read(fd, id, sizeof(id) - 1);
	close(fd);
	id[n > 0 ? n : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
	return id;
}

/* Of the wall clock against the other one. Threads read the clocks, too. */
static _Atomic int64_t ahead_ms, set_ms, shift_ms;
static _Atomic bool looked;

int64_t fg_wall_ms(void)
{
	int64_t wall = read_clock(CLOCK_REALTIME) + shift_ms, now = fg_now_ms();
	int64_t ahead = wall - now, moved = ahead - ahead_ms;

	if (looked && (moved > SET_MS || moved < -SET_MS))
		set_ms = now;
	if (!looked || moved > SET_MS || moved < -SET_MS)
		ahead_ms = ahead;
	looked = true;
	return wall;
}

int64_t fg_wall_set_ms(void)
{
	fg_wall_ms();
	return set_ms;
}

int64_t fg_wall_age(int64_t wall_ms)
{
	int64_t age = fg_wall_ms() - wall_ms, since_set = set_ms ? fg_now_ms() - set_ms : FG_NEVER;

	if (age < 0) /* it lies ahead: the clock was set back after it */
		return since_set == FG_NEVER ? 0 : since_set;
	return age < since_set ? age : since_set;
}

void fg_wall_shift(int64_t ms)
{
	shift_ms += ms;
}

const char *fg_rfc3339(char buf[FG_RFC3339], int64_t wall_ms)
{
	char date[16] = "";
	struct tm tm;
	time_t t;

	if (wall_ms < ZERO_DATE_MS)
		wall_ms = ZERO_DATE_MS;
	if (wall_ms > LAST_MS)
		wall_ms = LAST_MS;
	t = wall_ms / 1000 - (wall_ms % 1000 < 0);
	gmtime_r(&t, &tm);
	/* strftime's %Y does not pad. */
	strftime(date, sizeof(date), "-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, FG_RFC3339, "%04u%s.%03uZ", (unsigned)(tm.tm_year + 1900) % 10000u, date,
		(unsigned)(wall_ms - (int64_t)t * 1000));
	return buf;
}

/* Exactly n digits into *v, within lo..hi. */
static bool field(const char **s, int n, int lo, int hi, int *v)
{
	*v = 0;
	for (; n > 0; n--, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return false;
		*v = *v * 10 + (**s - '0');
	}
	return *v >= lo && *v <= hi;
}

static bool literal(const char **s, const char *any)
{
	if (!**s || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (leap && month == 2);
}

/* ".123456789" or nothing; what is finer than milliseconds is cut off. */
static bool fraction(const char **s, int *ms)
{
	int digits = 0, place = 100;

	*ms = 0;
	if (!literal(s, "."))
		return true;
	for (; isdigit((unsigned char)**s); (*s)++, digits++) {
		*ms += (**s - '0') * place;
		place /= 10;
	}
	return digits >= 1 && digits <= 9;
}

/* "Z", or minutes east of Greenwich as "+02:00". */
static bool offset(const char **s, int *minutes)
{
	int h, m, sign = **s == '-' ? -1 : 1;

	*minutes = 0;
	if (literal(s, "Zz"))
		return true;
	if (!literal(s, "+-") || !field(s, 2, 0, 23, &h) || !literal(s, ":") ||
		!field(s, 2, 0, 59, &m))
		return false;
	*minutes = sign * (h * 60 + m);
	return true;
}

int fg_rfc3339_parse(const char *s, int64_t *wall_ms)
{
	int year, month, day, hour, minute, second, ms, east;
	struct tm tm = {0};
	int64_t t;

	if (!s || !field(&s, 4, 0, 9999, &year) || !literal(&s, "-") ||
		!field(&s, 2, 1, 12, &month) || !literal(&s, "-") ||
		!field(&s, 2, 1, days_in_month(year, month), &day) || !literal(&s, "Tt ") ||
		!field(&s, 2, 0, 23, &hour) || !literal(&s, ":") || !field(&s, 2, 0, 59, &minute) ||
		!literal(&s, ":") || !field(&s, 2, 0, 60, &second) || !fraction(&s, &ms) ||
		!offset(&s, &east) || *s)
		return -1;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	t = ((int64_t)timegm(&tm) - (int64_t)east * 60) * 1000 + ms;
	*wall_ms = t == ZERO_DATE_MS ? 0 : t;
	return 0;
}
