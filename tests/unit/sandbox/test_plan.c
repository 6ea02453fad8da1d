#include "unit.h"

#include "sandbox/plan.h"

#include <sys/resource.h>

static void make_small(struct plan *plan)
{
	struct plan_text path = plan_keep(plan, "layers/a");
	int32_t fd = plan_fd(plan, 7, true);
	struct plan_op *op = plan_add(plan, PLAN_LOWER);

	op->fd = fd;
	op->text = path;
	plan_add(plan, PLAN_OVERLAY)->flags = PLAN_SCAFFOLD;
	path = plan_keep(plan, "/run/secret");
	struct plan_text content = plan_keep_bytes(plan, "a\0b", 3);
	op = plan_add(plan, PLAN_FILE);
	op->text = path;
	op->more = content;
	op->mode = 0400;
	op->number = plan_owner(33, 44);
	op->flags = PLAN_READ_ONLY;
	(void)plan_add(plan, PLAN_ENTER);
	op = plan_add(plan, PLAN_LIMIT);
	op->mode = RLIMIT_NOFILE;
	op->number = 100;
	op->second = RLIM_INFINITY;
	path = plan_keep(plan, "two\nlines\\\x01");
	plan_add(plan, PLAN_ARGUMENT)->text = path;
	(void)plan_add(plan, PLAN_EXEC);
}

static const char small_text[] = "lower fd0/layers/a\n"
				 "overlay scaffold\n"
				 "file 3 bytes 33:44 0400 on /run/secret read-only\n"
				 "enter\n"
				 "limit 7 100 unlimited\n"
				 "argument two\\nlines\\x5c\\x01\n"
				 "exec\n";

static void prints_one_operation_a_line(void **state)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	make_small(&plan);
	plan_print(&plan, &text);
	assert_string_equal(strbuf_text(&text), small_text);
}

static void comes_back_as_it_was_sent(void **state)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO(plan) struct plan back = { 0 };
	AUTO(strbuf) struct strbuf bytes = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	make_small(&plan);
	assert_ok(plan_encode(&plan, &bytes));
	assert_ok(plan_decode(bytes.p, bytes.n, 1, &back));
	plan_print(&back, &text);
	assert_string_equal(strbuf_text(&text), small_text);
	assert_memory_equal(plan_text_of(&back, back.ops.p[2].more), "a\0b", 4);
}

static void same_fd_keeps_its_place(void **state)
{
	AUTO(plan) struct plan plan = { 0 };

	assert_int_equal(plan_fd(&plan, 5, true), 0);
	assert_int_equal(plan_fd(&plan, 6, true), 1);
	assert_int_equal(plan_fd(&plan, 5, true), 0);
	assert_int_equal(plan_fd(&plan, 5, false), 2);
	assert_int_equal(plan_fd(&plan, 0, false), -1);
	assert_int_equal(plan_fd(&plan, -1, false), -1);
}

/* One change to the encoded small plan, and it is refused. */
static void refuses(void **state)
{
	enum { HEADER = 16, OP = sizeof(struct plan_op) };
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
		const char *says;
	} cases[] = {
		{ "another magic", 0, 'x', "not made here" },
		{ "more operations than bytes", 4, 200, "wrong size" },
		{ "other number of fds", 12, 9, "not made here" },
		{ "kind 0", HEADER + offsetof(struct plan_op, kind), 0, "operation 0" },
		{ "kind past the last", HEADER + offsetof(struct plan_op, kind), 99,
				"operation 0" },
		{ "a flag that means nothing there", HEADER + offsetof(struct plan_op, flags),
				PLAN_READ_ONLY, "operation 0" },
		{ "an fd that did not come", HEADER + offsetof(struct plan_op, fd), 1,
				"operation 0" },
		{ "an fd where none belongs", HEADER + OP + offsetof(struct plan_op, fd), 0,
				"operation 1" },
		{ "text beyond the pool", HEADER + offsetof(struct plan_op, text) + 1, 0xff,
				"operation 0" },
		{ "text without its end", HEADER + offsetof(struct plan_op, text) + 4, 3,
				"operation 0" },
		{ "runs nothing", HEADER + 6 * OP + offsetof(struct plan_op, kind), PLAN_ENTER,
				"runs nothing" },
	};
	AUTO(plan) struct plan plan = { 0 };
	AUTO(strbuf) struct strbuf bytes = { 0 };

	make_small(&plan);
	assert_ok(plan_encode(&plan, &bytes));
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *changed = xmemdup(bytes.p, bytes.n);
		struct plan back;

		note("%s", cases[i].why);
		changed[cases[i].at] = (char)cases[i].value;
		if (cases[i].value == 0 &&
				cases[i].at == HEADER + OP + offsetof(struct plan_op, fd))
			memset(changed + cases[i].at, 0, 4);
		assert_error(plan_decode(changed, bytes.n, 1, &back), ERR_INVALID, cases[i].says);
	}
	struct plan back;
	for (size_t n = 0; n < bytes.n; n++) {
		/* A copy of just that size, so that reading past its end is seen. */
		AUTO_FREE char *cut = xmemdup(bytes.p, n + 1);
		cut = xrealloc(cut, n ? n : 1, 1);
		assert_error(plan_decode(cut, n, 1, &back), ERR_INVALID, "plan");
	}
}

static void content_with_a_nul_is_no_text(void **state)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO(strbuf) struct strbuf bytes = { 0 };
	struct plan back;
	struct plan_text text = plan_keep_bytes(&plan, "a\0b", 3);

	plan_add(&plan, PLAN_ARGUMENT)->text = text;
	(void)plan_add(&plan, PLAN_EXEC);
	assert_ok(plan_encode(&plan, &bytes));
	assert_error(plan_decode(bytes.p, bytes.n, 0, &back), ERR_INVALID, "operation 0");
}

static void too_many_fds(void **state)
{
	AUTO(plan) struct plan plan = { 0 };
	AUTO(strbuf) struct strbuf bytes = { 0 };

	for (int fd = 1; fd <= PLAN_FDS + 1; fd++)
		(void)plan_fd(&plan, fd, true);
	(void)plan_add(&plan, PLAN_EXEC);
	assert_error(plan_encode(&plan, &bytes), ERR_LIMIT, "201 directories");
}

UNIT_TESTS(prints_one_operation_a_line, comes_back_as_it_was_sent, same_fd_keeps_its_place, refuses,
		content_with_a_nul_is_no_text, too_many_fds)
