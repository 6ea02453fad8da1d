/*
 * steps_flag: options of every command that runs steps which say what those may do and use:
 * --allow, --memory and its kin. Every failure is error_usage.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "build/build.h"

/* network.host or security.insecure. */
FALLIBLE allow_flag_add(const char *text, struct build_options *options);

struct resource_flags {
	char *memory, *memory_swap, *cpus, *cpu_shares, *cpu_quota, *cpu_period, *cpuset_cpus,
			*cpuset_mems, *cgroup_parent;
	struct list resources;
};

/* Rows of an options table (ui/options.h); at is the field: "limits". */
#define RESOURCE_FLAG_ROWS(at)                                                                     \
	OPT_TEXT('m', "memory", at.memory, "BYTES", "limit of each step: 512m, 2g"),               \
			OPT_TEXT(0, "memory-swap", at.memory_swap, "BYTES",                        \
					"limit of memory and swap together; -1: any swap"),        \
			OPT_TEXT('c', "cpu-shares", at.cpu_shares, "N",                            \
					"weight among those who want the CPU; 1024 is usual"),     \
			OPT_TEXT(0, "cpu-period", at.cpu_period, "US",                             \
					"period of the CPU limit (100000)"),                       \
			OPT_TEXT(0, "cpu-quota", at.cpu_quota, "US", "CPU time in each period"),   \
			OPT_TEXT(0, "cpuset-cpus", at.cpuset_cpus, "LIST", "CPUs to run on: 0-2"), \
			OPT_TEXT(0, "cpuset-mems", at.cpuset_mems, "LIST",                         \
					"nodes to take memory from"),                              \
			OPT_TEXT(0, "cgroup-parent", at.cgroup_parent, "PATH",                     \
					"make cgroups of steps below this one: /a is below the "   \
					"root, a below kiln's own")
/* BuildKit's ways to say some of them. */
#define RESOURCE_FLAG_MORE(at)                                                         \
	OPT_TEXT(0, "cpus", at.cpus, "NUMBER", "limit of CPUs of each step: 1.5"),     \
			OPT_LIST(0, "resource", at.resources, "KEY=VALUE[,KEY=VALUE]", \
					"the same limits as one option: "              \
					"memory=2g,cpu-quota=50000")

/* *ret borrows from flags, and from texts, which keeps parts of them. */
FALLIBLE resource_flags_make(const struct resource_flags *flags, struct list *texts,
		struct sandbox_resources *ret);
