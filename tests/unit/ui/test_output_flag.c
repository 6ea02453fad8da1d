#include "unit.h"

#include "stream/codec.h"
#include "ui/options.h"
#include "ui/output_flag.h"

static const char *kind_name(enum output_kind kind)
{
	static const char *const names[] = { "", "store", "registry", "oci", "docker", "podman",
		"tar", "local", "cache" };

	return names[kind];
}

/* "kind dest names…" of each output. */
static char *show(const struct output_flags *flags)
{
	struct strbuf out = { 0 };

	for (size_t i = 0; i < flags->outputs.n; i++) {
		const struct build_output *output = &flags->outputs.p[i];

		strbuf_addf(&out, "%s%s", i ? "; " : "", kind_name(output->kind));
		if (output->dest)
			strbuf_addf(&out, " %s", output->dest);
		if (output->is_directory)
			strbuf_add(&out, "/");
		for (size_t j = 0; j < output->names.n; j++)
			strbuf_addf(&out, " [%s]", output->names.p[j]);
	}
	return strbuf_take(&out);
}

static void understands(void **state)
{
	static const struct {
		const char *value, *wanted;
	} cases[] = {
		{ "out", "local out" },
		{ "-", "tar -" },
		{ "type=image", "store" },
		{ "type=image,name=a", "store [a]" },
		{ "type=image,push=true,name=r/a:1", "registry [r/a:1]" },
		{ "type=image,push=false", "store" },
		{ "type=registry", "registry" },
		{ "type=registry,\"name=a,b\"", "registry [a] [b]" },
		{ "type=oci,dest=x.tar", "oci x.tar" },
		{ "type=oci,dest=x,tar=false", "oci x/" },
		{ "type=oci,dest=x,tar=true", "oci x" },
		{ "type=oci", "oci -" },
		{ "type=docker,dest=a=b.tar", "docker a=b.tar" },
		{ "type=tar,\"dest=a,\"\"b\"\".tar\"", "tar a,\"b\".tar" },
		{ "dest=x,type=local", "local x" },
		{ "type=cacheonly", "cache" },
		{ "type=containers-storage", "podman" },
		{ "type=containers-storage,name=a,dest=[overlay@/g+/r]",
				"podman [overlay@/g+/r] [a]" },
		{ " type=local, dest=x", "local x" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(output_flags) struct output_flags flags = OUTPUT_FLAGS_INIT;

		note("%s", cases[i].value);
		assert_ok(output_flags_add(&flags, cases[i].value));
		AUTO_FREE char *text = show(&flags);
		assert_string_equal(text, cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *value, *message;
	} cases[] = {
		{ "type=ocy,dest=x", "'ocy' is not one of" },
		{ "dest=x", "'dest=x' has no type" },
		{ "type=local,x", "'x' is not KEY=VALUE" },
		{ "type=local,dst=x", "unknown key 'dst'" },
		{ "type=local", "type=local needs dest" },
		{ "type=image,dest=x", "takes no dest" },
		{ "type=image,push=perhaps", "'push' is neither true nor false" },
		{ "type=oci,push=true", "push=true needs type=image" },
		{ "type=tar,tar=false,dest=x", "tar= is for type=oci" },
		{ "type=oci,tar=false", "tar=false needs dest" },
		{ "type=oci,compression=lzma", "compression 'lzma'" },
		{ "type=oci,compression-level=99", "compression-level '99'" },
		{ "type=tar,annotation.a=b", "'annotation.a=b' is for type image" },
		{ "type=docker,annotation.a=b", "'annotation.a=b' is for type image" },
		{ "type=oci,push-by-digest=true", "push-by-digest=true needs type=image" },
		{ "type=image,push-by-digest=often", "'push-by-digest' is neither true nor false" },
		{ "type=local,dest=x,mode=delete", "is not there yet" },
		{ "type=image,rewrite-timestamp=false", "rewrite-timestamp=false is not there" },
		{ "type=image,source-date-epoch=-1", "source-date-epoch '-1' is not a time" },
		{ "type=image,registry.insecure=true", "'registry.insecure'" },
		{ "type=tar,\"dest=x", "a quote is not closed" },
		{ "type=tar,\"dest=x\"y", "text behind a quote" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(output_flags) struct output_flags flags = OUTPUT_FLAGS_INIT;
		struct error *error = output_flags_add(&flags, cases[i].value);

		note("%s", cases[i].value);
		assert_non_null(error);
		assert_int_equal(error->code, EXIT_USAGE);
		assert_error(error, ERR_INVALID, cases[i].message);
		assert_int_equal(flags.outputs.n, 0);
	}
}

static void gathers_several(void **state)
{
	AUTO(output_flags) struct output_flags flags = OUTPUT_FLAGS_INIT;

	assert_ok(output_flags_add(&flags, "type=oci,dest=a,compression=zstd,compression-level=3"));
	assert_ok(output_flags_add(&flags, "type=tar,oci-mediatypes=false"));
	output_flags_add_kind(&flags, OUTPUT_REGISTRY);
	assert_true(flags.uses_stdout);
	assert_int_equal(flags.compression, COMPRESSION_ZSTD);
	assert_int_equal(flags.level, 3);
	assert_int_equal(flags.format, FORMAT_DOCKER);

	AUTO_FREE char *text = show(&flags);

	assert_string_equal(text, "oci a; tar -; registry");
	assert_error(output_flags_add(&flags, "-"), ERR_INVALID, "two outputs");
}

UNIT_TESTS(understands, refuses, gathers_several)
