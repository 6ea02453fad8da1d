#include "registry/probe.h"

#include "base/auto.h"
#include "base/str.h"

#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_MS = 3000, RECORD_ALERT = 0x15, RECORD_HANDSHAKE = 0x16 };

/*
 * A ClientHello that any server of TLS 1.2 or 1.3 goes along with: some only hang up on a bad one.
 * Its random is no secret, for nothing follows.
 */
/* clang-format off */
static const unsigned char hello[] = {
	RECORD_HANDSHAKE, 3, 1, 0, 102, /* a record of so many bytes */
	1, 0, 0, 98, 3, 3, /* ClientHello; 1.2, as 1.3 writes it too */
	'k', 'i', 'l', 'n', ' ', 'a', 's', 'k', 's', ' ', 'w', 'h', 'e', 't', 'h', 'e', 'r', ' ',
	't', 'h', 'i', 's', ' ', 'i', 's', ' ', 'T', 'L', 'S', ' ', '?', '?', /* random */
	0, /* no session */
	0, 14, 0x13, 1, 0x13, 3, 0x13, 2, 0xc0, 0x2f, 0xc0, 0x2b, 0xc0, 0x30, 0xc0, 0x2c, /* ciphers */
	1, 0, /* no compression */
	0, 43, /* extensions */
	0, 0x0a, 0, 6, 0, 4, 0, 0x1d, 0, 0x17, /* supported_groups: x25519, secp256r1 */
	0, 0x0b, 0, 2, 1, 0, /* ec_point_formats: uncompressed */
	0, 0x0d, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1, /* signature_algorithms: ECDSA, RSA-PSS, RSA */
	0, 0x2b, 0, 5, 4, 3, 4, 3, 3, /* supported_versions: 1.3, 1.2 */
	0, 0x33, 0, 2, 0, 0, /* key_share: none yet */
};
/* clang-format on */

_Static_assert(sizeof(hello) == 5 + 102, "the record says its length");

/* Ready for events, or the time is over (false). */
static FALLIBLE wait_for(int fd, short events, struct cancel *cancel, bool *ret)
{
	struct pollfd fds[] = { { .fd = fd, .events = events },
		{ .fd = cancel_fd(cancel), .events = POLLIN } };

	(void)poll(fds, 2, ANSWER_MS);
	*ret = fds[0].revents != 0;
	return cancel_check(cancel);
}

static FALLIBLE ask(const struct addrinfo *address, struct cancel *cancel, bool *ret_tls)
{
	unsigned char answer = 0;
	bool ready = false;
	AUTO_FD int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return NULL;
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
		return NULL;
	TRY(wait_for(fd, POLLOUT, cancel, &ready));
	if (!ready || send(fd, hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello))
		return NULL;
	TRY(wait_for(fd, POLLIN, cancel, &ready));
	*ret_tls = ready && recv(fd, &answer, 1, 0) == 1 &&
		   (answer == RECORD_HANDSHAKE || answer == RECORD_ALERT);
	return NULL;
}

FALLIBLE probe_tls(const char *host, struct cancel *cancel, bool *ret)
{
	struct str whole = str_of(host);
	size_t colon = str_find_last(whole, ':');
	bool has_port = colon < whole.n && str_find(whole, ']') != whole.n - 1;
	struct str name = has_port ? str_slice(whole, 0, colon) : whole;
	AUTO_FREE char *port =
			str_dup(has_port ? str_slice(whole, colon + 1, whole.n) : STR("443"));
	AUTO_FREE char *bare =
			str_dup(str_starts(name, "[") ? str_slice(name, 1, name.n - 1) : name);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	struct error *error = NULL;

	*ret = false;
	if (getaddrinfo(bare, port, &hints, &found) != 0)
		return NULL;
	for (struct addrinfo *at = found; at && !error && !*ret; at = at->ai_next)
		error = ask(at, cancel, ret);
	freeaddrinfo(found);
	return error;
}
