#include "ui/steps_flag.h"

#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/csv.h"
#include "ui/options.h"

#include <stdlib.h>

enum { CPU_PERIOD_US = 100000, CPU_DIGITS = 5 };

#define MOST_US (UINT64_C(1) << 40)

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

static FALLIBLE wrong(const char *option, const char *key, struct error *cause)
{
	error_free(cause);
	return error_usage("option '%s': invalid value of '%s'", option, key);
}

static FALLIBLE set_resource(struct str key, struct str value, struct build_options *options)
{
	AUTO_FREE char *name = str_dup(key);
	struct error *error = NULL;

	if (str_is_nocase(key, "memory"))
		error = parse_size(value, &options->memory_bytes);
	else if (str_is_nocase(key, "cpu-quota"))
		error = parse_u64(value, MOST_US, &options->cpu_quota_us);
	else if (str_is_nocase(key, "cpu-period"))
		error = parse_u64(value, MOST_US, &options->cpu_period_us);
	else
		return error_hint(error_usage("option '--resource': '%s' is not known", name),
				"memory, cpu-quota and cpu-period are");
	return error ? wrong("--resource", name, error) : NULL;
}

FALLIBLE resource_flag_add(const char *text, struct build_options *options)
{
	struct str rest = str_of(text);

	do {
		AUTO_FREE char *field = NULL;
		struct str key = { 0 }, value = { 0 };

		TRY(csv_next_field(&rest, "--resource", &field));
		if (!str_cut(str_of(field), '=', &key, &value))
			return error_usage("option '--resource': '%s' is not KEY=VALUE", field);
		TRY(set_resource(key, value, options));
	} while (rest.n);
	return NULL;
}

/* Decimal places are counted by hand: no locale, no rounding. */
FALLIBLE cpus_flag_set(const char *text, struct build_options *options)
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
	options->cpu_period_us = CPU_PERIOD_US;
	options->cpu_quota_us = cpus * CPU_PERIOD_US + fraction;
	if (error || !options->cpu_quota_us) {
		error_ignore(error, "said better here");
		return error_usage("option '--cpus': '%s' is no number of CPUs", text);
	}
	return NULL;
}
