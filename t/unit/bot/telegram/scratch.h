/* A folder for one test run, with a store in it that can be opened again as after a crash. */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "fleetgram/base/store.h"

static char scratch_dir[64];

static inline struct fg_store *scratch_store(void)
{
	char path[96];
	struct fg_err err;
	struct fg_store *store;

	if (!scratch_dir[0]) {
		snprintf(scratch_dir, sizeof(scratch_dir), "/tmp/fleetgram-unit-XXXXXX");
		if (!mkdtemp(scratch_dir))
			exit(1);
	}
	snprintf(path, sizeof(path), "%s/store.db", scratch_dir);
	store = fg_store_open(path, &err);
	if (!store) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return store;
}

static inline void scratch_finish(void)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
	char path[96];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", scratch_dir, names[i]);
		unlink(path);
	}
	rmdir(scratch_dir);
}

#endif
