/*
 * Two ways to match. Where "**" stands alone between slashes, as it should, a pattern is a list of
 * parts and is compared name by name; most parts are plain text, or a star before or behind it. A
 * "**" inside a name has the odd meaning that moby/patternmatcher gives it; such a pattern becomes
 * a list of atoms, matched byte by byte by a set of states.
 */
#include "dockerfile/glob.h"

#include "base/vec.h"
#include "base/xalloc.h"
#include "dockerfile/glob_plain.h"
#include "dockerfile/runes.h"

enum part_kind {
	PART_DEEP,    /* any number of names */
	PART_BELOW,   /* at least one name; stands last */
	PART_LITERAL, /* text */
	PART_HEAD,    /* text* */
	PART_TAIL,    /* *text */
	PART_PATTERN, /* anything else */
};

struct part {
	enum part_kind kind;
	struct str text;
};

enum atom_kind {
	ATOM_TEXT, /* one character or class, or ?: matched by glob_match_plain */
	ATOM_STAR, /* any text without / */
	ATOM_DIRS, /* nothing, or any text that ends with / */
	ATOM_ANY,  /* any text */
};

struct atom {
	enum atom_kind kind;
	struct str text;
};

struct glob {
	char *pattern; /* what parts and atoms point into, with literals unescaped behind it */
	struct part *parts;
	struct atom *atoms; /* instead of parts */
	size_t n;
	size_t min_names; /* parts that take one name each */
};

void glob_free(struct glob *glob)
{
	if (!glob)
		return;
	free(glob->pattern);
	free(glob->parts);
	free(glob->atoms);
	free(glob);
}

/* Compiling. */

/* The length of the atom at the front: an escape, a class, or a character. */
static size_t atom_length(struct str s)
{
	size_t bytes = 0, at = 1;

	if (s.p[0] == '\\' && s.n > 1) {
		(void)rune_at(s, 1, &bytes);
		return 1 + bytes;
	}
	if (s.p[0] != '[') {
		(void)rune_at(s, 0, &bytes);
		return bytes;
	}
	while (at < s.n && s.p[at] != ']')
		at += s.p[at] == '\\' ? 2 : 1;
	return at < s.n ? at + 1 : s.n;
}

static bool has_magic(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr("*?[\\", s.p[i]))
			return true;
	return false;
}

static struct part make_part(struct str name)
{
	bool has_head = name.n > 1 && name.p[name.n - 1] == '*' &&
			!has_magic(str_slice(name, 0, name.n - 1));
	bool has_tail = name.n > 1 && name.p[0] == '*' && !has_magic(str_slice(name, 1, name.n));

	if (str_is(name, "**"))
		return (struct part){ PART_DEEP, { 0 } };
	if (!has_magic(name))
		return (struct part){ PART_LITERAL, name };
	if (has_head)
		return (struct part){ PART_HEAD, str_slice(name, 0, name.n - 1) };
	if (has_tail)
		return (struct part){ PART_TAIL, str_slice(name, 1, name.n) };
	return (struct part){ PART_PATTERN, name };
}

static void compile_parts(struct glob *glob, struct str pattern)
{
	VEC(struct part) parts = { 0 };
	bool more = true;

	while (more) {
		struct str name = { 0 };

		more = str_cut(pattern, '/', &name, &pattern);
		struct part part = make_part(name);
		if (part.kind != PART_DEEP || !parts.n || parts.p[parts.n - 1].kind != PART_DEEP)
			vec_push(&parts, part);
	}
	for (size_t i = 0; i < parts.n; i++)
		glob->min_names += parts.p[i].kind != PART_DEEP;
	if (parts.p[parts.n - 1].kind == PART_DEEP) {
		parts.p[parts.n - 1].kind = PART_BELOW;
		glob->min_names++;
	}
	glob->parts = parts.p;
	glob->n = parts.n;
}

static void compile_atoms(struct glob *glob, struct str pattern)
{
	VEC(struct atom) atoms = { 0 };
	bool is_suffix = str_starts(pattern, "**") && !has_magic(str_slice(pattern, 2, pattern.n));

	while (pattern.n) {
		struct atom atom = { ATOM_TEXT, { 0 } };
		size_t length = 1;

		if (str_starts(pattern, "**")) {
			length = str_starts(pattern, "**/") ? 3 : 2;
			atom.kind = length == pattern.n || is_suffix ? ATOM_ANY : ATOM_DIRS;
		} else if (pattern.p[0] == '*') {
			atom.kind = ATOM_STAR;
		} else {
			length = atom_length(pattern);
			atom.text = str_slice(pattern, 0, length);
		}
		vec_push(&atoms, atom);
		pattern = str_slice(pattern, length, pattern.n);
	}
	glob->atoms = atoms.p;
	glob->n = atoms.n;
}

/* Does "**" stand inside a name? A class with stars or slashes in it counts as well. */
static bool needs_atoms(struct str pattern)
{
	for (bool more = true; more;) {
		struct str name = { 0 };

		more = str_cut(pattern, '/', &name, &pattern);
		for (size_t at = 0; at < name.n; at += atom_length(str_slice(name, at, name.n)))
			if (name.n > 2 && str_starts(str_slice(name, at, name.n), "**"))
				return true;
		size_t open = str_find(name, '[');
		if (open < name.n &&
				str_find(str_slice(name, open, name.n), ']') == name.n - open &&
				more)
			return true;
	}
	return false;
}

FALLIBLE glob_parse(const char *pattern, struct glob **ret)
{
	TRY(glob_check(pattern));

	struct glob *glob = xcalloc(1, sizeof(*glob));
	glob->pattern = xstrdup(pattern);
	if (needs_atoms(str_of(glob->pattern)))
		compile_atoms(glob, str_of(glob->pattern));
	else
		compile_parts(glob, str_of(glob->pattern));
	*ret = glob;
	return NULL;
}

/* Matching by parts. */

void glob_path_split(const char *path, struct glob_path *ret)
{
	struct str rest = str_of(path);
	bool more = true;

	ret->text = rest;
	ret->n = 0;
	while (more && ret->n < LIMIT_PATH_DEPTH - 1)
		more = str_cut(rest, '/', &ret->names[ret->n++], &rest);
	if (more)
		ret->names[ret->n++] = rest;
}

/* Most names differ in the first byte already. */
static bool bytes_equal(struct str a, const char *p)
{
	return !a.n || (a.p[0] == p[0] && memcmp(a.p, p, a.n) == 0);
}

static inline bool part_matches(const struct part *part, struct str name)
{
	struct str text = part->text;

	switch (part->kind) {
	case PART_LITERAL:
		return text.n == name.n && bytes_equal(text, name.p);
	case PART_HEAD:
		return text.n <= name.n && bytes_equal(text, name.p);
	case PART_TAIL:
		return text.n <= name.n && bytes_equal(text, name.p + name.n - text.n);
	case PART_PATTERN:
		return glob_match_plain(text, name);
	case PART_DEEP:
	case PART_BELOW:
		return true;
	}
	return false;
}

/*
 * Match all parts against names[0, n), or against some names at the front of it when parents is
 * set. One place to come back to is enough: what follows a later "**" could follow it from any
 * earlier match as well.
 */
static bool match_parts(const struct glob *glob, const struct str *names, size_t n, bool parents)
{
	size_t part = 0, name = 0;
	size_t retry_part = SIZE_MAX, retry_name = 0;

	for (;;) {
		if (part == glob->n && (parents || name == n))
			return true;
		if (part < glob->n && glob->parts[part].kind == PART_DEEP) {
			retry_part = ++part;
			retry_name = name;
			continue;
		}
		if (part < glob->n && name < n && part_matches(&glob->parts[part], names[name])) {
			if (glob->parts[part].kind == PART_BELOW)
				return true;
			part++;
			name++;
			continue;
		}
		if (retry_part == SIZE_MAX || retry_name >= n)
			return false;
		part = retry_part;
		name = ++retry_name;
	}
}

/* Matching by atoms. */

struct states {
	bool *at;     /* at[i]: everything before atom i has matched */
	bool *inside; /* inside[i]: somewhere in the text of ATOM_DIRS i */
};

/* Atoms that may match nothing let the state behind them be reached at once. */
static void skip_empty(const struct glob *glob, struct states *states)
{
	for (size_t i = 0; i < glob->n; i++)
		if (states->at[i] && glob->atoms[i].kind != ATOM_TEXT)
			states->at[i + 1] = true;
}

/* Take one character; from is before it, to behind it and empty at first. */
static bool step(
		const struct glob *glob, const struct states *from, struct states *to, struct str c)
{
	bool is_alive = false, is_slash = str_is(c, "/");

	for (size_t i = 0; i < glob->n; i++) {
		const struct atom *atom = &glob->atoms[i];

		if (atom->kind == ATOM_DIRS && (from->at[i] || from->inside[i])) {
			to->inside[i] = is_alive = true;
			to->at[i + 1] |= is_slash;
		}
		if (!from->at[i])
			continue;
		if (atom->kind == ATOM_ANY || (atom->kind == ATOM_STAR && !is_slash))
			to->at[i] = is_alive = true;
		else if (atom->kind == ATOM_TEXT && glob_match_plain(atom->text, c))
			to->at[i + 1] = is_alive = true;
	}
	return is_alive;
}

static bool match_atoms(const struct glob *glob, struct str text, bool parents)
{
	size_t size = glob->n + 1, bytes = 0;
	AUTO_FREE bool *memory = xcalloc(4, size);
	struct states now = { memory, memory + size };
	struct states next = { memory + 2 * size, memory + 3 * size };

	now.at[0] = true;
	for (size_t at = 0;; at += bytes) {
		skip_empty(glob, &now);
		bool is_end = at == text.n;
		if (now.at[glob->n] && (is_end || (parents && text.p[at] == '/')))
			return true;
		if (is_end)
			return false;
		(void)rune_at(text, at, &bytes);
		memset(next.at, 0, 2 * size);
		if (!step(glob, &now, &next, str_slice(text, at, at + bytes)))
			return false;
		struct states other = now;
		now = next;
		next = other;
	}
}

bool glob_matches(const struct glob *glob, const struct glob_path *path)
{
	if (glob->atoms)
		return match_atoms(glob, path->text, false);
	return path->n >= glob->min_names && match_parts(glob, path->names, path->n, false);
}

bool glob_matches_parents(const struct glob *glob, const struct glob_path *path)
{
	const struct part *parts = glob->parts;

	if (glob->atoms)
		return match_atoms(glob, path->text, true);
	/* The two commonest forms, one name at the top and one at any depth, need no search. */
	if (glob->n == 1)
		return part_matches(parts, path->names[0]);
	if (glob->n == 2 && parts[0].kind == PART_DEEP) {
		for (size_t i = 0; i < path->n; i++)
			if (part_matches(&parts[1], path->names[i]))
				return true;
		return false;
	}
	return path->n >= glob->min_names && match_parts(glob, path->names, path->n, true);
}

/* The names of dir use up parts until one differs, a "**" comes, or dir ends with parts left. */
bool glob_may_match_below(const struct glob *glob, const struct glob_path *dir)
{
	if (glob->atoms)
		return true;
	for (size_t i = 0; i < dir->n; i++) {
		if (i == glob->n)
			return false;
		if (glob->parts[i].kind == PART_DEEP || glob->parts[i].kind == PART_BELOW)
			return true;
		if (!part_matches(&glob->parts[i], dir->names[i]))
			return false;
	}
	return dir->n < glob->n;
}
