/*
 * A request is a length and so many bytes, the first of which is its type; the answer has the same
 * form. Clients are read without blocking, so that one that stalls holds up nobody. The agent is
 * asked and waited for: it is the user's own.
 */
#include "build/agent.h"
#include "base/xalloc.h"
#include "stream/group.h"
#include "sys/cancel.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	CLIENTS = 32,
	FRAME_BYTES = 256 * 1024, /* OpenSSH's own bound */
	HEAD_BYTES = 4,
	AGENT_FAILURE = 5,
	REQUEST_IDENTITIES = 11,
	SIGN_REQUEST = 13,
};

struct client {
	int fd, agent_fd; /* -1: none */
	unsigned char *buf;
	size_t n;
};

struct agent {
	int listen_fd;
	struct sockaddr_un real;
	struct cancel *stop;
	struct group *group;
	struct client clients[CLIENTS];
};

static uint32_t length_of(const unsigned char *head)
{
	return (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
}

static int connect_to(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static void drop(struct client *client)
{
	if (client->fd >= 0)
		(void)close(client->fd);
	if (client->agent_fd >= 0)
		(void)close(client->agent_fd);
	free(client->buf);
	*client = (struct client){ .fd = -1, .agent_fd = -1 };
}

/* All n bytes, or false: a peer that has gone, or the step's end. */
static bool receive(const struct agent *agent, int fd, unsigned char *buf, size_t n)
{
	for (size_t at = 0; at < n;) {
		struct pollfd polls[] = { { fd, POLLIN, 0 },
			{ cancel_fd(agent->stop), POLLIN, 0 } };

		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			return false;
		if (polls[1].revents)
			return false;
		ssize_t got = recv(fd, buf + at, n - at, 0);
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

static bool deliver(int fd, const unsigned char *buf, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t sent = send(fd, buf + at, n - at, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += (size_t)sent;
	}
	return true;
}

/* One whole request at the front of the client's buffer. */
static bool answer(struct agent *agent, struct client *client, size_t n)
{
	static const unsigned char refusal[] = { 0, 0, 0, 1, AGENT_FAILURE };
	unsigned char type = client->buf[HEAD_BYTES];
	unsigned char head[HEAD_BYTES];

	if (type != REQUEST_IDENTITIES && type != SIGN_REQUEST)
		return deliver(client->fd, refusal, sizeof(refusal));
	if (!deliver(client->agent_fd, client->buf, n) ||
			!receive(agent, client->agent_fd, head, sizeof(head)))
		return false;
	size_t bytes = length_of(head);
	if (bytes == 0 || bytes > FRAME_BYTES)
		return false;
	AUTO_FREE unsigned char *reply = xmalloc(HEAD_BYTES + bytes);
	memcpy(reply, head, HEAD_BYTES);
	return receive(agent, client->agent_fd, reply + HEAD_BYTES, bytes) &&
	       deliver(client->fd, reply, HEAD_BYTES + bytes);
}

static bool hear(struct agent *agent, struct client *client)
{
	size_t most = HEAD_BYTES + FRAME_BYTES;
	ssize_t got = recv(client->fd, client->buf + client->n, most - client->n, MSG_DONTWAIT);

	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	client->n += (size_t)got;
	while (client->n > HEAD_BYTES) {
		size_t bytes = length_of(client->buf);

		if (bytes == 0 || bytes > FRAME_BYTES)
			return false;
		size_t n = HEAD_BYTES + bytes;
		if (client->n < n)
			return true;
		if (!answer(agent, client, n))
			return false;
		client->n -= n;
		memmove(client->buf, client->buf + n, client->n);
	}
	return true;
}

static void admit(struct agent *agent)
{
	int fd = accept4(agent->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CLIENTS; i++) {
		struct client *client = &agent->clients[i];

		if (client->fd >= 0)
			continue;
		client->fd = fd;
		client->buf = xmalloc(HEAD_BYTES + FRAME_BYTES);
		client->agent_fd = connect_to(&agent->real);
		if (client->agent_fd < 0)
			drop(client);
		return;
	}
	if (fd >= 0)
		(void)close(fd);
}

static struct error *serve(void *argument)
{
	struct agent *agent = argument;

	for (;;) {
		struct pollfd polls[CLIENTS + 2] = { { agent->listen_fd, POLLIN, 0 },
			{ cancel_fd(agent->stop), POLLIN, 0 } };

		for (size_t i = 0; i < CLIENTS; i++)
			polls[i + 2] = (struct pollfd){ agent->clients[i].fd, POLLIN, 0 };
		if (poll(polls, CLIENTS + 2, -1) < 0 && errno != EINTR)
			return error_sys("wait for a step's ssh");
		if (polls[1].revents)
			return NULL;
		for (size_t i = 0; i < CLIENTS; i++)
			if (polls[i + 2].revents && !hear(agent, &agent->clients[i]))
				drop(&agent->clients[i]);
		if (polls[0].revents)
			admit(agent);
	}
}

static FALLIBLE listen_at(struct agent *agent, int dir_fd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	/* The directory's own path may be longer than an address holds. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd,
			name);
	agent->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (agent->listen_fd < 0 ||
			bind(agent->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
			listen(agent->listen_fd, CLIENTS) < 0)
		return error_sys("make a socket for ssh");
	return NULL;
}

FALLIBLE agent_start(int dir_fd, const char *name, const char *real, struct agent **ret)
{
	AUTO(agent) struct agent *agent = xcalloc(1, sizeof(*agent));

	agent->listen_fd = -1;
	for (size_t i = 0; i < CLIENTS; i++)
		agent->clients[i] = (struct client){ .fd = -1, .agent_fd = -1 };
	agent->real.sun_family = AF_UNIX;
	if (strlen(real) >= sizeof(agent->real.sun_path))
		return error_new(ERR_LIMIT, "the path of the SSH agent '%s' is too long", real);
	(void)snprintf(agent->real.sun_path, sizeof(agent->real.sun_path), "%s", real);
	AUTO_FD int probe = connect_to(&agent->real);
	if (probe < 0)
		return error_hint(error_sys("connect to the SSH agent '%s'", real),
				"is it running? 'ssh-add -l' tells");
	TRY(listen_at(agent, dir_fd, name));
	agent->stop = cancel_new();
	agent->group = group_new();
	if (!group_start(agent->group, "ssh agent", serve, agent))
		return group_join(agent->group);
	*ret = TAKE(agent);
	return NULL;
}

void agent_stop(struct agent *agent)
{
	if (!agent)
		return;
	if (agent->stop)
		cancel_set(agent->stop);
	group_free(agent->group);
	cancel_free(agent->stop);
	for (size_t i = 0; i < CLIENTS; i++)
		drop(&agent->clients[i]);
	if (agent->listen_fd >= 0)
		(void)close(agent->listen_fd);
	free(agent);
}
