/*
 * run_conf: what containers.conf says of how commands run, below what the command line says: for
 * 'from' and 'build' under Buildah's name. 'run' has what 'from' remembered, and reads limits
 * again, as in Buildah.
 *
 * Floor: verbs.
 */
#pragma once
#include "verbs/run_flags.h"

/*
 * A copy of typed in *ret (run_flags_done(), also after a failure). DNS, the size of /dev/shm and
 * whose namespaces are shared are the file's where none was typed; ulimits, devices and volumes add
 * up, and of two limits of one name the typed one counts. Under another name than Buildah's nothing
 * is read.
 */
FALLIBLE run_conf_below(const struct invocation *call, const struct run_flags *typed,
		struct run_flags *ret);
/* The same of limits alone, below flags: for 'run' in a container that was made before the file
 * said them. What flags have already is not added again. */
FALLIBLE run_conf_limits(const char *program, struct run_flags *flags);
/*
 * Where container_name_as_hostname says so, the container's name, less what no name of a host has:
 * *ret is new. NULL: it does not, or nothing is left.
 */
FALLIBLE run_conf_hostname(const char *program, const char *container, char **ret);
