#include "verbs/encrypt_flag.h"

#include "base/str.h"

#include <stdint.h>

void encryption_done(struct encryption *encryption)
{
	seal_keys_done(&encryption->recipients);
	vec_done(&encryption->layers);
}

/* "a,b" is two, as in Buildah. */
static void split(const struct list *texts, struct list *ret)
{
	for (size_t i = 0; i < texts->n; i++) {
		struct str rest = str_of(texts->p[i]), one;

		do {
			(void)str_cut(rest, ',', &one, &rest);
			AUTO_FREE char *text = str_dup(one);
			list_add(ret, text);
		} while (rest.n);
	}
}

static FALLIBLE parse_layers(const struct list *texts, struct encryption *ret)
{
	AUTO(list) struct list numbers = { 0 };
	int64_t number = 0;

	split(texts, &numbers);
	for (size_t i = 0; i < numbers.n; i++) {
		TRY(usage_of_option(parse_i64(str_of(numbers.p[i]), INT32_MIN, INT32_MAX, &number),
				"--encrypt-layer"));
		vec_push(&ret->layers, number);
	}
	return NULL;
}

static FALLIBLE check_destination(const struct destination *to)
{
	const char *what = NULL;

	switch (to->kind) {
	case TO_STORE:
		what = "the store holds images in the clear";
		break;
	case TO_PODMAN:
		what = "Podman's store holds images in the clear";
		break;
	case TO_DOCKER_ARCHIVE:
		what = "a docker archive has no place for encrypted layers";
		break;
	case TO_REGISTRY:
	case TO_LAYOUT:
	case TO_OCI_ARCHIVE:
	case TO_DIR:
		return NULL;
	}
	return error_hint(error_usage("option '--encryption-key': %s", what),
			"send it to docker://NAME, oci:DIR or oci-archive:FILE");
}

FALLIBLE encryption_begin(const struct encrypt_flags *flags, const char *format,
		struct destination *to, struct encryption *ret)
{
	AUTO(list) struct list keys = { 0 };

	if (!flags->keys.n)
		return flags->layers.n ? error_usage("--encrypt-layer can only be used with "
						     "--encryption-key")
				       : NULL;
	if (format && !text_equal(format, "oci"))
		return error_usage("option '--encryption-key': the format '%s' has no encrypted "
				   "layers",
				format);
	TRY(check_destination(to));
	TRY(parse_layers(&flags->layers, ret));
	split(&flags->keys, &keys);
	TRY(usage_of_option(
			seal_keys_read_recipients(&keys, &ret->recipients), "--encryption-key"));
	ret->sealing = (struct image_sealing){ &ret->recipients, ret->layers.p, ret->layers.n };
	to->sealing = &ret->sealing;
	return NULL;
}
