/*
 * userns_flag: --userns-uid-map and its kin, of 'from' and of Buildah's build, to which ids the
 * files and commands of a container belong. Every failure is error_usage.
 *
 * Floor: verbs.
 */
#pragma once
#include "ui/session.h"
#include "verbs/run_flags.h"

/*
 * Both maps, or none: one of the two stands for the other. flags over what config says for the
 * whole program; names are looked up in /etc/subuid and /etc/subgid. Or a namespace to join.
 */
FALLIBLE userns_flags_make(const struct run_flags *flags, const struct config *config,
		struct session_ids *ret);
/* For session->ids: NULL where nothing was asked for. */
const struct session_ids *userns_flags_ids(const struct session_ids *ids);
/* What a command says that works in a container, whose ids are given. */
FALLIBLE userns_flags_refuse(const struct run_flags *flags);
