#include "oci/mediatype.h"

#include "base/str.h"
#include "base/xalloc.h"

struct row {
	const char *name;
	enum media_role role;
	enum image_format format;
	enum compression compression; /* of layers */
};

#define OCI_OLD_FOREIGN "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define DOCKER_FOREIGN  "application/vnd.docker.image.rootfs.foreign.diff.tar"

/* Of rows with the same role, format and compression, the first is the one we write. */
static const struct row rows[] = {
	{ MEDIA_OCI_INDEX, MEDIA_INDEX, FORMAT_OCI, 0 },
	{ MEDIA_OCI_MANIFEST, MEDIA_MANIFEST, FORMAT_OCI, 0 },
	{ MEDIA_OCI_CONFIG, MEDIA_CONFIG, FORMAT_OCI, 0 },
	{ MEDIA_OCI_LAYER, MEDIA_LAYER, FORMAT_OCI, COMPRESSION_NONE },
	{ MEDIA_OCI_LAYER_GZIP, MEDIA_LAYER, FORMAT_OCI, COMPRESSION_GZIP },
	{ MEDIA_OCI_LAYER_ZSTD, MEDIA_LAYER, FORMAT_OCI, COMPRESSION_ZSTD },
	{ OCI_OLD_FOREIGN, MEDIA_LAYER, FORMAT_OCI, COMPRESSION_NONE },
	{ OCI_OLD_FOREIGN "+gzip", MEDIA_LAYER, FORMAT_OCI, COMPRESSION_GZIP },
	{ OCI_OLD_FOREIGN "+zstd", MEDIA_LAYER, FORMAT_OCI, COMPRESSION_ZSTD },
	{ MEDIA_OCI_EMPTY, MEDIA_EMPTY, FORMAT_OCI, 0 },
	{ MEDIA_DOCKER_LIST, MEDIA_INDEX, FORMAT_DOCKER, 0 },
	{ MEDIA_DOCKER_MANIFEST, MEDIA_MANIFEST, FORMAT_DOCKER, 0 },
	{ MEDIA_DOCKER_CONFIG, MEDIA_CONFIG, FORMAT_DOCKER, 0 },
	{ MEDIA_DOCKER_LAYER_GZIP, MEDIA_LAYER, FORMAT_DOCKER, COMPRESSION_GZIP },
	{ MEDIA_DOCKER_LAYER, MEDIA_LAYER, FORMAT_DOCKER, COMPRESSION_NONE },
	{ DOCKER_FOREIGN ".gzip", MEDIA_LAYER, FORMAT_DOCKER, COMPRESSION_GZIP },
	{ DOCKER_FOREIGN, MEDIA_LAYER, FORMAT_DOCKER, COMPRESSION_NONE },
	/* BuildKit and others write zstd layers into Docker manifests with this unofficial name. */
	{ MEDIA_DOCKER_LAYER ".zstd", MEDIA_LAYER, FORMAT_DOCKER, COMPRESSION_ZSTD },
};

static const struct row *find(const char *name)
{
	for (size_t i = 0; name && i < COUNT(rows); i++)
		if (text_equal(rows[i].name, name))
			return &rows[i];
	return NULL;
}

enum media_role mediatype_role(const char *name)
{
	const struct row *row = find(name);

	return row ? row->role : MEDIA_OTHER;
}

enum image_format mediatype_format(const char *name)
{
	const struct row *row = find(name);

	return row ? row->format : FORMAT_OCI;
}

enum compression mediatype_compression(const char *layer_name)
{
	const struct row *row = find(layer_name);

	if (row && row->compression)
		return row->compression;
	if (layer_name && (text_ends(layer_name, "+gzip") || text_ends(layer_name, ".gzip")))
		return COMPRESSION_GZIP;
	if (layer_name && (text_ends(layer_name, "+zstd") || text_ends(layer_name, ".zstd")))
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}

static const char *name_of(
		enum media_role role, enum image_format format, enum compression compression)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].role == role && rows[i].format == format &&
				rows[i].compression == compression)
			return rows[i].name;
	return NULL;
}

const char *mediatype_layer(enum image_format format, enum compression compression)
{
	if (format == FORMAT_DOCKER && compression == COMPRESSION_ZSTD)
		return NULL;
	return name_of(MEDIA_LAYER, format, compression);
}

bool mediatype_is_encrypted(const char *name)
{
	return name && text_ends(name, MEDIA_ENCRYPTED);
}

const char *mediatype_manifest(enum image_format format)
{
	return name_of(MEDIA_MANIFEST, format, 0);
}

const char *mediatype_config(enum image_format format)
{
	return name_of(MEDIA_CONFIG, format, 0);
}

const char *mediatype_index(enum image_format format)
{
	return name_of(MEDIA_INDEX, format, 0);
}

const char *compression_name(enum compression compression)
{
	switch (compression) {
	case COMPRESSION_NONE:
		return "none";
	case COMPRESSION_GZIP:
		return "gzip";
	case COMPRESSION_ZSTD:
		return "zstd";
	}
	return "none";
}
