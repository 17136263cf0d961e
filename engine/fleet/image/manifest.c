/*
 * The registry's own protocol, as far as one question goes: which digest a tag has.
 */
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "image/manifest.h"

#define LINES_CAP ((size_t)64 * 1024)
#define ANSWER_CAP ((size_t)256 * 1024) /* a token's document */
#define TOKEN_CAP 16384
#define URL_CAP 4096
#define TIMEOUT_MS 20000

/* An image for several platforms has the digest of its index, which is what the engines keep. */
#define ACCEPT                                                        \
	"Accept: application/vnd.oci.image.index.v1+json, "           \
	"application/vnd.docker.distribution.manifest.list.v2+json, " \
	"application/vnd.oci.image.manifest.v1+json, "                \
	"application/vnd.docker.distribution.manifest.v2+json"

bool registry_is_local(const char *registry)
{
	size_t len = strcspn(registry, ":");

	return (len == 9 && strncmp(registry, "localhost", 9) == 0) ||
	       strncmp(registry, "127.", 4) == 0 || strncmp(registry, "[::1]", 5) == 0;
}

/* One NAME=VALUE or NAME="VALUE" at s into *value; where the next begins. */
static const char *take_pair(const char *s, char name[32], char *value, size_t size)
{
	size_t n = strcspn(s, "=, "), at = 0;

	snprintf(name, 32, "%.*s", (int)(n < 31 ? n : 31), s);
	*value = '\0';
	s += n;
	if (*s != '=')
		return s + (*s != '\0');
	s++;
	if (*s != '"') {
		n = strcspn(s, ",");
		snprintf(value, size, "%.*s", (int)(n < size ? n : size - 1), s);
		return s + n;
	}
	for (s++; *s && *s != '"'; s++) {
		s += *s == '\\' && s[1];
		if (at < size - 1)
			value[at++] = *s;
	}
	value[at] = '\0';
	return s + (*s == '"');
}

void challenge_parse(const char *header, struct challenge *out)
{
	const char *s = header + strspn(header, " ");
	char name[32], value[512];

	if (strncasecmp(s, "Basic", 5) == 0)
		out->basic = true;
	if (strncasecmp(s, "Bearer ", 7) != 0)
		return;
	out->bearer = true;
	for (s += 7; *s;) {
		s += strspn(s, ", ");
		if (!*s)
			break;
		s = take_pair(s, name, value, sizeof(value));
		if (strcasecmp(name, "realm") == 0)
			snprintf(out->realm, sizeof(out->realm), "%s", value);
		else if (strcasecmp(name, "service") == 0)
			snprintf(out->service, sizeof(out->service), "%s", value);
		else if (strcasecmp(name, "scope") == 0)
			snprintf(out->scope, sizeof(out->scope), "%s", value);
	}
}

/* "Authorization: Basic …"; the caller wipes it. */
static char *basic_header(const struct login *login)
{
	cleanup_secret char *pair = fg_printf("%s:%s", login->username, login->password);
	size_t len = strlen(pair);
	size_t room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	cleanup_secret char *text = fg_alloc(room);

	sodium_bin2base64(
		text, room, (const unsigned char *)pair, len, sodium_base64_VARIANT_ORIGINAL);
	return fg_printf("Authorization: Basic %s", text);
}

/* A request with at most two headers; -1 only when there was no answer. */
static int ask(const char *method, const char *url, const char *authorization, struct fg_str *lines,
	struct fg_http_response *rs, struct fg_err *err)
{
	const char *headers[] = {ACCEPT, authorization, NULL};
	struct fg_http_request rq = {
		.method = method,
		.url = url,
		.headers = headers,
		.timeout_ms = TIMEOUT_MS,
		.cap = ANSWER_CAP,
		.idempotent = true,
		.lines = lines,
	};

	return fg_http_perform(&rq, rs, err);
}

static int refused(long status, const struct fg_http_response *rs, const struct fg_image_ref *ref,
	bool logged_in, struct fg_err *err)
{
	if (status == 429)
		fg_fail(err, FG_EREMOTE, "toomanyrequests: the registry answers with status 429");
	else if (status == 404)
		fg_fail(err, FG_ENOTFOUND, "manifest unknown");
	else if (status == 401 || status == 403)
		fg_fail(err, FG_EREMOTE, "unauthorized: %s",
			logged_in ? "the registry refuses the user name and password"
				  : "no basic auth credentials");
	else
		fg_fail(err, FG_EREMOTE, "%s answers with status %ld", ref->registry, status);
	err->status = (int)status;
	err->retry_after_ms = rs->retry_after_ms;
	return -1;
}

/* A password may go there: over TLS, or for a registry on this machine to this machine. */
static bool is_safe(const char *realm, const struct fg_image_ref *ref)
{
	char host[sizeof(ref->registry)];

	if (strncasecmp(realm, "https://", 8) == 0)
		return true;
	fg_image_registry(realm, host);
	return strncasecmp(realm, "http://", 7) == 0 && registry_is_local(host) &&
	       registry_is_local(ref->registry);
}

/* Where a token is to be had. */
static void token_url(const struct challenge *c, const struct fg_image_ref *ref, struct fg_str *url)
{
	cleanup_free char *scope = fg_printf("repository:%s:pull", ref->repository);

	fg_str_printf(url, "%s%cscope=", c->realm, strchr(c->realm, '?') ? '&' : '?');
	fg_url_escape(url, *c->scope ? c->scope : scope);
	if (*c->service) {
		fg_str_puts(url, "&service=");
		fg_url_escape(url, c->service);
	}
}

/* "Authorization: Bearer …"; the caller wipes it. NULL: error. */
static char *token_header(const struct challenge *c, const struct fg_image_ref *ref,
	const struct login *login, struct fg_err *err)
{
	cleanup_response struct fg_http_response rs = {0};
	cleanup_secret char *basic = login ? basic_header(login) : NULL;
	cleanup_str struct fg_str url = {0};
	cleanup_json cJSON *doc = NULL;
	const char *token;
	char *header = NULL;

	fg_str_init(&url, URL_CAP);
	token_url(c, ref, &url);
	if (url.full || !is_safe(c->realm, ref)) {
		fg_fail(err, FG_EREMOTE, "%s sends for a token to a place that is not safe",
			ref->registry);
		return NULL;
	}
	if (ask("GET", url.s, basic, NULL, &rs, err) < 0)
		return NULL;
	if (rs.status != 200) {
		refused(rs.status, &rs, ref, login != NULL, err);
		return NULL;
	}
	doc = fg_json_parse(rs.body.s, rs.body.len, NULL);
	token = fg_json_str(doc, "token", fg_json_str(doc, "access_token", ""));
	if (!*token || strlen(token) > TOKEN_CAP || strpbrk(token, "\r\n "))
		fg_fail(err, FG_EPROTO, "%s gives no token", ref->registry);
	else
		header = fg_printf("Authorization: Bearer %s", token);
	if (rs.body.len)
		sodium_memzero(rs.body.s, rs.body.len);
	return header;
}

static void read_challenges(const struct fg_str *lines, struct challenge *out)
{
	cleanup_free char *value = fg_alloc(TOKEN_CAP);

	*out = (struct challenge){0};
	for (int i = 0; fg_http_header(lines, "WWW-Authenticate", i, value, TOKEN_CAP); i++)
		challenge_parse(value, out);
}

static bool is_digest(const char *s)
{
	return strncmp(s, "sha256:", 7) == 0 && strlen(s) == 71 &&
	       strspn(s + 7, "0123456789abcdef") == 64;
}

int manifest_digest(const struct fg_image_ref *ref, const struct login *login,
	char digest[FG_DIGEST_SIZE], struct fg_err *err)
{
	bool hub = strcmp(ref->registry, "docker.io") == 0;
	cleanup_free char *url = fg_printf("%s://%s/v2/%s/manifests/%s",
		registry_is_local(ref->registry) ? "http" : "https",
		hub ? "registry-1.docker.io" : ref->registry, ref->repository, ref->tag);
	cleanup_response struct fg_http_response rs = {0};
	cleanup_free struct challenge *challenge = fg_alloc(sizeof(*challenge));
	cleanup_secret char *authorization = NULL;
	cleanup_str struct fg_str lines = {0};

	*digest = '\0';
	fg_str_init(&lines, LINES_CAP);
	if (ask("HEAD", url, NULL, &lines, &rs, err) < 0)
		return fg_wrap(err, "%s", ref->registry);
	if (rs.status == 401) {
		read_challenges(&lines, challenge);
		if (challenge->bearer)
			authorization = token_header(challenge, ref, login, err);
		else if (challenge->basic && login)
			authorization = basic_header(login);
		else
			return refused(401, &rs, ref, false, err);
		if (!authorization)
			return -1;
		fg_http_response_finish(&rs);
		if (ask("HEAD", url, authorization, &lines, &rs, err) < 0)
			return fg_wrap(err, "%s", ref->registry);
	}
	if (rs.status != 200)
		return refused(rs.status, &rs, ref, authorization && login, err);
	if (!fg_http_header(&lines, "Docker-Content-Digest", 0, digest, FG_DIGEST_SIZE) ||
		!is_digest(digest)) {
		*digest = '\0';
		return fg_fail(
			err, FG_EPROTO, "%s names no digest of %s", ref->registry, ref->repository);
	}
	return 0;
}
