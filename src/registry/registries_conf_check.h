/*
 * registries_conf_check: one file of registries.conf on its own: everything that can be told
 * without the others.
 *
 * Floor: registry (pure); of registries_conf.c.
 */
#pragma once
#include "registry/registries_conf.h"

/*
 * Fill in what stands for something else (a location for a prefix), drop what counts no more (a
 * second table of a prefix), refuse what containers/image refuses. ERR_INVALID names the file.
 */
FALLIBLE registries_conf_complete(struct registries_conf *conf, const char *what);
void conf_registry_done(struct conf_registry *registry);
