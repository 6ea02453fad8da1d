#include "sandbox/resources.h"
#include "base/str.h"
#include "base/xalloc.h"

#include <stdio.h>

enum { PERIOD_US = 100000, SHARES_MIN = 2, SHARES_MAX = 262144, WEIGHT_MAX = 10000 };

bool resources_any(const struct sandbox_resources *resources)
{
	return resources->memory_bytes || resources->memory_swap_bytes || resources->pids ||
	       resources->cpu_quota_us || resources->cpu_shares || resources->cpuset_cpus ||
	       resources->cpuset_mems || resources->cgroup_parent;
}

static struct cgroup_setting *add(struct cgroup_setting *settings, size_t *n, const char *file)
{
	struct cgroup_setting *setting = &settings[(*n)++];

	*setting = (struct cgroup_setting){ .file = file };
	return setting;
}

static void add_number(struct cgroup_setting *settings, size_t *n, const char *file, uint64_t value)
{
	struct cgroup_setting *setting = add(settings, n, file);

	if (value == RESOURCES_NO_LIMIT)
		(void)snprintf(setting->value, sizeof(setting->value), "max");
	else
		(void)snprintf(setting->value, sizeof(setting->value), "%llu",
				(unsigned long long)value);
}

/* cgroup2 counts swap alone, docker's option memory and swap; a kernel without swap has no file. */
static void add_swap(const struct sandbox_resources *resources, struct cgroup_setting *settings,
		size_t *n)
{
	uint64_t both = resources->memory_swap_bytes, memory = resources->memory_bytes;

	if (!both)
		return;
	if (both != RESOURCES_NO_LIMIT)
		both = both > memory ? both - memory : 0;
	add_number(settings, n, "memory.swap.max", both);
	settings[*n - 1].is_optional = true;
}

/* From 2..262144 to 1..10000, as every runtime does it. */
static uint64_t weight(uint64_t shares)
{
	uint64_t bounded = shares < SHARES_MIN   ? SHARES_MIN
			   : shares > SHARES_MAX ? SHARES_MAX
						 : shares;

	return 1 + (bounded - SHARES_MIN) * (WEIGHT_MAX - 1) / (SHARES_MAX - SHARES_MIN);
}

size_t resources_settings(const struct sandbox_resources *resources,
		struct cgroup_setting *settings, unsigned *ret_controllers)
{
	uint64_t period = resources->cpu_period_us ? resources->cpu_period_us : PERIOD_US;
	unsigned controllers = 0;
	size_t n = 0;

	if (resources->memory_bytes)
		add_number(settings, &n, "memory.max", resources->memory_bytes);
	add_swap(resources, settings, &n);
	controllers |= n ? CGROUP_MEMORY : 0;
	if (resources->pids) {
		add_number(settings, &n, "pids.max", resources->pids);
		controllers |= CGROUP_PIDS;
	}
	if (resources->cpu_quota_us) {
		struct cgroup_setting *setting = add(settings, &n, "cpu.max");

		(void)snprintf(setting->value, sizeof(setting->value), "%llu %llu",
				(unsigned long long)resources->cpu_quota_us,
				(unsigned long long)period);
	}
	if (resources->cpu_shares)
		add_number(settings, &n, "cpu.weight", weight(resources->cpu_shares));
	controllers |= resources->cpu_quota_us || resources->cpu_shares ? CGROUP_CPU : 0;
	if (resources->cpuset_cpus)
		(void)snprintf(add(settings, &n, "cpuset.cpus")->value, sizeof(settings->value),
				"%s", resources->cpuset_cpus);
	if (resources->cpuset_mems)
		(void)snprintf(add(settings, &n, "cpuset.mems")->value, sizeof(settings->value),
				"%s", resources->cpuset_mems);
	controllers |= resources->cpuset_cpus || resources->cpuset_mems ? CGROUP_CPUSET : 0;
	*ret_controllers = controllers;
	return n;
}

void resources_groups_done(struct resources_groups *groups)
{
	cgroup_base_free(groups->base);
	free(groups->parent);
	*groups = (struct resources_groups){ 0 };
}

/* Another place or more controllers than last time: commands have one of them, builds too. */
static FALLIBLE find_base(struct resources_groups *groups, const struct cgroup_host *host,
		const char *parent, unsigned controllers)
{
	if (groups->base && text_equal(groups->parent, parent) &&
			(controllers & ~groups->controllers) == 0)
		return NULL;
	resources_groups_done(groups);
	TRY(cgroup_base_open(host, parent, controllers, &groups->base));
	groups->parent = xstrdup(parent);
	groups->controllers = controllers;
	return NULL;
}

static void say_refused(struct error *error, struct strbuf *notes)
{
	const char *hint = error_find_hint(error);

	strbuf_addf(notes, "limits of steps are not enforced: ");
	error_text(error, notes);
	if (hint)
		strbuf_addf(notes, "; %s", hint);
	error_free(error);
}

FALLIBLE resources_open(struct resources_groups *groups, const struct cgroup_host *host,
		const struct sandbox_resources *resources, struct strbuf *notes,
		struct cgroup **ret)
{
	struct cgroup_setting settings[RESOURCES_SETTINGS];
	unsigned controllers = 0;

	*ret = NULL;
	if (groups->is_refused || !resources_any(resources))
		return NULL;
	size_t n = resources_settings(resources, settings, &controllers);
	struct error *error = find_base(groups, host, resources->cgroup_parent, controllers);
	if (error_is(error, ERR_UNSUPPORTED)) {
		groups->is_refused = true;
		say_refused(error, notes);
		return NULL;
	}
	TRY(error);
	return cgroup_open(groups->base, settings, n, ret);
}
