/* Docker's contexts: found by name, read whole, and refused with the file's name when they are odd.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/context.h"
#include "tap.h"

static char root[] = "/tmp/fg-context-XXXXXX";

/* The folder of a context below contexts/KIND, made. Caller frees. */
static char *folder_of(const char *name, const char *kind)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char id[2 * sizeof(hash) + 1], *path;

	crypto_hash_sha256(hash, (const unsigned char *)name, strlen(name));
	sodium_bin2hex(id, sizeof(id), hash, sizeof(hash));
	path = fg_printf("%s/contexts/%s", root, kind);
	mkdir(path, 0700);
	free(path);
	path = fg_printf("%s/contexts/%s/%s", root, kind, id);
	mkdir(path, 0700);
	return path;
}

static void write_file(const char *folder, const char *name, const char *text, size_t len)
{
	cleanup_free char *path = fg_printf("%s/%s", folder, name);
	FILE *out = fopen(path, "w");

	fwrite(text, 1, len, out);
	fclose(out);
}

static void write_meta(const char *name, const char *text)
{
	cleanup_free char *folder = folder_of(name, "meta");

	write_file(folder, "meta.json", text, strlen(text));
}

static void write_tls(const char *name, const char *file)
{
	cleanup_free char *folder = folder_of(name, "tls"),
			  *docker = fg_printf("%s/docker", folder);

	mkdir(docker, 0700);
	write_file(docker, file, "x", 1);
}

static void test_good(void)
{
	cleanup_context struct fg_context plain = {0}, tls = {0}, ssh = {0};
	struct fg_err err = {0};

	write_meta("far", "{\"Name\":\"far\",\"Metadata\":{},\"Endpoints\":{\"docker\":{"
			  "\"Host\":\"ssh://me@far:22\",\"SkipTLSVerify\":false}}}");
	ok(fg_context_read("far", &ssh, &err) == 0, "one with ssh: %s", err.text);
	is_str(ssh.url, "ssh://me@far:22", "its address");
	ok(!ssh.ca && !ssh.cert && !ssh.key, "no certificates");
	write_meta(
		"tls", "{\"Name\":\"tls\",\"Endpoints\":{\"docker\":{\"Host\":\"tcp://h:2376\"}}}");
	write_tls("tls", "ca.pem");
	write_tls("tls", "cert.pem");
	write_tls("tls", "key.pem");
	ok(fg_context_read("tls", &tls, &err) == 0, "one with TLS: %s", err.text);
	ok(tls.ca && access(tls.ca, R_OK) == 0 && strstr(tls.ca, "/docker/ca.pem"),
		"its authority");
	ok(tls.cert && access(tls.cert, R_OK) == 0 && tls.key && access(tls.key, R_OK) == 0,
		"certificate and key");
	write_meta("plain",
		"{\"Name\":\"plain\",\"Endpoints\":{\"docker\":{\"Host\":\"tcp://h:1\"}}}");
	ok(fg_context_read("plain", &plain, &err) == 0 && !plain.ca, "one without");
}

static void test_bad(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", "meta.json"},
		{"{", "meta.json"},
		{"[]", "not about"},
		{"null", "not about"},
		{"{\"Name\":\"other\"}", "not about"},
		{"{\"Name\":7}", "not about"},
		{"{\"Name\":\"bad\"}", "names no engine"},
		{"{\"Name\":\"bad\",\"Endpoints\":[]}", "names no engine"},
		{"{\"Name\":\"bad\",\"Endpoints\":{\"docker\":{}}}", "names no engine"},
		{"{\"Name\":\"bad\",\"Endpoints\":{\"docker\":{\"Host\":[\"x\"]}}}",
			"names no engine"},
		{"{\"Name\":\"bad\",\"Endpoints\":{\"kubernetes\":{\"Host\":\"x\"}}}",
			"names no engine"},
		{"{\"Name\":\"bad\",\"Endpoints\":{\"docker\":{\"Host\":\"tcp://h:1\","
		 "\"SkipTLSVerify\":true}}}",
			"turns the check"},
	};
	struct fg_err err = {0};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_context struct fg_context c = {0};

		write_meta("bad", rows[i].text);
		ok(fg_context_read("bad", &c, &err) < 0 && strstr(err.text, rows[i].want) &&
				strstr(err.text, root) && !c.url,
			"%s: %s", rows[i].text, err.text);
	}
}

static void test_odd_files(void)
{
	cleanup_context struct fg_context c = {0};
	cleanup_free char *folder = folder_of("odd", "meta"), *big = fg_alloc(1 << 20);
	cleanup_free char *path = fg_printf("%s/meta.json", folder);
	struct fg_err err = {0};

	ok(fg_context_read("odd", &c, &err) < 0 && err.code == FG_ENOTFOUND &&
			strstr(err.text, "docker context ls"),
		"none: %s", err.text);
	mkdir(path, 0700);
	ok(fg_context_read("odd", &c, &err) < 0 && strstr(err.text, path), "a folder: %s",
		err.text);
	rmdir(path);
	mkfifo(path, 0600);
	ok(fg_context_read("odd", &c, &err) < 0 && strstr(err.text, "plain"),
		"a pipe does not hold anybody up: %s", err.text);
	unlink(path);
	memset(big, ' ', 1 << 20);
	write_file(folder, "meta.json", big, 1 << 20);
	ok(fg_context_read("odd", &c, &err) < 0 && strstr(err.text, "too large"), "too large: %s",
		err.text);
	memset(big, '[', 1 << 15);
	write_file(folder, "meta.json", big, 1 << 15);
	ok(fg_context_read("odd", &c, &err) < 0 && strstr(err.text, path), "too deep: %s",
		err.text);
	ok(fg_context_read("../../odd", &c, &err) < 0 && err.code == FG_ENOTFOUND,
		"a name leads nowhere else");
	ok(fg_context_read("default", &c, &err) < 0 && err.code == FG_EINVAL, "default: %s",
		err.text);
}

static void test_half(void)
{
	cleanup_context struct fg_context c = {0};
	struct fg_err err = {0};

	write_meta(
		"half", "{\"Name\":\"half\",\"Endpoints\":{\"docker\":{\"Host\":\"tcp://h:1\"}}}");
	write_tls("half", "cert.pem");
	ok(fg_context_read("half", &c, &err) < 0 && strstr(err.text, "contexts/tls/"),
		"a certificate without a key: %s", err.text);
}

int main(void)
{
	cleanup_free char *contexts = NULL, *remove = NULL;

	if (sodium_init() < 0 || !mkdtemp(root))
		return 1;
	setenv("DOCKER_CONFIG", root, 1);
	contexts = fg_printf("%s/contexts", root);
	mkdir(contexts, 0700);
	test_good();
	test_bad();
	test_odd_files();
	test_half();
	remove = fg_printf("rm -rf %s", root);
	if (system(remove) != 0)
		return 1;
	return done_testing();
}
