#include "unit.h"

#include "container/container.h"

static void survives_its_text(void **state)
{
	struct container *before = xcalloc(1, sizeof(*before));
	struct container *after = xcalloc(1, sizeof(*after));

	before->image_name = xstrdup("docker.io/library/debian:12");
	before->manifest = digest_of("a", 1);
	before->format = FORMAT_DOCKER;
	before->config.platform = platform_host();
	list_add(&before->config.env, "A=1");
	before->config.healthcheck.set = true;
	list_add(&before->config.healthcheck.test, "NONE");
	before->base_history = 3;
	list_add(&before->settings, "volume=/a:/b");
	list_add(&before->layers, "0123456789abcdef");
	before->comment = xstrdup("with \"quotes\"");
	before->is_begun = true;
	AUTO_FREE char *text = container_print(before);
	assert_ok(container_parse(text, after));
	AUTO_FREE char *again = container_print(after);
	assert_string_equal(text, again);
	assert_true(digest_equal(&before->manifest, &after->manifest));
	assert_int_equal(after->format, FORMAT_DOCKER);
	assert_int_equal(after->base_history, 3);
	container_free(before);
	container_free(after);
}

static void refuses_others(void **state)
{
	struct container *container = xcalloc(1, sizeof(*container));

	assert_error(container_parse("{}", container), ERR_INVALID, "config");
	assert_error(container_parse("[]", container), ERR_INVALID, "container");
	container_free(container);
}

static void names_by_image(void **state)
{
	static const struct {
		const char *image, *name;
	} cases[] = {
		{ "docker.io/library/debian:12", "debian-working-container" },
		{ "localhost:5000/a/b@sha256:"
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
				"b-working-container" },
		{ "", "working-container" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *name = container_name_for(cases[i].image, NULL);

		assert_string_equal(name, cases[i].name);
	}
	assert_ok(container_check_name("a.b-c_1"));
	assert_error(container_check_name("-a"), ERR_INVALID, "name");
	assert_error(container_check_name("a/b"), ERR_INVALID, "name");
	assert_error(container_check_name(""), ERR_INVALID, "name");
}

UNIT_TESTS(survives_its_text, refuses_others, names_by_image)
