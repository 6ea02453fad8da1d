/*
 * sandbox: run one process in a rootfs, without knowing images. Rows one to three of design.md
 * section 3.
 *
 *	userns_enter() -> sandbox_start() -> threads may begin -> sandbox_run() from any thread
 *
 * sandbox_start forks the helper: single-threaded for life, it only clones a fresh PID 1 for each
 * step. A step travels from sandbox_run straight to that PID 1, over a socket of its own, as a
 * flat plan (plan.h) with its fds; so no step's arguments ever pass through another's memory.
 * PID 1 mounts, pivots, starts the command, reaps, and reports back.
 *
 * What a step gets: mount, pid, ipc, uts and cgroup namespaces (and net, unless host), but for
 *those that the sandbox was told to share (namespaces.h); its layers under an overlay; fresh /proc,
 *minimal /dev, read-only /sys, /dev/shm, mqueue; resolv.conf, hosts and hostname that it may write
 *and that never reach the layer; masked and read-only paths of OCI's defaults; Docker's default
 *capabilities and seccomp profile; umask 022; a session of its own; no fd, no variable and no
 *signal disposition of the host.
 *
 * When kiln dies, by whatever signal, every process, mount and namespace of every step goes too.
 *
 * Ownership: a step borrows everything it points to until sandbox_run returns. Floor: sandbox.
 * Spec: OCI runtime-spec; Docker's defaults.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include "sandbox/namespaces.h"
#include "sandbox/resources.h"
#include "sys/cancel.h"
#include "sys/mounts.h"
#include "sys/userns.h"
#include <stdbool.h>
#include <stdint.h>

struct sandbox;

enum {
	SANDBOX_MOUNTS = 1000,       /* extra mounts of a step at most */
	SANDBOX_GROUPS = 1000,       /* supplementary groups at most */
	SANDBOX_HOSTS = 1000,        /* extra hosts at most */
	SANDBOX_SHM_BYTES = 64 << 20 /* /dev/shm unless asked otherwise */
};

enum sandbox_network {
	SANDBOX_NET_HOST = 0, /* the host's; its resolv.conf */
	SANDBOX_NET_NONE,     /* loopback only; an empty resolv.conf */
	SANDBOX_NET_PRIVATE,  /* one namespace per helper, through pasta or slirp4netns */
	SANDBOX_NET_JOINED,   /* that of the sandbox's namespaces, in the place of the host's */
};

enum sandbox_mount_kind {
	SANDBOX_BIND = 1, /* source onto target: a directory (all below it too) or a file */
	SANDBOX_LAYERS,   /* layers merged (and subpath inside the merge) onto target */
	SANDBOX_TMPFS,
	SANDBOX_FILE, /* content as a file of its own, on a tmpfs; never in the layer */
};

/*
 * Mounts happen in the order given. target is absolute in the rootfs, resolved inside it; when it
 * is missing it is made, and removed after the step when it still is as it was made.
 */
struct sandbox_mount {
	enum sandbox_mount_kind kind;
	const char *target;
	bool read_only;
	bool no_exec;
	bool has_set_id;           /* set-id bits count */
	bool is_flat;              /* BIND: without what is mounted below */
	unsigned long propagation; /* BIND: MS_SHARED and its kin; 0: private */
	bool propagates_below;     /* the same of all mounts below */
	bool is_device;            /* BIND: of the host, and usable as far as its mode allows */
	struct mount_dir source;   /* BIND; path must not leave fd (resolved inside it) */
	const struct mount_dir *layers; /* LAYERS, topmost first */
	size_t n_layers;
	struct mount_dir upper, work; /* LAYERS: writes go here; fd 0 or less: read-only */
	bool may_lack;                /* LAYERS: a subpath that is not there is an empty tmpfs */
	bool keeps_upper;             /* LAYERS: another step may be given the same two */
	const char *subpath;          /* LAYERS: resolved inside the merge; NULL is its root */
	const void *content;          /* FILE */
	size_t content_bytes;
	uint64_t size_bytes;     /* TMPFS; 0 is no bound but memory */
	uint32_t mode, uid, gid; /* FILE, TMPFS; mode 0: 01777 for TMPFS, 0400 for FILE */
};

/* What differs from the usual confinement; zeros: nothing. */
struct sandbox_security {
	const void *filter; /* a program (profile.h) instead of the default seccomp profile */
	size_t filter_bytes;
	const char *const *mask;   /* NULL-terminated: more paths to hide; or NULL */
	const char *const *unmask; /* the same: patterns of paths not to hide; "ALL" */
};

struct sandbox_limit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

struct sandbox_host {
	const char *name, *address;
};

/* Podman's and Buildah's sign, for programs, that they are in a container. */
#define SANDBOX_CONTAINERENV "/run/.containerenv"

struct sandbox_step {
	/* The root: layers under an upper and an empty work directory, or else a plain directory.
	 * upper and work have the same fd (overlayfs wants them on one mount), and belong to the
	 * image's root (owner_set). fds are of kiln's own mount namespace, not of mounts made by
	 * mount_overlay. An upper fd of 0 or less: the root is read-only. With OWNER_SHIFTED,
	 * what lies between an fd and its path must let others search it (o+x), fd included. */
	const struct mount_dir *layers; /* topmost first, at most LIMIT_LAYERS */
	size_t n_layers;
	struct mount_dir upper, work;
	bool is_volatile;      /* see sys/mounts.h: ending a step that is not syncs the disk */
	struct mount_dir root; /* the plain directory, when n_layers is 0 */

	/* What runs. argv[0] is looked up in env's PATH, inside. cwd exists. */
	const char *const *argv; /* NULL-terminated */
	const char *const *env; /* NULL-terminated, all that it gets; HOME is the caller's matter */
	const char *cwd;
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t n_groups;

	const char *hostname; /* NULL: "buildkitsandbox"; see sandbox_hostname() */
	const char *own_name; /* another one, for /etc/hosts; or NULL */
	enum sandbox_network network;
	/* The image's own /etc/hosts, /etc/hostname, /etc/resolv.conf stay. */
	bool no_hosts_file, no_hostname_file, no_resolv_file;
	const char *containerenv; /* what SANDBOX_CONTAINERENV holds; NULL: it is not there */
	const struct sandbox_host *hosts;
	size_t n_hosts;
	const char *const *dns; /* NULL-terminated nameservers, or NULL: the host's */
	const char *const *dns_search;
	const char *const *dns_options;
	uint64_t shm_bytes; /* 0: SANDBOX_SHM_BYTES */
	const struct sandbox_limit *limits;
	size_t n_limits;
	const struct sandbox_mount *mounts;
	size_t n_mounts;

	struct sandbox_resources resources; /* kept where cgroups are delegated, else a note */

	/* 0 is the default set, so that a zeroed step is a confined one. */
	bool insecure; /* RUN --security=insecure: all of the namespace's capabilities,
			* no seccomp profile, no masked paths */
	bool no_new_privileges;
	bool has_umask; /* umask counts, else 022 */
	uint32_t umask;
	bool is_unconfined;                           /* no seccomp profile */
	uint64_t add_capabilities, drop_capabilities; /* bits, to and from the default set */
	struct sandbox_security security;
	bool has_terminal; /* stdin_fd is a terminal, and becomes the step's controlling one */

	/* Pipes are given to the step's user, so that "> /dev/stderr" works. */
	int stdin_fd;             /* 0 or less: /dev/null */
	int stdout_fd, stderr_fd; /* 0 or less: /dev/null */

	/* What there is to do while it runs, on the caller's thread; or NULL. */
	void (*meanwhile)(void *arg);
	void *meanwhile_arg;
};

struct sandbox_result {
	int status; /* its exit code; 128 + signal when killed */
	int signal; /* that killed it, or 0 */
	uint64_t wall_ns, user_ns, system_ns;
	uint64_t peak_kib;                  /* of its largest process */
	uint64_t read_bytes, written_bytes; /* from and to disks */
	/* What was given up on this machine ("; " between), or "": a masked /proc, no cgroup; and
	 * that the step ran into its limit of memory. */
	char notes[1024];
};

enum sandbox_how {
	/* One step is expected; others work, and start later, but not together with the other. */
	SANDBOX_FOR_ONE = 1 << 0,
	SANDBOX_MAY_MOVE = 1 << 1, /* sandbox_move() may come */
};
/*
 * Fork the helper. Single-threaded caller, right after userns_enter(); userns is copied. Costs
 * well under a millisecond. namespaces: what steps do not have for themselves; NULL: nothing. They
 * are opened here: ERR_INVALID and ERR_DENIED tell of them, ERR_UNSUPPORTED of a mode without any.
 */
FALLIBLE sandbox_start(const struct userns *userns, unsigned how,
		const struct sandbox_namespaces *namespaces, struct sandbox **ret);
/*
 * From here on steps are in a namespace of userns, which userns_map() may have changed since, and
 * share these namespaces (NULL: none). Before the first step; any number of threads. Of a sandbox
 * with SANDBOX_MAY_MOVE, once.
 */
FALLIBLE sandbox_move(struct sandbox *sandbox, const struct userns *userns,
		const struct sandbox_namespaces *namespaces);
/* The name that steps see their host by where they cannot have one of their own; else NULL. */
const char *sandbox_hostname(const struct sandbox *sandbox);
/*
 * No step comes any more: the helper takes down what there is while the caller does other things.
 * Once; only sandbox_stop() may follow.
 */
void sandbox_end(struct sandbox *sandbox);
/* Ask the helper to end, kill what is left, wait. */
void sandbox_stop(struct sandbox *sandbox);

/*
 * Run a step to its end. Any thread; several at once. *ret is written when the command ran,
 * whatever its exit code. Errors:
 *	ERR_EXIT         code 127: the command is not there; 126: it cannot be executed
 *	ERR_UNSUPPORTED  code MOUNT_UPPER_REFUSED: overlayfs refuses upper_fd's file system
 *	ERR_CANCELED     cancel was set: SIGTERM to all of the step, SIGKILL after 10 s
 *	others           the sandbox could not be built; the message says which part
 * No process of the step is left when it returns.
 */
FALLIBLE sandbox_run(struct sandbox *sandbox, const struct sandbox_step *step,
		struct cancel *cancel, struct sandbox_result *ret);

/* The plan of a step as text, one operation a line (for --dry-run=plan and tests). */
FALLIBLE sandbox_describe(
		const struct userns *userns, const struct sandbox_step *step, struct strbuf *out);

/*
 * docker --ulimit: "nofile=1024:2048", "core=0", "-1" or "unlimited" for no limit. ERR_INVALID
 * names what is wrong.
 */
FALLIBLE sandbox_limit_parse(struct str text, struct sandbox_limit *ret);

DEFINE_AUTO_PTR(sandbox, sandbox_stop)
