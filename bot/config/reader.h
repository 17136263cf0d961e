/* Between the two halves of reading: what is inside of values, and what holds them. */
#ifndef BOT_CONFIG_READER_H
#define BOT_CONFIG_READER_H

#include "config/errors.h"
#include "config/keys.h"
#include "fleetgram/base/str.h"

#define CONFIG_PATH_CAP ((size_t)1024)

struct config_reader {
	const struct config_source *source;
	struct config_errors *errors;
	struct fg_str path; /* of the value that is read, for errors */
	bool fallback;      /* the value is a default, from the table */
};

typedef void config_read_fn(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base);

/* A mistake in the value that is read. */
#define config_wrong(r, item, ...) \
	config_errors_at((r)->errors, (r)->source, item, CONFIG_AT_VALUE, (r)->path.s, __VA_ARGS__)

const char *config_kind(const cJSON *item); /* "a string", for errors */
void config_wrong_type(struct config_reader *r, const struct config_key *key, const cJSON *item);
/* Where the row's value goes in base; NULL: nowhere. */
void *config_target(const struct config_key *key, void *base);

config_read_fn config_read_bool, config_read_count, config_read_duration, config_read_id,
	config_read_number, config_read_size, config_read_string, config_read_word;

#endif
