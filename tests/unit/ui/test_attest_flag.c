/* --attest, --provenance and --sbom: what they ask for, and what is refused. */
#include "ui/attest_flag.h"
#include "ui/options.h"
#include "unit.h"

struct flag {
	const char *option, *type, *value;
};

static FALLIBLE add(const struct flag *flag, struct list *texts, struct list *seen,
		struct build_attest *ret)
{
	return attest_flag_add(flag->option, flag->type, flag->value, texts, seen, ret);
}

static char *show(const struct build_attest *attest)
{
	static const char *const modes[] = { "none", "min", "max" };

	return xasprintf("%s%s%s%s%s%s%s%s", modes[attest->provenance],
			attest->is_slsa_02 ? " v0.2" : "",
			attest->reproducible ? " reproducible" : "",
			attest->inline_only ? " inline" : "", attest->builder_id ? " by " : "",
			attest->builder_id ? attest->builder_id : "",
			attest->file_name ? " in " : "",
			attest->file_name ? attest->file_name : "");
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
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(list) struct list texts = { 0 }, seen = { 0 };
		struct build_attest attest = { 0 };

		note("%s %s", cases[i].flag.option, cases[i].flag.value);
		assert_ok(add(&cases[i].flag, &texts, &seen, &attest));
		AUTO_FREE char *shown = show(&attest);
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
		{ SBOM("true"), "option '--sbom' is not there yet" },
		{ ATTEST("type=sbom,generator=x"), "option '--attest' is not there yet" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(list) struct list texts = { 0 }, seen = { 0 };
		struct build_attest attest = { 0 };

		note("%s %s", cases[i].flag.option, cases[i].flag.value);
		struct error *error = add(&cases[i].flag, &texts, &seen, &attest);
		assert_non_null(error);
		assert_int_equal(error->code, EXIT_USAGE);
		assert_error(error, ERR_INVALID, cases[i].says);
	}
}

static void takes_each_once(void **state)
{
	static const struct flag flags[] = { PROVENANCE("false"), SBOM("false"),
		ATTEST("type=provenance") };
	AUTO(list) struct list texts = { 0 }, seen = { 0 };
	struct build_attest attest = { 0 };

	assert_ok(add(&flags[0], &texts, &seen, &attest));
	assert_ok(add(&flags[1], &texts, &seen, &attest));
	assert_error(add(&flags[2], &texts, &seen, &attest), ERR_INVALID,
			"duplicate attestation field provenance");
}

UNIT_TESTS(understands, refuses, takes_each_once)
