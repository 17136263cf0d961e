/* A transfer's connection: where it goes, who makes it, and what a failure of it means. */
#include <errno.h>
#include <string.h>
#include "connect.h"
#include "fleetgram/base/mem.h"

#define DEFAULT_CONNECT_TIMEOUT 10000 /* ms */

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct connecting *c = arg;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(to);
	int fd = c->dial->dial(c->dial->arg, c->caller, &to, &len, &c->why);

	(void)purpose;
	c->failed = fd < 0;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	/* curl has room for any address there. */
	memcpy(&address->addr, &to, len);
	address->addrlen = len;
	return fd;
}

/* Long after the transfer is gone, perhaps: the connection was kept. */
static int on_close(void *arg, curl_socket_t fd)
{
	const struct fg_http_dial *dial = arg;

	dial->hangup(dial->arg, fd);
	return 0;
}

static void set_dial(CURL *easy, const struct fg_http_request *rq, struct connecting *c)
{
	const struct fg_http_dial *dial = rq->dial;

	c->dial = dial;
	c->caller = rq->caller;
	/* curl looks no name up for it, and gives a kept connection only to who has the same. */
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, dial->name);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, c);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, (void *)dial);
}

static void set_tls(CURL *easy, const struct fg_http_request *rq)
{
	if (rq->tls.ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, rq->tls.ca);
	if (rq->tls.cert)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, rq->tls.cert);
	if (!rq->tls.key)
		return;
	curl_easy_setopt(easy, CURLOPT_SSLKEY, rq->tls.key);
	/* Without any, OpenSSL would ask the terminal for the passphrase of a key that has one. */
	curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
}

/* Without a body there is nothing that curl could not rewind: only a new connection is sure not to
 * be a dead one. */
static bool needs_new_connection(const struct fg_http_request *rq)
{
	bool reads =
		!rq->method || strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;

	return rq->fresh || (!rq->idempotent && !rq->body_len && !rq->part_count && !reads);
}

void connect_set(CURL *easy, const struct fg_http_request *rq, struct connecting *c)
{
	int64_t timeout = rq->timeout_ms ? rq->timeout_ms : CONNECT_DEFAULT_TIMEOUT;
	int64_t connect = rq->connect_timeout_ms ? rq->connect_timeout_ms : DEFAULT_CONNECT_TIMEOUT;

	curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect < timeout ? connect : timeout));
	if (rq->dial) {
		set_dial(easy, rq, c);
	} else if (rq->unix_socket) {
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, rq->unix_socket);
	} else {
		/* A stream may be silent for long; a machine that lost power says nothing either.
		 */
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 15L);
	}
	if (rq->proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, rq->proxy);
	set_tls(easy, rq);
	if (needs_new_connection(rq))
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	if (rq->fresh)
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

enum fg_err_code connect_code(CURLcode result, bool sent)
{
	if (sent &&
		result == CURLE_UNSUPPORTED_PROTOCOL) /* "HTTP/0.9": bytes without a status line */
		return FG_EPROTO;
	switch (result) {
	case CURLE_OPERATION_TIMEDOUT:
		return FG_ETIMEOUT;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return FG_EINVAL;
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return FG_EIO;
	case CURLE_WEIRD_SERVER_REPLY:
		return FG_EPROTO;
	default:
		return sent ? FG_ELOST : FG_EUNREACHABLE;
	}
}

static enum fg_http_trouble no_connection(CURL *easy, bool local)
{
	long number = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	switch (number) {
	case ECONNREFUSED:
		return FG_TROUBLE_REFUSED;
	case ENOENT:
		return FG_TROUBLE_MISSING;
	case EACCES:
	case EPERM:
		return FG_TROUBLE_FORBIDDEN;
	case 0: /* as many wait at the socket as may: EAGAIN, which curl takes for a beginning */
		return local ? FG_TROUBLE_STALLED : FG_TROUBLE_NONE;
	case ETIMEDOUT:
		return FG_TROUBLE_SILENT;
	case ENETUNREACH:
	case EHOSTUNREACH:
		return FG_TROUBLE_ROUTE;
	default:
		return FG_TROUBLE_NONE;
	}
}

/* TLS libraries tell by words what curl's code does not. */
static enum fg_http_trouble tls_trouble(CURLcode result, const char *text)
{
	static const struct {
		const char *word;
		enum fg_http_trouble trouble;
	} words[] = {
		{"wrong version number", FG_TROUBLE_PLAIN},
		{"packet length too long", FG_TROUBLE_PLAIN},
		{"alert certificate required", FG_TROUBLE_CERTIFICATE},
		{"alert bad certificate", FG_TROUBLE_CERTIFICATE},
		{"alert unknown ca", FG_TROUBLE_CERTIFICATE},
		{"alert certificate unknown", FG_TROUBLE_CERTIFICATE},
		{"alert certificate expired", FG_TROUBLE_CERTIFICATE},
		{"alert handshake failure", FG_TROUBLE_CERTIFICATE},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		if (strstr(text, words[i].word))
			return words[i].trouble;
	if (result != CURLE_PEER_FAILED_VERIFICATION)
		return FG_TROUBLE_NONE;
	if (strstr(text, "expired") || strstr(text, "not yet valid"))
		return FG_TROUBLE_EXPIRED;
	if (strstr(text, "subject name") || strstr(text, "does not match"))
		return FG_TROUBLE_OTHER_NAME;
	return FG_TROUBLE_AUTHORITY;
}

/* A kept connection has no time at which it came about, but takes a request at once. */
static enum fg_http_trouble too_late(CURL *easy)
{
	curl_off_t connected = 0;
	long bytes = 0;

	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
	return connected || bytes ? FG_TROUBLE_STALLED : FG_TROUBLE_SILENT;
}

enum fg_http_trouble connect_trouble(CURL *easy, CURLcode result, bool local, const char *text)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return FG_TROUBLE_NAME;
	case CURLE_COULDNT_CONNECT:
		return no_connection(easy, local);
	case CURLE_OPERATION_TIMEDOUT:
		return too_late(easy);
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return FG_TROUBLE_FILES;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return tls_trouble(result, text);
	default:
		return FG_TROUBLE_NONE;
	}
}
