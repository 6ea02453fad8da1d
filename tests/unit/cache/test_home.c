#include "cache/home.h"
#include "cache/homes.h"
#include "scratch.h"
#include "stream/group.h"
#include "unit.h"

#include <pthread.h>

/*
 * A thousand builders on one home: each looks for its steps, makes those that are not there, and
 * checks that what it found is what it would have made.
 */
enum { THREADS = 25, BUILDS = 40, STEPS = 6, VARIANTS = 7 };

struct builders {
	const char *dir;
	struct digest keys[VARIANTS][STEPS];
};

static struct digest digest_of_step(char what, unsigned variant, unsigned step)
{
	char text[64];

	return digest_of(text,
			(size_t)snprintf(text, sizeof(text), "%c %u %u", what, variant, step));
}

/* What a step makes: its variant and number as text. */
static void make_bytes(unsigned variant, unsigned step, char buf[64])
{
	(void)snprintf(buf, 64, "layer of variant %u, step %u", variant, step);
}

static struct error *open_bytes(void *user, uint64_t offset, struct reader **ret)
{
	const char *text = user;

	*ret = reader_from_bytes(text + offset, strlen(text) - (size_t)offset);
	return NULL;
}

static FALLIBLE make_step(
		struct cache_home *home, unsigned variant, unsigned step, struct cached_step *ret)
{
	char text[64];

	make_bytes(variant, step, text);
	*ret = (struct cached_step){ .key = digest_of_step('k', variant, step),
		.kind = CACHED_LAYER,
		.diff_id = digest_of_step('d', variant, step),
		.blob = { digest_of(text, strlen(text)), strlen(text) },
		.compression = COMPRESSION_GZIP,
		.level = -1,
		.created = 1 };
	struct registry_blob blob = { .digest = ret->blob.digest,
		.size = ret->blob.bytes,
		.open = open_bytes,
		.user = text };
	struct cached_steps one = { ret, 1, 1 };
	TRY(home->ops->put_blob(home, &blob));
	return home->ops->put_step(home, &ret->key, &one);
}

static FALLIBLE check_step(struct cache_home *home, unsigned variant, unsigned step,
		const struct cached_step *found)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *bytes = NULL;
	struct digest diff_id = digest_of_step('d', variant, step);
	char text[64];
	size_t n = 0;

	make_bytes(variant, step, text);
	TRY(home->ops->open_blob(home, &found->blob, &reader));
	TRY(reader_read_all(reader, 1000, &bytes, &n));
	if (strcmp(bytes, text) != 0 || !digest_equal(&found->diff_id, &diff_id))
		return error_new(ERR_INVALID, "a wrong hit: '%s' instead of '%s'", bytes, text);
	return NULL;
}

static FALLIBLE build(struct cache_home *home, unsigned variant)
{
	AUTO(cached_steps) struct cached_steps index = { 0 }, mine = { 0 };
	struct error *error = home->ops->read_index(home, &index);

	if (error_is(error, ERR_NOT_FOUND))
		error_free(TAKE(error));
	TRY(error);
	for (unsigned step = 0; step < STEPS; step++) {
		AUTO(cached_steps) struct cached_steps found = { 0 };
		struct digest key = digest_of_step('k', variant, step);
		struct cached_step *record = vec_add(&mine);

		error = home->ops->read_step(home, &key, &found);
		if (error_is(error, ERR_NOT_FOUND)) {
			error_free(error);
			TRY(make_step(home, variant, step, record));
			continue;
		}
		TRY(error);
		TRY(check_step(home, variant, step, &found.p[0]));
		*record = TAKE_VALUE(found.p[0]);
	}
	return home->ops->put_index(home, &mine);
}

static struct error *run_builders(void *argument)
{
	struct cache_spec spec = { .kind = CACHE_HOME_LOCAL, .where = argument };
	struct cache_means means = { .index_name = "all" };

	for (unsigned i = 0; i < BUILDS; i++) {
		AUTO(cache_home) struct cache_home *home = NULL;

		TRY(cache_home_open(&spec, &means, &home));
		TRY(build(home, (unsigned)((uintptr_t)pthread_self() / 64 + i) % VARIANTS));
	}
	return NULL;
}

static void a_thousand_builders_share_a_home(void **state)
{
	struct scratch scratch = scratch_new();
	AUTO(group) struct group *group = group_new();
	AUTO_FREE char *dir = xasprintf("/proc/self/fd/%d/home", scratch.fd);

	for (unsigned i = 0; i < THREADS; i++)
		assert_true(group_start(group, "builders", run_builders, dir));
	assert_ok(group_join(group));
	scratch_done(&scratch);
}

/* The same in a registry. Each builder is a client of its own, as a process would be. */
static FALLIBLE build_at_registry(char *where, unsigned variant)
{
	struct registry_settings settings = { .insecure_hosts = { 0 } };
	AUTO(registry_client) struct registry_client *client = registry_client_new(&settings, NULL);
	struct cache_spec spec = { .kind = CACHE_HOME_REGISTRY, .where = where };
	struct cache_means means = { .registry = client, .reader = client, .index_name = "all" };
	AUTO(cache_home) struct cache_home *home = NULL;

	TRY(cache_home_open(&spec, &means, &home));
	return build(home, variant);
}

static struct error *run_registry_builders(void *argument)
{
	const char *builds = getenv("KILN_TEST_BUILDS");
	unsigned n = builds ? (unsigned)strtoul(builds, NULL, 10) : BUILDS;

	for (unsigned i = 0; i < n; i++)
		TRY(build_at_registry(argument,
				(unsigned)((uintptr_t)pthread_self() / 64 + i) % VARIANTS));
	return NULL;
}

/* tests/cache/builders.bats says where one is, and how many come. */
static void a_thousand_builders_share_a_registry(void **state)
{
	char *where = getenv("KILN_TEST_REGISTRY");
	AUTO(group) struct group *group = group_new();

	if (!where) {
		note("without KILN_TEST_REGISTRY there is none");
		return;
	}
	if (getenv("KILN_TEST_ONE")) {
		assert_ok(build_at_registry(where, 3));
		return;
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_true(group_start(group, "builders", run_registry_builders, where));
	assert_ok(group_join(group));
}

/* --- several homes --- */

static void count(void *user, const char *text)
{
	note("%s", text);
	++*(unsigned *)user;
}

static void add_local(struct cache_specs *specs, int fd, const char *name)
{
	vec_push(specs, ((struct cache_spec){ .kind = CACHE_HOME_LOCAL,
					.name = xstrdup(name),
					.where = xasprintf("/proc/self/fd/%d/%s", fd, name) }));
}

static void put_one(const struct cache_spec *spec, unsigned variant, int64_t created)
{
	AUTO(cache_home) struct cache_home *home = NULL;
	struct cache_means means = { .index_name = "x" };
	struct cached_step step;
	struct cached_steps one = { &step, 1, 1 };

	assert_ok(cache_home_open(spec, &means, &home));
	assert_ok(make_step(home, variant, 0, &step));
	step.created = created;
	assert_ok(home->ops->put_step(home, &step.key, &one));
}

static void first_home_wins_and_distrust_goes_on(void **state)
{
	struct scratch scratch = scratch_new();
	AUTO(cache_specs) struct cache_specs from = { 0 }, none = { 0 };
	AUTO(cache_homes) struct cache_homes *homes = NULL;
	unsigned warnings = 0;
	struct digest key = digest_of_step('k', 3, 0), other = digest_of_step('k', 4, 0);
	bool asked = false;

	add_local(&from, scratch.fd, "a");
	add_local(&from, scratch.fd, "b");
	put_one(&from.p[0], 3, 100);
	put_one(&from.p[1], 3, 200);
	struct cache_homes_settings settings = { .from = &from,
		.to = &none,
		.means = { .index_name = "x" },
		.warn = count,
		.user = &warnings };
	assert_ok(cache_homes_new(&settings, &homes));
	cache_homes_start(homes);
	assert_null(cache_homes_find(homes, &key, NULL, &asked));
	assert_false(asked);
	assert_true(cache_homes_ask(homes, &key, 1));
	assert_false(cache_homes_ask(homes, &other, 1));
	assert_null(cache_homes_find(homes, &other, NULL, &asked));
	assert_true(asked);
	const struct cached_step *step = cache_homes_find(homes, &key, NULL, &asked);
	assert_int_equal(step->created, 100);
	cache_homes_distrust(homes, step, error_new(ERR_DIGEST, "wrong bytes"));
	cache_homes_distrust(homes, step, error_new(ERR_DIGEST, "told before"));
	assert_int_equal(cache_homes_distrusted(homes), 1);
	assert_int_equal(warnings, 1);
	step = cache_homes_find(homes, &key, NULL, &asked);
	assert_int_equal(step->created, 200);
	scratch_done(&scratch);
}

static void old_records_do_not_count(void **state)
{
	struct scratch scratch = scratch_new();
	AUTO(cache_specs) struct cache_specs from = { 0 }, none = { 0 };
	AUTO(cache_homes) struct cache_homes *homes = NULL;
	unsigned warnings = 0;
	struct digest key = digest_of_step('k', 3, 0);
	bool asked = false;

	add_local(&from, scratch.fd, "a");
	put_one(&from.p[0], 3, 100);
	struct cache_homes_settings settings = { .from = &from,
		.to = &none,
		.means = { .index_name = "x" },
		.ttl_seconds = 3600,
		.warn = count,
		.user = &warnings };
	assert_ok(cache_homes_new(&settings, &homes));
	cache_homes_start(homes);
	(void)cache_homes_ask(homes, &key, 1);
	assert_null(cache_homes_find(homes, &key, NULL, &asked));
	scratch_done(&scratch);
}

UNIT_TESTS(a_thousand_builders_share_a_home, a_thousand_builders_share_a_registry,
		first_home_wins_and_distrust_goes_on, old_records_do_not_count)
