/*
 * Volumes: one in detail, and its end.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/docker/volume.h"

bool fg_volume_anonymous(const char *name, const cJSON *labels)
{
	return fg_json_get(labels, "com.docker.volume.anonymous") ||
	       (strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64);
}

int fg_volume_inspect(
	struct fg_engine *engine, const char *name, struct fg_volume *out, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};

	*out = (struct fg_volume){.name = ""};
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/volumes/", name, "", err) < 0)
		return -1;
	out->raw = fg_call_json(engine, &(struct fg_call){.path = path.s}, cJSON_Object, err);
	if (!out->raw)
		return -1;
	out->name = fg_decode_inside(out->raw, "Name");
	out->created_ms = fg_decode_ms(out->raw, "CreatedAt");
	return 0;
}

void fg_volume_finish(struct fg_volume *volume)
{
	cJSON_Delete(volume->raw);
	*volume = (struct fg_volume){.name = ""};
}

int fg_volume_remove(struct fg_engine *engine, const char *name, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/volumes/", name, "", err) < 0)
		return -1;
	return fg_call_action(engine, &(struct fg_call){.method = "DELETE", .path = path.s}, err);
}
