/*
 * bare: steps without namespaces, where none can be had (design.md section 3, the last two rows):
 *
 *	USERNS_CHROOT   chroot into the rootfs; CAP_SYS_CHROOT is all that takes
 *	USERNS_INPLACE  kiln's own root is the rootfs; the real /proc, /sys and /dev
 *	USERNS_PROOT    Debian's proot, which takes no right at all; owners are recorded
 *
 * The helper forks a keeper for each step, which stays until the step is over: it puts files where
 * others would mount (bare_scene.h), starts the command, is the reaper of all its descendants,
 * and in the end kills what is left of them, takes the files away and reports. When kiln goes, the
 * keeper sees the end of its socket and does the same; when a keeper is killed, the helper ends
 * what it left behind.
 *
 * A step here shares kiln's network, pids and kernel objects. What still holds is in
 * docs/security.md.
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "sys/userns.h"

struct bare_helper {
	int control_fd;
	enum userns_mode mode;
};

_Noreturn void bare_helper_run(const struct bare_helper *helper);
