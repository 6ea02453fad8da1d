/*
 * wire: messages between kiln and a step's PID 1, between PID 1 and the command's process
 * before it executes, and between kiln and a helper that begins late: a frame of type and size, its
 * bytes, its fds. Over a stream socket pair; both ends are one program.
 *
 * Floor: sandbox.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"
#include <stddef.h>
#include <stdint.h>

enum wire_type {
	WIRE_END = 0,   /* the other side closed */
	WIRE_STEP,      /* kiln: an encoded plan and its fds */
	WIRE_NETWORK,   /* kiln: be the holder of a network namespace instead */
	WIRE_TERMINATE, /* kiln: SIGTERM to all of the step */
	WIRE_KILL,
	WIRE_ORDER,    /* kiln, to a spare helper: struct helper_order, and namespaces to join */
	WIRE_READY,    /* the helper: it has, and the name of the host there */
	WIRE_HELD,     /* PID 1: the network namespace, and its user namespace */
	WIRE_RESULT,   /* PID 1: struct sandbox_result */
	WIRE_FAILED,   /* PID 1, command: an error */
	WIRE_LISTENER, /* command: the fd of its seccomp listener */
};

enum { WIRE_FDS = 250 };

struct wire_frame {
	enum wire_type type;
	struct strbuf bytes;
	int fds[WIRE_FDS]; /* owned; -1 where taken */
	size_t n_fds;
};

FALLIBLE wire_send(int fd, enum wire_type type, const void *bytes, size_t n, const int *fds,
		size_t n_fds);
/* Blocks for one frame of at most limit bytes. */
FALLIBLE wire_receive(int fd, size_t limit, struct wire_frame *ret);
void wire_frame_done(struct wire_frame *frame);

/* An error as bytes and back; the chain's messages are joined, kind, code and hint are kept. */
void wire_put_error(const struct error *error, struct strbuf *out);
struct error *wire_get_error(const void *bytes, size_t n);

DEFINE_AUTO_VALUE(wire_frame)
