/*
 * Images on hosts: pulled with the credentials of their registry, and there as a policy wants them.
 */
#include <string.h>
#include <strings.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "host.h"
#include "image/login.h"

/* What engines and registries say when a pull fails, and what can be done about it. The first that
 * fits counts. */
enum advice {
	ADVICE_LOGIN,
	ADVICE_QUOTA,
	ADVICE_ABSENT,
	ADVICE_BROKEN,
	ADVICE_UNREACHABLE,
	ADVICE_FULL,
};

static const struct {
	const char *words;
	enum advice advice;
} signs[] = {
	{"toomanyrequests", ADVICE_QUOTA},
	{"too many requests", ADVICE_QUOTA},
	{"rate limit", ADVICE_QUOTA},
	{"no basic auth credentials", ADVICE_LOGIN},
	{"unauthorized", ADVICE_LOGIN},
	{"authentication required", ADVICE_LOGIN},
	{"access denied", ADVICE_LOGIN},
	{"access to the resource is denied", ADVICE_LOGIN},
	{"invalid username/password", ADVICE_LOGIN},
	{"incorrect username or password", ADVICE_LOGIN},
	{"manifest unknown", ADVICE_ABSENT},
	{"name unknown", ADVICE_ABSENT},
	{"no such manifest", ADVICE_ABSENT},
	{"unexpected eof", ADVICE_BROKEN},
	{"blob unknown", ADVICE_BROKEN},
	{"verification failed", ADVICE_BROKEN},
	{"digest did not match", ADVICE_BROKEN},
	{"unexpected commit", ADVICE_BROKEN},
	{"invalid checksum", ADVICE_BROKEN},
	{"filesystem layer", ADVICE_BROKEN},
	{"connection refused", ADVICE_UNREACHABLE},
	{"connection reset", ADVICE_UNREACHABLE},
	{"i/o timeout", ADVICE_UNREACHABLE},
	{"no such host", ADVICE_UNREACHABLE},
	{"network is unreachable", ADVICE_UNREACHABLE},
	{"no route to host", ADVICE_UNREACHABLE},
	{"tls handshake timeout", ADVICE_UNREACHABLE},
	{"client.timeout exceeded", ADVICE_UNREACHABLE},
	{"server misbehaving", ADVICE_UNREACHABLE},
	{"temporary failure in name resolution", ADVICE_UNREACHABLE},
	{"no space left on device", ADVICE_FULL},
	{"not found", ADVICE_ABSENT},
};

void image_advise(const struct fg_host *host, const char *image, struct fg_err *err)
{
	struct fg_image_ref ref;
	size_t len = strlen(err->text), i = 0;
	char *end = err->text + len;
	size_t room = sizeof(err->text) - len;

	while (i < FG_ARRAY_LEN(signs) && !strcasestr(err->text, signs[i].words))
		i++;
	if (err->code != FG_EREMOTE && err->code != FG_ENOTFOUND)
		return;
	if (i == FG_ARRAY_LEN(signs) || fg_image_ref_parse(image, &ref, NULL) < 0)
		return;
	switch (signs[i].advice) {
	case ADVICE_LOGIN:
		if (login_find(host->fleet, ref.registry))
			snprintf(end, room,
				fg_tr("; the credentials for %s in the config's images.registries do "
				      "not open it"),
				ref.registry);
		else
			snprintf(end, room,
				fg_tr("; if it is private, the config needs credentials for %s in "
				      "images.registries"),
				ref.registry);
		return;
	case ADVICE_QUOTA:
		snprintf(end, room, fg_tr("; %s wants fewer requests for now: try again later%s"),
			ref.registry,
			login_find(host->fleet, ref.registry)
				? ""
				: fg_tr(", or with credentials in images.registries"));
		return;
	case ADVICE_ABSENT:
		snprintf(end, room, fg_tr("; %s has no %s%s%s: check the name and the tag"),
			ref.registry, ref.repository, *ref.digest ? "@" : ":",
			*ref.digest ? ref.digest : ref.tag);
		return;
	case ADVICE_BROKEN:
		snprintf(end, room,
			fg_tr("; the pull broke off and changed nothing: try again, and if it goes "
			      "on, push the image to %s again"),
			ref.registry);
		return;
	case ADVICE_UNREACHABLE:
		snprintf(end, room, fg_tr("; %s cannot reach %s"), host->name, ref.registry);
		return;
	case ADVICE_FULL:
		snprintf(end, room, fg_tr("; the disk of %s is full"), host->name);
		return;
	}
}

int fg_host_pull(struct fg_host *host, const char *image, const struct fg_pull_options *options,
	struct fg_err *err)
{
	struct fg_pull_options mine = options ? *options : (struct fg_pull_options){0};
	cleanup_secret char *auth = fg_fleet_auth(host->fleet, image);
	struct fg_err unused;
	int rc;

	err = err ? err : &unused;
	mine.auth = auth;
	rc = fg_image_pull(host->engine, image, &mine, err);
	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc >= 0)
		return 0;
	image_advise(host, image, err);
	return fg_wrap(err, "cannot pull %s", image);
}

static int inspect(
	struct fg_host *host, const char *image, struct fg_image_info *info, struct fg_err *err)
{
	int rc = fg_image_inspect(host->engine, image, info, err);

	fg_host_note(host, rc < 0 ? err : NULL);
	return rc;
}

int fg_host_image(struct fg_host *host, const char *image, const char *policy,
	const struct fg_pull_options *options, char **digest, char **image_id, struct fg_err *err)
{
	cleanup_image_info struct fg_image_info info = {0};
	bool always = policy && strcmp(policy, "always") == 0;
	struct fg_err unused;
	int rc;

	err = err ? err : &unused;
	if (always && fg_host_pull(host, image, options, err) < 0)
		return -1;
	rc = inspect(host, image, &info, err);
	if (rc < 0 && err->code != FG_ENOTFOUND)
		return -1;
	if (rc < 0 && policy && strcmp(policy, "never") == 0)
		return fg_fail(err, FG_ENOTFOUND,
			"image %s is not on %s, and the template never pulls", image, host->name);
	if (rc < 0 && !always && fg_host_pull(host, image, options, err) < 0)
		return -1;
	if (rc < 0 && inspect(host, image, &info, err) < 0)
		return fg_wrap(err, "%s was pulled, and is not there", image);
	if (digest)
		*digest = fg_strdup(info.digest);
	if (image_id)
		*image_id = fg_strdup(info.id);
	return 0;
}
