#include "ui/lower_stores.h"
#include "store/store.h"

#include <stdio.h>
#include <unistd.h>

static FALLIBLE open_one(const struct session *session, const char *dir, struct store **ret)
{
	AUTO_FREE char *path = realpath(dir, NULL);
	struct store_settings settings = {
		.root = path, .read_only = true, .owner = session->userns.owner
	};

	if (!path)
		return error_sys("open the lower store '%s'", dir);
	return store_open(&settings, ret);
}

void lower_stores_open(const struct session *session, struct lower_stores *ret,
		struct build_options *options)
{
	const struct list *dirs = &session->config->lower_stores;

	for (size_t i = 0; i < dirs->n; i++) {
		AUTO(strbuf) struct strbuf text = { 0 };
		struct store *store = NULL;
		struct error *error = open_one(session, dirs->p[i], &store);

		if (!error) {
			vec_push(ret, store);
			continue;
		}
		error_text(error, &text);
		(void)fprintf(stderr, "kiln: warning: '%s' is not used: %s\n", dirs->p[i],
				strbuf_text(&text));
		error_free(error);
	}
	options->lowers = ret->p;
	options->lower_count = ret->n;
}

void lower_stores_done(struct lower_stores *lowers)
{
	for (size_t i = 0; i < lowers->n; i++)
		store_close(lowers->p[i]);
	vec_done(lowers);
}
