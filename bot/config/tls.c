/* The listener's certificate: read with the config, so that a bad one is a mistake in it. */
#include "config/finish.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "http/certificate.h"

void config_finish_certificate(
	struct config *config, const struct config_source *source, struct config_errors *errors)
{
	const char *cert = config->http.tls.cert, *key = config->http.tls.key, *wrong;
	const cJSON *tls = fg_json_path(config_source_root(source), "http.tls");
	struct fg_err err;

	if (!tls)
		return;
	if (!cert || !key) {
		config_errors_at(errors, source, tls, CONFIG_AT_VALUE, "http.tls",
			"needs cert and key; leave it out to listen without TLS");
	} else if (!certificate_usable()) {
		config_errors_at(errors, source, tls, CONFIG_AT_KEY, "http.tls",
			"the libmicrohttpd that is installed was built without TLS: install one "
			"that has it, as Debian's, or leave http.tls out");
	} else {
		config->http.certificate = certificate_load(cert, key, &wrong, &err);
		if (!config->http.certificate) {
			cleanup_free char *where = fg_printf("http.tls.%s", wrong);

			config_errors_at(errors, source, fg_json_get(tls, wrong), CONFIG_AT_VALUE,
				where, "%s", err.text);
		}
	}
}
