#include "verbs/userns_flag.h"

#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static FALLIBLE add_name(const char *path, const char *kind, const char *name, struct idmap *ret)
{
	struct idmap subids = { 0 };

	/* By name alone: no number is nobody's. */
	TRY(idmap_subids(path, name, UINT32_MAX, &subids));
	if (!subids.n)
		return error_usage("parsing ID mapping options: no %s ranges found for %s \"%s\" "
				   "in %s",
				path + strlen("/etc/"), kind, name, path);
	idmap_of_subids(&subids, ret);
	return NULL;
}

static FALLIBLE add_triples(const char *name, const struct list *texts, struct idmap *ret)
{
	for (size_t i = 0; i < texts->n; i++) {
		struct error *error = idmap_add_triples(str_of(texts->p[i]), ret);

		if (!error)
			continue;
		error_free(error);
		return error_hint(error_usage("initializing ID mappings: %s setting is malformed "
					      "expected [\"uint32:uint32:uint32\"]: [\"%s\"]",
						  name, texts->p[i]),
				"it is CONTAINER:HOST:LENGTH, several with commas, at most %d",
				IDMAP_RANGES);
	}
	return NULL;
}

static FALLIBLE check(const char *name, const struct idmap *map)
{
	return map->n ? usage_of_option(idmap_check(map), name) : NULL;
}

static bool is_host(const struct run_flags *flags)
{
	return text_equal(flags->userns, "host");
}

/*
 * "auto:size=N" asks for at least so many ids of Buildah's own choice, which is ours: the usual
 * ones. What is mapped to what is said otherwise.
 */
static FALLIBLE check_auto(const char *options)
{
	for (struct str rest = str_of(options), one; rest.n;) {
		struct str name, value;
		uint64_t size = 0;

		(void)str_cut(rest, ',', &one, &rest);
		(void)str_cut(one, '=', &name, &value);
		if (!str_is(name, "size"))
			return error_hint(error_usage("option '--userns': 'auto:%.*s' is not "
						      "supported",
							  STR_ARG(one)),
					"say it with --userns-uid-map and --userns-gid-map");
		TRY(usage_of_option(parse_u64(value, UINT32_MAX, &size), "--userns"));
		if (size > IDMAP_WIDTH)
			return error_hint(error_usage("option '--userns': %llu ids are more than "
						      "there are",
							  (unsigned long long)size),
					"at most %d; more with --userns-uid-map", IDMAP_WIDTH);
	}
	return NULL;
}

/* A path, or "ns:" and one. That of the namespace we are in is as good as "host". */
static FALLIBLE find_namespace(const char *how, const char **ret)
{
	static const char *const words[] = { "", "private", "container", "auto", "host" };
	const char *path = how && text_starts(how, "ns:") ? how + strlen("ns:") : how;
	struct stat theirs, ours;

	*ret = NULL;
	for (size_t i = 0; i < COUNT(words); i++)
		if (!how || text_equal(how, words[i]))
			return NULL;
	if (text_starts(how, "auto:"))
		return check_auto(how + strlen("auto:"));
	if (stat(path, &theirs) != 0)
		return error_usage(
				"parsing ID mapping options: checking user namespace: stat %s: %s",
				path, strerrordesc_np(errno));
	if (strlen(path) >= PATH_MAX)
		return error_usage("option '--userns': the path is too long");
	if (stat("/proc/self/ns/user", &ours) != 0 || ours.st_ino != theirs.st_ino ||
			ours.st_dev != theirs.st_dev)
		*ret = path;
	return NULL;
}

const struct session_ids *userns_flags_ids(const struct session_ids *ids)
{
	return ids->maps.uids.n || ids->join ? ids : NULL;
}

FALLIBLE userns_flags_make(
		const struct run_flags *flags, const struct config *config, struct session_ids *ret)
{
	const char *user = flags->uid_user ? flags->uid_user : flags->gid_group;
	const char *group = flags->gid_group ? flags->gid_group : flags->uid_user;
	const struct list *uids = flags->uid_maps.n ? &flags->uid_maps : &config->uid_maps;
	const struct list *gids = flags->gid_maps.n ? &flags->gid_maps : &config->gid_maps;
	struct id_maps maps = { 0 };

	if (user && *user)
		TRY(add_name("/etc/subuid", "user", user, &maps.uids));
	if (group && *group)
		TRY(add_name("/etc/subgid", "group", group, &maps.gids));
	TRY(add_triples("userns-uid-map", uids, &maps.uids));
	TRY(add_triples("userns-gid-map", gids, &maps.gids));
	if (!maps.uids.n)
		maps.uids = maps.gids;
	if (!maps.gids.n)
		maps.gids = maps.uids;
	if (maps.uids.n && is_host(flags))
		return error_usage("parsing ID mapping options: can not specify ID mappings while "
				   "using host's user namespace");
	TRY(check("--userns-uid-map", &maps.uids));
	TRY(check("--userns-gid-map", &maps.gids));
	ret->maps = maps;
	TRY(find_namespace(flags->userns, &ret->join));
	if (ret->join && maps.uids.n)
		return error_hint(error_usage("options '--userns' and '--userns-uid-map' exclude "
					      "each "
					      "other"),
				"the namespace has its ids already");
	return NULL;
}

FALLIBLE userns_flags_refuse(const struct run_flags *flags)
{
	if (!flags->uid_maps.n && !flags->gid_maps.n && !flags->uid_user && !flags->gid_group)
		return NULL;
	return error_hint(
			error_usage("option '--userns-uid-map' and its kin are not for a container "
				    "that is there"),
			"its files have the ids that 'from' was told");
}
