#include "ui/attest_flag.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "ui/csv.h"
#include "ui/options.h"

static FALLIBLE refuse(const char *option, const char *none)
{
	return error_hint(error_usage("option '%s' is not there yet", option),
			"kiln makes no attestations; '%s' is taken", none);
}

static bool is_truth(const char *text, bool wanted)
{
	bool truth = false;
	struct error *error = parse_bool(text, &truth);
	bool is = !error && truth == wanted;

	error_free(error);
	return is;
}

FALLIBLE attest_flag_switch(const char *option, const char *value)
{
	AUTO_FREE char *none = xasprintf("%s=false", option);

	return !value || is_truth(value, false) ? NULL : refuse(option, none);
}

static FALLIBLE check_one(const char *value)
{
	struct str rest = str_of(value), key, text;
	bool disabled = false;

	while (rest.n > 0) {
		AUTO_FREE char *field = NULL;

		TRY(csv_next_field(&rest, "--attest", &field));
		if (str_cut(str_of(field), '=', &key, &text) && str_is(key, "disabled"))
			disabled = is_truth(text.p, true);
	}
	return disabled ? NULL : refuse("--attest", "type=…,disabled=true");
}

FALLIBLE attest_flag_list(const struct list *values)
{
	for (size_t i = 0; i < values->n; i++)
		TRY(check_one(values->p[i]));
	return NULL;
}
