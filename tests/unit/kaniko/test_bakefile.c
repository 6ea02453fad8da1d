#include "unit.h"

#include "base/str.h"
#include "kaniko/bakefile.h"

static void assert_target(const struct bakefile *file, size_t i, const char *name,
		const char *stage, const char *first, size_t n)
{
	const struct bake_target *target = &file->targets.p[i];

	assert_string_equal(target->name, name);
	assert_string_equal(target->stage, stage);
	assert_int_equal(target->destinations.n, n);
	if (n)
		assert_string_equal(target->destinations.p[0], first);
}

static const char two[] = "# one\n"
			  "target \"app\" { // here\n"
			  "\ttarget = \"build\"\n"
			  "\tdestination = [\"r.example/app:1\", \"r.example/\\\"app\\\"\",]\n"
			  "}\n"
			  "/* another\n */ target \"tool-1\" {\n"
			  "\tdestination = [ ] } target \"v1.2\" {}";

static void reads_targets(void **state)
{
	AUTO(bakefile) struct bakefile file = { 0 };

	(void)state;
	assert_ok(bakefile_parse(str_of(two), "k.hcl", &file));
	assert_int_equal(file.targets.n, 3);
	assert_target(&file, 0, "app", "build", "r.example/app:1", 2);
	assert_string_equal(file.targets.p[0].destinations.p[1], "r.example/\"app\"");
	assert_target(&file, 1, "tool-1", "tool-1", NULL, 0);
	assert_ptr_equal(bakefile_find(&file, "tool-1"), &file.targets.p[1]);
	assert_null(bakefile_find(&file, "tool"));
}

/* Each names its place. */
static void refuses_what_it_cannot_read(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "", "k:1:1: there is no target" },
		{ "/* a", "k:1:5: this is no 'target \"NAME\" {'" },
		{ "group \"a\" { targets = [\"b\"] }", "k:1:1: this is no 'target \"NAME\" {'" },
		{ "target app {}", "k:1:8: the name of a target is a text" },
		{ "target \"\" {}", "k:1:8: the name of a target is a text" },
		{ "target \"--no-push\" {}", "k:1:8: the name of target '--no-push' looks like" },
		{ "target \"a\"\n", "k:2:1: '{' is missing" },
		{ "target \"a\" {\n", "k:2:1: a key, or '}', is missing" },
		{ "target \"a\" { tags = [\"b\"] }", "k:1:14: 'tags' of target 'a' is not known" },
		{ "target \"a\" {\n  target \"b\"\n}", "k:2:10: '=' is missing" },
		{ "target \"a\" { target = [\"b\"] }", "k:1:23: 'target' is a text" },
		{ "target \"a\" { target = \"${b}\" }", "without variables" },
		{ "target \"a\" { target = \"b\n\" }", "k:1:23: 'target' is a text" },
		{ "target \"a\" { target = \"\\q\" }", "k:1:23: 'target' is a text" },
		{ "target \"a\" { target = \"\\", "k:1:23: 'target' is a text" },
		{ "target \"a\" { target = \"b\" target = \"c\" }",
				"k:1:27: 'target' comes twice" },
		{ "target \"a\" { destination = \"b\" }", "k:1:28: 'destination' is a list" },
		{ "target \"a\" { destination = [\"b\" \"c\"] }", "k:1:33: ',' is missing" },
		{ "target \"a\" { destination = [\"b\"", "k:1:32: ',' is missing" },
		{ "target \"a\" {}\ntarget \"a\" {}", "k:2:8: target 'a' comes twice" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(bakefile) struct bakefile file = { 0 };

		assert_error(bakefile_parse(str_of(cases[i].text), "k", &file), ERR_INVALID,
				cases[i].message);
	}
}

static void sets_take_the_place_of_destinations(void **state)
{
	AUTO(bakefile) struct bakefile file = { 0 };
	char first[] = "app.destination=x/y:1", second[] = "app.destination=x/y:2";
	char dotted[] = "v1.2.destination=x/y:3";
	char *words[] = { first, second, dotted };
	const struct list sets = { words, COUNT(words), 0 };
	static const char *const wrong[] = { "app=x", "app.tags=x", "app.destination",
		"app.destination=", "nix.destination=x" };

	(void)state;
	assert_ok(bakefile_parse(str_of(two), "k", &file));
	assert_ok(bakefile_set(&file, &sets));
	assert_target(&file, 0, "app", "build", "x/y:1", 2);
	assert_string_equal(file.targets.p[0].destinations.p[1], "x/y:2");
	assert_target(&file, 2, "v1.2", "v1.2", "x/y:3", 1);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		AUTO(list) struct list one = { 0 };

		list_add(&one, wrong[i]);
		assert_error(bakefile_set(&file, &one), ERR_INVALID, "option '--set'");
	}
}

UNIT_TESTS(reads_targets, refuses_what_it_cannot_read, sets_take_the_place_of_destinations)
