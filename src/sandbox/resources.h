/*
 * resources: how much of the machine a step may use, and the cgroup that holds it there.
 *
 * Where no cgroup can be had, steps run without limits, and the first one's notes say why; a value
 * that the kernel refuses is an error.
 *
 * Floor: sandbox. Spec: docker run's options; cgroup-v2.rst.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "sys/cgroup.h"
#include <stdbool.h>
#include <stdint.h>

#define RESOURCES_NO_LIMIT UINT64_MAX

/* 0 and NULL: no limit. Texts are borrowed. */
struct sandbox_resources {
	uint64_t memory_bytes;
	uint64_t memory_swap_bytes; /* memory and swap together; RESOURCES_NO_LIMIT: any swap */
	uint64_t pids;
	uint64_t cpu_quota_us, cpu_period_us;  /* period 0: 100 ms */
	uint64_t cpu_shares;                   /* 2 to 262144, 1024 is a usual process */
	const char *cpuset_cpus, *cpuset_mems; /* "0-2,7" */
	const char *cgroup_parent;             /* where groups are made: see cgroup_base_open() */
};

enum { RESOURCES_SETTINGS = 8 };

bool resources_any(const struct sandbox_resources *resources);
/* The files of a cgroup, at most RESOURCES_SETTINGS, and the controllers that have them. */
size_t resources_settings(const struct sandbox_resources *resources,
		struct cgroup_setting *settings, unsigned *ret_controllers);

/* The groups of one sandbox: { 0 } at first. Not for several threads at once. */
struct resources_groups {
	struct cgroup_base *base;
	char *parent;
	unsigned controllers;
	bool is_refused; /* and said so */
};

void resources_groups_done(struct resources_groups *groups);
/*
 * A group for a step that asks for one; *ret is NULL where there is none to be had, and the first
 * time notes says why.
 */
FALLIBLE resources_open(struct resources_groups *groups, const struct cgroup_host *host,
		const struct sandbox_resources *resources, struct strbuf *notes,
		struct cgroup **ret);

DEFINE_AUTO_VALUE(resources_groups)
