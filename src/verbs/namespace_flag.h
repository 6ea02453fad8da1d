/*
 * namespace_flag: --ipc, --pid, --uts, --cgroupns and --network=ns:PATH, of 'from', 'run' and
 * Buildah's build: which namespaces commands share. Every failure is error_usage.
 *
 * Floor: verbs.
 */
#pragma once
#include "sandbox/namespaces.h"
#include "verbs/run_flags.h"

/* A file that is our own namespace's is as good as "host". Paths are those of flags. */
FALLIBLE namespace_flags_make(const struct run_flags *flags, struct sandbox_namespaces *ret);
/* True: text is a path for --network, *ret_path; NULL: that of our own network. */
FALLIBLE namespace_flag_network(const char *text, bool *ret_is_path, const char **ret_path);
/* What stands for them in keys: "ipc=host pid=/proc/7/ns/pid"; NULL: nothing. free(). */
char *namespace_flags_text(const struct sandbox_namespaces *namespaces);
