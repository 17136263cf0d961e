/* JSON from hostile places: depth, big integers, garbage; getters that never trust; canonical form.
 */
#include <math.h>
#include <stdlib.h>
#include "tap.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

static cJSON *parse(const char *s)
{
	return fg_json_parse(s, strlen(s), NULL);
}

/* Parse a copy of exactly len bytes, so that a read beyond its end is seen. */
static cJSON *parse_exact(const char *s, size_t len, struct fg_err *err)
{
	char *copy = fg_alloc(len);
	cJSON *item;

	memcpy(copy, s, len);
	item = fg_json_parse(copy, len, err);
	free(copy);
	return item;
}

static void test_refused(void)
{
	static const struct {
		const char *s;
		const char *in_error;
	} rows[] = {
	        {"", "empty"},
	        {" \r\n\t", "empty"},
	        {"{", "ends too early"},
	        {"[1,2", "ends too early"},
	        {"\"open", "byte 1: open"},
	        {"{\"a\":1} x", "byte 8: x"},
	        {"{\"a\":1}{}", "byte 7: {}"},
	        {"<html><body>502 Bad Gateway</body></html>", "byte 0: <html>"},
	        {"[1,]", "byte 3: ]"},
	        {"{1234567890123456789:1}", "234567890123456789:1}"},
	        {"{\"a\":12345678901234567890 x}", "x}"},
	        {"[\"a\"12345678901234567890]", "byte 4: 12345"},
	        {"[1234567890123456789\"a\"]", "byte 20"},
	        {"[tru]", "byte 1: tru]"},
	        {"nul", "byte 0: nul"},
	        {"[-]", "byte 1: -]"},
	        {"\033[31m{", "not JSON at byte"},
	        {"{\"a\":\"\\ud800\"}", "not JSON"},
	};
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *item = parse_exact(rows[i].s, strlen(rows[i].s), &err);

		ok(!item, "refused: %s", rows[i].s);
		if (!item &&
		        !ok(strstr(err.text, rows[i].in_error) != NULL, "its error: %s", err.text))
			diag("lacks: %s", rows[i].in_error);
	}
	ok(!parse_exact("{\"a\"\0:1}", 8, &err) && strstr(err.text, "byte 4"),
	        "NUL is no white space");
	ok(!parse_exact("1\0", 2, &err), "nor an end");
	ok(!parse_exact("\xef\xbb\xbf", 3, &err), "a byte order mark alone is nothing");
}

static void test_pruned(void)
{
	cleanup_str struct fg_str text = {0};
	cleanup_json cJSON *item = NULL;
	cleanup_free char *printed = NULL;
	struct fg_err err;

	fg_str_init(&text, 100000);
	fg_str_puts(&text, "{\"deep\":");
	for (int i = 0; i < 10000; i++)
		fg_str_puts(&text, i % 2 ? "[" : "{\"]}\\\"\":");
	fg_str_puts(&text, "\"]\"");
	for (int i = 9999; i >= 0; i--)
		fg_str_puts(&text, i % 2 ? "]" : "}");
	fg_str_puts(&text, ",\"id\":12345678901234567890,\"rest\":[1,{}]}");
	ok(!fg_json_parse(text.s, text.len, &err), "too deep as a whole");
	item = fg_json_parse_pruned(text.s, text.len, &err);
	ok(fg_json_u64(item, "id", 0) == 12345678901234567890u, "what stands beside it is read");
	is_int(cJSON_GetArraySize(fg_json_array(item, "rest")), 2, "and what comes after it");
	printed = fg_json_print(item);
	ok(strstr(printed, "null"), "the depth itself is null");
	text.s[text.len - 1] = ' ';
	ok(!fg_json_parse_pruned(text.s, text.len, &err), "a text without an end is none: %s", err.text);
}

static void test_depth(void)
{
	size_t size = 1000000;
	char *deep = fg_alloc(size + 1);
	cleanup_json cJSON *item = NULL;
	struct fg_err err;

	memset(deep, '[', FG_JSON_DEPTH);
	memset(deep + FG_JSON_DEPTH, ']', FG_JSON_DEPTH);
	item = fg_json_parse(deep, 2 * FG_JSON_DEPTH, &err);
	ok(item != NULL, "as deep as allowed");
	memset(deep, '[', FG_JSON_DEPTH + 1);
	memset(deep + FG_JSON_DEPTH + 1, ']', FG_JSON_DEPTH + 1);
	ok(!fg_json_parse(deep, 2 * FG_JSON_DEPTH + 2, &err), "one deeper");
	ok(strstr(err.text, "nested too deeply at byte 64") != NULL, "says where: %s", err.text);
	memset(deep, '[', size);
	ok(!fg_json_parse(deep, size, &err), "a million brackets");
	for (size_t i = 0; i + 5 <= size; i += 5)
		memcpy(deep + i, "{\"a\":", 5);
	ok(!fg_json_parse(deep, size, &err), "as many objects");
	memset(deep, '[', size);
	deep[0] = deep[size - 1] = '"';
	cJSON_Delete(item);
	item = fg_json_parse(deep, size, &err);
	ok(cJSON_IsString(item), "brackets in a string do not count");
	cJSON_Delete(item);
	item = parse("\"[[\\\"[[\\\\\"");
	is_str(item ? item->valuestring : NULL, "[[\"[[\\", "escaped quotes do not end it");
	free(deep);
}

static void test_integers(void)
{
	static const struct {
		const char *s;
		bool exact;
		int64_t i64;
		uint64_t u64;
	} rows[] = {
	        {"0", true, 0, 0},
	        {"-1", true, -1, 99},
	        {"999999999999999", true, 999999999999999, 999999999999999},
	        {"1234567890123456789", true, 1234567890123456789, 1234567890123456789},
	        {"9223372036854775807", true, INT64_MAX, INT64_MAX},
	        {"-9223372036854775808", true, INT64_MIN, 99},
	        {"9223372036854775808", false, 99, 9223372036854775808ull},
	        {"18446744073709551615", false, 99, UINT64_MAX},
	        {"18446744073709551616", false, 99, 99},
	        {"99999999999999999999999999999999999999999999999999999999999999999999999999",
	                false, 99, 99},
	        {"1.5", false, 99, 99},
	        {"1e3", true, 1000, 1000},
	        {"1e300", false, 99, 99},
	        {"1e999", false, 99, 99},
	        {"-1e999", false, 99, 99},
	        {"12345678901234567.5", false, 99, 99},
	        {"\"1\"", false, 99, 99},
	        {"null", false, 99, 99},
	        {"true", false, 99, 99},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_free char *text = fg_printf("{\"v\":%s}", rows[i].s);
		cleanup_json cJSON *item = parse(text);
		int64_t v;

		ok(fg_json_to_i64(fg_json_get(item, "v"), &v) == rows[i].exact, "whole: %s",
		        rows[i].s);
		is_int(fg_json_i64(item, "v", 99), rows[i].i64, rows[i].s);
		ok(fg_json_u64(item, "v", 99) == rows[i].u64, "unsigned %s", rows[i].s);
	}
}

static void test_raw(void)
{
	static const char text[] =
	        "{\"id\":-1001234567890123456,\"a\":[12345678901234567890],\"s\":\"\xff"
	        "1\","
	        "\"k\\\"1234567890123456789\":1}";
	cleanup_json cJSON *item = parse(text), *made = cJSON_CreateObject();
	cleanup_free char *printed = fg_json_print(item), *again = NULL;

	is_int(fg_json_i64(item, "id", 0), -1001234567890123456, "a chat's id");
	ok(fg_json_double(fg_json_get(item, "a"), "x", 7) == 7, "an array has no keys");
	ok(strstr(printed, "\"id\":-1001234567890123456,") &&
	                strstr(printed, "[12345678901234567890]"),
	        "printed as it came");
	is_str(fg_json_str(item, "s", ""),
	        "\xef\xbf\xbd"
	        "1",
	        "a stray mark is no number");
	fg_json_set_i64(made, "n", INT64_MIN);
	fg_json_set_i64(made, "n", INT64_MAX);
	fg_json_set_i64(made, "small", -5);
	again = fg_json_print(made);
	is_str(again, "{\"n\":9223372036854775807,\"small\":-5}", "set keeps every digit");
	is_int(fg_json_i64(made, "n", 0), INT64_MAX, "and reads back");
	ok(!fg_json_set_i64(NULL, "n", 1), "nowhere to set");
}

static void test_getters(void)
{
	cleanup_json cJSON *item = parse(
	        "{\"s\":\"x\",\"n\":1.5,\"b\":true,\"f\":false,\"o\":{\"p\":{\"q\":\"deep\"}},"
	        "\"a\":[1],\"S\":\"other\",\"big\":12345678901234567890,\"z\":null}");
	char far[400];

	is_str(fg_json_str(item, "s", "?"), "x", "string");
	is_str(fg_json_str(item, "S", "?"), "other", "case matters");
	is_str(fg_json_str(item, "n", "?"), "?", "wrong type");
	is_str(fg_json_str(item, "none", NULL), NULL, "absent");
	is_str(fg_json_str(NULL, "s", "?"), "?", "no object");
	is_str(fg_json_str(fg_json_get(item, "a"), "s", "?"), "?", "an array");
	ok(fg_json_double(item, "n", 0) == 1.5 && fg_json_double(item, "s", 7) == 7 &&
	                fg_json_double(item, "big", 0) > 1.2e19,
	        "doubles");
	ok(fg_json_bool(item, "b", false) && !fg_json_bool(item, "f", true) &&
	                fg_json_bool(item, "n", true) && !fg_json_bool(NULL, "b", false),
	        "booleans");
	ok(fg_json_object(item, "o") && !fg_json_object(item, "a") && fg_json_array(item, "a") &&
	                !fg_json_array(item, "o") && !fg_json_array(NULL, "a"),
	        "containers");
	is_str(cJSON_GetStringValue(fg_json_path(item, "o.p.q")), "deep", "path");
	ok(!fg_json_path(item, "o.x.q") && !fg_json_path(item, "s.x") && !fg_json_path(NULL, "a") &&
	                !fg_json_path(item, "") && !fg_json_path(item, ".") &&
	                !fg_json_path(item, "o..q"),
	        "paths that lead nowhere");
	memset(far, 'a', sizeof(far));
	far[sizeof(far) - 1] = '\0';
	ok(!fg_json_path(item, far), "a path part that is too long");
}

static void test_canonical(void)
{
	static const struct {
		const char *s, *want;
	} rows[] = {
	        {"{ \"b\" : 1 , \"a\" : [ true , null , \"x\" ] }",
	                "{\"a\":[true,null,\"x\"],\"b\":1}"},
	        {"{\"a\":{\"z\":1,\"y\":2},\"A\":{}}", "{\"A\":{},\"a\":{\"y\":2,\"z\":1}}"},
	        {"[1.0, 1e2, 0.1, -0, 1.5e-7, 1e21, 100000]", "[1,100,0.1,0,1.5e-07,1e+21,100000]"},
	        {"[1e18, 1000000000000000000]", "[1000000000000000000,1000000000000000000]"},
	        {"12345678901234567890", "12345678901234567890"},
	        {"[0.30000000000000004, 3.141592653589793]",
	                "[0.30000000000000004,3.141592653589793]"},
	        {"\"\\u0041\\n\\u001f\\\"\\\\\\/\xc3\xa4\"", "\"A\\n\\u001f\\\"\\\\/\xc3\xa4\""},
	        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":1,\"b\":2}"},
	        {"{\"\":1}", "{\"\":1}"},
	        {"[]", "[]"},
	        {"false", "false"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *item = parse(rows[i].s);
		cleanup_str struct fg_str out;

		fg_str_init(&out, 1000);
		fg_json_canonical(&out, item);
		is_str(out.s, rows[i].want, rows[i].s);
	}
}

static void add_row(const cJSON *row, void *arg)
{
	cleanup_json_text char *text = fg_json_print(row);

	fg_str_printf(arg, "%s;", text);
}

/* What a list says is the same row by row; what is none is refused like a whole. */
static void test_rows(void)
{
	static const struct {
		const char *text, *rows;
		int rc;
	} table[] = {
		{"[]", "", 1},
		{" [ ] \n", "", 1},
		{"[1]", "1;", 1},
		{" [1 , \"a,]\\\"b\" ,{\"k\":[1,{\"x\":\"}\"}]},[[],[]],null ] ",
			"1;\"a,]\\\"b\";{\"k\":[1,{\"x\":\"}\"}]};[[],[]];null;", 1},
		{"[12345678901234567890]", "12345678901234567890;", 1},
		{"null", "", 0},
		{"{\"message\":\"[1]\"}", "", 0},
		{"\"[1]\"", "", 0},
		{"", "", -1},
		{"[", "", -1},
		{"[1", "", -1},
		{"[1,", "1;", -1},
		{"[1,]", "1;", -1},
		{"[,1]", "", -1},
		{"[1,,2]", "1;", -1},
		{"[1 2]", "", -1},
		{"[1]]", "1;", -1},
		{"[1]x", "1;", -1},
		{"[1],[2]", "1;", -1},
		{"[] []", "", -1},
		{"[{]}]", "", -1},
		{"[{]", "", -1},
		{"[}]", "", -1},
		{"[\"a]", "", -1},
		{"[\"a\\", "", -1},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_str struct fg_str rows;
		struct fg_err err = {0};
		int rc;

		fg_str_init(&rows, 1000);
		rc = fg_json_rows(table[i].text, strlen(table[i].text), add_row, &rows, &err);
		ok(rc == table[i].rc && strcmp(rows.s, table[i].rows) == 0, "%s: %d %s", table[i].text, rc, rows.s);
		if (rc < 0)
			ok(err.code == FG_EPROTO && strstr(err.text, "not JSON"), "… %s", err.text);
	}
}

static void test_big(void)
{
	size_t size = 10 * 1024 * 1024;
	char *big = fg_alloc(size);
	cleanup_json cJSON *item = NULL;
	struct fg_err err;

	memset(big, '7', size);
	item = fg_json_parse(big, size, &err);
	ok(cJSON_IsRaw(item) && fg_json_u64(item, "x", 3) == 3, "an integer of 10 MB");
	cJSON_Delete(item);
	memset(big, '\\', size);
	big[0] = '"';
	item = fg_json_parse(big, size, &err);
	ok(!item, "10 MB of backslashes");
	memset(big, '-', size);
	ok(!fg_json_parse(big, size, &err), "10 MB of minus signs");
	memset(big, 0, size);
	ok(!fg_json_parse(big, size, &err), "10 MB of NUL");
	free(big);
}

int main(void)
{
	test_refused();
	test_depth();
	test_pruned();
	test_integers();
	test_raw();
	test_getters();
	test_canonical();
	test_rows();
	test_big();
	return done_testing();
}
