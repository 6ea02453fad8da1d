/* What a build stands on: base images, and what contexts and ADD bring from elsewhere. */
#include "build/provenance.h"
#include "oci/purl.h"

#include <string.h>

void provenance_source_done(struct provenance_source *source)
{
	free(source->uri);
	free(source->hex);
	*source = (struct provenance_source){ 0 };
}

void provenance_sources_done(struct provenance_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		provenance_source_done(&sources->p[i]);
	vec_done(sources);
}

static char *hex_of(const struct digest *digest)
{
	char hex[DIGEST_HEX];

	return xstrdup(digest_hex(digest, hex));
}

/* Takes source, unless it is there. */
static void add(struct provenance_sources *to, struct provenance_source *source)
{
	for (size_t i = 0; i < to->n; i++)
		if (strcmp(to->p[i].uri, source->uri) == 0 &&
				text_equal(to->p[i].hex, source->hex)) {
			provenance_source_done(source);
			return;
		}
	vec_push(to, *source);
	*source = (struct provenance_source){ 0 };
}

/* A name of a registry; false: a transport, an ID, a file. */
static bool is_of_registry(const struct plan_image *image, struct reference *ret)
{
	const char *name = image->name;

	if (text_starts(name, "docker://"))
		name += strlen("docker://");
	else if (image_is_transport(name))
		return false;
	struct error *error = reference_parse(str_of(name), ret);
	if (!error)
		return true;
	error_free(error);
	return false;
}

char *provenance_image_uri(const struct plan_image *image)
{
	AUTO(reference) struct reference reference = { 0 };

	if (!is_of_registry(image, &reference))
		return xstrdup(image->name);
	AUTO_FREE char *text = reference_text(&reference);
	return xasprintf("docker-image://%s", text);
}

static void add_image(struct provenance_sources *to, const struct plan_image *image)
{
	AUTO(reference) struct reference reference = { 0 };
	struct provenance_source source = { .algorithm = "sha256" };

	if (!image->image)
		return;
	bool has_index = digest_known(&image->image->index_digest);
	source.hex = hex_of(has_index ? &image->image->index_digest : &image->image->digest);
	source.uri = is_of_registry(image, &reference) ? purl_of(&reference, &image->platform)
						       : xstrdup(image->name);
	add(to, &source);
}

/* As git names what it found: its branch or tag, else as it was asked for. */
static char *git_uri(const char *remote, const char *ref)
{
	return ref && *ref ? xasprintf("%s#%s", remote, ref) : xstrdup(remote);
}

static const char *git_algorithm(const char *commit)
{
	return strlen(commit) == 64 ? "sha256" : "sha1";
}

bool provenance_fetched(const struct fetched *fetched, struct provenance_source *ret)
{
	if (!fetched->is_identified)
		return false;
	if (fetched->source->git) {
		const char *found = fetched->git.ref;

		ret->uri = git_uri(fetched->address.remote, found ? found : fetched->address.ref);
		ret->algorithm = git_algorithm(fetched->git.commit);
		ret->hex = xstrdup(fetched->git.commit);
		return true;
	}
	ret->uri = git_url_shown(fetched->source->url);
	ret->algorithm = "sha256";
	ret->hex = hex_of(&fetched->digest);
	return true;
}

bool provenance_context(const struct build *build, struct provenance_source *ret)
{
	const struct context *context = build->context;

	if (!context_is_remote(build->options->context))
		return false;
	if (context->vcs_revision) {
		ret->uri = git_uri(context->vcs_source, context->vcs_ref);
		ret->algorithm = git_algorithm(context->vcs_revision);
		ret->hex = xstrdup(context->vcs_revision);
		return true;
	}
	ret->uri = xstrdup(context->path);
	if (digest_known(&context->digest)) {
		ret->algorithm = "sha256";
		ret->hex = hex_of(&context->digest);
	}
	return true;
}

static void add_fetched(struct provenance_sources *to, const struct step_run *run)
{
	if (run->step->kind != STEP_COPY || !run->fetched)
		return;
	for (size_t i = 0; i < run->step->copy.source_count; i++) {
		AUTO(provenance_source) struct provenance_source source = { 0 };

		if (!run->fetched[i].source->url && !run->fetched[i].source->git)
			continue;
		if (provenance_fetched(&run->fetched[i], &source))
			add(to, &source);
	}
}

void provenance_sources_find(const struct build *build, struct provenance_sources *ret)
{
	AUTO(provenance_source) struct provenance_source context = { 0 };

	for (size_t i = 0; i < build->plan->image_count; i++)
		add_image(ret, build->plan->images[i]);
	if (provenance_context(build, &context))
		add(ret, &context);
	for (size_t i = 0; i < build->plan->stage_count; i++)
		for (size_t k = 0; k < build->stages[i].stage->step_count; k++)
			add_fetched(ret, &build->stages[i].steps[k]);
}
