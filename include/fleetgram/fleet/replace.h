/*
 * Replacing: another container in the place of one, with a way back at every step.
 *
 * The new one is made beside the old one under a name of its own; the old one is stopped and put
 * aside; the new one takes its name, is started, and has to become healthy (without a healthcheck:
 * stay up, without a restart, for settle_ms). Then the old one is removed. Whatever goes wrong
 * before that moment, the old one is put back as it was. Each step is noted in the store before it
 * is taken, so that what a crash interrupted is undone, or finished when the new one was good
 * already (fg_registry_reconcile() does that first).
 *
 * Unless a body is given, the new one is like the old one in everything that is not the image's
 * own: HostConfig, networks with aliases and fixed addresses, volumes (anonymous ones too), labels,
 * ports, limits, healthcheck. What the old image had set by itself comes from the new image. A
 * container that was stopped stays stopped, a paused one is paused again. Containers that share its
 * network, its processes or its IPC are restarted, or made again when they name it by its id (which
 * is how the engines keep it).
 */
#ifndef FLEETGRAM_FLEET_REPLACE_H
#define FLEETGRAM_FLEET_REPLACE_H

#include "fleetgram/fleet/registry.h"

struct fg_replace {
	const char *what;  /* for the history: "updated", "tagged", "applied", "rolled back" */
	const char *by;    /* who asked, for the history; NULL: nobody did */
	const char *image; /* what the new one is made of, which has to be there; NULL: as before */
	const cJSON
		*body; /* of POST /containers/create with every network; NULL: like the old one */
	const char *digest_before; /* of the old image, where a pull has already taken it from
				      there; NULL: what the engine says */
	const cJSON *said; /* a body that says what was asked for, which is kept even where the old
			      image says the same; NULL: what it says too was the image's */
	const cJSON *labels;  /* over those of the old one or of the body; NULL: none */
	const cJSON *changes; /* fields of the instance's document from then on ("spec",
				 "config_hash", …); NULL: none */
	const struct fg_selector *scope; /* of who asked: dependants outside of it are not named;
					    NULL: all are */
	int64_t settle_ms;
	void (*progress)(
		const char *step, void *arg); /* "waiting until it is healthy"; may be NULL */
	void *arg;
};

struct fg_replaced {
	char id[FG_ID_SIZE]; /* of the new one */
	int dependants;      /* restarted or made again */
	struct fg_str notes; /* a line each: warnings, dependants that could not be restarted */
};

void fg_replaced_finish(struct fg_replaced *replaced);
#define cleanup_replaced __attribute__((cleanup(fg_replaced_finish)))

/*
 * Replace the container `id` (its whole id) on host, after any operation on it that came before. On
 * failure the error says what went wrong and what became of the old one; when the new one was not
 * good, its last words (exit code, the health check's output, log lines) are in it. Refused are one
 * that was started with --rm (it would be gone once stopped), one of a Swarm service, and the one
 * that Fleetgram itself runs in. registry may be NULL: then nothing is noted, and a crash leaves
 * things as they are. A caller that is cancelled leaves the rest to a task of its own.
 */
int fg_replace(struct fg_registry *registry, struct fg_host *host, const char *id,
	const struct fg_replace *replace, struct fg_replaced *out, struct fg_err *err);

/* Finish or undo what an earlier run of any Fleetgram on this store left half done on that host.
 * Returns how many, or -1. */
int fg_replace_recover(struct fg_registry *registry, struct fg_host *host, struct fg_err *err);

/* Whether that container (by name or whole id) is just being replaced, or takes the place of another
 * one, by any Fleetgram on this store. */
bool fg_replace_involves(
	struct fg_registry *registry, const char *host, const char *id_or_name);

/*
 * Wait until no replacement involves that container (by name or whole id) any more, so that its
 * state is one that stays. Ends at the deadline at the latest, at once when the host is known to be
 * down, and when the caller is cancelled.
 */
void fg_replace_await(struct fg_registry *registry, const struct fg_host *host,
	const char *id_or_name, int64_t deadline);

/*
 * What a container (by its whole id) is now that was made again for the sake of another one, by any
 * Fleetgram on this store in the last 30 days: true, and out is its id. out may be where id is.
 */
bool fg_replace_followed(
	struct fg_registry *registry, const char *host, const char *id, char out[FG_ID_SIZE]);

/* Wait until nothing is being put back, at most until the deadline: for an ordered end. */
void fg_replace_settle(int64_t deadline);

#endif
