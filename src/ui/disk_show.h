/*
 * disk_show: what the store's images cost (store/prune.h), for people and programs.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/strbuf.h"
#include "store/prune.h"

void disk_show(const struct disk_report *report, const struct store_usage *usage, bool as_json,
		struct strbuf *out);
