#include "sys/idmap.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <string.h>

static void add(struct idmap *map, uint64_t inside, uint64_t outside, uint64_t count)
{
	if (map->n == IDMAP_RANGES || count == 0)
		return;
	map->range[map->n++] = (struct id_range){
		.inside = (uint32_t)inside,
		.outside = (uint32_t)outside,
		.count = (uint32_t)count,
	};
}

/* The next word of a line of blank-separated words. */
static struct str word(struct str *line)
{
	struct str rest = str_trim(*line);
	size_t n = 0;

	while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '\t')
		n++;
	*line = str_slice(rest, n, rest.n);
	return str_slice(rest, 0, n);
}

FALLIBLE idmap_parse(struct str text, struct idmap *ret)
{
	struct idmap map = { 0 };
	struct str line;

	while (text.n) {
		uint64_t number[3];

		(void)str_cut(text, '\n', &line, &text);
		if (!str_trim(line).n)
			continue;
		if (map.n == IDMAP_RANGES)
			return error_new(ERR_LIMIT, "an id map of more than %d ranges",
					IDMAP_RANGES);
		for (unsigned i = 0; i < 3; i++)
			TRY_WRAP(parse_u64(word(&line), UINT32_MAX, &number[i]), "read an id map");
		add(&map, number[0], number[1], number[2]);
	}
	*ret = map;
	return NULL;
}

FALLIBLE idmap_read(const char *path, struct idmap *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n));
	return idmap_parse((struct str){ text, n }, ret);
}

void idmap_text(const struct idmap *map, struct strbuf *out)
{
	for (unsigned i = 0; i < map->n; i++)
		strbuf_addf(out, "%u %u %u\n", map->range[i].inside, map->range[i].outside,
				map->range[i].count);
}

uint64_t idmap_count(const struct idmap *map)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < map->n; i++)
		count += map->range[i].count;
	return count;
}

void idmap_cut(struct idmap *map, uint32_t width)
{
	struct idmap all = *map;

	map->n = 0;
	for (unsigned i = 0; i < all.n; i++) {
		const struct id_range *range = &all.range[i];

		if (range->inside < width)
			add(map, range->inside, range->outside,
					range->count < width - range->inside
							? range->count
							: width - range->inside);
	}
}

bool idmap_covers(const struct idmap *map, uint64_t first, uint64_t count)
{
	for (unsigned i = 0; i < map->n; i++) {
		uint64_t start = map->range[i].inside;

		if (first >= start && first + count <= start + map->range[i].count)
			return true;
	}
	return false;
}

bool idmap_equal(const struct idmap *a, const struct idmap *b)
{
	return a->n == b->n && memcmp(a->range, b->range, a->n * sizeof(a->range[0])) == 0;
}

bool idmap_out(const struct idmap *map, uint32_t id, uint32_t *ret)
{
	for (unsigned i = 0; i < map->n; i++) {
		if (id - map->range[i].inside >= map->range[i].count)
			continue;
		*ret = map->range[i].outside + (id - map->range[i].inside);
		return true;
	}
	return false;
}

bool idmap_in(const struct idmap *map, uint32_t id, uint32_t *ret)
{
	for (unsigned i = 0; i < map->n; i++) {
		if (id - map->range[i].outside >= map->range[i].count)
			continue;
		*ret = map->range[i].inside + (id - map->range[i].outside);
		return true;
	}
	return false;
}

/* Past what is no digit, and the number there; empty at the end. */
static struct str digits(struct str *text)
{
	size_t from = 0, to;

	while (from < text->n && !(text->p[from] >= '0' && text->p[from] <= '9'))
		from++;
	for (to = from; to < text->n && text->p[to] >= '0' && text->p[to] <= '9';)
		to++;
	struct str number = str_slice(*text, from, to);
	*text = str_slice(*text, to, text->n);
	return number;
}

FALLIBLE idmap_add_triples(struct str text, struct idmap *map)
{
	struct str rest = text;
	unsigned n = 0;
	uint64_t number[3] = { 0 };

	for (struct str word; (word = digits(&rest)).n; n++) {
		TRY_WRAP(parse_u64(word, UINT32_MAX, &number[n % 3]), "mapping \"%.*s\"",
				STR_ARG(text));
		if (n % 3 != 2)
			continue;
		if (map->n == IDMAP_RANGES)
			return error_new(ERR_LIMIT, "more than %d ranges of ids", IDMAP_RANGES);
		map->range[map->n++] = (struct id_range){ (uint32_t)number[0], (uint32_t)number[1],
			(uint32_t)number[2] };
	}
	if (n == 0 || n % 3)
		return error_new(ERR_INVALID,
				"mapping \"%.*s\" is not in the form containerid:hostid:size[,...]",
				STR_ARG(text));
	return NULL;
}

static bool overlap(uint64_t a, uint64_t b, uint64_t a_count, uint64_t b_count)
{
	return a < b + b_count && b < a + a_count;
}

FALLIBLE idmap_check(const struct idmap *map)
{
	for (unsigned i = 0; i < map->n; i++) {
		const struct id_range *one = &map->range[i];

		if (one->count == 0 || (uint64_t)one->inside + one->count > UINT32_MAX ||
				(uint64_t)one->outside + one->count > UINT32_MAX)
			return error_new(ERR_INVALID,
					"mapping %u:%u:%u has no ids, or more than there are",
					one->inside, one->outside, one->count);
		for (unsigned k = 0; k < i; k++) {
			const struct id_range *other = &map->range[k];

			if (overlap(one->inside, other->inside, one->count, other->count) ||
					overlap(one->outside, other->outside, one->count,
							other->count))
				return error_new(ERR_INVALID,
						"the specified UID and/or GID mapping %u:%u:%u "
						"conflicts with other mappings",
						one->inside, one->outside, one->count);
		}
	}
	return NULL;
}

void idmap_triples(const struct idmap *map, struct strbuf *out)
{
	for (unsigned i = 0; i < map->n; i++)
		strbuf_addf(out, "%s%u:%u:%u", i ? "," : "", map->range[i].inside,
				map->range[i].outside, map->range[i].count);
}

void idmap_parse_subids(struct str text, const char *name, uid_t uid, struct idmap *ret)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", uid);
	*ret = (struct idmap){ 0 };
	while (text.n) {
		struct str line, owner, start, count;
		uint64_t first, n;

		(void)str_cut(text, '\n', &line, &text);
		if (!str_cut(line, ':', &owner, &line) || !str_cut(line, ':', &start, &count))
			continue;
		if (!(name && str_is(owner, name)) && !str_is(owner, number))
			continue;
		struct error *error = parse_u64(start, UINT32_MAX - 1, &first);
		if (!error)
			error = parse_u64(str_trim(count), UINT32_MAX - first, &n);
		if (error)
			error_ignore(error, "a line of subordinate ids");
		else
			add(ret, 0, first, n);
	}
}

/* Does nsswitch.conf send subordinate ids to something else than files? */
static bool subids_from_elsewhere(void)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error =
			file_read(AT_FDCWD, "/etc/nsswitch.conf", LIMIT_SETTINGS_BYTES, &text, &n);

	if (error) {
		error_free(error);
		return false;
	}
	for (struct str rest = { text, n }, line; rest.n;) {
		struct str key, value;

		(void)str_cut(rest, '\n', &line, &rest);
		if (str_cut(line, ':', &key, &value) && str_is(str_trim(key), "subid"))
			return !str_is(str_trim(value), "files");
	}
	return false;
}

/* "0: name 100000 65536" lines of getsubids. */
static FALLIBLE ask_getsubids(const char *path, const char *name, struct idmap *ret)
{
	bool is_group = text_ends(path, "subgid");
	const char *argv[] = { "getsubids", is_group ? "-g" : name, is_group ? name : NULL, NULL };
	AUTO(proc_result) struct proc_result result = { 0 };
	struct str text, line, head;
	uint64_t number[2] = { 0 };

	TRY(proc_run(&(struct proc_spec){ .argv = argv, .timeout_ms = 5000 }, NULL, &result));
	for (text = strbuf_str(&result.out); result.status == 0 && text.n;) {
		(void)str_cut(text, '\n', &line, &text);
		if (!str_cut(line, ':', &head, &line))
			continue;
		(void)word(&line);
		TRY(parse_u64(word(&line), UINT32_MAX - 1, &number[0]));
		TRY(parse_u64(word(&line), UINT32_MAX - number[0], &number[1]));
		add(ret, 0, number[0], number[1]);
	}
	return NULL;
}

FALLIBLE idmap_subids(const char *path, const char *name, uid_t uid, struct idmap *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct idmap map = { 0 };

	if (name && subids_from_elsewhere()) {
		error_ignore(ask_getsubids(path, name, &map), "then the file is asked");
		if (map.n) {
			*ret = map;
			return NULL;
		}
	}
	struct error *error = file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n);
	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		*ret = map;
		return NULL;
	}
	TRY(error);
	idmap_parse_subids((struct str){ text, n }, name, uid, ret);
	return NULL;
}

/*
 * A range as inside and up, but for what leads nowhere new: the kernel takes no id twice, and files
 * that tools and people write have a line twice, or one by name and one by number.
 */
static uint64_t add_new(struct idmap *map, uint64_t inside, const struct id_range *range)
{
	uint64_t from = range->outside, end = from + range->count;

	while (from < end) {
		uint64_t to = end;

		for (unsigned i = 0; i < map->n; i++) {
			const struct id_range *other = &map->range[i];

			if (from >= other->outside && from - other->outside < other->count)
				from = to = (uint64_t)other->outside + other->count;
			else if (other->outside > from && other->outside < to)
				to = other->outside;
		}
		if (from >= to)
			continue;
		/* (uid_t)-1 is nobody's. */
		uint64_t count = to - from < UINT32_MAX - inside ? to - from : UINT32_MAX - inside;

		add(map, inside, from, count);
		inside += count;
		from = to;
	}
	return inside;
}

void idmap_of_subids(const struct idmap *subids, struct idmap *ret)
{
	struct idmap map = { 0 };
	uint64_t next = 0;

	for (unsigned i = 0; i < subids->n; i++)
		next = add_new(&map, next, &subids->range[i]);
	*ret = map;
}

void idmap_with_self(uint32_t id, const struct idmap *subids, struct idmap *ret)
{
	struct idmap map = { 0 };
	uint64_t next = 1;

	add(&map, 0, id, 1);
	for (unsigned i = 0; i < subids->n; i++)
		next = add_new(&map, next, &subids->range[i]);
	*ret = map;
}
