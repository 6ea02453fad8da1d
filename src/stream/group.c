#include "stream/group.h"
#include "base/xalloc.h"
#include "stream/threads.h"

struct member {
	struct member *next;
	pthread_t thread;
	struct error *(*run)(void *argument);
	void *argument;
	struct error *error; /* the thread's until it is joined */
};

struct group {
	struct member *first, **last; /* in order of start; last: where the next one goes */
	struct error *not_started;
};

struct group *group_new(void)
{
	struct group *group = xcalloc(1, sizeof(*group));

	group->last = &group->first;
	return group;
}

static void *member_main(void *argument)
{
	struct member *member = argument;

	member->error = member->run(member->argument);
	return NULL;
}

bool group_start(struct group *group, const char *name, struct error *(*run)(void *argument),
		void *argument)
{
	struct member *member = xcalloc(1, sizeof(*member));

	member->run = run;
	member->argument = argument;
	int number = threads_start(&member->thread, name, member_main, member);
	if (number != 0) {
		struct error *error = error_errno(number, "start thread '%s'", name);

		group->not_started = error_first(group->not_started,
				error_hint(error, "raise the limit of processes (ulimit -u, or "
						  "pids.max of the container)"));
		free(member);
		return false;
	}
	*group->last = member;
	group->last = &member->next;
	return true;
}

FALLIBLE group_join(struct group *group)
{
	struct error *error = TAKE(group->not_started);
	struct member *next = NULL;

	for (struct member *member = group->first; member; member = next) {
		(void)pthread_join(member->thread, NULL);
		error = error_first(error, member->error);
		next = member->next;
		free(member);
	}
	group->first = NULL;
	group->last = &group->first;
	return error;
}

void group_free(struct group *group)
{
	if (!group)
		return;
	error_ignore(group_join(group), "the group was given up");
	free(group);
}
