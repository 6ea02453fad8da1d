/*
 * network: the private network of a build: one network namespace, held by a PID 1 that runs
 * nothing, and slirp4netns or pasta (whichever is installed, in that order) that carries its
 * traffic. Both end when kiln does, however that happens.
 *
 * Floor: sandbox.
 */
#pragma once
#include "base/error.h"
#include "sys/userns.h"

struct network;

/* ERR_UNSUPPORTED with a hint when no program for it is installed. */
FALLIBLE network_new(int control_fd, const struct userns *userns, struct network **ret);
/* Ends the program and gives the namespace back. NULL is fine. */
void network_free(struct network *network);
int network_fd(const struct network *network);
/* An address inside that answers name look-ups, or NULL. */
const char *network_dns(const struct network *network);
