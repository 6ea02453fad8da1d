#include "sandbox/bare_tree.h"
#include "unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that ends at once, or waits with a child of its own. */
static pid_t child(bool ends)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (!ends && fork() >= 0)
		for (;;)
			(void)pause();
	_exit(0);
}

static void await_end(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void ends_what_is_behind_a_dead_spared_one(void **state)
{
	/* The spared ones are dead and not waited for: they are the first to be told of. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t spared[] = { child(true), 0, child(true) };
	pid_t others[2];

	await_end(spared[0]);
	await_end(spared[2]);
	others[0] = child(false);
	others[1] = child(true);
	(void)alarm(20); /* it never ended */
	bare_tree_end(-1, spared, COUNT(spared));
	(void)alarm(0);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(waitpid(others[i], NULL, WNOHANG), -1);
	assert_int_equal(waitpid(spared[0], NULL, 0), spared[0]);
	assert_int_equal(waitpid(spared[2], NULL, 0), spared[2]);
	/* The grandchild came to us and is gone, too. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void spares_with_children(void **state)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t spared = child(false), other = child(false);

	bare_tree_end(-1, &spared, 1);
	assert_int_equal(waitpid(other, NULL, WNOHANG), -1);
	assert_int_equal(waitpid(spared, NULL, WNOHANG), 0);
	bare_tree_end(-1, NULL, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

UNIT_TESTS(ends_what_is_behind_a_dead_spared_one, spares_with_children)
