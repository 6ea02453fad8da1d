#include "build/attested.h"

#include "base/clock.h"
#include "build/history.h"
#include "build/provenance.h"
#include "image/attestation.h"

void attested_done(struct attested *attested)
{
	for (size_t i = 0; i < attested->n; i++) {
		free(attested->p[i].type);
		free(attested->p[i].predicate);
		free(attested->p[i].subjects);
		free(attested->p[i].file_name);
	}
	vec_done(attested);
}

void attested_free(struct attested *all, size_t n)
{
	for (size_t i = 0; all && i < n; i++)
		attested_done(&all[i]);
	free(all);
}

static bool is_files(enum output_kind kind)
{
	return kind == OUTPUT_TAR || kind == OUTPUT_LOCAL;
}

static bool has_output(const struct build_options *options, bool files)
{
	for (size_t i = 0; i < options->output_count; i++)
		if (options->outputs[i].kind != OUTPUT_CACHE &&
				is_files(options->outputs[i].kind) == files)
			return true;
	return !options->output_count && !files;
}

bool attested_is_image(const struct build_options *options)
{
	return (options->attest.provenance || options->attest.generator) &&
	       has_output(options, false);
}

/* inline_only is the provenance's. */
static bool has_provenance_file(const struct build_options *options)
{
	return options->attest.provenance && !options->attest.inline_only;
}

bool attested_is_files(const struct build_options *options)
{
	return (has_provenance_file(options) || options->attest.generator) &&
	       has_output(options, true);
}

bool attested_has_sbom(const struct build_options *options)
{
	return options->attest.generator != NULL;
}

void attested_fill(struct build_options *options)
{
	if (!attested_is_image(options) || options->format != FORMAT_DOCKER)
		return;
	options->format = FORMAT_OCI;
	progress_warn(options->progress, 0, (struct source_range){ 0 },
			"the image has OCI's format, since Docker's has no attestations");
}

static void add_provenance(const struct provenance *provenance, struct attested *to,
		struct build_result *result)
{
	const struct build_attest *attest = &provenance->build->options->attest;
	char platform[PLATFORM_TEXT];
	const char *name = attest->file_name ? attest->file_name : "provenance.json";
	struct attested_one one = { .type = xstrdup(provenance_type(attest)),
		.predicate = provenance_print(provenance),
		.file_name = attest->inline_only ? NULL : xstrdup(name) };

	vec_push(to, one);
	list_add(&result->provenances, one.predicate);
	list_add(&result->provenance_platforms,
			platform_text(&provenance->build->platform, platform));
}

/* The names are the generator's, and the user's. */
static FALLIBLE check_file_names(const struct attested *attested)
{
	for (size_t i = 0; i < attested->n; i++)
		for (size_t k = 0; k < i; k++)
			if (attested->p[i].file_name && text_equal(attested->p[i].file_name,
									attested->p[k].file_name))
				return error_hint(error_new(ERR_EXISTS,
								  "two statements about the files "
								  "are called '%s'",
								  attested->p[i].file_name),
						ATTESTED_OTHER_NAME);
	return NULL;
}

FALLIBLE attested_tell(struct build *builds, struct image *const *images, size_t n,
		struct attested **ret, struct build_result *result)
{
	const struct build_options *options = builds[0].options;
	char invocation[HISTORY_ID_TEXT];

	list_done(&result->provenances);
	list_done(&result->provenance_platforms);
	if (!attested_is_image(options) && !attested_is_files(options))
		return NULL;
	history_new_id(invocation);
	*ret = xcalloc(n, sizeof(**ret));
	for (size_t i = 0; i < n; i++) {
		const struct provenance provenance = { .build = &builds[i],
			.image = images ? images[i] : NULL,
			.invocation = invocation,
			.finished_ns = clock_now_ns() };

		if (attested_has_sbom(options))
			TRY(sbom_read(&builds[i], &(*ret)[i]));
		if (options->attest.provenance)
			add_provenance(&provenance, &(*ret)[i], result);
		if (attested_is_files(options))
			TRY(check_file_names(&(*ret)[i]));
	}
	return NULL;
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

static FALLIBLE keep_one(struct store *store, const struct image *image, const struct list *names,
		const struct attested *attested, struct descriptor *ret)
{
	AUTO_FREE struct attestation *all = xcalloc(attested->n, sizeof(*all));
	AUTO(attestation_subjects) struct attestation_subjects subjects = { 0 };

	for (size_t i = 0; i < attested->n; i++)
		all[i] = (struct attestation){ attested->p[i].type, attested->p[i].predicate,
			attested->p[i].subjects };
	TRY(attestation_subjects_of_image(image, names, &subjects));
	return attestation_keep(store, image, all, attested->n, &subjects, ret);
}

FALLIBLE attested_keep(const struct build *build, struct image *const *images, size_t n,
		const struct attested *all, struct attested_entries *ret)
{
	const struct build_options *options = build->options;
	AUTO(list) struct list names = { 0 };

	add_names(options, &names);
	for (size_t i = 0; all && i < n; i++)
		TRY(keep_one(options->store, images[i], &names, &all[i], vec_add(ret)));
	return NULL;
}

void attested_entries_done(struct attested_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		descriptor_done(&entries->p[i]);
	vec_done(entries);
}
