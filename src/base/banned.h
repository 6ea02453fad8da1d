/*
 * banned: functions that do not compile here. Included by the build for every file (-include).
 *
 * Floor: base.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Macros with clang and _FORTIFY_SOURCE, and those cannot be poisoned. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncat sprintf vsprintf strtok gets atoi atol atoll
#pragma GCC poison tmpnam tempnam mktemp localtime gmtime asctime ctime popen
