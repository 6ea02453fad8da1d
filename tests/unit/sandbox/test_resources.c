#include "unit.h"

#include "sandbox/resources.h"

static void as_files_of_a_cgroup(void **state)
{
	static const struct {
		struct sandbox_resources resources;
		unsigned controllers;
		const char *files;
	} cases[] = {
		{ { 0 }, 0, "" },
		{ { .cgroup_parent = "/a" }, 0, "" },
		{ { .memory_bytes = 1000, .pids = 50 }, CGROUP_MEMORY | CGROUP_PIDS,
				"memory.max=1000 pids.max=50 " },
		{ { .memory_bytes = 1000, .memory_swap_bytes = 1500 }, CGROUP_MEMORY,
				"memory.max=1000 memory.swap.max=500 " },
		{ { .memory_bytes = 1000, .memory_swap_bytes = RESOURCES_NO_LIMIT }, CGROUP_MEMORY,
				"memory.max=1000 memory.swap.max=max " },
		{ { .cpu_quota_us = 20000 }, CGROUP_CPU, "cpu.max=20000 100000 " },
		{ { .cpu_quota_us = 20000, .cpu_period_us = 40000 }, CGROUP_CPU,
				"cpu.max=20000 40000 " },
		{ { .cpu_shares = 2 }, CGROUP_CPU, "cpu.weight=1 " },
		{ { .cpu_shares = 1024 }, CGROUP_CPU, "cpu.weight=39 " },
		{ { .cpu_shares = 1 << 20 }, CGROUP_CPU, "cpu.weight=10000 " },
		{ { .cpuset_cpus = "0-2", .cpuset_mems = "0" }, CGROUP_CPUSET,
				"cpuset.cpus=0-2 cpuset.mems=0 " },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cgroup_setting settings[RESOURCES_SETTINGS];
		AUTO(strbuf) struct strbuf text = { 0 };
		unsigned controllers = 0;

		size_t n = resources_settings(&cases[i].resources, settings, &controllers);
		for (size_t k = 0; k < n; k++)
			strbuf_addf(&text, "%s=%s ", settings[k].file, settings[k].value);
		assert_string_equal(strbuf_text(&text), cases[i].files);
		assert_int_equal(controllers, cases[i].controllers);
		assert_int_equal(resources_any(&cases[i].resources), i > 0);
	}
}

/* Once, with the reason and what to do; then steps run without. */
static void says_once_why_not(void **state)
{
	AUTO(resources_groups) struct resources_groups groups = { 0 };
	AUTO(strbuf) struct strbuf notes = { 0 };
	const struct sandbox_resources wanted = { .memory_bytes = 1000 };
	struct cgroup *group = NULL;

	assert_ok(resources_open(&groups, &(struct cgroup_host){ 0 }, &wanted, &notes, &group));
	assert_null(group);
	assert_non_null(strstr(
			strbuf_text(&notes), "limits of steps are not enforced: no cgroup2"));
	assert_non_null(strstr(strbuf_text(&notes), "; mount one"));
	strbuf_clear(&notes);
	assert_ok(resources_open(&groups, &(struct cgroup_host){ 0 }, &wanted, &notes, &group));
	assert_string_equal(strbuf_text(&notes), "");
}

UNIT_TESTS(as_files_of_a_cgroup, says_once_why_not)
