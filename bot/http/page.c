/* The page for a browser: its frame, its style and its script. */
#include <string.h>
#include <sodium.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "http/answer.h"
#include "http/page.h"
#include "http/page_parts.h"

#define PAGE_CAP ((size_t)8 * 1024 * 1024)
#define SHA256_BASE64 \
	sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)

/* Files beside this one, as they are; each ends with a NUL. */
#define EMBED(symbol, file)                                                                       \
	__asm__(".section .rodata\n" #symbol ":\n.incbin \"" PAGE_FOLDER "/" file "\"\n.byte 0\n" \
		".previous\n");                                                                   \
	extern const char symbol[];

EMBED(page_css, "page.css")
EMBED(page_js, "page.js")

static void put_head(struct fg_str *out, const struct health *h)
{
	const char *state = health_state_name(health_state(h));

	fg_str_printf(out,
		"<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width\">"
		"<title>Fleetgram: %s</title><style>%s</style></head><body>"
		"<header><h1>Fleetgram</h1><p id=\"live\" role=\"status\"></p></header><main>"
		"<p>The fleet is <strong class=\"%s\">%s</strong>.</p>",
		state, page_css, state, state);
}

static char *render(const struct health *h)
{
	const struct health_picture *picture = health_picture(h);
	char when[FG_RFC3339];
	struct fg_str out;

	fg_str_init(&out, PAGE_CAP);
	put_head(&out, h);
	page_summary(&out, h);
	page_incidents(&out, h);
	if (picture) {
		page_hosts(&out, picture);
		page_instances(&out, h);
	}
	page_commands(&out, h);
	if (picture)
		fg_str_printf(&out, "<footer>Looked at <time>%s</time>. Version %s.</footer>",
			fg_rfc3339(when, picture->taken_wall_ms), FLEETGRAM_VERSION);
	fg_str_printf(&out, "</main><script>%s</script></body></html>\n", page_js);
	return fg_str_take(&out);
}

/* "'sha256-…'" for what stands in the page itself; caller frees. */
static char *hash_of(const char *text)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char base64[SHA256_BASE64];

	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2base64(
		base64, sizeof(base64), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
	return fg_printf("'sha256-%s'", base64);
}

/* Style and script are named by their hashes, so that no others can slip in; the script may ask
 * where the page came from, and nobody else. */
static char *policy(void)
{
	cleanup_free char *css = hash_of(page_css), *js = hash_of(page_js);

	return fg_printf("default-src 'none'; style-src %s; script-src %s; connect-src 'self'; "
			 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		css, js);
}

struct MHD_Response *page_create(const struct health *h)
{
	struct MHD_Response *answer = answer_create(ANSWER_HTML, render(h));
	cleanup_free char *allowed = policy();

	if (answer) {
		MHD_add_response_header(answer, "Content-Security-Policy", allowed);
		MHD_add_response_header(answer, "Referrer-Policy", "no-referrer");
	}
	return answer;
}
