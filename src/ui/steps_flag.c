#include "ui/steps_flag.h"

#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/csv.h"
#include "ui/options.h"

#include <ctype.h>
#include <string.h>

enum { CPU_PERIOD_US = 100000, CPU_DIGITS = 5, CPUSET_BYTES = 64 };

#define MOST_NUMBER (UINT64_C(1) << 40)

FALLIBLE allow_flag_add(const char *text, struct build_options *options)
{
	static const char *const names[] = { "network.host", "security.insecure" };

	if (text_equal(text, names[0])) {
		options->allows_host_network = true;
		return NULL;
	}
	if (text_equal(text, names[1])) {
		options->allows_insecure = true;
		return NULL;
	}
	if (text_equal(text, "device") || text_starts(text, "device="))
		return error_usage(
				"option '--allow': kiln gives no device to a step, so '%s' would "
				"allow nothing",
				text);
	const char *nearest = text_nearest(text, names, COUNT(names));
	struct error *error = error_usage("option '--allow': unknown '%s'", text);
	return nearest ? error_hint(error, "did you mean '%s'?", nearest)
		       : error_hint(error, "one of network.host, security.insecure");
}

/* --- resources --- */

static FALLIBLE wrong(const char *option, const char *value, const char *what)
{
	return error_hint(error_usage("invalid argument \"%s\" for \"%s\" flag: invalid syntax",
					  value, option),
			"%s", what);
}

static FALLIBLE set_bytes(const char *option, const char *value, uint64_t *ret)
{
	struct error *error = parse_size(str_of(value), ret);

	if (!error)
		return NULL;
	error_free(error);
	return wrong(option, value, "as 512m or 2g");
}

static FALLIBLE set_number(const char *option, const char *value, uint64_t *ret)
{
	struct error *error = parse_u64(str_of(value), MOST_NUMBER, ret);

	if (!error)
		return NULL;
	error_free(error);
	return wrong(option, value, "a number");
}

/* Memory and swap together, so not less than memory alone: checked when both are known. */
static FALLIBLE set_swap(const char *option, const char *value, uint64_t *ret)
{
	if (text_equal(value, "-1")) {
		*ret = RESOURCES_NO_LIMIT;
		return NULL;
	}
	return set_bytes(option, value, ret);
}

/* "0-2,7" */
static FALLIBLE set_cpuset(const char *option, const char *value, const char **ret)
{
	if (!*value || value[strspn(value, "0123456789,-")] || strlen(value) >= CPUSET_BYTES)
		return wrong(option, value, "as 0-2,7");
	*ret = value;
	return NULL;
}

/* Decimal places are counted by hand: no locale, no rounding. */
static FALLIBLE set_cpus(const char *text, struct sandbox_resources *resources)
{
	struct str whole = { 0 }, part = { 0 };
	uint64_t cpus = 0, fraction = 0;
	bool has_part = str_cut(str_of(text), '.', &whole, &part);
	struct error *error = whole.n ? parse_u64(whole, 100000, &cpus) : NULL;

	if (!error && has_part)
		error = part.n && part.n <= CPU_DIGITS ? parse_u64(part, 99999, &fraction)
						       : error_new(ERR_INVALID, "digits");
	for (size_t i = part.n; i < CPU_DIGITS; i++)
		fraction *= 10;
	resources->cpu_period_us = CPU_PERIOD_US;
	resources->cpu_quota_us = cpus * CPU_PERIOD_US + fraction;
	if (error || !resources->cpu_quota_us) {
		error_ignore(error, "said better here");
		return error_usage("option '--cpus': '%s' is no number of CPUs", text);
	}
	return NULL;
}

/* One of the values that have a name, from its own option or a field of --resource. */
static FALLIBLE set_named(const char *option, const char *name, const char *value,
		struct sandbox_resources *resources)
{
	const struct {
		const char *name;
		FALLIBLE (*set)(const char *option, const char *value, uint64_t *ret);
		uint64_t *field;
	} numbers[] = {
		{ "memory", set_bytes, &resources->memory_bytes },
		{ "memory-swap", set_swap, &resources->memory_swap_bytes },
		{ "cpu-shares", set_number, &resources->cpu_shares },
		{ "cpu-quota", set_number, &resources->cpu_quota_us },
		{ "cpu-period", set_number, &resources->cpu_period_us },
	};
	const char *names[COUNT(numbers) + 2];

	for (size_t i = 0; i < COUNT(numbers); i++) {
		names[i] = numbers[i].name;
		if (text_equal(name, numbers[i].name))
			return numbers[i].set(option, value, numbers[i].field);
	}
	names[COUNT(numbers)] = "cpuset-cpus";
	names[COUNT(numbers) + 1] = "cpuset-mems";
	if (text_equal(name, "cpuset-cpus"))
		return set_cpuset(option, value, &resources->cpuset_cpus);
	if (text_equal(name, "cpuset-mems"))
		return set_cpuset(option, value, &resources->cpuset_mems);
	const char *nearest = text_nearest(name, names, COUNT(names));
	return error_hint(error_usage("option '%s': '%s' is not known", option, name),
			nearest ? "did you mean '%s'?"
				: "memory, memory-swap, cpu-shares, cpu-quota, cpu-period, "
				  "cpuset-cpus and cpuset-mems are",
			nearest);
}

static FALLIBLE add_fields(
		const char *text, struct sandbox_resources *resources, struct list *texts)
{
	struct str rest = str_of(text);

	do {
		AUTO_FREE char *field = NULL;

		TRY(csv_next_field(&rest, "--resource", &field));
		char *value = strchr(field, '=');
		if (!value)
			return error_usage("option '--resource': '%s' is not KEY=VALUE", field);
		*value = '\0';
		for (char *c = field; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		list_add(texts, value + 1);
		TRY(set_named("--resource", field, texts->p[texts->n - 1], resources));
	} while (rest.n);
	return NULL;
}

static FALLIBLE check(const struct sandbox_resources *resources)
{
	if (resources->memory_swap_bytes && resources->memory_swap_bytes != RESOURCES_NO_LIMIT &&
			!resources->memory_bytes)
		return error_usage(
				"option '--memory-swap': it needs '--memory', since it is memory "
				"and swap together");
	if (resources->memory_swap_bytes && resources->memory_swap_bytes < resources->memory_bytes)
		return error_usage("option '--memory-swap': it is memory and swap together, so it "
				   "cannot be less than '--memory'");
	return NULL;
}

FALLIBLE resource_flags_make(const struct resource_flags *flags, struct list *texts,
		struct sandbox_resources *ret)
{
	const struct {
		const char *option, *value;
	} named[] = {
		{ "--memory", flags->memory },
		{ "--memory-swap", flags->memory_swap },
		{ "--cpu-shares", flags->cpu_shares },
		{ "--cpu-quota", flags->cpu_quota },
		{ "--cpu-period", flags->cpu_period },
		{ "--cpuset-cpus", flags->cpuset_cpus },
		{ "--cpuset-mems", flags->cpuset_mems },
	};

	for (size_t i = 0; i < flags->resources.n; i++)
		TRY(add_fields(flags->resources.p[i], ret, texts));
	if (flags->cpus && flags->cpu_quota)
		return error_usage("'--cpus' and '--cpu-quota' say the same thing, one is enough");
	if (flags->cpus)
		TRY(set_cpus(flags->cpus, ret));
	for (size_t i = 0; i < COUNT(named); i++)
		if (named[i].value)
			TRY(set_named(named[i].option, named[i].option + 2, named[i].value, ret));
	if (flags->cgroup_parent && (!*flags->cgroup_parent || strstr(flags->cgroup_parent, "..")))
		return wrong("--cgroup-parent", flags->cgroup_parent,
				"a path below the root of cgroups (/a/b), or below kiln's own (a)");
	ret->cgroup_parent = flags->cgroup_parent;
	return check(ret);
}
