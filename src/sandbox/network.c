#include "sandbox/network.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "sandbox/launch.h"
#include "sandbox/wire.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 10000, SAID_BYTES = 512, HELD_BYTES = 65536 };

struct network {
	int hold_fd; /* closing it ends the holder */
	int net_fd, user_fd;
	int life_fd; /* and closing this, the program */
	pid_t pid;
	int pid_fd;
	const char *dns;
};

void network_free(struct network *network)
{
	if (!network)
		return;
	if (network->life_fd >= 0)
		(void)close(network->life_fd);
	if (network->pid_fd >= 0) {
		siginfo_t ignored;

		(void)waitid(P_PIDFD, (id_t)network->pid_fd, &ignored, WEXITED);
		(void)close(network->pid_fd);
	}
	if (network->hold_fd >= 0)
		(void)close(network->hold_fd);
	if (network->net_fd >= 0)
		(void)close(network->net_fd);
	if (network->user_fd >= 0)
		(void)close(network->user_fd);
	free(network);
}

DEFINE_AUTO_PTR(network, network_free)

int network_fd(const struct network *network)
{
	return network->net_fd;
}

const char *network_dns(const struct network *network)
{
	return network->dns;
}

/* A PID 1 that holds a network namespace, and that namespace. */
static FALLIBLE hold(int control_fd, struct network *network)
{
	int theirs = -1;

	TRY(launch_pair(&network->hold_fd, &theirs));
	AUTO_FD int theirs_fd = theirs;
	TRY(wire_send(network->hold_fd, WIRE_NETWORK, NULL, 0, NULL, 0));
	TRY(launch_hand_over(control_fd, theirs_fd));
	(void)close(TAKE_FD(theirs_fd));
	AUTO(wire_frame) struct wire_frame frame = { 0 };
	TRY(wire_receive(network->hold_fd, HELD_BYTES, &frame));
	if (frame.type == WIRE_FAILED)
		return wire_get_error(frame.bytes.p, frame.bytes.n);
	if (frame.type != WIRE_HELD || frame.n_fds != 2)
		return error_new(ERR_SYS, "the holder of a network has ended");
	network->net_fd = TAKE_FD(frame.fds[0]);
	network->user_fd = TAKE_FD(frame.fds[1]);
	return NULL;
}

/* The program writes a byte when it is up; anything else is its end. */
static FALLIBLE wait_ready(int fd, const char *program, int said_fd)
{
	struct pollfd polls = { .fd = fd, .events = POLLIN };
	char said[SAID_BYTES] = "";
	char byte;

	if (poll(&polls, 1, START_MS) > 0 && read(fd, &byte, 1) == 1)
		return NULL;
	(void)!pread(said_fd, said, sizeof(said) - 1, 0);
	for (char *p = said; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ' ' : '\0';
	return error_hint(error_new(ERR_UNSUPPORTED, "the private network did not come up: %s: %s",
					  program, said[0] ? said : "no reason given"),
			access("/dev/net/tun", R_OK | W_OK) < 0
					? "/dev/net/tun must be open to the user (mode 0666), or "
					  "use the host's network"
					: "use the host's network");
}

/*
 * Start it with a pipe that ends when we do as its standard input, and one that it says "ready" on
 * as its standard output.
 */
static FALLIBLE start(struct network *network, const char *const *argv, int second_fd)
{
	int ready[2], life[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_sys("make a pipe");
	AUTO_FD int ready_read_fd = ready[0];
	AUTO_FD int ready_write_fd = ready[1];
	if (pipe2(life, O_CLOEXEC) < 0)
		return error_sys("make a pipe");
	AUTO_FD int life_read_fd = life[0];
	AUTO_FD int life_write_fd = life[1];
	AUTO_FD int said_fd = memfd_create("said", MFD_CLOEXEC);
	if (said_fd < 0)
		return error_sys("make a memory file");
	TRY(proc_spawn(&(struct proc_spec){ .argv = argv,
				       .stdin_fd = life_read_fd,
				       .stdout_fd = ready_write_fd,
				       .stderr_fd = second_fd > 0 ? second_fd : said_fd },
			&network->pid, &network->pid_fd));
	(void)close(TAKE_FD(ready_write_fd));
	network->life_fd = TAKE_FD(life_write_fd);
	return wait_ready(ready_read_fd, second_fd > 0 ? "pasta" : argv[0], said_fd);
}

static FALLIBLE start_slirp(struct network *network, bool is_outside)
{
	AUTO_FREE char *net = xasprintf("/proc/%d/fd/%d", (int)getpid(), network->net_fd);
	AUTO_FREE char *user =
			xasprintf("--userns-path=/proc/%d/fd/%d", (int)getpid(), network->user_fd);
	const char *argv[] = { "slirp4netns", "--configure", "--mtu=65520",
		"--disable-host-loopback", "--ready-fd=1", "--exit-fd=0", "--netns-type=path", net,
		"tap0", is_outside ? user : NULL, NULL };

	network->dns = "10.0.2.3";
	return start(network, argv, 0);
}

/*
 * pasta gives up the right to look into /proc/PID of others before it opens the namespace, so that
 * comes as its standard error. It does not say when it is ready, nor end with us: a shell sees to
 * both.
 */
static FALLIBLE start_pasta(struct network *network)
{
	static const char script[] =
			"pasta --quiet --foreground --config-net --no-map-gw "
			"-t none -u none -T none -U none --netns-only "
			"--netns /proc/self/fd/2 </dev/null >/dev/null & p=$!\n"
			"until nsenter --net=/proc/self/fd/2 cat /proc/net/route | "
			"grep -q '\t00000000\t'; do kill -0 $p || exit 1; sleep 0.01; done\n"
			"echo ready; read x; kill $p";
	const char *argv[] = { "sh", "-c", script, NULL };

	/* Its --dns-forward would take queries to all other nameservers along. */
	return start(network, argv, network->net_fd);
}

FALLIBLE network_new(int control_fd, const struct userns *userns, struct network **ret)
{
	AUTO(network) struct network *network = xcalloc(1, sizeof(*network));
	AUTO_FREE char *pasta = proc_find("pasta");
	AUTO_FREE char *slirp = proc_find("slirp4netns");

	bool is_outside = userns->owner.kind == OWNER_MAPPED ||
			  (userns->mode == USERNS_ROOT && userns->owner.kind != OWNER_RECORDED);

	network->hold_fd = network->net_fd = network->user_fd = -1;
	network->pid_fd = network->life_fd = -1;
	if (!pasta && !slirp)
		return error_hint(error_new(ERR_UNSUPPORTED, "a private network needs pasta or "
							     "slirp4netns"),
				"apt-get install passt, or use the host's network");
	if (is_outside && !slirp)
		return error_hint(error_new(ERR_UNSUPPORTED, "a private network of root, or of "
							     "mapped ids, needs "
							     "slirp4netns"),
				"apt-get install slirp4netns, or use the host's network");
	TRY(hold(control_fd, network));
	TRY(slirp ? start_slirp(network, is_outside) : start_pasta(network));
	*ret = TAKE(network);
	return NULL;
}
