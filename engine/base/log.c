/* The log: formatted, cleared of secrets, made visible, and written with one call a line. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"

#define MESSAGE_CAP ((size_t)64 * 1024) /* what is searched for secrets */
#define LINE_CAP ((size_t)16 * 1024)    /* what is written of it */
#define SECRET_CAP ((size_t)4096)
#define SECRET_MIN 4
#define BLOT "***"
/* A text that was cut may end amid a secret. So long a beginning of one counts; shorter ones (a
 * bot's id, say) are ordinary words. */
#define SECRET_PREFIX 16

static const char *const level_names[] = {
	[FG_LOG_ERROR] = "error",
	[FG_LOG_WARN] = "warn",
	[FG_LOG_INFO] = "info",
	[FG_LOG_DEBUG] = "debug",
	[FG_LOG_ASKED] = "info",
};

static struct {
	enum fg_log_level level;
	bool json;
	char **secrets; /* each in all the forms it may be met in, the longest first */
	size_t count;
} log_state = {.level = FG_LOG_INFO};

void fg_log_setup(enum fg_log_level level, bool json)
{
	log_state.level = level;
	log_state.json = json;
}

int fg_log_level_parse(const char *name, enum fg_log_level *level)
{
	size_t i;

	for (i = 0; i < FG_ARRAY_LEN(level_names); i++) {
		if (fg_str_equal(name, level_names[i])) {
			*level = (enum fg_log_level)i;
			return 0;
		}
	}
	return -1;
}

static void remember(const char *secret, size_t len)
{
	size_t i, at = log_state.count;

	if (len < SECRET_MIN)
		return;
	for (i = 0; i < log_state.count; i++) {
		if (strcmp(log_state.secrets[i], secret) == 0)
			return;
		if (at == log_state.count && strlen(log_state.secrets[i]) < len)
			at = i;
	}
	log_state.secrets =
		fg_realloc(log_state.secrets, log_state.count + 1, sizeof(*log_state.secrets));
	memmove(log_state.secrets + at + 1, log_state.secrets + at,
		(log_state.count - at) * sizeof(*log_state.secrets));
	log_state.secrets[at] = fg_strndup(secret, len);
	log_state.count++;
}

void fg_log_secret(const char *secret)
{
	cleanup_str struct fg_str form = {0};
	cleanup_json cJSON *item = NULL;

	if (!secret || strlen(secret) < SECRET_MIN)
		return;
	remember(secret, strlen(secret));
	fg_str_init(&form, SECRET_CAP);
	fg_url_escape(&form, secret);
	remember(form.s, form.len);
	fg_str_reset(&form);
	item = cJSON_CreateString(secret);
	fg_json_canonical(&form, item);
	if (form.len > 2 && !form.full) {
		fg_str_truncate(&form, form.len - 1);
		fg_str_consume(&form, 1);
		remember(form.s, form.len);
	}
}

void fg_log_finish(void)
{
	size_t i;

	for (i = 0; i < log_state.count; i++) {
		explicit_bzero(log_state.secrets[i], strlen(log_state.secrets[i]));
		free(log_state.secrets[i]);
	}
	free(log_state.secrets);
	log_state.secrets = NULL;
	log_state.count = 0;
}

/* Bytes at s, of which len are left, that are a secret; 0: none begins here. */
static size_t secret_len(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < log_state.count; i++) {
		const char *secret = log_state.secrets[i];
		size_t n = strlen(secret);

		if (secret[0] != s[0])
			continue;
		if (n <= len && memcmp(s, secret, n) == 0)
			return n;
		if (n > len && len >= SECRET_PREFIX && memcmp(s, secret, len) == 0)
			return len;
	}
	return 0;
}

/* Whatever any secret covers becomes one blot, so that of overlapping ones nothing shows. A blot is
 * shorter than any secret. */
void fg_log_redact(char *s)
{
	size_t len = strlen(s), r, w = 0, end = 0, n;

	if (log_state.count == 0)
		return;
	for (r = 0; r < len; r++) {
		n = secret_len(s + r, len - r);
		if (n > 0 && r + n > end)
			end = r + n;
		if (r >= end) {
			s[w++] = s[r];
		} else if (r + 1 == end) {
			memcpy(s + w, BLOT, strlen(BLOT));
			w += strlen(BLOT);
		}
	}
	s[w] = '\0';
}

/* Append s so that every character in it can be seen; for JSON, which has escapes of its own, only
 * what those leave alone. */
static void add_visible(struct fg_str *out, const char *s, size_t len, bool json)
{
	size_t i, n;
	uint32_t cp = 0;

	for (i = 0; i < len && !out->full; i += n ? n : 1) {
		n = fg_utf8_next(s + i, len - i, &cp);
		if (n == 0)
			fg_str_printf(out, "\\x%02x", (unsigned char)s[i]);
		else if (cp == '\n' && !json)
			fg_str_puts(out, "\\n");
		else if ((cp < 0x20 && !json) || cp == 0x7f)
			fg_str_printf(out, "\\x%02x", (unsigned)cp);
		else if ((cp >= 0x80 && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
			 (cp >= 0x2066 && cp <= 0x2069))
			fg_str_printf(out, "\\u%04x", (unsigned)cp);
		else
			fg_str_add(out, s + i, n);
	}
}

static void add_json_line(
	struct fg_str *line, const char *time, const char *level, const char *message)
{
	cleanup_json cJSON *text = cJSON_CreateString(message);

	fg_str_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time, level);
	fg_json_canonical(line, text);
	fg_str_puts(line, "}\n");
}

static void write_line(const char *s, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* there is nowhere left to complain */
		s += n;
		len -= (size_t)n;
	}
}

void fg_log(enum fg_log_level level, const char *fmt, ...)
{
	cleanup_str struct fg_str message = {0}, shown = {0}, line = {0};
	char time[FG_RFC3339];
	int saved = errno;
	va_list ap;

	if (level > log_state.level && level != FG_LOG_ASKED)
		return;
	fg_str_init(&message, MESSAGE_CAP);
	fg_str_init(&shown, LINE_CAP);
	fg_str_init(&line, LINE_CAP * 8); /* JSON may spell a byte with six */
	va_start(ap, fmt);
	fg_str_vprintf(&message, fmt, ap);
	va_end(ap);
	fg_log_redact(message.s);
	add_visible(&shown, message.s, strlen(message.s), log_state.json);
	if (shown.full || message.full) {
		shown.cap += sizeof(" …");
		shown.full = false;
		fg_str_puts(&shown, " …");
	}
	fg_rfc3339(time, fg_wall_ms());
	if (log_state.json)
		add_json_line(&line, time, level_names[level], shown.s);
	else
		fg_str_printf(&line, "%s %s %s\n", time, level_names[level], shown.s);
	write_line(line.s, line.len);
	errno = saved;
}
