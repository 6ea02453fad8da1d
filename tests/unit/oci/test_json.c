#include "base/limits.h"
#include "oci/json.h"
#include "unit.h"

static FALLIBLE parse(const char *text, json_t **ret)
{
	return json_parse(str_of(text), 4096, "document", ret);
}

static void refuses_documents(void **state)
{
	static const struct {
		const char *text, *part;
		enum error_kind kind;
	} cases[] = {
		{ "", "not valid JSON", ERR_INVALID },
		{ "{", "line 1", ERR_INVALID },
		{ "{\"a\":1,\n\"a\":2}", "duplicate object key", ERR_INVALID },
		{ "{} x", "not valid JSON", ERR_INVALID },
		{ "{\"a\":\"\xff\"}", "unable to decode", ERR_INVALID },
		{ "{\"a\":\"\\u0000\"}", "NUL", ERR_INVALID },
		{ "{\"a\":\"\\ud800\"}", "not valid JSON", ERR_INVALID },
		{ "{\"a\":99999999999999999999}", "too big", ERR_INVALID },
		{ "{\"auth\": c2VjcmV0}", "invalid token at line 1", ERR_INVALID },
		{ "{'a':1}", "not valid JSON", ERR_INVALID },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		json_auto_t *value = NULL;

		note("%s", cases[i].text);
		assert_error(parse(cases[i].text, &value), cases[i].kind, cases[i].part);
		assert_null(value);
	}
}

static void bounds(void **state)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	json_auto_t *value = NULL;

	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		strbuf_add_char(&text, '[');
	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		strbuf_add_char(&text, ']');
	assert_ok(parse(strbuf_text(&text), &value));
	strbuf_clear(&text);
	for (int i = 0; i <= LIMIT_JSON_DEPTH; i++)
		strbuf_add(&text, "{\"[\\\"[\":");
	json_auto_t *deep = NULL;
	assert_error(parse(strbuf_text(&text), &deep), ERR_LIMIT, "deeper");
	strbuf_clear(&text);
	strbuf_addf(&text, "\"%4096s\"", "");
	assert_error(parse(strbuf_text(&text), &deep), ERR_LIMIT, "larger than 4096");
	/* Brackets in strings are no depth. */
	strbuf_clear(&text);
	strbuf_add(&text, "[\"");
	for (int i = 0; i < 1000; i++)
		strbuf_add(&text, "[{\\\"");
	strbuf_add(&text, "\"]");
	assert_ok(parse(strbuf_text(&text), &deep));
	assert_error(json_root(deep, "document", &(struct json_field){ 0 }), ERR_INVALID,
			"document is a list, not an object");
}

static void names_the_field(void **state)
{
	json_auto_t *value = NULL;
	struct json_field root, list, item, inner;
	char *text = NULL;
	int64_t number = 0;
	bool flag = false;
	struct digest digest;
	AUTO(list) struct list names = { 0 };

	assert_ok(parse("{\"a\":[{\"b\":{\"c\":1,\"d\":\"x\",\"e\":-3,\"f\":1.5}}],\"n\":null,"
			"\"l\":[\"x\",2],\"p\":{\"k=v\":\"1\"},\"q\":{\"k\":7}}",
			&value));
	assert_ok(json_root(value, "manifest", &root));
	assert_ok(json_get_array(&root, "a", JSON_MUST, &list));
	assert_int_equal(json_count(&list), 1);
	assert_ok(json_item_object(&list, 0, &item));
	assert_ok(json_get_object(&item, "b", JSON_MUST, &inner));
	assert_error(json_get_text(&inner, "c", JSON_MAY, &text), ERR_INVALID,
			"manifest: 'a[0].b.c' is a number, not text");
	assert_error(json_get_text(&inner, "z", JSON_MUST, &text), ERR_INVALID,
			"manifest: 'a[0].b.z' is missing");
	assert_error(json_get_i64(&inner, "d", JSON_MAY, 0, &number), ERR_INVALID,
			"'a[0].b.d' is text, not a whole number");
	assert_error(json_get_i64(&inner, "e", JSON_MAY, 0, &number), ERR_INVALID,
			"is -3, less than 0");
	assert_error(json_get_i64(&inner, "f", JSON_MAY, 0, &number), ERR_INVALID, "fraction");
	assert_error(json_get_bool(&inner, "c", &flag), ERR_INVALID, "not a boolean");
	assert_error(json_get_digest(&inner, "d", JSON_MUST, &digest), ERR_INVALID,
			"manifest: 'a[0].b.d': digest 'x'");
	assert_error(json_get_object(&root, "n", JSON_MUST, &inner), ERR_INVALID, "'n' is missing");
	assert_error(json_get_list(&root, "l", &names, NULL), ERR_INVALID, "'l[1]' is a number");
	assert_error(json_get_pairs(&root, "p", &names), ERR_UNSUPPORTED, "'k=v'");
	assert_error(json_get_pairs(&root, "q", &names), ERR_INVALID, "'q.k' is a number");
	assert_error(json_get_names(&root, "l", &names), ERR_INVALID, "not an object");
	assert_false(json_has(&root, "n"));
	assert_ok(json_get_object(&root, "n", JSON_MAY, &inner));
	assert_null(inner.value);
	assert_int_equal(json_count(&inner), 0);
	assert_null(text);
}

static void prints(void **state)
{
	AUTO(json_out) struct json_out out = { 0 };
	AUTO(list) struct list pairs = { 0 }, names = { 0 }, empty = { 0 };
	AUTO_FREE char *text = NULL;

	list_add(&pairs, "b=2");
	list_add(&pairs, "a.b=1");
	list_add(&pairs, "a=old");
	list_add(&pairs, "a=x=y");
	list_add(&names, "80/tcp");
	list_add(&names, "443/tcp");
	list_add(&names, "80/tcp");
	json_out_open(&out, NULL, '{');
	json_out_text(&out, "t", "q\"\\\n\t\x01/<\xc3\xa4\xff\xe2\x82");
	json_out_text(&out, "none", NULL);
	json_out_i64(&out, "i", -5);
	json_out_u64(&out, "u", UINT64_MAX);
	json_out_bool(&out, "f", false);
	json_out_base64(&out, "b0", (struct str){ "", 0 });
	json_out_base64(&out, "b1", (struct str){ "\xff", 1 });
	json_out_base64(&out, "b2", (struct str){ "\xff\xfe", 2 });
	json_out_base64(&out, "b3", (struct str){ "abc", 3 });
	json_out_list(&out, "l", &names);
	json_out_list(&out, "e", &empty);
	json_out_pairs(&out, "p", &pairs);
	json_out_pairs(&out, "nothing", &empty);
	json_out_names(&out, "n", &names);
	json_out_close(&out, '}');
	text = json_out_take(&out);
	assert_string_equal(text, "{\"t\":\"q\\\"\\\\\\n\\t\\u0001/"
				  "<\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
				  "\"i\":-5,\"u\":18446744073709551615,\"f\":false,"
				  "\"b0\":\"\",\"b1\":\"/w==\",\"b2\":\"//4=\",\"b3\":\"YWJj\","
				  "\"l\":[\"80/tcp\",\"443/tcp\",\"80/tcp\"],\"e\":[],"
				  "\"p\":{\"a\":\"x=y\",\"a.b\":\"1\",\"b\":\"2\"},"
				  "\"n\":{\"443/tcp\":{},\"80/tcp\":{}}}");
}

UNIT_TESTS(refuses_documents, bounds, names_the_field, prints)
