#include "build/fetched.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "build/judge.h"
#include "build/state.h"
#include "store/cache.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

bool copy_is_fetched(const struct plan_copy *copy)
{
	for (size_t i = 0; i < copy->source_count; i++)
		if (copy->sources[i].url || copy->sources[i].git)
			return true;
	return false;
}

bool copy_is_only_fetched(const struct plan_copy *copy)
{
	return copy_is_fetched(copy) && copy->origin.kind == ORIGIN_NONE;
}

static void open_all(struct step_run *run)
{
	const struct plan_copy *copy = &run->step->copy;

	if (run->fetched)
		return;
	run->fetched = xcalloc(copy->source_count, sizeof(*run->fetched));
	for (size_t i = 0; i < copy->source_count; i++)
		run->fetched[i] = (struct fetched){
			.source = &copy->sources[i], .fd = -1, .top_fd = -1
		};
}

void fetched_free(struct step_run *run)
{
	for (size_t i = 0; run->fetched && i < run->step->copy.source_count; i++) {
		struct fetched *one = &run->fetched[i];

		if (one->top_fd >= 0)
			(void)close(one->top_fd);
		scratch_done(&one->scratch);
		free(one->name);
		git_done(&one->git);
		git_url_done(&one->address);
	}
	free(TAKE(run->fetched));
}

/* --- what is known of an address from before --- */

static struct digest url_key(const char *url)
{
	AUTO(key) struct key *key = key_new("http source");

	key_text(key, "url", url);
	return key_finish(key, NULL);
}

static char *fact(const json_t *facts, const char *name)
{
	const char *value = json_string_value(json_object_get(facts, name));

	return value ? xstrdup(value) : NULL;
}

static FALLIBLE recall(struct build *build, const char *url, struct download *ret)
{
	AUTO(cache_record) struct cache_record record = { 0 };
	struct digest key = url_key(url);
	bool found = false;

	TRY(cache_get(build->options->store, &key, &found, &record));
	if (!found || !record.ingredients || !digest_known(&record.content))
		return NULL;
	json_auto_t *facts = json_loads(record.ingredients, 0, NULL);
	*ret = (struct download){ .digest = record.content,
		.etag = fact(facts, "etag"),
		.last_modified = fact(facts, "last_modified"),
		.disposition = fact(facts, "disposition") };
	return NULL;
}

static FALLIBLE record(struct build *build, const char *url, const struct download *download)
{
	struct digest key = url_key(url);
	json_auto_t *facts = json_pack("{s:s?, s:s?, s:s?}", "etag", download->etag,
			"last_modified", download->last_modified, "disposition",
			download->disposition);

	if (!facts || store_is_read_only(build->options->store))
		return NULL;
	AUTO_FREE char *text = json_dumps(facts, JSON_SORT_KEYS);
	struct cache_record record = {
		.kind = CACHE_EMPTY, .content = download->digest, .ingredients = text
	};

	return cache_put(build->options->store, &key, &record);
}

/* --- one file --- */

/* What the answer said of the file. */
static void learn(struct fetched *one, const struct download *download)
{
	one->digest = download->digest;
	one->mtime = fetch_time(download);
	if (!one->name && download->disposition)
		one->name = fetched_disposition_name(download->disposition);
	one->is_identified = true;
}

static FALLIBLE check_digest(
		const struct build *build, const struct fetched *one, const struct plan_copy *copy)
{
	char got[DIGEST_TEXT];

	if (!copy->checksum || !copy->checksum[0] ||
			strcmp(digest_text(&one->digest, got), copy->checksum) == 0)
		return NULL;
	return error_hint(
			build->options->as_buildah
					? error_new(ERR_DIGEST,
							  "unexpected response digest for \"%s\": "
							  "%s, want %s",
							  one->source->path, got, copy->checksum)
					: error_new(ERR_DIGEST, "'%s': digest mismatch %s: %s",
							  one->source->path, got, copy->checksum),
			"it changed, or is not what was meant: look before writing the new one "
			"down");
}

static FALLIBLE fetch_url(struct build *build, const struct plan_copy *copy, struct fetched *one,
		const struct download *known)
{
	AUTO(fetched_file) struct fetched_file file = { .fd = -1 };

	TRY(fetch_file_if_changed(&build->sources, one->source->url, known, &file));
	if (file.download.is_unchanged) {
		assert(known); /* only then is the server asked */
		learn(one, known);
		return check_digest(build, one, copy);
	}
	if (one->is_identified && !digest_equal(&one->digest, &file.download.digest) &&
			!(copy->checksum && copy->checksum[0]))
		return error_hint(error_new(ERR_INVALID, "'%s' changed between two requests",
						  one->source->path),
				"build again");
	learn(one, &file.download);
	TRY(check_digest(build, one, copy));
	if (!file.is_converted)
		TRY(record(build, one->source->url, &file.download));
	one->scratch = file.scratch;
	file.scratch = (struct scratch){ 0 };
	one->fd = one->scratch.fd;
	one->is_here = true;
	return NULL;
}

static FALLIBLE identify_url(struct build *build, const struct plan_copy *copy, struct fetched *one)
{
	AUTO(download) struct download known = { 0 };

	one->name = fetched_url_name(one->source->url);
	AUTO_FREE char *judged = NULL, *wanted = NULL;
	TRY(judge_url(build->sources.policy, one->source->url, copy->checksum, &judged, &wanted));
	if (copy->checksum && copy->checksum[0] && one->name && !wanted) {
		TRY(digest_parse(str_of(copy->checksum), &one->digest));
		one->is_identified = true;
		return NULL;
	}
	TRY(recall(build, one->source->url, &known));
	return fetch_url(build, copy, one, known.etag || known.last_modified ? &known : NULL);
}

/* --- one repository --- */

static FALLIBLE identify_git(struct build *build, const struct plan_copy *copy, struct fetched *one)
{
	TRY(git_url_parse(one->source->git, &one->address));
	TRY(git_find(&build->sources, &one->address, copy->checksum, &one->git));
	one->is_identified = true;
	return NULL;
}

/* --keep-git-dir of the instruction wins over the address's. */
static bool keeps_git_dir(const struct plan_copy *copy, const struct fetched *one)
{
	enum tristate asked = copy->keep_git_dir ? copy->keep_git_dir : one->address.keep_git_dir;

	return asked == TRISTATE_YES;
}

static void key_git(struct key *key, const struct plan_copy *copy, const struct fetched *one)
{
	key_text(key, "commit", one->git.commit);
	key_text(key, "subdir", one->address.subdir);
	key_number(key, "keep git dir", keeps_git_dir(copy, one));
	key_number(key, "submodules", one->address.submodules != TRISTATE_NO);
}

/* --- all of a step --- */

FALLIBLE fetched_identify(struct build *build, struct step_run *run, struct digest *ret)
{
	const struct plan_copy *copy = &run->step->copy;
	AUTO(key) struct key *key = key_new("fetched");

	open_all(run);
	for (size_t i = 0; i < copy->source_count; i++) {
		struct fetched *one = &run->fetched[i];

		if (one->source->git) {
			if (!one->is_identified)
				TRY(identify_git(build, copy, one));
			key_git(key, copy, one);
		}
		if (!one->source->url)
			continue;
		if (!one->is_identified)
			TRY(identify_url(build, copy, one));
		if (!one->name)
			one->name = xstrdup("__unnamed__"); /* as BuildKit calls it */
		key_digest(key, "file", &one->digest);
		key_text(key, "name", one->name);
	}
	*ret = key_finish(key, NULL);
	return NULL;
}

FALLIBLE fetched_need(struct build *build, struct step_run *run)
{
	struct digest ignored;

	TRY(fetched_identify(build, run, &ignored));
	for (size_t i = 0; i < run->step->copy.source_count; i++) {
		struct fetched *one = &run->fetched[i];

		if (one->source->url && !one->is_here)
			TRY(fetch_url(build, &run->step->copy, one, NULL));
		if (one->source->git && !one->is_here) {
			TRY(git_check_out(&one->git, keeps_git_dir(&run->step->copy, one),
					&one->top_fd));
			one->fd = one->top_fd;
			one->is_here = true;
		}
	}
	return NULL;
}
