#include "verbs/compression_conf.h"

#include "base/str.h"
#include "ui/config.h"
#include "ui/containers_conf.h"

bool compression_is_zstd(const char *text)
{
	return text_equal(text, "zstd") || text_equal(text, "zstd:chunked");
}

FALLIBLE compression_conf(const char *program, bool is_docker, enum compression *ret, int *level)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;

	if (!text_equal(program, "buildah"))
		return NULL;
	TRY(containers_conf_read(config_getenv, NULL, &conf));
	if (!conf.compression || text_equal(conf.compression, "gzip"))
		return NULL;
	if (!compression_is_zstd(conf.compression))
		return error_new(ERR_INVALID,
				"containers.conf: 'compression_format' of [engine]: unknown "
				"compression \"%s\"",
				conf.compression);
	if (is_docker)
		return NULL;
	*ret = COMPRESSION_ZSTD;
	if (conf.level >= 1 && conf.level <= 22)
		*level = (int)conf.level;
	return NULL;
}
