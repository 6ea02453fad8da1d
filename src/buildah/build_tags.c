#include "buildah/build_tags.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "ui/options.h"
#include "verbs/destination.h"

static const char *keep(struct list *texts, const char *text)
{
	list_add(texts, text);
	return texts->p[texts->n - 1];
}

static struct build_output *add_output(
		struct output_flags *out, enum output_kind kind, const char *name)
{
	struct build_output *output = vec_add(&out->outputs);

	*output = (struct build_output){ .kind = kind };
	if (name)
		list_add(&output->names, name);
	return output;
}

void build_tags_share(
		const struct config *config, const struct list *tags, struct output_flags *out)
{
	if (!text_equal(config->podman, "write") || !tags->n)
		return;
	struct build_output *output = add_output(out, OUTPUT_PODMAN, NULL);

	list_add_all(&output->names, tags);
}

/* Takes error. In the words that scripts look for. */
static struct error *wrong_tag(const char *text, struct error *error)
{
	const char *hint = error_find_hint(error);

	if (!hint || !text_ends(hint, "must be lowercase"))
		return usage_of_option(error, "--tag");
	error_free(error);
	return error_usage("tag %s: invalid reference format: repository name must be lowercase",
			text);
}

FALLIBLE build_tags_add(const char *program, const char *text, bool is_plain, struct list *texts,
		struct list *tags, struct list *after, struct output_flags *out)
{
	AUTO(destination) struct destination to = { 0 };
	AUTO_FREE char *name = NULL;
	struct build_output *output = NULL;

	struct error *error = destination_parse(program, text, TO_STORE, &to);
	if (error)
		return wrong_tag(text, error);
	if (to.kind == TO_DIR ||
			(is_plain && (to.kind == TO_LAYOUT || to.kind == TO_OCI_ARCHIVE))) {
		list_add(after, text);
		return NULL;
	}
	switch (to.kind) {
	case TO_STORE:
		list_add(tags, to.name);
		return NULL;
	case TO_REGISTRY:
		(void)add_output(out, OUTPUT_REGISTRY, to.name);
		return NULL;
	case TO_LAYOUT:
		name = xasprintf("localhost/image:%s", to.name ? to.name : "latest");
		output = add_output(out, OUTPUT_OCI, name);
		output->is_directory = true;
		break;
	case TO_PODMAN:
		output = add_output(out, OUTPUT_PODMAN, to.name);
		output->dest = to.path[0] ? keep(texts, to.path) : NULL;
		return NULL;
	case TO_OCI_ARCHIVE:
		output = add_output(out, OUTPUT_OCI, to.name);
		break;
	case TO_DOCKER_ARCHIVE:
		output = add_output(out, OUTPUT_DOCKER, to.name);
		break;
	case TO_DIR:
		break;
	}
	if (output)
		output->dest = keep(texts, to.path);
	return NULL;
}

FALLIBLE build_tags_send(struct session *session, const char *program,
		const struct digest *manifest, const struct list *after, bool is_plain)
{
	const struct image_homes homes = { session->store, NULL, NULL, session->cancel };
	const struct image_form as_it_is = { .leaves_plain = is_plain };
	AUTO(image) struct image *image = NULL;
	char digest[DIGEST_TEXT];

	if (!after->n)
		return NULL;
	AUTO_FREE char *name = xasprintf("store:%s", digest_text(manifest, digest));
	TRY(image_open(&homes, name, PULL_NEVER, &image));
	for (size_t i = 0; i < after->n; i++) {
		AUTO(destination) struct destination to = { 0 };
		struct digest sent;

		TRY(destination_parse(program, after->p[i], TO_STORE, &to));
		TRY(destination_send(session, image, &to, &as_it_is, true, &sent));
	}
	return NULL;
}
