/*
 * Knowledge is one map for each home, from keys and definitions to records, filled by the index and
 * by asking, never emptied while the build lasts: what was found stays where it is.
 */
#include "cache/homes.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "cache/homes_inner.h"
#include "registry/http.h"
#include "stream/group.h"

#include <string.h>

/* Requests at the same time: look-ups are tiny, what costs is waiting for them. */
enum { ASKERS = 16 };
/* Warnings about records of one home; more of the same help nobody. */
enum { COMPLAINTS = 3 };

/* --- opening --- */

static struct place *place_named(struct cache_homes *homes, const char *name)
{
	for (size_t i = 0; i < homes->place_n; i++)
		if (strcmp(homes->places[i].home->name, name) == 0)
			return &homes->places[i];
	return NULL;
}

static FALLIBLE add_place(
		struct cache_homes *homes, const struct cache_spec *spec, struct place **ret)
{
	AUTO(cache_home) struct cache_home *home = NULL;

	TRY(cache_home_open(spec, &homes->means, &home));
	*ret = place_named(homes, home->name);
	if (*ret)
		return NULL;
	*ret = &homes->places[homes->place_n++];
	**ret = (struct place){ .homes = homes, .home = TAKE(home), .by_key = map_new(NULL) };
	return NULL;
}

static FALLIBLE add_places(struct cache_homes *homes, const struct cache_homes_settings *settings)
{
	struct place *place = NULL;

	for (size_t i = 0; i < settings->from->n; i++) {
		TRY(add_place(homes, &settings->from->p[i], &place));
		place->is_read = true;
		if (!place->mounts_from && settings->from->p[i].mounts.is_wanted)
			place->mounts_from = &settings->from->p[i].mounts;
	}
	for (size_t i = 0; i < settings->to->n; i++) {
		const struct cache_spec *spec = &settings->to->p[i];

		if (spec->kind == CACHE_HOME_INLINE)
			continue;
		TRY(add_place(homes, spec, &place));
		place->home->writes_indexes = spec->is_index;
		/* Named twice: once more of the same is no use. */
		place->to = spec;
		place->mounts_to = spec->mounts.is_wanted ? &spec->mounts : NULL;
	}
	for (size_t i = 0; i < homes->place_n; i++)
		if (homes->places[i].to)
			homes->targets[homes->target_n++] =
					(struct cache_target){ homes->places[i].home,
						homes->places[i].to, homes->places[i].mounts_to };
	return NULL;
}

FALLIBLE cache_homes_new(const struct cache_homes_settings *settings, struct cache_homes **ret)
{
	AUTO(cache_homes) struct cache_homes *homes = NULL;
	size_t n = settings->from->n + settings->to->n;

	*ret = NULL;
	if (n == 0)
		return NULL;
	homes = xcalloc(1, sizeof(*homes));
	homes->means = settings->means;
	homes->warn = settings->warn;
	homes->user = settings->user;
	homes->oldest = settings->ttl_seconds ? clock_now_seconds() - settings->ttl_seconds
					      : INT64_MIN;
	homes->places = xcalloc(n, sizeof(*homes->places));
	homes->targets = xcalloc(n, sizeof(*homes->targets));
	homes->asked = map_new(NULL);
	pthread_mutex_init(&homes->start_lock, NULL);
	pthread_mutex_init(&homes->lock, NULL);
	TRY(add_places(homes, settings));
	*ret = TAKE(homes);
	return NULL;
}

static void place_done(struct place *place)
{
	for (size_t i = 0; i < place->found_n; i++) {
		cached_step_done(&place->found[i]->step);
		free(place->found[i]);
	}
	free(place->found);
	map_free(place->by_key);
	cache_home_free(place->home);
}

void cache_homes_free(struct cache_homes *homes)
{
	if (!homes)
		return;
	group_free(homes->starting);
	for (size_t i = 0; i < homes->place_n; i++)
		place_done(&homes->places[i]);
	free(homes->places);
	free(homes->targets);
	map_free(homes->asked);
	pthread_mutex_destroy(&homes->start_lock);
	pthread_mutex_destroy(&homes->lock);
	free(homes);
}

/* --- what goes wrong --- */

static void tell(struct cache_homes *homes, const struct place *place, struct error *error,
		const char *consequence)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	strbuf_addf(&text, "%s: ", place->home->name);
	error_text(error, &text);
	strbuf_addf(&text, "; %s", consequence);
	homes->warn(homes->user, strbuf_text(&text));
	error_free(error);
}

void cache_place_failed(struct place *place, struct error *error)
{
	struct cache_homes *homes = place->homes;
	bool is_wrong = error_is(error, ERR_INVALID) || error_is(error, ERR_LIMIT) ||
			error_is(error, ERR_DIGEST);

	if (!error || error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		return;
	}
	pthread_mutex_lock(&homes->lock);
	bool is_told = place->is_dead || error_is(error, ERR_CANCELED) ||
		       (is_wrong && place->complaints++ >= COMPLAINTS);
	place->is_dead = place->is_dead || !is_wrong;
	place->is_away = place->is_away || http_error_is_unreachable(error) ||
			 http_error_is_silence(error);
	pthread_mutex_unlock(&homes->lock);
	if (is_told)
		error_ignore(error, "this home was told of already");
	else
		tell(homes, place, error, is_wrong ? "not used" : "the build goes on without it");
}

/* --- what is found --- */

static void learn(struct place *place, struct cached_steps *steps)
{
	char text[DIGEST_TEXT];

	pthread_mutex_lock(&place->homes->lock);
	for (size_t i = 0; i < steps->n; i++) {
		struct found *found = xcalloc(1, sizeof(*found));

		found->step = TAKE_VALUE(steps->p[i]);
		if (place->found_n == place->found_capacity) {
			place->found_capacity =
					place->found_capacity ? place->found_capacity * 2 : 16;
			place->found = xrealloc(place->found, place->found_capacity,
					sizeof(struct found *));
		}
		place->found[place->found_n++] = found;
		map_set(place->by_key, digest_text(&found->step.key, text), found);
		if (digest_known(&found->step.definition))
			map_set(place->by_key, digest_text(&found->step.definition, text), found);
	}
	pthread_mutex_unlock(&place->homes->lock);
}

static struct error *read_one_index(void *argument)
{
	struct place *place = argument;
	AUTO(cached_steps) struct cached_steps steps = { 0 };
	struct error *error = place->home->ops->read_index(place->home, &steps);

	if (!error) {
		learn(place, &steps);
		place->index_n = place->found_n;
	}
	cache_place_failed(place, error);
	return NULL;
}

void cache_homes_start(struct cache_homes *homes)
{
	homes->starting = group_new();
	for (size_t i = 0; i < homes->place_n; i++)
		if (!group_start(homes->starting, "cache index", read_one_index, &homes->places[i]))
			homes->places[i].is_dead = true;
}

static void need_indexes(struct cache_homes *homes)
{
	pthread_mutex_lock(&homes->start_lock);
	if (!homes->is_started)
		error_ignore(group_join(homes->starting), "a home without threads is not asked");
	homes->is_started = true;
	pthread_mutex_unlock(&homes->start_lock);
}

FALLIBLE cache_home_check_away(struct cache_homes *homes, const struct cache_home *home)
{
	bool is_away = false;

	need_indexes(homes);
	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < homes->place_n; i++)
		is_away = is_away || (homes->places[i].home == home && homes->places[i].is_away);
	pthread_mutex_unlock(&homes->lock);
	return is_away ? error_new(ERR_NETWORK, "it did not answer when the build began") : NULL;
}

bool cache_homes_can_read(const struct cache_homes *homes)
{
	for (size_t i = 0; homes && i < homes->place_n; i++)
		if (homes->places[i].is_read)
			return true;
	return false;
}

bool cache_homes_know_some(struct cache_homes *homes)
{
	bool some = false;

	if (!cache_homes_can_read(homes))
		return false;
	need_indexes(homes);
	for (size_t i = 0; i < homes->place_n; i++)
		some = some || (homes->places[i].is_read && homes->places[i].index_n);
	return some;
}

static struct found *find_at(const struct place *place, const char *key)
{
	struct found *found = map_get(place->by_key, key);

	return found && !found->is_distrusted && found->step.created >= place->homes->oldest ? found
											     : NULL;
}

const struct cached_step *cache_homes_find(struct cache_homes *homes, const struct digest *key,
		struct cache_home **ret_home, bool *ret_asked)
{
	const struct found *found = NULL;
	char text[DIGEST_TEXT];

	*ret_asked = true;
	if (!cache_homes_can_read(homes))
		return NULL;
	need_indexes(homes);
	(void)digest_text(key, text);
	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < homes->place_n && !found; i++) {
		found = homes->places[i].is_read ? find_at(&homes->places[i], text) : NULL;
		if (found && ret_home)
			*ret_home = homes->places[i].home;
	}
	*ret_asked = map_has(homes->asked, text);
	pthread_mutex_unlock(&homes->lock);
	return found ? &found->step : NULL;
}

bool cache_homes_know(struct cache_homes *homes, const struct digest *key)
{
	char text[DIGEST_TEXT];
	bool known = false;

	need_indexes(homes);
	(void)digest_text(key, text);
	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < homes->place_n && !known; i++)
		known = find_at(&homes->places[i], text);
	pthread_mutex_unlock(&homes->lock);
	return known;
}

const struct cached_step *cache_home_has(
		struct cache_homes *homes, const struct cache_home *home, const struct digest *key)
{
	const struct found *found = NULL;
	char text[DIGEST_TEXT];

	need_indexes(homes);
	(void)digest_text(key, text);
	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < homes->place_n; i++)
		if (homes->places[i].home == home)
			found = find_at(&homes->places[i], text);
	pthread_mutex_unlock(&homes->lock);
	return found ? &found->step : NULL;
}

bool cache_home_index_is(struct cache_homes *homes, const struct cache_home *home,
		const struct cached_steps *steps)
{
	char text[DIGEST_TEXT];

	for (size_t i = 0; i < homes->place_n; i++) {
		struct place *place = &homes->places[i];
		bool same = place->home == home && place->index_n == steps->n;

		for (size_t k = 0; k < steps->n && same; k++)
			same = find_at(place, digest_text(&steps->p[k].key, text)) != NULL;
		if (same)
			return true;
	}
	return false;
}

const struct cache_target *cache_homes_targets(const struct cache_homes *homes, size_t *ret_n)
{
	*ret_n = homes ? homes->target_n : 0;
	return homes ? homes->targets : NULL;
}

/* --- asking --- */

struct question {
	struct place *place;
	const struct digest *key;
};

struct asking {
	struct question *p;
	size_t n;
	pthread_mutex_t lock;
	size_t next; /* guarded by lock, as all below */
	bool found;
};

/* A home that answers with another record than was asked for is wrong. */
static FALLIBLE check_answer(const struct cached_steps *steps, const struct digest *key)
{
	char text[DIGEST_TEXT];

	if (steps->n == 1 && (digest_equal(&steps->p[0].key, key) ||
					     digest_equal(&steps->p[0].definition, key)))
		return NULL;
	return error_new(ERR_INVALID, "the record '%s' speaks of another step",
			digest_text(key, text));
}

static FALLIBLE ask(const struct question *question, bool *ret_found)
{
	struct place *place = question->place;
	AUTO(cached_steps) struct cached_steps steps = { 0 };

	TRY(place->home->ops->read_step(place->home, question->key, &steps));
	TRY(check_answer(&steps, question->key));
	learn(place, &steps);
	*ret_found = true;
	return NULL;
}

static struct error *ask_some(void *argument)
{
	struct asking *asking = argument;

	for (;;) {
		bool found = false;

		pthread_mutex_lock(&asking->lock);
		size_t i = asking->next++;
		pthread_mutex_unlock(&asking->lock);
		if (i >= asking->n)
			return NULL;
		const struct question *question = &asking->p[i];
		pthread_mutex_lock(&question->place->homes->lock);
		bool is_dead = question->place->is_dead;
		pthread_mutex_unlock(&question->place->homes->lock);
		if (!is_dead)
			cache_place_failed(question->place, ask(question, &found));
		pthread_mutex_lock(&asking->lock);
		asking->found = asking->found || found;
		pthread_mutex_unlock(&asking->lock);
	}
}

/* Every home for each key that was not asked for; marks them. Owned by the caller. */
static struct question *make_questions(
		struct cache_homes *homes, const struct digest *keys, size_t n, size_t *ret_n)
{
	struct question *questions = xcalloc(n * homes->place_n + 1, sizeof(*questions));
	char text[DIGEST_TEXT];

	*ret_n = 0;
	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < n; i++) {
		if (map_has(homes->asked, digest_text(&keys[i], text)))
			continue;
		map_set(homes->asked, text, homes);
		for (size_t k = 0; k < homes->place_n; k++) {
			struct place *place = &homes->places[k];

			if (place->is_read && !place->is_dead && !place->home->is_image)
				questions[(*ret_n)++] = (struct question){ place, &keys[i] };
		}
	}
	pthread_mutex_unlock(&homes->lock);
	return questions;
}

bool cache_homes_ask(struct cache_homes *homes, const struct digest *keys, size_t n)
{
	struct asking asking = { .lock = PTHREAD_MUTEX_INITIALIZER };
	AUTO(group) struct group *group = NULL;

	if (!cache_homes_can_read(homes))
		return false;
	need_indexes(homes);
	AUTO_FREE struct question *questions = make_questions(homes, keys, n, &asking.n);
	asking.p = questions;
	if (asking.n <= 1) {
		error_ignore(ask_some(&asking), "it has none");
		return asking.found;
	}
	group = group_new();
	for (size_t i = 0; i < asking.n && i < ASKERS; i++)
		group_start(group, "cache look-up", ask_some, &asking);
	error_ignore(group_join(group), "a thread less asks more slowly");
	return asking.found;
}

/* --- bytes --- */

void cache_homes_distrust(
		struct cache_homes *homes, const struct cached_step *step, struct error *why)
{
	struct place *owner = NULL;

	pthread_mutex_lock(&homes->lock);
	for (size_t i = 0; i < homes->place_n; i++)
		for (size_t k = 0; k < homes->places[i].found_n; k++) {
			struct found *found = homes->places[i].found[k];

			if (&found->step != step || found->is_distrusted)
				continue;
			found->is_distrusted = true;
			owner = &homes->places[i];
		}
	homes->distrusted += owner != NULL;
	pthread_mutex_unlock(&homes->lock);
	if (owner && !error_is(why, ERR_CANCELED))
		tell(homes, owner, why, "the step runs again");
	else
		error_free(why);
}

unsigned cache_homes_distrusted(struct cache_homes *homes)
{
	unsigned n = 0;

	if (!homes)
		return 0;
	pthread_mutex_lock(&homes->lock);
	n = homes->distrusted;
	pthread_mutex_unlock(&homes->lock);
	return n;
}
