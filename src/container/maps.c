#include "container/maps.h"
#include "base/str.h"
#include "base/strbuf.h"

static void set(struct list *settings, const char *name, const struct idmap *map)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	idmap_triples(map, &text);
	if (map->n)
		list_env_set(settings, name, strbuf_text(&text));
}

void container_set_maps(struct container *container, const struct id_maps *maps)
{
	set(&container->settings, CONTAINER_UID_MAP, &maps->uids);
	set(&container->settings, CONTAINER_GID_MAP, &maps->gids);
}

static FALLIBLE get(const struct container *container, const char *name, struct idmap *ret)
{
	const char *text = list_env_get(&container->settings, name);

	*ret = (struct idmap){ 0 };
	return text ? idmap_add_triples(str_of(text), ret) : NULL;
}

FALLIBLE container_maps(const struct container *container, struct id_maps *ret)
{
	TRY_WRAP(get(container, CONTAINER_UID_MAP, &ret->uids), "container \"%s\"",
			container->name);
	TRY_WRAP(get(container, CONTAINER_GID_MAP, &ret->gids), "container \"%s\"",
			container->name);
	return NULL;
}
