/*
 * userns: decide at start how kiln runs, and go there. main calls userns_enter() before any thread
 * exists, for the commands that touch rootfs trees or run steps.
 *
 *	mode             kiln itself                      a step                    owners on disk
 *	USERNS_SUBUID    inside: 0 is us, 1.. subuids     the same namespace        OWNER_PLAIN
 *	USERNS_RECORDED  inside: 0 is us, nothing else    the same namespace        OWNER_RECORDED
 *	USERNS_ROOT      outside, as it was started       a mapped one, far away    OWNER_SHIFTED
 *
 * (USERNS_ROOT is OWNER_PLAIN, mapped one to one, where no range is spare.)
 *
 * Where no namespace can be had, kiln stays as it was started and steps share all it has:
 *
 *	USERNS_CHROOT    chroot(2) into the rootfs              OWNER_PLAIN
 *	USERNS_INPLACE   the container's own root is the rootfs OWNER_PLAIN
 *	USERNS_PROOT     Debian's proot                         OWNER_RECORDED
 *
 * Root without CAP_SYS_ADMIN (in a container, say) first becomes full root of a namespace of its
 * own, where its own id stays its own and a range is spare; then it is USERNS_ROOT as usual.
 *
 * In the first three kiln also has a mount namespace of its own (nothing it mounts is seen outside,
 * and everything is gone when it dies). A step never holds the ids of host root; the one-to-one
 * case is only taken where our own namespace has no spare range, so that its root is none either.
 *
 * A struct userns is a plain value, fixed for the life of the process.
 *
 * Floor: sys. Spec: user_namespaces(7), newuidmap(1); design.md section 3.
 */
#pragma once
#include "base/error.h"
#include "sys/idmap.h"
#include "sys/owner.h"
#include <stdbool.h>

enum userns_mode {
	USERNS_BEST = 0,
	USERNS_SUBUID,
	USERNS_RECORDED,
	USERNS_ROOT,
	USERNS_CHROOT,
	USERNS_INPLACE,
	USERNS_PROOT
};

enum { USERNS_REASON_BYTES = 256 };

struct userns {
	enum userns_mode mode;     /* never USERNS_BEST */
	struct owner_policy owner; /* for whatever reads or makes owners in a rootfs */
	/* Of a step's namespace, as seen from where kiln started; OWNER_MAPPED: from where it is.
	 */
	struct idmap uids, gids;
	const char *join; /* borrowed: the file of a namespace that steps join; or NULL */
	uid_t outer_uid;  /* who started us */
	gid_t outer_gid;
	char reason[USERNS_REASON_BYTES]; /* why not a better mode; "" when it is the best */
};

/*
 * Enter. wish is USERNS_BEST, or one mode (what cannot be had is then ERR_UNSUPPORTED with a hint).
 * Must be called while the process is single-threaded. An ordinary user keeps access to exactly
 * the files that were theirs (supplementary groups are kept, unseen, until a step drops them).
 * Without user namespaces USERNS_BEST is USERNS_CHROOT, else USERNS_PROOT, else ERR_UNSUPPORTED;
 * USERNS_INPLACE is only ever asked for.
 */
enum {
	/* USERNS_INPLACE where nothing shows that this is a container, on the caller's word. */
	USERNS_FORCED = 1u << 0,
	/* For steps of builds, which need no mounts: a mode that has none where others run no step.
	 */
	USERNS_BUILDS = 1u << 1,
};
FALLIBLE userns_enter(enum userns_mode wish, unsigned how, struct userns *ret);

/*
 * Files and steps from now on are of these maps (--userns-uid-map), from ids of the namespace that
 * kiln has entered: OWNER_MAPPED. Whoever has userns copied is told by its own call
 * (sandbox_move(), store_use_owner()). ERR_INVALID: ranges that overlap, or root is not mapped;
 * ERR_UNSUPPORTED: ids that are not ours, or none at all are.
 */
FALLIBLE userns_map(struct userns *userns, const struct id_maps *maps);
/*
 * Steps from now on join the user namespace of that file (/proc/PID/ns/user; borrowed, for as long
 * as userns lives), and files are of its maps. Errors as of userns_map(), and ERR_DENIED.
 */
FALLIBLE userns_join(struct userns *userns, const char *path);

/* False: ids of this process are not those of the machine. */
bool userns_is_initial(void);
/* True for the modes without namespaces: nothing can be mounted. */
bool userns_is_bare(enum userns_mode mode);

/* "subuid", "recorded", "root", "chroot", "inplace", "proot". */
const char *userns_mode_name(enum userns_mode mode);
FALLIBLE userns_mode_parse(const char *name, enum userns_mode *ret);

/*
 * For the sandbox helper in USERNS_ROOT, or of OWNER_MAPPED: a fork whose child is born in a user
 * namespace, so that the parent can map it without waiting for it. *ret_refused is 0, or why there
 * is none: the child is then an ordinary one. The parent writes the maps and says so over a socket
 * pair; the child comes back from userns_child_enter() as root of the mapped namespace, in whatever
 * mount namespace it was. One that joins a namespace is an ordinary fork, and mapped already.
 */
pid_t userns_fork(int *ret_refused);
/* In a mount namespace that is ours: what we mount is seen nowhere else. */
FALLIBLE userns_own_mounts(void);
/* For one that is an ordinary fork: it makes or joins the namespace, and the parent waits for that.
 */
FALLIBLE userns_child_unshare(const char *join, int sync_fd);
FALLIBLE userns_parent_wait(int sync_fd);
FALLIBLE userns_child_enter(int refused, int sync_fd);
FALLIBLE userns_parent_map(const struct userns *userns, pid_t child, int sync_fd);
