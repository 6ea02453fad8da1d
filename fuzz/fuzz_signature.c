/*
 * What is fetched beside an image: payloads of both kinds, files with GPG keys, encrypted keys.
 * A payload that was read is printed and read as the same.
 */
#include "base/str.h"
#include "trust/cosign_key.h"
#include "trust/gpg.h"
#include "trust/identity.h"
#include "trust/payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_payload(struct str text, enum payload_kind kind)
{
	AUTO(payload) struct payload payload = { 0 }, again = { 0 };
	static const struct identity_rule rule = { .kind = IDENTITY_REPOSITORY };
	struct error *error = payload_parse(text, kind, &payload);

	if (error) {
		error_free(error);
		return;
	}
	AUTO_FREE char *printed = payload_print(&payload, kind, "fuzz", 0);
	error = payload_parse(str_of(printed), kind, &again);
	if (error || strcmp(payload.reference, again.reference) != 0 ||
			!digest_equal(&payload.manifest, &again.manifest))
		abort();
	error_free(identity_check(&rule, NULL, payload.reference));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = { (const char *)bytes, size };
	AUTO(strbuf) struct strbuf keys = { 0 };

	read_payload(text, PAYLOAD_SIMPLE);
	read_payload(text, PAYLOAD_SIGSTORE);
	error_free(gpg_add_keys(text, "K", &keys));
	(void)cosign_key_is(text);
	return 0;
}
