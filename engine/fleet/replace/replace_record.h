/*
 * What the registry notes of a replacement.
 */
#ifndef FLEET_REPLACE_RECORD_H
#define FLEET_REPLACE_RECORD_H

#include "registry/registry.h"
#include "replace/replacing.h"

struct replace_record {
	const struct replacing *r;
	const struct fg_replace *order;
	const struct fg_container_info *old, *new;
	const char *image;                   /* of the new one, by the name that was asked for */
	const char *old_digest, *new_digest; /* repository digests or "" */
};

/* Write it into the document of the instance, else into the record of the name. */
int replace_record(struct fg_tx *tx, const struct replace_record *record, struct fg_err *err);

#endif
