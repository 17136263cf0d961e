/* Docker's contexts, as docker's command line keeps them. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/docker/context.h"

#define META_CAP ((size_t)64 * 1024) /* bytes of a meta.json */
#define URL_MAX 1024
#define ID_SIZE (2 * crypto_hash_sha256_BYTES + 1)

/* Docker's folder. Caller frees. */
static char *docker_folder(void)
{
	const char *config = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	struct passwd *pw;

	if (config && *config)
		return fg_strdup(config);
	if (!home || *home != '/') {
		pw = getpwuid(getuid());
		home = pw && pw->pw_dir ? pw->pw_dir : "/root";
	}
	return fg_printf("%s/.docker", home);
}

static void name_id(const char *name, char id[ID_SIZE])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const unsigned char *)name, strlen(name));
	sodium_bin2hex(id, ID_SIZE, hash, sizeof(hash));
}

/* A plain file's text, of up to META_CAP bytes. -1: errno says why, 0 that it is none or too big.
 */
static int read_file(const char *path, struct fg_str *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char chunk[4096];
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	errno = 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		while ((n = read(fd, chunk, sizeof(chunk))) > 0 && !text->full)
			fg_str_add(text, chunk, (size_t)n);
	close(fd);
	return n < 0 || text->full ? -1 : 0;
}

/* The meta.json of that context; NULL: there is none that can be used. */
static cJSON *read_meta(const char *name, const char *path, struct fg_err *err)
{
	cleanup_str struct fg_str text = {0};
	cleanup_json cJSON *doc = NULL;

	fg_str_init(&text, META_CAP);
	if (read_file(path, &text) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			fg_fail(err, FG_ENOTFOUND,
				"there is no docker context \"%.64s\"; `docker context ls` lists them "
				"(no %s)",
				name, path);
		else
			fg_fail(err, FG_EIO, "cannot read %s: %s", path,
				errno ? strerror(errno) : "it is no plain file, or too large");
		return NULL;
	}
	doc = fg_json_parse(text.s, text.len, err);
	if (!doc) {
		fg_wrap(err, "%s", path);
		return NULL;
	}
	if (strcmp(fg_json_str(doc, "Name", ""), name) == 0)
		return fg_steal(&doc);
	fg_fail(err, FG_EINVAL, "%s is not about the context \"%.64s\"", path, name);
	return NULL;
}

/* Copies the URL and whether its server's certificate is to be checked. */
static int read_endpoint(
	const cJSON *meta, const char *path, struct fg_context *out, struct fg_err *err)
{
	const cJSON *docker = fg_json_object(fg_json_object(meta, "Endpoints"), "docker");
	const char *url = fg_json_str(docker, "Host", "");

	if (!*url || strlen(url) > URL_MAX)
		return fg_fail(err, FG_EINVAL,
			"%s names no engine of Docker's (Endpoints.docker.Host)", path);
	if (fg_json_bool(docker, "SkipTLSVerify", false))
		return fg_fail(err, FG_EINVAL,
			"%s turns the check of the engine's certificate off, which would let "
			"anybody in between; name the host's url and tls files instead",
			path);
	out->url = fg_strdup(url);
	return 0;
}

/* The path of a certificate of the context if it is there, else NULL. */
static char *tls_file(const char *folder, const char *id, const char *name)
{
	char *path = fg_printf("%s/contexts/tls/%s/docker/%s", folder, id, name);

	if (access(path, F_OK) == 0 || errno != ENOENT)
		return path;
	free(path);
	return NULL;
}

int fg_context_read(const char *name, struct fg_context *out, struct fg_err *err)
{
	cleanup_free char *folder = docker_folder(), *path = NULL;
	cleanup_json cJSON *meta = NULL;
	char id[ID_SIZE];

	if (strcmp(name, "default") == 0)
		return fg_fail(err, FG_EINVAL,
			"the context \"default\" is not kept anywhere; name the engine by its url");
	name_id(name, id);
	path = fg_printf("%s/contexts/meta/%s/meta.json", folder, id);
	meta = read_meta(name, path, err);
	if (!meta || read_endpoint(meta, path, out, err) < 0)
		return -1;
	if (strncmp(out->url, "tcp://", strlen("tcp://")) != 0)
		return 0;
	out->ca = tls_file(folder, id, "ca.pem");
	out->cert = tls_file(folder, id, "cert.pem");
	out->key = tls_file(folder, id, "key.pem");
	if (!out->cert == !out->key)
		return 0;
	return fg_fail(err, FG_EINVAL,
		"%s/contexts/tls/%s/docker has only one of cert.pem and key.pem", folder, id);
}

void fg_context_finish(struct fg_context *context)
{
	free(context->url);
	free(context->ca);
	free(context->cert);
	free(context->key);
	*context = (struct fg_context){0};
}
