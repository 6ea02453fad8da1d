/* What a build stands on: base images, and what contexts and ADD bring from elsewhere. */
#include "build/provenance.h"
#include "oci/purl.h"
#include "registry/url.h"

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

/* Where an image lies on this machine is nobody's business: "oci:/home/me/app:1" -> "oci:app:1". */
static char *transport_shown(const char *name)
{
	static const char *const of_paths[] = {
		"dir:", "docker-archive:", "oci-archive:", "oci:", "rootfs:", "containers-storage:["
	};
	const char *end = NULL;

	for (size_t i = 0; i < COUNT(of_paths) && !end; i++)
		if (text_starts(name, of_paths[i]))
			end = strrchr(name, text_ends(of_paths[i], "[") ? ']' : '/');
	return end ? xasprintf("%.*s%s", (int)(strchr(name, ':') + 1 - name), name, end + 1)
		   : xstrdup(name);
}

char *provenance_image_uri(const struct plan_image *image)
{
	AUTO(reference) struct reference reference = { 0 };

	if (!is_of_registry(image, &reference))
		return transport_shown(image->name);
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
						       : transport_shown(image->name);
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
	ret->uri = context_shown(fetched->source->url);
	ret->algorithm = "sha256";
	ret->hex = hex_of(&fetched->digest);
	return true;
}

static void fill_context(const struct context *context, struct provenance_source *ret)
{
	if (context->vcs_revision) {
		ret->uri = git_uri(context->vcs_source, context->vcs_ref);
		ret->algorithm = git_algorithm(context->vcs_revision);
		ret->hex = xstrdup(context->vcs_revision);
		return;
	}
	ret->uri = xstrdup(context->path);
	if (digest_known(&context->digest)) {
		ret->algorithm = "sha256";
		ret->hex = hex_of(&context->digest);
	}
}

bool provenance_context(const struct build *build, struct provenance_source *ret)
{
	if (!context_is_remote(build->options->context))
		return false;
	fill_context(build->context, ret);
	return true;
}

bool provenance_tree(const struct build *build, size_t i, struct provenance_source *ret)
{
	if (!build->trees || !build->trees[i] ||
			!context_is_remote(build->options->contexts[i].value))
		return false;
	fill_context(build->trees[i], ret);
	return true;
}

bool provenance_dockerfile(const struct build *build, struct provenance_source *ret)
{
	const struct context *context = build->context;
	const char *name = build->options->dockerfile;

	if (!name || !url_is_http(name))
		return false;
	const struct digest digest = digest_of(context->dockerfile, context->dockerfile_bytes);
	ret->uri = xstrdup(context->dockerfile_name);
	ret->algorithm = "sha256";
	ret->hex = hex_of(&digest);
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
	AUTO(provenance_source) struct provenance_source context = { 0 }, dockerfile = { 0 };

	for (size_t i = 0; i < build->plan->image_count; i++)
		add_image(ret, build->plan->images[i]);
	if (provenance_context(build, &context))
		add(ret, &context);
	if (provenance_dockerfile(build, &dockerfile))
		add(ret, &dockerfile);
	for (size_t i = 0; i < build->options->context_count; i++) {
		AUTO(provenance_source) struct provenance_source tree = { 0 };

		if (provenance_tree(build, i, &tree))
			add(ret, &tree);
	}
	for (size_t i = 0; i < build->plan->stage_count; i++)
		for (size_t k = 0; k < build->stages[i].stage->step_count; k++)
			add_fetched(ret, &build->stages[i].steps[k]);
}
