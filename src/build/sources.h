/*
 * sources: what bringing files from elsewhere needs: a place to put them, and the ways to get them.
 * Everything is borrowed.
 *
 * Floor: build. A plain value; any thread.
 */
#pragma once
#include "base/vec.h"
#include "store/scratch.h"
#include "sys/cancel.h"

struct build_secret;
struct registry_client;
struct source_policy;

struct sources {
	struct store *store;
	struct registry_client *registry; /* its connections serve any http(s) address */
	const struct list *environment;   /* "NAME=value" that git and ssh may see; or NULL */
	struct cancel *cancel;
	const struct build_secret *secrets; /* those that source_auth.h names are sent */
	size_t secret_count;
	const struct source_policy *policy; /* asked about each address; NULL: all may be */
};
