/*
 * Asking a swarm: one of its managers, and another one when that is of no help.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/swarm.h"
#include "host.h"

/* So long a manager is waited for while there is another one; an election takes up to 9 s. */
#define NEXT_MS 12000

/* What an error leaves to hope for. */
enum hope {
	HOPE_NONE, /* it is the answer */
	HOPE_NEXT, /* another manager may know better, and nothing has happened */
	HOPE_LOST, /* the same, but it may have happened */
};

static enum hope hope_of(const struct fg_err *err)
{
	switch (err->code) {
	case FG_EUNREACHABLE:
		return HOPE_NEXT;
	case FG_ELOST:
	case FG_EIO:
	case FG_EPROTO:
	case FG_ETIMEOUT:
		return err->unsent ? HOPE_NEXT : HOPE_LOST;
	default:
		break;
	}
	switch (fg_swarm_refusal(err)) {
	case FG_SWARM_FINE:
		return HOPE_NONE;
	case FG_SWARM_UNDECIDED:
		return HOPE_LOST;
	default:
		return HOPE_NEXT;
	}
}

/* What it means, for one who never heard of it. */
static int explain(struct fg_swarm *swarm, struct fg_err *err)
{
	struct fg_err said = *err;
	cleanup_free char *title = fg_swarm_title(swarm);

	if (fg_swarm_refusal(&said) == FG_SWARM_NO_LEADER) {
		fg_fail(err, FG_EREMOTE,
			"the swarm of %s has no leader: too few of its managers are up to agree. What runs "
			"goes on, but nothing can be looked at or changed before they are back (%s)",
			title, said.text);
		err->status = said.status;
	} else if (fg_swarm_refusal(&said) == FG_SWARM_UNDECIDED) {
		fg_fail(err, FG_EREMOTE,
			"the managers of the swarm of %s do not agree in time: too few of them may be up. A "
			"change that was asked for may still be made (%s)",
			title, said.text);
		err->status = said.status;
	} else if (host_is_dead(&said)) {
		if (swarm->n > 1)
			fg_wrap(err, "none of the swarm's managers answers (%s)", title);
		else
			fg_wrap(err, "the swarm's manager %s does not answer", title);
	}
	swarm->served = NULL;
	swarm->why = *err;
	return -1;
}

/* The managers in the order in which they are asked: who answered last, those that are up, the
 * rest.
 */
static void order(const struct fg_swarm *swarm, struct fg_host **out)
{
	size_t n = 0;

	if (swarm->served)
		out[n++] = swarm->served;
	for (int up = 1; up >= 0; up--)
		for (size_t i = 0; i < swarm->n; i++) {
			struct fg_host *host = swarm->managers[i];

			if (host != swarm->served && (!host->known || host->up) == up)
				out[n++] = host;
		}
}

/* anyway: even when it was down. */
static int ask_one(struct fg_host *host, bool last, bool anyway, fg_swarm_call *call, void *arg,
	struct fg_err *err)
{
	int64_t before, most = fg_now_ms() + NEXT_MS;
	int rc;

	if (!anyway && host_ready(host, err) < 0)
		return -1;
	before = fg_task_deadline(FG_NEVER);
	fg_task_deadline(last || before < most ? before : most);
	rc = call(host->engine, arg, err);
	fg_task_deadline(before);
	fg_host_note(host, rc < 0 ? err : NULL);
	return rc;
}

/* That there is no leader says more than that somebody is away; that a change may still come, most.
 */
static int weight(const struct fg_err *err)
{
	switch (fg_swarm_refusal(err)) {
	case FG_SWARM_UNDECIDED:
		return 2;
	case FG_SWARM_NO_LEADER:
		return 1;
	default:
		return 0;
	}
}

/* A round of questions to the managers. */
struct round {
	bool once, anyway;
	bool lost;         /* one of them may have done it */
	struct fg_err why; /* what there is to say when none answers; code 0: nothing */
};

/* 1: *rc is the answer, with err when it is negative; 0: none of them has one. */
static int ask_round(struct fg_swarm *swarm, struct round *round, fg_swarm_call *call, void *arg,
	int *rc, struct fg_err *err)
{
	cleanup_free struct fg_host **hosts = fg_alloc((swarm->n + 1) * sizeof(struct fg_host *));

	order(swarm, hosts);
	for (size_t i = 0; i < swarm->n; i++) {
		enum hope hope = HOPE_NONE;

		*rc = ask_one(hosts[i], i + 1 == swarm->n, round->anyway, call, arg, err);
		if (*rc < 0)
			hope = hope_of(err);
		else
			swarm->served = hosts[i];
		/* Whoever asked again finds done what was thought to be lost. */
		if (*rc == 0 && round->lost)
			*rc = 1;
		if (hope == HOPE_NONE || fg_task_canceled())
			return 1;
		if (round->once && hope == HOPE_LOST) {
			if (fg_swarm_refusal(err) == FG_SWARM_UNDECIDED)
				explain(swarm, err);
			return 1;
		}
		round->lost |= hope == HOPE_LOST;
		if (!round->why.code || weight(err) > weight(&round->why))
			round->why = *err;
	}
	return 0;
}

/*
 * Managers that elect a leader are slow, and may have been given up for a moment: when none is up
 * they are asked all the same.
 */
int fg_swarm_ask(
	struct fg_swarm *swarm, bool once, fg_swarm_call *call, void *arg, struct fg_err *err)
{
	struct round round = {.once = once};
	struct fg_err local;
	int rc = -1;

	err = err ? err : &local;
	if (swarm->n == 0)
		return fg_fail(err, FG_ENOTFOUND, "the swarm has no manager here");
	if (ask_round(swarm, &round, call, arg, &rc, err))
		return rc;
	round.anyway = true;
	if (host_is_dead(&round.why) && ask_round(swarm, &round, call, arg, &rc, err))
		return rc;
	*err = round.why;
	return explain(swarm, err);
}
