/*
 * References to images: which registry, which repository, which tag or digest.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"

#define HUB "docker.io"

/* Docker's own registry has gone by several names. */
static const char *const hub_names[] = {
	"docker.io",
	"hub.docker.com",
	"index.docker.io",
	"registry-1.docker.io",
	"registry.hub.docker.com",
	"www.docker.com",
};

void fg_image_registry(const char *name, char out[256])
{
	const char *scheme = strstr(name, "://");
	size_t len;

	name = scheme ? scheme + 3 : name;
	len = strcspn(name, "/");
	*out = '\0';
	if (len == 0 || len > 255)
		return;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[len] = '\0';
	for (size_t i = 0; i < FG_ARRAY_LEN(hub_names); i++)
		if (strcmp(out, hub_names[i]) == 0)
			memcpy(out, HUB, sizeof(HUB));
}

static bool consists_of(const char *s, const char *more)
{
	for (; *s; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') && !strchr(more, *s))
			return false;
	return true;
}

/* The registry of "registry/repository", by the engines' rule: a first part with a dot or a port.
 * Returns where the repository begins. */
static const char *take_registry(const char *name, struct fg_image_ref *out)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;
	bool named = slash && (memchr(name, '.', len) || memchr(name, ':', len) ||
				      (len == 9 && memcmp(name, "localhost", 9) == 0));

	if (!named) {
		memcpy(out->registry, HUB, sizeof(HUB));
		return name;
	}
	fg_image_registry(name, out->registry);
	return slash + 1;
}

static bool is_id(const char *ref)
{
	static const char prefix[] = "sha256:";
	const char *hex =
		strncmp(ref, prefix, sizeof(prefix) - 1) == 0 ? ref + sizeof(prefix) - 1 : ref;

	return strlen(hex) == FG_ID_SIZE - 1 && strspn(hex, "0123456789abcdef") == FG_ID_SIZE - 1;
}

static bool is_whole(const struct fg_image_ref *r)
{
	const char *colon = strchr(r->digest, ':');

	if (!*r->registry || !consists_of(r->registry, ".-:[]"))
		return false;
	if (!*r->repository || !consists_of(r->repository, "._-/") || strstr(r->repository, "//") ||
		strstr(r->repository, "..") || *r->repository == '/' ||
		r->repository[strlen(r->repository) - 1] == '/')
		return false;
	if (*r->digest)
		return colon && colon[1] && consists_of(r->digest, ":");
	return *r->tag && consists_of(r->tag, "._-ABCDEFGHIJKLMNOPQRSTUVWXYZ") && *r->tag != '-';
}

int fg_image_ref_parse(const char *ref, struct fg_image_ref *out, struct fg_err *err)
{
	cleanup_str struct fg_str name = {0}, what = {0};
	const char *repository, *library;
	bool by_digest = strchr(ref, '@') != NULL;
	size_t size = by_digest ? sizeof(out->digest) : sizeof(out->tag);

	*out = (struct fg_image_ref){0};
	fg_str_init(&name, FG_CAP_LINE);
	fg_str_init(&what, FG_CAP_LINE);
	if (is_id(ref))
		return fg_fail(err, FG_EINVAL, "%.19s… is an image's id, not its name", ref);
	fg_image_split(ref, &name, &what);
	repository = take_registry(name.s, out);
	library = strcmp(out->registry, HUB) == 0 && !strchr(repository, '/') ? "library/" : "";
	if (strlen(library) + strlen(repository) < sizeof(out->repository) && what.len < size) {
		snprintf(out->repository, sizeof(out->repository), "%s%s", library, repository);
		memcpy(by_digest ? out->digest : out->tag, what.s, what.len);
	}
	if (is_whole(out))
		return 0;
	return fg_fail(err, FG_EINVAL, "\"%.64s\" is not an image's name", ref);
}
