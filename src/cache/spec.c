#include "cache/spec.h"

void cache_spec_done(struct cache_spec *spec)
{
	free(spec->name);
	free(spec->where);
	list_done(&spec->settings);
}

void cache_specs_done(struct cache_specs *specs)
{
	for (size_t i = 0; i < specs->n; i++)
		cache_spec_done(&specs->p[i]);
	vec_done(specs);
}
