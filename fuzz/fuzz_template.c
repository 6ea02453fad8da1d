/*
 * --format's templates: text without braces and backslashes is printed as it is, and what is
 * printed once is printed the same again.
 */
#include "base/str.h"
#include "ui/template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Loops within loops over the same list take as long as they say: that is the user's to ask. */
enum { LOOPS_MAX = 6, BYTES_MAX = 4096 };

static bool loops_too_much(const char *text)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, "range")); at++)
		n++;
	return n > LOOPS_MAX;
}

static struct error *print(const char *text, struct strbuf *out)
{
	static const char document[] =
			"{\"Name\":\"app\",\"N\":3,\"R\":0.5,\"None\":null,\"Yes\":true,\"No\":"
			"false,\"Empty\":[],\"Env\":[\"A=1\",\"B=2\"],\"Labels\":{\"z\":\"1\","
			"\"a\":"
			"\"2\"},\"Deep\":{\"Er\":{\"Est\":[[1,2],[3]]}}}";
	json_t *value = json_loads(document, 0, NULL);
	struct error *error = template_print(text, value, out);

	json_decref(value);
	return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_FREE char *text =
			str_dup((struct str){ (const char *)bytes, size < BYTES_MAX ? size : 0 });
	AUTO(strbuf) struct strbuf once = { 0 }, again = { 0 };

	if (loops_too_much(text))
		return 0;
	struct error *error = print(text, &once), *second = print(text, &again);
	if (!error != !second || (!error && strcmp(strbuf_text(&once), strbuf_text(&again)) != 0))
		abort();
	if (!strpbrk(text, "{\\") && (error || strcmp(strbuf_text(&once), text) != 0))
		abort();
	error_free(error);
	error_free(second);
	return 0;
}
