#include "ui/csv.h"

#include "base/strbuf.h"
#include "ui/options.h"

FALLIBLE csv_next_field(struct str *rest, const char *option, char **ret)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct str s = *rest, head;

	if (!str_starts(s, "\"")) {
		str_cut(s, ',', &head, rest);
		*ret = str_dup(head);
		return NULL;
	}
	size_t i = 1;

	for (;; i++) {
		if (i >= s.n)
			return error_usage("option '%s': a quote is not closed in '%.*s'", option,
					STR_ARG(s));
		if (s.p[i] != '"') {
			strbuf_add_char(&text, s.p[i]);
		} else if (i + 1 < s.n && s.p[i + 1] == '"') {
			strbuf_add_char(&text, '"');
			i++;
		} else {
			break;
		}
	}
	if (i + 1 < s.n && s.p[i + 1] != ',')
		return error_usage(
				"option '%s': text behind a quote in '%.*s'", option, STR_ARG(s));
	*rest = str_slice(s, i + 2, s.n);
	*ret = strbuf_take(&text);
	return NULL;
}
