/*
 * Swarm: an engine's part in one, and what its refusals mean.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/swarm.h"

int fg_swarm_info(struct fg_engine *engine, struct fg_swarm_info *out, struct fg_err *err)
{
	struct fg_call call = {.path = "/info"};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Object, err);
	const cJSON *swarm = fg_json_object(doc, "Swarm");

	memset(out, 0, sizeof(*out));
	if (!doc)
		return -1;
	fg_decode_copy(out->state, sizeof(out->state), fg_json_str(swarm, "LocalNodeState", ""));
	out->manager = fg_json_bool(swarm, "ControlAvailable", false);
	fg_decode_copy(out->cluster, sizeof(out->cluster),
		fg_json_str(fg_json_object(swarm, "Cluster"), "ID", ""));
	fg_decode_copy(out->node, sizeof(out->node), fg_json_str(swarm, "NodeID", ""));
	fg_decode_copy(out->error, sizeof(out->error), fg_json_str(swarm, "Error", ""));
	return 0;
}

/* The first are moby's words; a call that does not exist is Podman's, which knows no swarms. */
enum fg_swarm_refusal fg_swarm_refusal(const struct fg_err *err)
{
	static const struct {
		const char *text;
		enum fg_swarm_refusal refusal;
	} texts[] = {
		{"node is not a swarm manager", FG_SWARM_NO_MANAGER},
		{"not part of a swarm", FG_SWARM_NO_MANAGER},
		{"does not have a leader", FG_SWARM_NO_LEADER},
		/* The managers were asked to agree, and did not in time: they still may. */
		{"context deadline exceeded", FG_SWARM_UNDECIDED},
		{"lost leader status", FG_SWARM_UNDECIDED},
		{"raft: stopped", FG_SWARM_NO_LEADER},
	};

	if (err->code != FG_EREMOTE)
		return FG_SWARM_FINE;
	if (err->status == 404)
		return FG_SWARM_NO_MANAGER;
	for (size_t i = 0; i < FG_ARRAY_LEN(texts); i++)
		if (strcasestr(err->text, texts[i].text))
			return texts[i].refusal;
	return FG_SWARM_FINE;
}
