/* Errors gather context, stay on one line and never outgrow their room. */
#include "tap.h"
#include "fleetgram/base/err.h"
#include "fleetgram/base/text.h"

static void test_fail(void)
{
	static const struct {
		const char *arg, *want;
	} rows[] = {
	        {"no such container", "no such container"},
	        {"No such image: a:b.", "No such image: a:b"},
	        {"wait...", "wait..."},
	        {"two\nlines\r\nand\ta tab\n", "two lines and a tab"},
	        {"\033[31mred\033[0m", "red"},
	        {"bad \xff byte", "bad \xef\xbf\xbd byte"},
	        {".", "."},
	        {"", ""},
	};
	struct fg_err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&err, 0x5a, sizeof(err));
		is_int(fg_fail(&err, FG_ENOTFOUND, "%s", rows[i].arg), -1, "fail returns -1");
		is_str(err.text, rows[i].want, "text");
		ok(err.code == FG_ENOTFOUND && err.status == 0 && err.retry_after_ms == 0,
		        "fields are set");
	}
	is_int(fg_fail(NULL, FG_EIO, "x"), -1, "nobody cares");
}

static void test_wrap(void)
{
	struct fg_err err;

	fg_fail(&err, FG_EREMOTE, "HTTP %d", 500);
	err.status = 500;
	err.retry_after_ms = 7;
	is_int(fg_wrap(&err, "cannot list on %s", "local"), -1, "wrap returns -1");
	is_str(err.text, "cannot list on local: HTTP 500", "context comes first");
	ok(err.code == FG_EREMOTE && err.status == 500 && err.retry_after_ms == 7,
	        "the rest stays");
	fg_wrap(&err, "again: %s", err.text);
	is_str(err.text, "again: cannot list on local: HTTP 500: cannot list on local: HTTP 500",
	        "an error's own text may be an argument");
	is_int(fg_wrap(NULL, "x"), -1, "nobody cares");
}

static void test_limits(void)
{
	char big[4 * FG_ERR_TEXT];
	struct fg_err err;

	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	for (size_t i = 0; i + 3 < sizeof(big); i += 3)
		memcpy(big + i, "\xe2\x82\xac",
		        3); /* euro signs: 1023 is no multiple of their three bytes */
	fg_fail(&err, FG_EIO, "ab%s", big);
	ok(strlen(err.text) < FG_ERR_TEXT, "cut to the room there is");
	is_int(strlen(err.text), 2 + (FG_ERR_TEXT - 1 - 2) / 3 * 3, "at a character's end");
	for (int i = 0; i < 200; i++)
		fg_wrap(&err, "layer %d", i);
	ok(strncmp(err.text, "layer 199: layer 198: ", 22) == 0, "the outermost context survives");
}

int main(void)
{
	test_fail();
	test_wrap();
	test_limits();
	return done_testing();
}
