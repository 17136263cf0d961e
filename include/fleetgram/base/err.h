/*
 * Errors that gather context on their way up.
 *
 * A fallible function returns a negative number and fills the struct fg_err it was given as its
 * last parameter. The code says what a caller may branch on; the text is for a person, and each
 * layer on the way up puts what it was doing in front of it:
 *
 *	if (fg_http_perform(&rq, &rs, err) < 0)
 *		return fg_wrap(err, "cannot list containers on %s", host->name);
 *
 * Whoever ends the chain logs or shows the text, once. An error needs no initialisation and owns
 * no memory. err may be NULL where a caller does not care.
 */
#ifndef FLEETGRAM_BASE_ERR_H
#define FLEETGRAM_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum fg_err_code {
	FG_EINVAL = 1,   /* what was asked makes no sense: bad words, bad config */
	FG_ENOTFOUND,    /* there is no such thing */
	FG_ECONFLICT,    /* it exists already, or its state forbids this */
	FG_EDENIED,      /* who asked may not */
	FG_ETIMEOUT,     /* the deadline passed */
	FG_ECANCELED,    /* the task was told to stop */
	FG_EUNREACHABLE, /* no connection: the request never left */
	FG_ELOST,   /* the request left, the answer never came whole: it may have had its effect */
	FG_EREMOTE, /* the other side answered with an error; status is its own */
	FG_EPROTO,  /* the other side answered with something that is not its protocol */
	FG_ETOOBIG, /* a cap was reached */
	FG_EIO,     /* this machine: files, database, processes */
	FG_EUSAGE,  /* no command, or not the words that it takes */
};

#define FG_ERR_TEXT 1024

struct fg_err {
	enum fg_err_code code;
	int status;             /* HTTP status or Bot API error_code; 0 when there is none */
	int64_t retry_after_ms; /* the other side's wish with a 429; 0 when there is none */
	bool unsent; /* no request has left: it cannot have had an effect, whatever the code says */
	char text[FG_ERR_TEXT]; /* UTF-8, one line, no final full stop */
};

/* Fill err with a code and a text. Always returns -1, so that "return fg_fail(...)" reads well. */
int fg_fail(struct fg_err *err, enum fg_err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the text. Always returns -1; all else stays. */
int fg_wrap(struct fg_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether what failed with it may have been done all the same, or be done yet. */
static inline bool fg_may_be_done(const struct fg_err *err)
{
	return !err->unsent && (err->code == FG_ELOST || err->code == FG_ETIMEOUT ||
				       err->code == FG_ECANCELED);
}

#endif
