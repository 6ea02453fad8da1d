#include "cache/home.h"
#include "cache/home_kinds.h"

static FALLIBLE open_local(const struct cache_spec *spec, const struct cache_means *means,
		struct cache_home **ret)
{
	const char *index = spec->name ? spec->name : means->index_name;

	*ret = cache_home_objects(objects_dir(spec->where),
			xasprintf("local cache '%s' (%s)", spec->where, index), index);
	(*ret)->scope = xstrdup(spec->name);
	return NULL;
}

static FALLIBLE open_service(const struct cache_spec *spec, const struct cache_means *means,
		struct cache_home **ret)
{
	const char *index = spec->name ? spec->name : means->index_name, *kind = "s3";
	struct objects *objects = NULL;

	if (!means->registry)
		return error_new(ERR_UNSUPPORTED, "cache '%s': no network", spec->where);
	if (spec->kind == CACHE_HOME_S3) {
		TRY(objects_s3(spec, means, &objects));
	} else if (spec->kind == CACHE_HOME_AZBLOB) {
		kind = "azblob";
		TRY(objects_azblob(spec, means, &objects));
	} else {
		kind = "gha";
		TRY(objects_gha(spec, means, &objects));
	}
	*ret = cache_home_objects(
			objects, xasprintf("%s cache '%s' (%s)", kind, spec->where, index), index);
	(*ret)->scope = xstrdup(spec->name);
	const char *senders = list_env_get(&spec->settings, "upload_parallelism");
	(*ret)->senders = senders ? (unsigned)strtoul(senders, NULL, 10) : 0;
	return NULL;
}

FALLIBLE cache_home_open(const struct cache_spec *spec, const struct cache_means *means,
		struct cache_home **ret)
{
	switch (spec->kind) {
	case CACHE_HOME_REGISTRY:
	case CACHE_HOME_INLINE:
		return cache_home_registry(spec, means, ret);
	case CACHE_HOME_LOCAL:
		return open_local(spec, means, ret);
	case CACHE_HOME_S3:
	case CACHE_HOME_AZBLOB:
	case CACHE_HOME_GHA:
		return open_service(spec, means, ret);
	}
	return NULL;
}

void cache_home_free(struct cache_home *home)
{
	if (home)
		home->ops->free(home);
}
