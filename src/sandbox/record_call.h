/*
 * record_call: one system call that waits for its answer, and the functions that answer. Internal
 * to record.c, record_ids.c and record_files.c.
 *
 * Floor: sandbox. PID 1 only.
 */
#pragma once
#include "sandbox/identity.h"
#include "sandbox/tracee.h"
#include "sys/owner.h"
#include <stdbool.h>
#include <stdint.h>

struct record_call {
	struct tracee tracee;
	struct identities *identities;
	const struct identity *who;
	int number;
	const uint64_t *args;
	/* The answer. */
	bool let_go;   /* the kernel carries it out itself */
	int64_t value; /* what the call returns, when error is 0 */
	int error;     /* or a negative errno */
};

void record_get_id(struct record_call *call);
void record_get_three(struct record_call *call);
void record_get_groups(struct record_call *call);
void record_set_id(struct record_call *call);
void record_set_groups(struct record_call *call);
void record_chown(struct record_call *call);
void record_stat(struct record_call *call);
void record_mknod(struct record_call *call);
void record_open(struct record_call *call);
void record_mkdir(struct record_call *call);
void record_symlink(struct record_call *call);
