/*
 * defaults: what every confined step gets, as tables: Docker's capabilities, OCI's masked and
 * read-only paths, the devices of /dev.
 *
 * Floor: sandbox (pure). Spec: OCI runtime-spec, config-linux.md; Docker's default profile.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Docker's fourteen. */
uint64_t default_capabilities(void);

struct default_path {
	const char *path;  /* relative to the mount that holds it */
	bool is_read_only; /* else hidden */
};
/* Below /proc, and below /sys; ended by a NULL path. */
extern const struct default_path default_proc_paths[];
extern const struct default_path default_sys_paths[];

/* Device nodes of /dev, bound from the host's; ended by NULL. */
extern const char *const default_devices[];

struct default_link {
	const char *name, *to;
};
/* Links in /dev; ended by a NULL name. */
extern const struct default_link default_links[];

/* Directories of the lowest layer below every root, so that mounts have their targets. */
struct default_directory {
	const char *path;
	unsigned mode;
};
extern const struct default_directory default_scaffold[];
/* Empty files there. */
extern const char *const default_scaffold_files[];
