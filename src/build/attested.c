#include "build/attested.h"

#include "base/clock.h"
#include "build/history.h"
#include "build/provenance.h"
#include "image/attestation.h"

static bool is_files(enum output_kind kind)
{
	return kind == OUTPUT_TAR || kind == OUTPUT_LOCAL;
}

/* No output is one that is an image. */
static bool has_output(const struct build_options *options, bool files)
{
	for (size_t i = 0; i < options->output_count; i++)
		if (is_files(options->outputs[i].kind) == files)
			return true;
	return !options->output_count && !files;
}

bool attested_is_image(const struct build_options *options)
{
	return options->attest.provenance && has_output(options, false);
}

bool attested_is_files(const struct build_options *options)
{
	return options->attest.provenance && !options->attest.inline_only &&
	       has_output(options, true);
}

void attested_fill(struct build_options *options)
{
	if (!attested_is_image(options) || options->format != FORMAT_DOCKER)
		return;
	options->format = FORMAT_OCI;
	progress_warn(options->progress, 0, (struct source_range){ 0 },
			"the image has OCI's format, since Docker's has no attestations");
}

void attested_tell(struct build *builds, struct image *const *images, size_t n,
		struct build_result *ret)
{
	const struct build_options *options = builds[0].options;
	char invocation[HISTORY_ID_TEXT], platform[PLATFORM_TEXT];

	list_done(&ret->provenances);
	list_done(&ret->provenance_platforms);
	if (!attested_is_image(options) && !attested_is_files(options))
		return;
	history_new_id(invocation);
	for (size_t i = 0; i < n; i++) {
		const struct provenance one = { .build = &builds[i],
			.image = images ? images[i] : NULL,
			.invocation = invocation,
			.finished_ns = clock_now_ns() };
		AUTO_FREE char *text = provenance_print(&one);

		list_add(&ret->provenances, text);
		list_add(&ret->provenance_platforms, platform_text(&builds[i].platform, platform));
	}
}

/* All that the image will be called. */
static void add_names(const struct build_options *options, struct list *names)
{
	if (options->tags)
		list_add_all(names, options->tags);
	for (size_t i = 0; i < options->output_count; i++)
		for (size_t k = 0; k < options->outputs[i].names.n; k++)
			if (!list_has(names, options->outputs[i].names.p[k]))
				list_add(names, options->outputs[i].names.p[k]);
}

FALLIBLE attested_keep(const struct build *build, struct image *const *images,
		const struct list *predicates, struct attested_entries *ret)
{
	const struct build_options *options = build->options;
	AUTO(list) struct list names = { 0 };

	add_names(options, &names);
	for (size_t i = 0; i < predicates->n; i++) {
		const struct attestation one = {
			.predicate_type = provenance_type(&options->attest),
			.predicate = predicates->p[i],
		};
		AUTO(attestation_subjects) struct attestation_subjects subjects = { 0 };

		TRY(attestation_subjects_of_image(images[i], &names, &subjects));
		TRY(attestation_keep(options->store, images[i], &one, 1, &subjects, vec_add(ret)));
	}
	return NULL;
}

void attested_entries_done(struct attested_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		descriptor_done(&entries->p[i]);
	vec_done(entries);
}
