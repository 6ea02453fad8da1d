#include "oci/mediatype.h"
#include "unit.h"

static void roles(void **state)
{
	static const struct {
		const char *name;
		enum media_role role;
		enum image_format format;
	} cases[] = {
		{ MEDIA_OCI_INDEX, MEDIA_INDEX, FORMAT_OCI },
		{ MEDIA_DOCKER_LIST, MEDIA_INDEX, FORMAT_DOCKER },
		{ MEDIA_OCI_MANIFEST, MEDIA_MANIFEST, FORMAT_OCI },
		{ MEDIA_DOCKER_MANIFEST, MEDIA_MANIFEST, FORMAT_DOCKER },
		{ MEDIA_OCI_CONFIG, MEDIA_CONFIG, FORMAT_OCI },
		{ MEDIA_DOCKER_CONFIG, MEDIA_CONFIG, FORMAT_DOCKER },
		{ MEDIA_OCI_EMPTY, MEDIA_EMPTY, FORMAT_OCI },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER,
				FORMAT_DOCKER },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER,
				FORMAT_OCI },
		{ "application/vnd.in-toto+json", MEDIA_OTHER, FORMAT_OCI },
		{ "", MEDIA_OTHER, FORMAT_OCI },
		{ NULL, MEDIA_OTHER, FORMAT_OCI },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].name ? cases[i].name : "NULL");
		assert_int_equal(mediatype_role(cases[i].name), cases[i].role);
		assert_int_equal(mediatype_format(cases[i].name), cases[i].format);
	}
}

static void layers(void **state)
{
	assert_string_equal(mediatype_layer(FORMAT_OCI, COMPRESSION_NONE), MEDIA_OCI_LAYER);
	assert_string_equal(mediatype_layer(FORMAT_OCI, COMPRESSION_GZIP), MEDIA_OCI_LAYER_GZIP);
	assert_string_equal(mediatype_layer(FORMAT_OCI, COMPRESSION_ZSTD), MEDIA_OCI_LAYER_ZSTD);
	assert_string_equal(mediatype_layer(FORMAT_DOCKER, COMPRESSION_NONE), MEDIA_DOCKER_LAYER);
	assert_string_equal(
			mediatype_layer(FORMAT_DOCKER, COMPRESSION_GZIP), MEDIA_DOCKER_LAYER_GZIP);
	assert_null(mediatype_layer(FORMAT_DOCKER, COMPRESSION_ZSTD));
	assert_int_equal(mediatype_compression(MEDIA_DOCKER_LAYER_GZIP), COMPRESSION_GZIP);
	assert_int_equal(mediatype_compression(MEDIA_OCI_LAYER), COMPRESSION_NONE);
	assert_int_equal(mediatype_compression("application/x.thing+zstd"), COMPRESSION_ZSTD);
	assert_int_equal(mediatype_compression(NULL), COMPRESSION_NONE);
	assert_string_equal(compression_name(COMPRESSION_ZSTD), "zstd");
}

static void documents(void **state)
{
	assert_string_equal(mediatype_manifest(FORMAT_OCI), MEDIA_OCI_MANIFEST);
	assert_string_equal(mediatype_manifest(FORMAT_DOCKER), MEDIA_DOCKER_MANIFEST);
	assert_string_equal(mediatype_config(FORMAT_OCI), MEDIA_OCI_CONFIG);
	assert_string_equal(mediatype_config(FORMAT_DOCKER), MEDIA_DOCKER_CONFIG);
	assert_string_equal(mediatype_index(FORMAT_OCI), MEDIA_OCI_INDEX);
	assert_string_equal(mediatype_index(FORMAT_DOCKER), MEDIA_DOCKER_LIST);
}

UNIT_TESTS(roles, layers, documents)
