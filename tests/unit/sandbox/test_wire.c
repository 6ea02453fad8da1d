#include "unit.h"

#include "sandbox/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void frames_carry_bytes_and_fds(void **state)
{
	AUTO(wire_frame) struct wire_frame frame = { 0 };
	int pair[2], ends[2];
	char byte = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_ok(wire_send(pair[0], WIRE_STEP, "hello", 5, &ends[1], 1));
	assert_ok(wire_receive(pair[1], 100, &frame));
	assert_int_equal(frame.type, WIRE_STEP);
	assert_string_equal(strbuf_text(&frame.bytes), "hello");
	assert_int_equal(frame.n_fds, 1);
	assert_int_equal(fcntl(frame.fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(frame.fds[0], "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');

	(void)close(pair[0]);
	AUTO(wire_frame) struct wire_frame end = { 0 };
	assert_ok(wire_receive(pair[1], 100, &end));
	assert_int_equal(end.type, WIRE_END);
	(void)close(pair[1]);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void refuses(void **state)
{
	struct wire_frame frame;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_ok(wire_send(pair[0], WIRE_STEP, "hello", 5, NULL, 0));
	assert_error(wire_receive(pair[1], 4, &frame), ERR_INVALID, "malformed");
	assert_int_equal(write(pair[0], "0123456789abcdefghijklm", 23), 23);
	assert_error(wire_receive(pair[1], 4, &frame), ERR_INVALID, "malformed");
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void errors_travel(void **state)
{
	AUTO(strbuf) struct strbuf bytes = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	errno = ENOENT;
	struct error *error =
			error_hint(error_wrap(error_sys("open '%s'", "x"), "step"), "make it");
	wire_put_error(error, &bytes);
	error_free(error);
	error = wire_get_error(bytes.p, bytes.n);
	assert_true(error_is_errno(error, ENOENT));
	error_text(error, &text);
	assert_string_equal(strbuf_text(&text), "step: open 'x': No such file or directory");
	assert_string_equal(error_find_hint(error), "make it");
	error_free(error);
	for (size_t n = 0; n < bytes.n - 1; n++) {
		AUTO_FREE char *cut = xmemdup(bytes.p, n + 1);
		error = wire_get_error(cut, n);
		assert_non_null(error);
		error_free(error);
	}
}

UNIT_TESTS(frames_carry_bytes_and_fds, refuses, errors_travel)
