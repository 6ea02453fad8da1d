#include "sandbox/wire.h"
#include "base/xalloc.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAME_MAGIC 0x6b696c6eu

struct header {
	uint32_t magic, type, bytes, n_fds;
};

union control {
	char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS)];
	struct cmsghdr align;
};

FALLIBLE wire_send(int fd, enum wire_type type, const void *bytes, size_t n, const int *fds,
		size_t n_fds)
{
	struct header header = { FRAME_MAGIC, type, (uint32_t)n, (uint32_t)n_fds };
	struct iovec parts[2] = {
		{ &header, sizeof(header) },
		{ (void *)(uintptr_t)bytes, n },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = n ? 2 : 1 };
	union control control;
	size_t left = sizeof(header) + n;

	if (n_fds > WIRE_FDS)
		return error_new(ERR_LIMIT, "%zu fds in one message", n_fds);
	if (n_fds) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * n_fds);
	}
	while (left) {
		ssize_t sent = TEMP_FAILURE_RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));

		if (sent < 0)
			return error_sys("speak to a sandbox");
		left -= (size_t)sent;
		message.msg_control = NULL;
		message.msg_controllen = 0;
		for (size_t done = (size_t)sent; done;) {
			size_t step = done < message.msg_iov->iov_len ? done
								      : message.msg_iov->iov_len;
			message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + step;
			message.msg_iov->iov_len -= step;
			done -= step;
			if (!message.msg_iov->iov_len && message.msg_iovlen > 1) {
				message.msg_iov++;
				message.msg_iovlen--;
			}
		}
	}
	return NULL;
}

/* Read what is left of n bytes; *ret_short when the stream ends first. */
static FALLIBLE read_rest(int fd, void *buf, size_t n, bool *ret_short)
{
	*ret_short = false;
	for (size_t done = 0; done < n;) {
		ssize_t got = TEMP_FAILURE_RETRY(read(fd, (char *)buf + done, n - done));

		if (got < 0)
			return error_sys("hear from a sandbox");
		if (got == 0) {
			*ret_short = true;
			return NULL;
		}
		done += (size_t)got;
	}
	return NULL;
}

static void keep_fds(struct msghdr *message, struct wire_frame *frame)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
			head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n && frame->n_fds < WIRE_FDS; i++)
			memcpy(&frame->fds[frame->n_fds++], CMSG_DATA(head) + i * sizeof(int),
					sizeof(int));
	}
}

FALLIBLE wire_receive(int fd, size_t limit, struct wire_frame *ret)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };
	struct header header;
	struct iovec part = { &header, sizeof(header) };
	union control control;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	bool is_short = false;
	ssize_t got = TEMP_FAILURE_RETRY(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));

	if (got < 0 && errno != ECONNRESET)
		return error_sys("hear from a sandbox");
	if (got <= 0) {
		*ret = (struct wire_frame){ .type = WIRE_END };
		return NULL;
	}
	keep_fds(&message, &frame);
	TRY(read_rest(fd, (char *)&header + got, sizeof(header) - (size_t)got, &is_short));
	if (is_short || header.magic != FRAME_MAGIC || header.type > WIRE_LISTENER ||
			header.bytes > limit || header.n_fds != frame.n_fds)
		return error_new(ERR_INVALID, "a message from a sandbox is malformed");
	frame.type = (enum wire_type)header.type;
	strbuf_reserve(&frame.bytes, header.bytes + 1);
	TRY(read_rest(fd, frame.bytes.p, header.bytes, &is_short));
	if (is_short)
		return error_new(ERR_INVALID, "a message from a sandbox is cut short");
	frame.bytes.n = header.bytes;
	frame.bytes.p[header.bytes] = '\0';
	*ret = frame;
	frame = (struct wire_frame){ 0 };
	return NULL;
}

void wire_frame_done(struct wire_frame *frame)
{
	for (size_t i = 0; i < frame->n_fds; i++)
		if (frame->fds[i] >= 0)
			(void)close(frame->fds[i]);
	frame->n_fds = 0;
	strbuf_done(&frame->bytes);
}

void wire_put_error(const struct error *error, struct strbuf *out)
{
	const struct error *root = error;
	const char *hint = error_find_hint(error);
	int32_t numbers[2];

	while (root->cause)
		root = root->cause;
	numbers[0] = root->kind;
	numbers[1] = root->code;
	strbuf_add_bytes(out, numbers, sizeof(numbers));
	for (; error; error = error->cause)
		strbuf_addf(out, "%s%s", error->message, error->cause ? ": " : "");
	strbuf_add_char(out, '\0');
	strbuf_add(out, hint ? hint : "");
	strbuf_add_char(out, '\0');
}

struct error *wire_get_error(const void *bytes, size_t n)
{
	int32_t numbers[2];
	const char *text = (const char *)bytes + sizeof(numbers);
	const char *end = (const char *)bytes + n;

	if (n <= sizeof(numbers) || end[-1] != '\0')
		return error_new(ERR_INVALID, "an error from a sandbox is malformed");
	memcpy(numbers, bytes, sizeof(numbers));
	if (numbers[0] < ERR_SYS || numbers[0] > ERR_BUSY)
		return error_new(ERR_INVALID, "an error from a sandbox is malformed");
	struct error *error = error_code((enum error_kind)numbers[0], numbers[1], "%s", text);
	const char *hint = text + strlen(text) + 1;
	if (hint < end && *hint)
		error = error_hint(error, "%s", hint);
	return error;
}
