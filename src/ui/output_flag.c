#include "ui/output_flag.h"

#include "base/limits.h"
#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "stream/codec.h"
#include "ui/csv.h"
#include "ui/options.h"

static const struct {
	const char *name;
	enum output_kind kind;
	bool has_dest;
} types[] = {
	{ "image", OUTPUT_STORE, false },
	{ "registry", OUTPUT_REGISTRY, false },
	{ "oci", OUTPUT_OCI, true },
	{ "docker", OUTPUT_DOCKER, true },
	{ "containers-storage", OUTPUT_PODMAN, true },
	{ "tar", OUTPUT_TAR, true },
	{ "local", OUTPUT_LOCAL, true },
	{ "cacheonly", OUTPUT_CACHE, false },
};

/* Known to BuildKit, and not here yet. */
static const char *const later[] = { "attest", "attestation-prefix", "mode" };

/*
 * Known to BuildKit, and nothing to do for either value: kiln's store finds an image by its digest
 * and unpacks what is needed when it is needed, and attestations are manifests as any reader takes
 * them.
 */
static const char *const moot[] = { "name-canonical", "oci-artifact", "unpack" };

static FALLIBLE set_type(const char *value, struct build_output *output)
{
	const char *names[COUNT(types)];

	for (size_t i = 0; i < COUNT(types); i++) {
		names[i] = types[i].name;
		if (text_equal(types[i].name, value)) {
			output->kind = types[i].kind;
			return NULL;
		}
	}

	const char *nearest = text_nearest(value, names, COUNT(names));
	struct error *error =
			error_usage("option '--output': invalid type: '%s' is not one of image, "
				    "registry, oci, docker, containers-storage, "
				    "tar, local, cacheonly",
					value);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

static FALLIBLE set_bool(const char *key, const char *value, bool *ret)
{
	struct error *error = parse_bool(value, ret);

	if (!error)
		return NULL;
	error_free(error);
	return error_usage("option '--output': '%s' is neither true nor false", key);
}

/* All outputs are one image. */
static struct error *contradiction(const char *key)
{
	return error_hint(error_usage("option '--output': two outputs want different %s", key),
			"build once for each; the second time every step is cached");
}

static FALLIBLE set_compression(struct output_flags *flags, const char *value)
{
	enum compression before = flags->compression;

	if (text_equal(value, "gzip"))
		flags->compression = COMPRESSION_GZIP;
	else if (text_equal(value, "zstd"))
		flags->compression = COMPRESSION_ZSTD;
	else if (text_equal(value, "uncompressed") || text_equal(value, "none"))
		flags->compression = COMPRESSION_NONE;
	else
		return error_usage("option '--output': compression '%s' is not one of gzip, zstd, "
				   "uncompressed",
				value);
	return before && before != flags->compression ? contradiction("compression") : NULL;
}

static FALLIBLE set_level(struct output_flags *flags, const char *value)
{
	int64_t level = 0;
	struct error *error = parse_i64(str_of(value), 0, 22, &level);

	if (error) {
		error_free(error);
		return error_usage("option '--output': compression-level '%s' is not a number "
				   "from 0 to 22",
				value);
	}
	if (flags->level != CODEC_LEVEL_DEFAULT && flags->level != level)
		return contradiction("compression-level");
	flags->level = (int)level;
	return NULL;
}

/* "" asks for none, as in BuildKit, where a client may have put one there. */
static FALLIBLE set_epoch(struct output_flags *flags, const char *value)
{
	int64_t epoch = 0;

	if (!value[0])
		return NULL;
	struct error *error = parse_i64(str_of(value), 0, LIMIT_TIME_SECONDS, &epoch);
	if (error) {
		error_free(error);
		return error_hint(error_usage("option '--output': source-date-epoch '%s' is not a "
					      "time",
						  value),
				"give seconds since 1970");
	}
	if (flags->has_epoch && flags->epoch != epoch)
		return contradiction("source-date-epoch");
	flags->has_epoch = true;
	flags->epoch = epoch;
	return NULL;
}

/* True is what is done anyway: new layers have no time behind SOURCE_DATE_EPOCH. */
static FALLIBLE check_rewrite(const char *value)
{
	bool truth = false;

	TRY(set_bool("rewrite-timestamp", value, &truth));
	return truth ? NULL
		     : error_hint(error_usage("option '--output': rewrite-timestamp=false is not "
					      "there"),
				       "with SOURCE_DATE_EPOCH new layers always have its times; "
				       "without it they keep their own");
}

static FALLIBLE unknown_key(struct str key)
{
	static const char *const known[] = { "type", "dest", "tar", "name", "push", "compression",
		"compression-level", "force-compression", "oci-mediatypes", "platform-split",
		"push-by-digest", "rewrite-timestamp", "source-date-epoch", "store" };
	AUTO_FREE char *word = str_dup(key);

	for (size_t i = 0; i < COUNT(later); i++)
		if (text_equal(later[i], word))
			return error_usage("option '--output': key '%s' is not there yet", word);

	const char *nearest = text_nearest(word, known, COUNT(known));
	struct error *error = error_usage("option '--output': unknown key '%s'", word);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

/* What one value says besides its kind. */
struct wishes {
	bool push, tar, oci, no_store;
	bool has_tar, has_oci;
	struct list annotations; /* "annotation-index.KEY=VALUE" */
};

static void wishes_done(struct wishes *wishes)
{
	list_done(&wishes->annotations);
}

DEFINE_AUTO_VALUE(wishes)

static FALLIBLE set_field(struct output_flags *flags, struct build_output *output,
		struct wishes *wishes, struct str key, const char *value)
{
	if (str_is(key, "type"))
		return set_type(value, output);
	if (str_is(key, "dest")) {
		list_add(&flags->texts, value);
		output->dest = flags->texts.p[flags->texts.n - 1];
		return NULL;
	}
	if (str_is(key, "name")) {
		struct str rest = str_of(value), name;

		while (rest.n > 0) {
			str_cut(rest, ',', &name, &rest);
			AUTO_FREE char *copy = str_dup(str_trim(name));
			list_add(&output->names, copy);
		}
		return NULL;
	}
	if (str_starts(key, "annotation")) {
		list_addf(&wishes->annotations, "%.*s=%s", STR_ARG(key), value);
		return NULL;
	}
	if (str_is(key, "push"))
		return set_bool("push", value, &wishes->push);
	if (str_is(key, "push-by-digest"))
		return set_bool("push-by-digest", value, &output->by_digest);
	for (size_t i = 0; i < COUNT(moot); i++) {
		bool truth = false;

		if (str_is(key, moot[i]))
			return set_bool(moot[i], value, &truth);
	}
	if (str_is(key, "registry.insecure"))
		return error_hint(error_usage("option '--output': key 'registry.insecure' is not "
					      "there"),
				"'--insecure-registry HOST' does it");
	/* A name by digest is what every image of the store has. */
	if (str_is(key, "dangling-name-prefix"))
		return NULL;
	if (str_is(key, "store")) {
		bool truth = false;

		TRY(set_bool("store", value, &truth));
		wishes->no_store = !truth;
		return NULL;
	}
	if (str_is(key, "platform-split")) {
		bool truth = false;

		TRY(set_bool("platform-split", value, &truth));
		output->split = truth ? SPLIT_ALWAYS : SPLIT_NEVER;
		return NULL;
	}
	if (str_is(key, "tar")) {
		wishes->has_tar = true;
		return set_bool("tar", value, &wishes->tar);
	}
	if (str_is(key, "oci-mediatypes")) {
		wishes->has_oci = true;
		return set_bool("oci-mediatypes", value, &wishes->oci);
	}
	if (str_is(key, "compression"))
		return set_compression(flags, value);
	if (str_is(key, "compression-level"))
		return set_level(flags, value);
	if (str_is(key, "source-date-epoch"))
		return set_epoch(flags, value);
	if (str_is(key, "rewrite-timestamp"))
		return check_rewrite(value);
	if (str_is(key, "force-compression")) {
		bool truth = false;

		TRY(set_bool("force-compression", value, &truth));
		flags->forces = flags->forces || truth;
		return NULL;
	}
	return unknown_key(key);
}

static bool is_same(const struct list *a, const struct list *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = text_equal(a->p[i], b->p[i]);
	return same;
}

/* They are part of the image, which all outputs share. */
static FALLIBLE finish_annotations(struct output_flags *flags, const struct build_output *output,
		const struct wishes *wishes)
{
	bool is_image = output->kind == OUTPUT_STORE || output->kind == OUTPUT_REGISTRY ||
			output->kind == OUTPUT_OCI;

	if (!is_image && wishes->annotations.n)
		return error_hint(error_usage("option '--output': '%s' is for type image, registry "
					      "and oci",
						  wishes->annotations.p[0]),
				"files and Docker's archives have no place for it");
	if (!is_image)
		return NULL;
	if (flags->has_image && !is_same(&flags->annotations, &wishes->annotations))
		return contradiction("annotations");
	if (!flags->has_image)
		list_add_all(&flags->annotations, &wishes->annotations);
	flags->has_image = true;
	return NULL;
}

static FALLIBLE finish(struct output_flags *flags, struct build_output *output,
		const struct wishes *wishes, const char *value)
{
	bool has_dest = false;

	if (!output->kind)
		return error_hint(error_usage("option '--output': '%s' has no type", value),
				"for example: type=oci,dest=image.tar");
	if (wishes->push && output->kind == OUTPUT_STORE)
		output->kind = OUTPUT_REGISTRY;
	else if (wishes->push && output->kind != OUTPUT_REGISTRY)
		return error_usage("option '--output': push=true needs type=image");
	if (wishes->no_store && output->kind == OUTPUT_STORE)
		return error_hint(error_usage("option '--output': store=false leaves the image "
					      "nowhere"),
				"push=true sends it to a registry, where it is kept then");
	if (output->split && output->kind != OUTPUT_LOCAL && output->kind != OUTPUT_TAR)
		return error_usage(
				"option '--output': platform-split is for type=local and type=tar");
	if (output->by_digest && output->kind != OUTPUT_REGISTRY && output->kind != OUTPUT_STORE)
		return error_usage("option '--output': push-by-digest=true needs type=image");
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].kind == output->kind)
			has_dest = types[i].has_dest;
	if (!has_dest && output->dest)
		return error_usage("option '--output': '%s' takes no dest", value);
	if (output->kind == OUTPUT_LOCAL && !output->dest)
		return error_usage("option '--output': type=local needs dest=FOLDER");
	if (output->kind == OUTPUT_PODMAN)
		return wishes->has_tar ? error_usage("option '--output': tar= is for type=oci")
				       : NULL;
	/* As with buildx: an archive without a place goes to standard output. */
	if (has_dest && !output->dest)
		output->dest = "-";
	if (wishes->has_tar && output->kind != OUTPUT_OCI)
		return error_usage("option '--output': tar= is for type=oci");
	output->is_directory = wishes->has_tar && !wishes->tar;
	if (output->is_directory && text_equal(output->dest, "-"))
		return error_usage("option '--output': tar=false needs dest=FOLDER");
	if (wishes->has_oci) {
		enum image_format format = wishes->oci ? FORMAT_OCI : FORMAT_DOCKER;

		if (flags->format && flags->format != format)
			return contradiction("oci-mediatypes");
		flags->format = format;
	}
	TRY(finish_annotations(flags, output, wishes));
	if (has_dest && text_equal(output->dest, "-")) {
		if (flags->uses_stdout)
			return error_usage("two outputs go to standard output");
		flags->uses_stdout = true;
	}
	return NULL;
}

static FALLIBLE parse(struct output_flags *flags, const char *value, struct build_output *output)
{
	struct str rest = str_of(value);
	AUTO(wishes) struct wishes wishes = { 0 };

	if (!strchr(value, '=')) {
		output->kind = text_equal(value, "-") ? OUTPUT_TAR : OUTPUT_LOCAL;
		list_add(&flags->texts, value);
		output->dest = flags->texts.p[flags->texts.n - 1];
		return finish(flags, output, &wishes, value);
	}
	if (text_ends(value, ","))
		return error_usage(
				"option '--output': invalid value '%s': it ends in a comma", value);
	while (rest.n > 0) {
		AUTO_FREE char *field = NULL;
		struct str key, text;

		TRY(csv_next_field(&rest, "--output", &field));
		if (!str_cut(str_of(field), '=', &key, &text))
			return error_usage("option '--output': '%s' is not KEY=VALUE", field);
		TRY(set_field(flags, output, &wishes, str_trim(key), text.p));
	}
	return finish(flags, output, &wishes, value);
}

FALLIBLE output_flags_add(struct output_flags *flags, const char *value)
{
	struct build_output output = { 0 };
	struct error *error = parse(flags, value, &output);

	for (size_t i = 0; !error && output.dest && i < flags->outputs.n; i++)
		if (text_equal(flags->outputs.p[i].dest, output.dest))
			error = error_usage("two outputs go to '%s'", output.dest);
	if (error) {
		list_done(&output.names);
		return error;
	}
	vec_push(&flags->outputs, output);
	return NULL;
}

void output_flags_add_push(struct output_flags *flags)
{
	bool is_there = false;

	for (size_t i = 0; i < flags->outputs.n; i++) {
		struct build_output *output = &flags->outputs.p[i];

		if (output->kind == OUTPUT_STORE)
			output->kind = OUTPUT_REGISTRY;
		is_there = is_there || output->kind == OUTPUT_REGISTRY;
	}
	if (!is_there)
		output_flags_add_kind(flags, OUTPUT_REGISTRY);
}

void output_flags_add_kind(struct output_flags *flags, enum output_kind kind)
{
	vec_push(&flags->outputs, ((struct build_output){ .kind = kind }));
}

void output_flags_done(struct output_flags *flags)
{
	for (size_t i = 0; i < flags->outputs.n; i++)
		list_done(&flags->outputs.p[i].names);
	vec_done(&flags->outputs);
	list_done(&flags->texts);
	list_done(&flags->annotations);
}
