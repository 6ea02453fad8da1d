/*
 * disk_show: what the store's images cost (store/prune.h) and what its cache mounts keep, for
 * people and programs.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/strbuf.h"
#include "store/cache_mount.h"
#include "store/prune.h"

void disk_show(const struct disk_report *report, const struct store_usage *usage,
		const struct cache_mount_list *mounts, bool as_json, struct strbuf *out);
