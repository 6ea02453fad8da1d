/* AWS's published examples: aws-sig-v4-test-suite, and those of S3's API reference. */
#include "registry/sigv4.h"
#include "unit.h"

#define EMPTY ""

/* 2015-08-30T12:36:00Z, as the whole suite has it. */
enum { SUITE_TIME = 1440938160 };

static const struct sigv4 suite = { .key_id = "AKIDEXAMPLE",
	.secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	.region = "us-east-1",
	.service = "service" };

static const char *find(const struct list *headers, const char *start)
{
	for (size_t i = 0; i < headers->n; i++)
		if (strncmp(headers->p[i], start, strlen(start)) == 0)
			return headers->p[i] + strlen(start);
	return NULL;
}

static void suite_of_aws(void **state)
{
	static const struct {
		const char *why, *method, *path, *header, *body, *names, *signature;
	} cases[] = {
		{ "get-vanilla", "GET", "/", NULL, EMPTY, "host;x-amz-date",
				"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf3"
				"1" },
		{ "post-vanilla", "POST", "/", NULL, EMPTY, "host;x-amz-date",
				"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6"
				"b" },
		{ "get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", NULL,
				EMPTY, "host;x-amz-date",
				"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf250"
				"0" },
		{ "post-header-key-case", "POST", "/", "My-Header1: VALUE1", EMPTY,
				"host;my-header1;x-amz-date",
				"cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7"
				"d" },
		{ "post-x-www-form-urlencoded", "POST", "/",
				"Content-Type: application/x-www-form-urlencoded", "Param1=value1",
				"content-type;host;x-amz-date",
				"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473"
				"a" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(list) struct list headers = { 0 };
		AUTO(url) struct url url = url_make(true, "example.amazonaws.com", cases[i].path);
		struct digest payload = digest_of(cases[i].body, strlen(cases[i].body));

		note("%s", cases[i].why);
		if (cases[i].header)
			list_add(&headers, cases[i].header);
		sigv4_sign(&suite, cases[i].method, &url, &payload, SUITE_TIME, &headers);
		AUTO_FREE char *wanted = xasprintf(
				"AWS4-HMAC-SHA256 "
				"Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
				"SignedHeaders=%s, Signature=%s",
				cases[i].names, cases[i].signature);
		assert_string_equal(find(&headers, "Authorization: "), wanted);
		assert_string_equal(find(&headers, "x-amz-date: "), "20150830T123600Z");
		assert_null(find(&headers, "x-amz-content-sha256: "));
	}
}

/* post-sts-header-before: the session's token is a signed header. */
static void session_token(void **state)
{
	struct sigv4 sigv4 = suite;
	AUTO(list) struct list headers = { 0 };
	AUTO(url) struct url url = url_make(true, "example.amazonaws.com", "/");
	struct digest payload = digest_of("", 0);

	sigv4.token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBu"
		      "FqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmU"
		      "pp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY"
		      "9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvK"
		      "Tr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
	sigv4_sign(&sigv4, "POST", &url, &payload, SUITE_TIME, &headers);
	assert_non_null(strstr(find(&headers, "Authorization: "),
			"SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
			"85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"));
}

/* "Example: GET Object Lifecycle" of S3's reference: a query without a value's end, and the
 * payload. */
static void s3(void **state)
{
	static const struct sigv4 sigv4 = { .key_id = "AKIAIOSFODNN7EXAMPLE",
		.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		.region = "us-east-1",
		.service = "s3" };
	AUTO(list) struct list headers = { 0 };
	AUTO(url)
	struct url url = url_make(true, "examplebucket.s3.amazonaws.com", "/?prefix=J&max-keys=2");
	struct digest payload = digest_of("", 0);

	/* 2013-05-24T00:00:00Z. What proxies may touch is not signed. */
	list_add(&headers, "Accept: */*");
	sigv4_sign(&sigv4, "GET", &url, &payload, 1369353600, &headers);
	assert_non_null(strstr(find(&headers, "Authorization: "),
			"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

static void unsigned_without_a_key(void **state)
{
	struct sigv4 sigv4 = { .region = "us-east-1", .service = "s3" };
	AUTO(list) struct list headers = { 0 };
	AUTO(url) struct url url = url_make(true, "b.s3.amazonaws.com", "/k");
	struct digest payload = digest_of("", 0);

	sigv4_sign(&sigv4, "GET", &url, &payload, 0, &headers);
	assert_null(find(&headers, "Authorization: "));
}

UNIT_TESTS(suite_of_aws, session_token, s3, unsigned_without_a_key)
