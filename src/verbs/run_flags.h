/*
 * run_flags: how commands run in a working container: what 'from' is told and remembers, and 'run'
 * adds to. The rows are for the options of both; a struct of a command that has them begins with a
 * struct run_flags member named run.
 *
 * Floor: verbs.
 */
#pragma once
#include "build/working.h"
#include "sandbox/namespaces.h"
#include "ui/config.h"
#include "ui/options.h"
#include "ui/steps_flag.h"
#include "verbs/security_flag.h"
#include "verbs/volume_flag.h"

struct run_flags {
	struct list hosts, cap_add, cap_drop, devices, dns, dns_options, dns_search, groups,
			security, ulimits, volumes, uid_maps, gid_maps;
	char *network, *isolation, *ipc, *pid, *uts, *userns, *cgroupns, *shm_size, *runtime,
			*uid_user, *gid_group, *network_dirs;
	struct resource_flags limits;
	struct list runtime_flags;
	bool http_proxy;
	/* Instead of the usual set of capabilities; none of them is "". No option of its own. */
	struct list base_capabilities;
};

#define RUN_FLAG_ROWS                                                                              \
	OPT_HEADING("How commands run"),                                                           \
			OPT_LIST(0, "add-host", run.hosts, "NAME:ADDRESS",                         \
					"add a line to /etc/hosts"),                               \
			OPT_LIST(0, "cap-add", run.cap_add, "CAP", "add a capability"),            \
			OPT_LIST(0, "cap-drop", run.cap_drop, "CAP", "drop a capability"),         \
			RESOURCE_FLAG_ROWS(run.limits),                                            \
			OPT_LIST(0, "dns", run.dns, "ADDRESS", "a nameserver; none: leave it be"), \
			OPT_LIST(0, "dns-option", run.dns_options, "OPTION", "of resolv.conf"),    \
			OPT_LIST(0, "dns-search", run.dns_search, "DOMAIN", "of resolv.conf"),     \
			OPT_LIST(0, "group-add", run.groups, "GROUP", "a supplementary group"),    \
			OPT_FLAG(0, "http-proxy", run.http_proxy,                                  \
					"let commands see HTTP_PROXY and its kin (the default)"),  \
			OPT_TEXT(0, "isolation", run.isolation, "oci|rootless|chroot",             \
					"taken; kiln uses the best that the machine allows"),      \
			OPT_TEXT(0, "network", run.network, "host|none|private|ns:PATH",           \
					"network"),                                                \
			OPT_TEXT(0, "net", run.network, "host|none|private|ns:PATH", "network",    \
					.is_hidden = true),                                        \
			OPT_LIST(0, "security-opt", run.security, "OPTION",                        \
					"no-new-privileges, seccomp=unconfined|PATH, mask=PATH, "  \
					"unmask=ALL|PATH"),                                        \
			OPT_TEXT(0, "shm-size", run.shm_size, "BYTES", "size of /dev/shm"),        \
			OPT_LIST(0, "ulimit", run.ulimits, "NAME=SOFT[:HARD]",                     \
					"nofile=1024:2048"),                                       \
			OPT_LIST('v', "volume", run.volumes, "HOST:CONTAINER[:OPTIONS]",           \
					"bind a folder or file of the host"),                      \
			OPT_TEXT(0, "cgroupns", run.cgroupns, "private|host|ns:PATH",              \
					"cgroup namespace"),                                       \
			OPT_LIST(0, "device", run.devices, "HOST[:CONTAINER]",                     \
					"a device of the host, as far as its mode allows"),        \
			OPT_TEXT(0, "ipc", run.ipc, "private|host|ns:PATH",                        \
					"IPC namespace, and /dev/shm with the host's"),            \
			OPT_TEXT(0, "pid", run.pid, "private|host|ns:PATH",                        \
					"PID namespace: whose processes they see"),                \
			OPT_TEXT(0, "runtime", run.runtime, "PATH", "kiln needs none",             \
					.is_hidden = true),                                        \
			OPT_LIST(0, "runtime-flag", run.runtime_flags, "FLAG", "kiln needs none",  \
					.is_hidden = true),                                        \
			OPT_TEXT(0, "userns", run.userns, "private|host|PATH", "user namespace",   \
					.is_hidden = true),                                        \
			OPT_LIST(0, "userns-uid-map", run.uid_maps, "CONTAINER:HOST:LENGTH",       \
					"the users that files and commands have on the host"),     \
			OPT_LIST(0, "userns-gid-map", run.gid_maps, "CONTAINER:HOST:LENGTH",       \
					"the groups; without it those of --userns-uid-map"),       \
			OPT_TEXT(0, "userns-uid-map-user", run.uid_user, "NAME",                   \
					"whose range of /etc/subuid that is"),                     \
			OPT_TEXT(0, "userns-gid-map-group", run.gid_group, "NAME",                 \
					"whose range of /etc/subgid that is"),                     \
			OPT_TEXT(0, "cdi-config-dir", run.network_dirs, "DIR",                     \
					"taken: --device refuses CDI names", .is_hidden = true),   \
			OPT_TEXT(0, "cni-config-dir", run.network_dirs, "DIR",                     \
					"taken: networks are not CNI's", .is_hidden = true),       \
			OPT_TEXT(0, "cni-plugin-path", run.network_dirs, "DIR",                    \
					"taken: networks are not CNI's", .is_hidden = true),       \
			OPT_TEXT(0, "uts", run.uts, "private|host|ns:PATH",                        \
					"UTS namespace: the host's name")

/* What kiln cannot do is refused by name. */
FALLIBLE run_flags_check(const struct run_flags *flags);
/* What contradicts itself of DNS, in what 'build' was told (is_build) or 'from'; a container's
 * network may be another one later. */
FALLIBLE run_flags_check_dns(const struct run_flags *flags, bool is_build);
/* --dns=none: the image's own /etc/resolv.conf stays. */
bool run_flags_dns_is_none(const struct run_flags *flags);
/* As lines "volume=/a:/b", and back: what is there already wins over texts, lists add up. */
void run_flags_save(const struct run_flags *flags, struct list *out);
void run_flags_load(const struct list *lines, struct run_flags *flags);
void run_flags_done(struct run_flags *flags); /* only of what run_flags_load() filled */

DEFINE_AUTO_VALUE(run_flags)

/* A struct working_run with all that it points to. */
struct run_parts {
	struct working_run run;
	struct list texts;
	struct volume_flags volumes;
	struct security_flags security;
	struct {
		struct sandbox_host *p;
		size_t n, capacity;
	} hosts;
	struct {
		struct sandbox_limit *p;
		size_t n, capacity;
	} limits;
	struct {
		uint32_t *p;
		size_t n, capacity;
	} groups;
	const char **dns, **dns_search, **dns_options;
	struct sandbox_namespaces namespaces; /* for the session; paths are the flags' */
};

FALLIBLE run_parts_make(
		const struct run_flags *flags, const struct config *config, struct run_parts *ret);
/* The lists that were gathered become the run's. */
void run_parts_fill(struct run_parts *parts, const struct run_flags *flags);
void run_parts_done(struct run_parts *parts);

DEFINE_AUTO_VALUE(run_parts)
