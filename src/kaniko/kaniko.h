/*
 * kaniko: the names executor and warmer. They take what Kaniko's programs take (its flags, its
 * variables, its files, its exit statuses) and make of it the calls that 'kiln build' makes. What
 * each flag does here is in docs/kaniko.md.
 *
 *	argv ── globals.c, flags.c ──> opts ── request.c ──> build_options ── build_run()
 *
 * A flag that chose between a fault of Kaniko's and its cure is taken, and the cure is what
 * happens.
 *
 * Floor: kaniko.
 */
#pragma once
#include "ui/options.h"

extern const struct program executor_program;
extern const struct program warmer_program;

extern const struct command cmd_executor;
extern const struct command cmd_executor_bake;
extern const struct command cmd_executor_login;
extern const struct command cmd_executor_push;
extern const struct command cmd_executor_version;
extern const struct command cmd_warmer;

/* Options of every command of both programs: registries and the log. */
struct kaniko_globals {
	char *verbosity, *log_format, *kaniko_dir;
	bool log_timestamp;
	bool insecure, skip_tls_verify, insecure_pull, skip_tls_verify_pull;
	bool skip_fallback, skip_push_check, ignore_immutable;
	struct list insecure_registries, skip_tls_registries;
	struct list certificates, client_certs, maps, mirrors, credential_helpers;
	int64_t push_retry, download_retry;
};

extern const struct option kaniko_global_options[];

/* Options and variables as settings of ui/config.h; program->settings. */
struct error *kaniko_settings(const void *global_opts, struct list *ret);
/* As Kaniko's programs end: the status of the RUN that failed, else 1. */
int kaniko_exit_status(const struct error *error);
/* --kaniko-dir, else KANIKO_DIR, else /kaniko. */
const char *kaniko_dir(const struct kaniko_globals *globals);
/* Value of a boolean variable: given when it is not set. ERR_INVALID names it. */
FALLIBLE kaniko_env_bool(const char *name, bool given, bool *ret);
