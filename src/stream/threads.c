#include "stream/threads.h"

#include <signal.h>
#include <string.h>

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
