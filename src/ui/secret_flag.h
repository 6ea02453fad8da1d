/*
 * secret_flag: --secret id=ID[,src=PATH][,env=NAME][,type=file|env] of every command that builds.
 *
 * Flags are read first and contents later, once the sandbox's helper is forked, so that no process
 * but ours ever has them. An id alone means the variable of that name when it is set, else the file
 * of that name. Contents are wiped when done.
 *
 * Floor: ui.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "build/build.h"

struct secret_flags {
	struct {
		struct secret_flag {
			char *id, *path, *env;
		} * p;
		size_t n, capacity;
	} flags;
	struct {
		struct build_secret *p;
		size_t n, capacity;
	} loaded;
};

/* getenv: config_getenv. Usage errors name what is wrong, never a value. */
FALLIBLE secret_flags_add(struct secret_flags *flags, const char *text,
		const char *(*getenv_of)(const char *name));
/*
 * Read them all. A file that is not there is ERR_SYS; a variable that is not set is a secret
 * without content, which only a step that requires it complains of.
 */
FALLIBLE secret_flags_load(struct secret_flags *flags, const char *(*getenv_of)(const char *name));
void secret_flags_done(struct secret_flags *flags);

DEFINE_AUTO_VALUE(secret_flags)
