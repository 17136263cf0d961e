/*
 * Every key of the config, in one table.
 *
 * A row says where a key stands, what its value may be, its default as JSON, and where the value
 * goes. Reading, defaults, suggestions for misspelt keys, freeing, and the check of the shipped
 * JSON schema all follow this table; a new key is one row.
 *
 * Paths: "a.b" is a member, "a.*" any member of a map (its name is the operator's), "a[]" an
 * element of a list.
 */
#ifndef BOT_CONFIG_KEYS_H
#define BOT_CONFIG_KEYS_H

#include <stddef.h>
#include "fleetgram/base/err.h"

enum config_type {
	CONFIG_BOOL,     /* bool */
	CONFIG_COMMAND,  /* a string or a list of strings; not stored */
	CONFIG_COUNT,    /* a whole number; int */
	CONFIG_DURATION, /* "30s"; int64_t in ms */
	CONFIG_ENV,      /* an object of scalars, or a list of such pairs as strings; not stored */
	CONFIG_ID,       /* a whole number of 64 bits; int64_t */
	CONFIG_LIST,     /* of what row "path[]" says */
	CONFIG_MAP,      /* of what row "path.*" says; each item's struct begins with its name */
	CONFIG_NUMBER,   /* double */
	CONFIG_OBJECT,   /* with the members that rows "path.NAME" say */
	CONFIG_SIZE,     /* "64m" or a number of bytes; int64_t */
	CONFIG_STRING,   /* char * */
	CONFIG_STRINGS,  /* a list of strings; char **, ended by NULL */
	CONFIG_TEXTS,    /* an object of scalars; not stored */
	CONFIG_WORD,     /* one of `words`; int, its place among them plus min */
};

enum config_flag {
	CONFIG_PARAM = 1,    /* a string with ${…} in it will only later be what it has to be */
	CONFIG_REQUIRED = 2, /* in an object that is there */
	CONFIG_ZERO = 4,     /* 0 is allowed below min: it turns something off */
};

/* Whether a string will do; -1: no, and err says why. */
typedef int config_check(const char *s, struct fg_err *err);

struct config_key {
	const char *path;
	enum config_type type;
	unsigned flags;
	const char *fallback; /* JSON; NULL: none, and then null will do for a string */
	size_t at; /* CONFIG_AT of the field in struct config, or in the item of a list or map; 0:
		      not stored */
	size_t count_at;     /* of a list or map: its count's CONFIG_AT */
	size_t item_size;    /* of a list or map: its items' struct */
	double min, max;     /* of numbers, sizes, and durations in ms */
	const char *words;   /* "stop|remove" */
	config_check *check; /* of a string, and of each in a list of strings */
	config_check *names; /* of a map: its members' names */
	const char *like;    /* an object with the members of another */
	const char *help;
};

#define CONFIG_AT(type, field) (offsetof(type, field) + 1)
#define CONFIG_DURATION_MAX (3650.0 * 24 * 3600 * 1000)

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* The row of a path made of a parent's and what is appended to it (".name", ".*", "[]"); NULL: no
 * such key. */
const struct config_key *config_key_find(const char *parent, const char *suffix);
/* The last part of the row's path if the row is a member of the object at parent, else NULL. */
const char *config_key_member(const struct config_key *key, const char *parent);

#endif
