/* Certificates: reading a pair of PEM files, and whether they belong together. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "http/certificate.h"

#define FILE_MAX ((size_t)256 * 1024)
#define CHAIN_MAX 16 /* certificates in a file */
#define ID_SIZE 64   /* of a key: a hash */

struct certificate {
	int refs;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned int length;
	gnutls_privkey_t key;
};

bool certificate_usable(void)
{
	return MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_YES &&
	       MHD_is_feature_supported(MHD_FEATURE_HTTPS_CERT_CALLBACK) == MHD_YES;
}

/* Files */

/* What is in the file; for discard(). */
static int load(const char *path, gnutls_datum_t *out, struct fg_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = -1;

	*out = (gnutls_datum_t){NULL, 0};
	if (fd < 0 || fstat(fd, &st) < 0) {
		fg_fail(err, FG_EIO, "cannot use %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || (size_t)st.st_size > FILE_MAX) {
		fg_fail(err, FG_EINVAL, "cannot use %s: it is no file of a few KiB", path);
	} else {
		out->data = fg_alloc(FILE_MAX);
		n = read(fd, out->data, FILE_MAX);
		if (n < 0)
			fg_fail(err, FG_EIO, "cannot use %s: %s", path, strerror(errno));
		else
			out->size = (unsigned int)n;
	}
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static void discard(gnutls_datum_t *text)
{
	if (text->data)
		explicit_bzero(text->data, FILE_MAX);
	free(text->data);
}
#define cleanup_text __attribute__((cleanup(discard)))

static int load_chain(struct certificate *c, const char *path, struct fg_err *err)
{
	cleanup_text gnutls_datum_t text;
	unsigned int length = CHAIN_MAX;
	int rc;

	if (load(path, &text, err) < 0)
		return -1;
	rc = gnutls_pcert_list_import_x509_raw(
		c->chain, &length, &text, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
	if (rc < 0)
		return fg_fail(err, FG_EINVAL,
			"cannot use %s: it holds no certificate in PEM format, or not those that "
			"lead from the first to its authority (%s)",
			path, gnutls_strerror(rc));
	c->length = length;
	return 0;
}

static int load_key(struct certificate *c, const char *path, struct fg_err *err)
{
	cleanup_text gnutls_datum_t text;
	int rc;

	if (load(path, &text, err) < 0)
		return -1;
	rc = gnutls_privkey_import_x509_raw(c->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc < 0)
		return fg_fail(err, FG_EINVAL,
			"cannot use %s: it holds no private key in PEM format that needs no "
			"passphrase (%s)",
			path, gnutls_strerror(rc));
	return 0;
}

/* What the two say together */

static bool same_key(gnutls_pubkey_t a, gnutls_pubkey_t b)
{
	unsigned char one[ID_SIZE], other[ID_SIZE];
	size_t n = sizeof(one), m = sizeof(other);

	return gnutls_pubkey_get_key_id(a, GNUTLS_KEYID_USE_SHA256, one, &n) == 0 &&
	       gnutls_pubkey_get_key_id(b, GNUTLS_KEYID_USE_SHA256, other, &m) == 0 && n == m &&
	       memcmp(one, other, n) == 0;
}

static int check_pair(struct certificate *c, const char *cert, const char *key, struct fg_err *err)
{
	gnutls_pubkey_t public;
	bool fits;

	if (gnutls_pubkey_init(&public) < 0)
		return fg_fail(err, FG_EIO, "GnuTLS has no memory");
	fits = gnutls_pubkey_import_privkey(public, c->key, 0, 0) == 0 &&
	       same_key(public, c->chain[0].pubkey);
	gnutls_pubkey_deinit(public);
	return fits ? 0
		    : fg_fail(err, FG_EINVAL,
			      "the key %s does not belong to the certificate %s: put both of one "
			      "pair there",
			      key, cert);
}

/* Clients refuse it then; what else there is may be no better. */
static void check_dates(struct certificate *c, const char *path)
{
	gnutls_x509_crt_t crt;
	time_t now = time(NULL);

	if (gnutls_pcert_export_x509(&c->chain[0], &crt) < 0)
		return;
	if (gnutls_x509_crt_get_expiration_time(crt) < now)
		fg_warn("the certificate %s has expired", path);
	else if (gnutls_x509_crt_get_activation_time(crt) > now)
		fg_warn("the certificate %s is not valid yet", path);
	gnutls_x509_crt_deinit(crt);
}

struct certificate *certificate_load(
	const char *cert, const char *key, const char **wrong, struct fg_err *err)
{
	struct certificate *c = fg_alloc(sizeof(*c));

	c->refs = 1;
	*wrong = "cert";
	if (load_chain(c, cert, err) < 0)
		goto fail;
	*wrong = "key";
	if (gnutls_privkey_init(&c->key) < 0) {
		fg_fail(err, FG_EIO, "GnuTLS has no memory");
		goto fail;
	}
	if (load_key(c, key, err) < 0 || check_pair(c, cert, key, err) < 0)
		goto fail;
	check_dates(c, cert);
	return c;
fail:
	certificate_unref(c);
	return NULL;
}

struct certificate *certificate_ref(struct certificate *certificate)
{
	if (certificate)
		certificate->refs++;
	return certificate;
}

void certificate_unref(struct certificate *certificate)
{
	if (!certificate || --certificate->refs > 0)
		return;
	for (unsigned int i = 0; i < certificate->length; i++)
		gnutls_pcert_deinit(&certificate->chain[i]);
	if (certificate->key)
		gnutls_privkey_deinit(certificate->key);
	free(certificate);
}

void certificate_show(struct certificate *certificate, gnutls_pcert_st **chain,
	unsigned int *length, gnutls_privkey_t *key)
{
	*chain = certificate->chain;
	*length = certificate->length;
	*key = certificate->key;
}
