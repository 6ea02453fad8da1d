/* Which hosts are a cloud's, how files and addresses of clouds are read, what is signed how. */
#include "registry/aws_profile.h"
#include "registry/azure.h"
#include "registry/cloud_host.h"
#include "registry/google.h"
#include "registry/object_address.h"
#include "unit.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static void hosts(void **state)
{
	static const struct {
		const char *host;
		enum cloud_kind kind;
	} cases[] = {
		{ "123456789012.dkr.ecr.eu-west-1.amazonaws.com", CLOUD_ECR },
		{ "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", CLOUD_ECR },
		{ "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", CLOUD_ECR },
		{ "123456789012.dkr-ecr.eu-west-1.on.aws", CLOUD_ECR },
		{ "123456789012.dkr-ecr-fips.us-gov-west-1.on.aws", CLOUD_ECR },
		{ "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", CLOUD_ECR },
		{ "public.ecr.aws", CLOUD_ECR_PUBLIC },
		{ "team.azurecr.us", CLOUD_AZURE },
		{ "team.azurecr.cn", CLOUD_AZURE },
		{ "gcr.io", CLOUD_GOOGLE },
		{ "eu.gcr.io", CLOUD_GOOGLE },
		{ "europe-west1-docker.pkg.dev", CLOUD_GOOGLE },
		{ "us-docker.pkg.dev", CLOUD_GOOGLE },
		{ "team.azurecr.io", CLOUD_AZURE },
		{ "team-a1b2.azurecr.io", CLOUD_AZURE },
		{ "123456789012.dkr-ecr.eu-west-1.amazonaws.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr.eu-west-1.on.aws", CLOUD_NONE },
		{ "123456789012.dkr-ecr.eu-west-1.on.aws.evil.com", CLOUD_NONE },
		{ "123456789012.dkr-ecr.eu-west-1.evil.on.aws", CLOUD_NONE },
		{ "123456789012.dkr-ecr.cn-north-1.on.aws", CLOUD_NONE },
		{ "x.dkr-ecr.eu-west-1.on.aws", CLOUD_NONE },
		{ "team.azurecr.us.evil.com", CLOUD_NONE },
		{ "team.azurecr.de", CLOUD_NONE },
		{ "azurecr.us", CLOUD_NONE },
		/* Look-alikes, and names that are almost right. */
		{ "evil-gcr.io", CLOUD_NONE },
		{ "gcr.io.evil.com", CLOUD_NONE },
		{ "xgcr.io", CLOUD_NONE },
		{ ".gcr.io", CLOUD_NONE },
		{ "a.b.gcr.io", CLOUD_NONE },
		{ "evil.com/gcr.io", CLOUD_NONE },
		{ "evil.com#.gcr.io", CLOUD_NONE },
		{ "evil.com@gcr.io", CLOUD_NONE },
		{ "gcr.io:443", CLOUD_NONE },
		{ "gcr.io:5000", CLOUD_NONE },
		{ "GCR.IO", CLOUD_NONE },
		{ "gcr.io.", CLOUD_NONE },
		{ "docker.pkg.dev", CLOUD_NONE },
		{ "-docker.pkg.dev", CLOUD_NONE },
		{ "us-npm.pkg.dev", CLOUD_NONE },
		{ "us-docker.pkg.dev.evil.com", CLOUD_NONE },
		{ "evil.us-docker.pkg.dev", CLOUD_NONE },
		{ "us-docker.evil-docker.pkg.dev", CLOUD_NONE },
		{ "x.azurecr.io.evil.com", CLOUD_NONE },
		{ "azurecr.io", CLOUD_NONE },
		{ "evilazurecr.io", CLOUD_NONE },
		{ "a.b.azurecr.io", CLOUD_NONE },
		{ "x.azurecr.io:443", CLOUD_NONE },
		{ "12345678901.dkr.ecr.eu-west-1.amazonaws.com", CLOUD_NONE },
		{ "1234567890123.dkr.ecr.eu-west-1.amazonaws.com", CLOUD_NONE },
		{ "12345678901x.dkr.ecr.eu-west-1.amazonaws.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn", CLOUD_NONE },
		{ "123456789012.dkr.ecr.cn-north-1.amazonaws.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr.evil.com.amazonaws.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr..amazonaws.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr.eu/x.amazonaws.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr.amazonaws.com", CLOUD_NONE },
		{ "evil.123456789012.dkr.ecr.eu-west-1.amazonaws.com", CLOUD_NONE },
		{ "123456789012.dkr.ecr.eu-west-1.amazonaws.com:443", CLOUD_NONE },
		{ "public.ecr.aws.evil.com", CLOUD_NONE },
		{ "x.public.ecr.aws", CLOUD_NONE },
		{ "docker.io", CLOUD_NONE },
		{ "", CLOUD_NONE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].host);
		assert_int_equal(cloud_host_of(cases[i].host).kind, cases[i].kind);
	}
	struct cloud_host ecr =
			cloud_host_of("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com");
	assert_string_equal(ecr.region, "us-gov-west-1");
	assert_true(ecr.is_fips && !ecr.is_china);
	assert_true(cloud_is_azure_blob("acct.blob.core.windows.net"));
	assert_false(cloud_is_azure_blob("acct.blob.core.windows.net.evil.com"));
	assert_false(cloud_is_azure_blob("evil.com.blob.core.windows.net"));
	assert_false(cloud_is_azure_blob("xblob.core.windows.net"));
}

static void profiles(void **state)
{
	static const char text[] = "# comment\n"
				   "[default]\n"
				   "aws_access_key_id = D\n"
				   "\n"
				   "[profile team]\r\n"
				   "aws_access_key_id=T\r\n"
				   "s3 =\n"
				   "  aws_secret_access_key = nested\n"
				   "aws_secret_access_key = a=b/c+\n"
				   "[ team ]\n"
				   "region = x-1\n"
				   "[profile \"with space\"]\n"
				   "region = y-1\n";
	static const struct {
		const char *profile;
		bool is_config;
		const char *key, *wanted;
	} cases[] = {
		{ "default", true, "aws_access_key_id", "D" },
		{ "default", false, "aws_access_key_id", "D" },
		{ "team", true, "aws_access_key_id", "T" },
		{ "team", true, "aws_secret_access_key", "a=b/c+" },
		{ "team", true, "region", NULL },
		{ "team", false, "region", "x-1" },
		{ "team", false, "aws_access_key_id", NULL },
		{ "with space", true, "region", "y-1" },
		{ "tea", true, "aws_access_key_id", NULL },
		{ "other", true, "aws_access_key_id", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(list) struct list settings = { 0 };

		note("%s %s", cases[i].profile, cases[i].key);
		assert_ok(aws_profile_parse(str_of(text), "f", cases[i].profile, cases[i].is_config,
				&settings));
		const char *value = list_env_get(&settings, cases[i].key);
		assert_int_equal(value != NULL, cases[i].wanted != NULL);
		if (value)
			assert_string_equal(value, cases[i].wanted);
	}
	AUTO(list) struct list settings = { 0 };
	assert_error(aws_profile_parse(STR("[a]\n\ns3cr3t\n"), "f", "a", false, &settings),
			ERR_INVALID, "'f', line 3: neither");
	assert_error(aws_profile_parse(STR("= x\n"), "f", "a", false, &settings), ERR_INVALID,
			"'f', line 1: neither");
	assert_error(aws_profile_parse(STR("[a\n"), "f", "a", false, &settings), ERR_INVALID,
			"'f', line 1: a section without ]");
	assert_ok(aws_profile_read("/nonexistent/credentials", "a", false, &settings));
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *bucket, *key;
	} good[] = {
		{ "s3://bucket/dir/context.tgz", "bucket", "dir/context.tgz" },
		{ "s3://bucket", "bucket", "context.tar.gz" },
		{ "gs://bucket/", "bucket", "context.tar.gz" },
		{ "gs://my.bucket_1/a b", "my.bucket_1", "a b" },
		{ "https://acct.blob.core.windows.net/c/x.tar", "acct",
				"https://acct.blob.core.windows.net/c/x.tar" },
	};
	static const char *const bad[] = { "s3://", "s3:///key", "s3://user@host/key",
		"s3://a:80/key", "gs://-x/key", "https://acct.blob.core.windows.net",
		"s3://b/a\nb" };

	for (size_t i = 0; i < COUNT(good); i++) {
		AUTO(object_address) struct object_address address = { 0 };

		note("%s", good[i].text);
		assert_true(object_address_is(good[i].text));
		assert_ok(object_address_parse(good[i].text, &address));
		assert_string_equal(address.bucket, good[i].bucket);
		assert_string_equal(address.key, good[i].key);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO(object_address) struct object_address address = { 0 };

		note("%s", bad[i]);
		assert_error(object_address_parse(bad[i], &address), ERR_INVALID, "");
	}
	assert_false(object_address_is("https://acct.blob.core.windows.net.evil.com/c/x"));
	assert_false(object_address_is("https://evil.com/acct.blob.core.windows.net/"));
	AUTO_FREE char *path = object_key_path("a b/c+d");
	assert_string_equal(path, "/a%20b/c%2Bd");
}

/* A key of the test's own, which then verifies what was signed. */
static void jwt(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	AUTO_FREE char *pem = NULL, *token = NULL;
	char *text = NULL;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	long n = BIO_get_mem_data(bio, &text);
	pem = xstrndup(text, (size_t)n);
	assert_ok(google_jwt(
			"me@example.com", "kid1", pem, "https://t.example/token", 1000, &token));

	/* {"alg":"RS256","typ":"JWT","kid":"kid1"} */
	assert_true(strncmp(token, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtpZDEifQ.", 55) ==
			0);
	assert_null(strpbrk(token, "+/="));
	char *last = strrchr(token, '.');
	AUTO_FREE char *encoded = xasprintf("%s==", last + 1);
	for (char *p = encoded; *p; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	unsigned char signature[300];
	int got = EVP_DecodeBlock(signature, (unsigned char *)encoded, (int)strlen(encoded));
	assert_int_equal(got, 258);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(context, signature, 256, (unsigned char *)token,
					 (size_t)(last - token)),
			1);
	EVP_MD_CTX_free(context);
	BIO_free(bio);
	EVP_PKEY_free(key);
	assert_error(google_jwt("e", NULL, "s3cr3t", "https://t.example", 0, &token), ERR_INVALID,
			"'private_key' is not an RSA key");
}

/* Checked against an independent computation (Python's hmac) of the documented string. */
static void blobs(void **state)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(url) struct url url = url_make(true, "acct.blob.core.windows.net", "/c/x.tar.gz");

	list_add(&headers, "Range: bytes=5-");
	assert_ok(azure_sign_blob("c2VjcmV0a2V5", "acct", "GET", &url, 0, 1440938160, &headers));
	assert_string_equal(headers.p[1], "x-ms-date: Sun, 30 Aug 2015 12:36:00 GMT");
	assert_string_equal(headers.p[2], "x-ms-version: 2020-10-02");
	assert_string_equal(headers.p[3], "Authorization: SharedKey "
					  "acct:800xcwoDoUOg8XeAy+2sFzxQuyZ4COhdN3yNbcIj8UE=");
	assert_error(azure_sign_blob("s3cr3t!", "acct", "GET", &url, 0, 0, &headers), ERR_INVALID,
			"AZURE_STORAGE_ACCESS_KEY is not a key in base64");
	assert_error(azure_sign_blob("", "acct", "GET", &url, 0, 0, &headers), ERR_INVALID,
			"not a key");
}

UNIT_TESTS(hosts, profiles, addresses, jwt, blobs)
