#include "image/vouch.h"

#include "store/store.h"
#include "store/vouch.h"
#include "trust/policy.h"

#include <stdlib.h>
#include <string.h>

void image_origin_done(struct image_origin *origin)
{
	if (origin->has_reference)
		reference_done(&origin->reference);
	free(origin->path);
	free(origin->name);
	list_done(&origin->scopes);
	*origin = (struct image_origin){ 0 };
}

struct image_origin image_origin_registry(const struct reference *reference)
{
	struct image_origin origin = { .transport = "docker", .has_reference = true };

	reference_copy(reference, &origin.reference);
	return origin;
}

struct image_origin image_origin_file(const char *transport, const char *path, const char *name)
{
	char *full = realpath(path, NULL);

	return (struct image_origin){
		.transport = transport, .path = full ? full : xstrdup(path), .name = xstrdup(name)
	};
}

struct image_origin image_origin_podman(const char *root, const char *name, const char *id)
{
	struct image_origin origin = { .transport = "containers-storage" };
	AUTO(reference) struct reference reference = { 0 };
	AUTO_FREE char *full = realpath(root, NULL);
	bool has_name = false;

	if (name) {
		struct error *error = reference_parse(str_of(name), &reference);

		has_name = !error;
		error_free(error);
	}
	policy_storage_scopes(full ? full : root, has_name ? &reference : NULL, id, &origin.scopes);
	origin.path = xstrdup(origin.scopes.p[0]);
	return origin;
}

void image_origin_copy(const struct image_origin *from, struct image_origin *ret)
{
	*ret = (struct image_origin){ .transport = from->transport,
		.has_reference = from->has_reference,
		.path = xstrdup(from->path),
		.name = xstrdup(from->name) };
	list_add_all(&ret->scopes, &from->scopes);
	if (from->has_reference)
		reference_copy(&from->reference, &ret->reference);
}

static struct trust_origin as_asked(const struct image_origin *origin)
{
	return (struct trust_origin){ .transport = origin->transport,
		.reference = origin->has_reference ? &origin->reference : NULL,
		.path = origin->path,
		.name = origin->name,
		.scopes = origin->scopes.n ? &origin->scopes : NULL };
}

FALLIBLE image_vouch_ahead(struct trust *trust, const struct image_origin *origin)
{
	const struct trust_origin asked = as_asked(origin);
	struct trust_rules rules;

	/* Without a policy to ask the image itself will be refused. */
	return trust ? trust_rules(trust, &asked, &rules) : NULL;
}

static FALLIBLE ask(struct trust *trust, struct store *store, const struct image_origin *origin,
		const struct digest *digests, size_t n)
{
	const struct trust_origin asked = as_asked(origin);
	struct trust_rules rules;
	bool known = false;

	TRY(trust_rules(trust, &asked, &rules));
	if (rules.answer == TRUST_ACCEPT)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		TRY(vouch_get(store, &digests[i], &rules.key, &known));
		if (known)
			return NULL;
	}
	TRY(trust_verify(trust, &asked, &rules, digests, n));
	return store_is_read_only(store) ? NULL : vouch_put(store, &digests[0], &rules.key);
}

/* What the index was signed as counts later, too, as it did when the image came. */
static FALLIBLE ask_name(struct trust *trust, struct store *store, const char *text,
		const struct digest *digests, size_t n)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(image_origin) struct image_origin origin = { 0 };
	AUTO_FREE struct digest *all = xcalloc(n + 1, sizeof(*all));
	struct str name, index;
	bool has_index = str_cut(str_of(text), ' ', &name, &index);

	TRY(reference_parse(name, &reference));
	memcpy(all, digests, n * sizeof(*all));
	if (has_index)
		TRY(digest_parse(index, &all[n]));
	origin = image_origin_registry(&reference);
	return ask(trust, store, &origin, all, has_index ? n + 1 : n);
}

/* One of the names that it came under is enough: it is the same image. */
static FALLIBLE ask_names(struct trust *trust, struct store *store, const struct list *names,
		const struct digest *digests, size_t n)
{
	struct error *first = NULL;

	for (size_t i = 0; i < names->n; i++) {
		struct error *error = ask_name(trust, store, names->p[i], digests, n);

		if (!error) {
			error_free(first);
			return NULL;
		}
		first = error_first(first, error);
	}
	return error_hint(first, "the image was fetched before this policy; it is used again once "
				 "the policy allows it");
}

FALLIBLE image_vouch(struct trust *trust, struct store *store, const struct image_origin *origin,
		const struct digest *digests, size_t n)
{
	AUTO(list) struct list names = { 0 };

	if (origin->transport && !trust)
		return error_new(ERR_DENIED, "there is no signature policy to ask");
	if (origin->transport)
		return ask(trust, store, origin, digests, n);
	if (!trust)
		return NULL;
	for (size_t i = 0; i < n; i++)
		TRY(vouch_names(store, &digests[i], &names));
	return names.n ? ask_names(trust, store, &names, digests, n) : NULL;
}

/* Under each name of the other, whose own signature, or that of the index it is from, speaks for
 * it. */
static FALLIBLE take_names(
		struct store *store, const struct digest *from, const struct digest *digest)
{
	AUTO(list) struct list names = { 0 };

	TRY(vouch_names(store, from, &names));
	for (size_t i = 0; i < names.n; i++) {
		struct str name, index_text;
		struct digest index = { 0 };
		bool has_index = str_cut(str_of(names.p[i]), ' ', &name, &index_text);
		AUTO_FREE char *text = str_dup(name);

		TRY(vouch_add_name(store, digest, text, from));
		if (!has_index)
			continue;
		TRY(digest_parse(index_text, &index));
		TRY(vouch_add_name(store, digest, text, &index));
	}
	return NULL;
}

FALLIBLE image_vouch_derived(struct trust *trust, struct store *store,
		const struct image_origin *origin, const struct digest *from,
		const struct digest *digest)
{
	const struct trust_origin asked = as_asked(origin);
	struct trust_rules rules;

	if (store_is_read_only(store))
		return NULL;
	if (!origin->transport)
		return take_names(store, from, digest);
	TRY(trust_rules(trust, &asked, &rules));
	return rules.answer == TRUST_ACCEPT ? NULL : vouch_put(store, digest, &rules.key);
}
