#include "cache/sigv4.h"
#include "base/strbuf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct mac {
	uint8_t bytes[DIGEST_BYTES];
};

static struct mac mac_of(const void *key, size_t n, const char *text)
{
	struct mac mac = { 0 };
	unsigned length = sizeof(mac.bytes);

	(void)HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text, strlen(text), mac.bytes,
			&length);
	return mac;
}

/* "a=1&b=2" in the order of names; ours are written in it already. */
static void add_request(struct strbuf *out, const char *method, const struct url *url)
{
	size_t path = strcspn(url->path, "?");

	strbuf_addf(out, "%s\n%.*s\n%s\n", method, (int)path, url->path,
			url->path[path] ? url->path + path + 1 : "");
}

void sigv4_sign(const struct sigv4 *sigv4, const char *method, const struct url *url,
		const struct digest *payload, int64_t now, struct list *headers)
{
	AUTO(strbuf) struct strbuf request = { 0 }, to_sign = { 0 };
	char stamp[32], day[16], payload_hex[DIGEST_HEX], hex[DIGEST_HEX];
	time_t seconds = (time_t)now;
	struct tm tm;
	const char *names = sigv4->token ? "host;x-amz-content-sha256;x-amz-date;"
					   "x-amz-security-token"
					 : "host;x-amz-content-sha256;x-amz-date";

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	(void)strftime(day, sizeof(day), "%Y%m%d", &tm);
	(void)digest_hex(payload, payload_hex);
	list_addf(headers, "x-amz-content-sha256: %s", payload_hex);
	list_addf(headers, "x-amz-date: %s", stamp);
	if (!sigv4->key_id || !sigv4->secret)
		return;
	if (sigv4->token)
		list_addf(headers, "x-amz-security-token: %s", sigv4->token);

	add_request(&request, method, url);
	strbuf_addf(&request, "host:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n", url->host,
			payload_hex, stamp);
	if (sigv4->token)
		strbuf_addf(&request, "x-amz-security-token:%s\n", sigv4->token);
	strbuf_addf(&request, "\n%s\n%s", names, payload_hex);

	struct digest digest = digest_of(strbuf_text(&request), request.n);
	strbuf_addf(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", stamp, day,
			sigv4->region, digest_hex(&digest, hex));

	AUTO_FREE char *secret = xasprintf("AWS4%s", sigv4->secret);
	struct mac mac = mac_of(secret, strlen(secret), day);
	mac = mac_of(mac.bytes, sizeof(mac.bytes), sigv4->region);
	mac = mac_of(mac.bytes, sizeof(mac.bytes), "s3");
	mac = mac_of(mac.bytes, sizeof(mac.bytes), "aws4_request");
	mac = mac_of(mac.bytes, sizeof(mac.bytes), strbuf_text(&to_sign));
	explicit_bzero(secret, strlen(secret));

	struct digest signature = { .algo = DIGEST_SHA256 };
	memcpy(signature.bytes, mac.bytes, sizeof(mac.bytes));
	list_addf(headers,
			"Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request, "
			"SignedHeaders=%s, Signature=%s",
			sigv4->key_id, day, sigv4->region, names, digest_hex(&signature, hex));
}
