#include "stream/threads.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NAME_BYTES = 16 }; /* TASK_COMM_LEN of Linux */

int threads_start(pthread_t *ret, const char *name, void *(*run)(void *argument), void *argument)
{
	sigset_t all, before;
	char cut[NAME_BYTES] = "";

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int number = pthread_create(ret, NULL, run, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (number != 0)
		return number;
	memcpy(cut, name, strnlen(name, sizeof(cut) - 1));
	(void)pthread_setname_np(*ret, cut);
	return 0;
}

static int usual;

/* The first thread is as kiln was started: nobody was nicer before. */
static void read_usual(void)
{
	usual = getpriority(PRIO_PROCESS, (id_t)getpid());
}

void threads_give_way(int by)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, read_usual);
	/* Of one thread, here: user 0 is who asks. */
	(void)setpriority(PRIO_PROCESS, 0, usual + by);
}
