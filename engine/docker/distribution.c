/*
 * Distribution: what an image's registry has, asked through the engine.
 */
#include <sodium.h>
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "pull.h"

char *fg_registry_header(const char *auth)
{
	static const char name[] = "X-Registry-Auth: ";
	size_t len = strlen(auth);
	size_t room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_URLSAFE);
	char *header = fg_alloc(sizeof(name) + room);

	memcpy(header, name, sizeof(name));
	sodium_bin2base64(header + sizeof(name) - 1, room, (const unsigned char *)auth, len,
		sodium_base64_VARIANT_URLSAFE);
	return header;
}

void fg_registry_header_wipe(char *header)
{
	if (header)
		sodium_memzero(header, strlen(header));
	free(header);
}

static bool is_digest(const char *s)
{
	const char *colon = strchr(s, ':');

	return colon && colon > s && strlen(s) < FG_DIGEST_SIZE && strlen(colon + 1) >= 32 &&
	       strspn(colon + 1, "0123456789abcdef") == strlen(colon + 1);
}

int fg_image_distribution(struct fg_engine *engine, const char *ref, const char *auth,
	char digest[FG_DIGEST_SIZE], struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;
	char *header = NULL;
	const char *found;

	*digest = '\0';
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/distribution/", ref, "/json", err) < 0)
		return -1;
	header = auth ? fg_registry_header(auth) : NULL;
	doc = fg_call_json(
		engine, &(struct fg_call){.path = path.s, .header = header}, cJSON_Object, err);
	fg_registry_header_wipe(header);
	if (!doc)
		return -1;
	found = fg_json_str(fg_json_object(doc, "Descriptor"), "digest", "");
	if (!is_digest(found))
		return fg_fail(err, FG_EREMOTE, "the engine names no digest of %s", ref);
	memcpy(digest, found, strlen(found) + 1);
	return 0;
}
