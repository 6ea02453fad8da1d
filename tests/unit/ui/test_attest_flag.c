/* --attest, --provenance and --sbom: what they ask for, and what is refused. */
#include "ui/attest_flag.h"
#include "ui/options.h"
#include "unit.h"

struct flag {
	const char *option, *type, *value;
};

static FALLIBLE add(const struct flag *flag, struct attest_flags *flags)
{
	return attest_flags_add(flags, flag->option, flag->type, flag->value);
}

static char *show(const struct build_attest *attest)
{
	static const char *const modes[] = { "none", "min", "max" };
	AUTO(strbuf) struct strbuf out = { 0 };

	strbuf_addf(&out, "%s%s%s%s", modes[attest->provenance], attest->is_slsa_02 ? " v0.2" : "",
			attest->reproducible ? " reproducible" : "",
			attest->inline_only ? " inline" : "");
	if (attest->builder_id)
		strbuf_addf(&out, " by %s", attest->builder_id);
	if (attest->file_name)
		strbuf_addf(&out, " in %s", attest->file_name);
	if (attest->generator)
		strbuf_addf(&out, " sbom %s", attest->generator);
	for (size_t i = 0; attest->generator && i < attest->generator_params->n; i++)
		strbuf_addf(&out, " %s", attest->generator_params->p[i]);
	return strbuf_take(&out);
}

#define PROVENANCE(value)                           \
	{                                           \
		"--provenance", "provenance", value \
	}
#define SBOM(value)                     \
	{                               \
		"--sbom", "sbom", value \
	}
#define ATTEST(value)                   \
	{                               \
		"--attest", NULL, value \
	}

static void understands(void **state)
{
	static const struct {
		struct flag flag;
		const char *shown;
	} cases[] = {
		{ PROVENANCE("true"), "max" },
		{ PROVENANCE("1"), "max" },
		{ PROVENANCE("false"), "none" },
		{ PROVENANCE("mode=min"), "min" },
		{ PROVENANCE("mode=full"), "max" },
		{ PROVENANCE("mode=min,version=v0.2,reproducible=true,inline-only=1"),
				"min v0.2 reproducible inline" },
		{ PROVENANCE("builder-id=https://ci.example/1,filename=p.json"),
				"max by https://ci.example/1 in p.json" },
		{ PROVENANCE("mode=max,disabled=true"), "none" },
		{ ATTEST("type=provenance"), "max" },
		{ ATTEST("mode=min,type=provenance"), "min" },
		{ ATTEST("type=provenance,disabled=true"), "none" },
		{ ATTEST("\"type=provenance\",\"builder-id=a,b\""), "max by a,b" },
		{ SBOM("false"), "none" },
		{ SBOM("disabled=true,generator=x"), "none" },
		{ ATTEST("type=sbom,disabled=true"), "none" },
		{ SBOM("true"), "none sbom docker/buildkit-syft-scanner:stable-1 type=sbom" },
		{ ATTEST("type=sbom,generator=r.example/s:1,depth=2"),
				"none sbom r.example/s:1 type=sbom depth=2" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(attest_flags) struct attest_flags given = { 0 };

		note("%s %s", cases[i].flag.option, cases[i].flag.value);
		assert_ok(add(&cases[i].flag, &given));
		AUTO_FREE char *shown = show(&given.attest);
		assert_string_equal(shown, cases[i].shown);
	}
}

static void refuses(void **state)
{
	static const struct {
		struct flag flag;
		const char *says;
	} cases[] = {
		{ PROVENANCE("perhaps"), "'perhaps' is not KEY=VALUE" },
		{ PROVENANCE("mode=some"), "invalid mode 'some'" },
		{ PROVENANCE("version=v2"), "invalid version 'v2'" },
		{ PROVENANCE("filename=a/b"), "'a/b' is not the name of a file" },
		{ PROVENANCE("filename=.."), "'..' is not the name of a file" },
		{ PROVENANCE("filename="), "'' is not the name of a file" },
		{ PROVENANCE("reproducible=maybe"),
				"'reproducible=maybe' is neither true nor false" },
		{ PROVENANCE("modes=min"), "unknown field 'modes'" },
		{ ATTEST("mode=min"), "attestation type not specified" },
		{ ATTEST("type=signature"), "unknown attestation 'signature'" },
		{ SBOM("generator="), "the generator has no name" },
		{ SBOM("generator"), "'generator' is not KEY=VALUE" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(attest_flags) struct attest_flags given = { 0 };

		note("%s %s", cases[i].flag.option, cases[i].flag.value);
		struct error *error = add(&cases[i].flag, &given);
		assert_non_null(error);
		assert_int_equal(error->code, EXIT_USAGE);
		assert_error(error, ERR_INVALID, cases[i].says);
	}
}

static void takes_each_once(void **state)
{
	static const struct flag flags[] = { PROVENANCE("false"), SBOM("false"),
		ATTEST("type=provenance") };
	AUTO(attest_flags) struct attest_flags given = { 0 };

	assert_ok(add(&flags[0], &given));
	assert_ok(add(&flags[1], &given));
	assert_error(add(&flags[2], &given), ERR_INVALID, "duplicate attestation field provenance");
}

UNIT_TESTS(understands, refuses, takes_each_once)
