#include "registry/sigv4.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_signed(struct str name)
{
	return !str_is_nocase(name, "accept") && !str_is_nocase(name, "range") &&
	       !str_is_nocase(name, "if-range");
}

/* "name:value" lines in the order of names, and "name;name". */
static void canonical_headers(const struct list *headers, const char *host, struct strbuf *lines,
		struct strbuf *names)
{
	AUTO(list) struct list sorted = { 0 };

	list_addf(&sorted, "host:%s", host);
	for (size_t i = 0; i < headers->n; i++) {
		AUTO(strbuf) struct strbuf line = { 0 };
		struct str name, value;

		str_cut(str_of(headers->p[i]), ':', &name, &value);
		if (!is_signed(name))
			continue;
		for (size_t k = 0; k < name.n; k++)
			strbuf_add_char(&line, (char)tolower((unsigned char)name.p[k]));
		value = str_trim(value);
		strbuf_addf(&line, ":%.*s", STR_ARG(value));
		list_add(&sorted, strbuf_text(&line));
	}
	list_sort(&sorted);
	for (size_t i = 0; i < sorted.n; i++) {
		size_t n = strcspn(sorted.p[i], ":");

		strbuf_addf(lines, "%s\n", sorted.p[i]);
		strbuf_addf(names, "%s%.*s", i ? ";" : "", (int)n, sorted.p[i]);
	}
}

/* "a=1&b=2" in the order of names. */
static void canonical_query(const char *query, struct strbuf *out)
{
	AUTO(list) struct list sorted = { 0 };
	struct str rest = str_of(query), one;

	while (rest.n) {
		str_cut(rest, '&', &one, &rest);
		list_addf(&sorted, "%.*s", STR_ARG(one));
	}
	list_sort(&sorted);
	for (size_t i = 0; i < sorted.n; i++)
		strbuf_addf(out, "%s%s", i ? "&" : "", sorted.p[i]);
}

static struct digest request_digest(const char *method, const struct url *url, const char *payload,
		const struct list *headers, struct strbuf *names)
{
	AUTO(strbuf) struct strbuf request = { 0 }, lines = { 0 };
	size_t path = strcspn(url->path, "?");

	canonical_headers(headers, url->host, &lines, names);
	strbuf_addf(&request, "%s\n%.*s\n", method, (int)path, url->path);
	canonical_query(url->path[path] ? url->path + path + 1 : "", &request);
	strbuf_addf(&request, "\n%s\n%s\n%s", strbuf_text(&lines), strbuf_text(names), payload);
	return digest_of(strbuf_text(&request), request.n);
}

static struct digest mac_of(const struct digest *key, const char *text)
{
	return digest_hmac(key->bytes, sizeof(key->bytes), str_of(text));
}

static struct digest signature_of(const struct sigv4 *sigv4, const char *day, const char *to_sign)
{
	AUTO_FREE char *secret = xasprintf("AWS4%s", sigv4->secret);
	struct digest mac = digest_hmac(secret, strlen(secret), str_of(day));

	mac = mac_of(&mac, sigv4->region);
	mac = mac_of(&mac, sigv4->service);
	mac = mac_of(&mac, "aws4_request");
	mac = mac_of(&mac, to_sign);
	explicit_bzero(secret, strlen(secret));
	return mac;
}

void sigv4_sign(const struct sigv4 *sigv4, const char *method, const struct url *url,
		const struct digest *payload, int64_t now, struct list *headers)
{
	AUTO(strbuf) struct strbuf to_sign = { 0 }, names = { 0 };
	char stamp[32], day[16], payload_hex[DIGEST_HEX], hex[DIGEST_HEX];
	time_t seconds = (time_t)now;
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	(void)strftime(day, sizeof(day), "%Y%m%d", &tm);
	(void)digest_hex(payload, payload_hex);
	if (text_equal(sigv4->service, "s3"))
		list_addf(headers, "x-amz-content-sha256: %s", payload_hex);
	list_addf(headers, "x-amz-date: %s", stamp);
	if (!sigv4->key_id || !sigv4->secret)
		return;
	if (sigv4->token)
		list_addf(headers, "x-amz-security-token: %s", sigv4->token);

	AUTO_FREE char *scope =
			xasprintf("%s/%s/%s/aws4_request", day, sigv4->region, sigv4->service);
	struct digest digest = request_digest(method, url, payload_hex, headers, &names);

	strbuf_addf(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope,
			digest_hex(&digest, hex));

	struct digest signature = signature_of(sigv4, day, strbuf_text(&to_sign));

	list_addf(headers,
			"Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, "
			"Signature=%s",
			sigv4->key_id, scope, strbuf_text(&names), digest_hex(&signature, hex));
}
