#include "sandbox/defaults.h"

#include <linux/capability.h>
#include <stddef.h>

uint64_t default_capabilities(void)
{
	static const unsigned set[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
		CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW,
		CAP_SYS_CHROOT, CAP_MKNOD, CAP_AUDIT_WRITE, CAP_SETFCAP };
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		bits |= UINT64_C(1) << set[i];
	return bits;
}

const struct default_path default_proc_paths[] = {
	{ "acpi", false },
	{ "asound", false },
	{ "interrupts", false },
	{ "kcore", false },
	{ "keys", false },
	{ "latency_stats", false },
	{ "sched_debug", false },
	{ "scsi", false },
	{ "timer_list", false },
	{ "timer_stats", false },
	{ "bus", true },
	{ "fs", true },
	{ "irq", true },
	{ "sys", true },
	{ "sysrq-trigger", true },
	{ NULL, false },
};

const struct default_path default_sys_paths[] = {
	{ "devices/virtual/powercap", false },
	{ "firmware", false },
	{ NULL, false },
};

const char *const default_devices[] = { "null", "zero", "full", "random", "urandom", "tty", NULL };

const struct default_link default_links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },
	{ "ptmx", "pts/ptmx" },
	{ NULL, NULL },
};

const struct default_directory default_scaffold[] = {
	{ "proc", 0555 },
	{ "sys", 0555 },
	{ "dev", 0755 },
	{ "etc", 0755 },
	{ NULL, 0 },
};

const char *const default_scaffold_files[] = { "etc/resolv.conf", "etc/hosts", "etc/hostname",
	NULL };
