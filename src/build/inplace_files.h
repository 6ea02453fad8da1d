/*
 * inplace_files: files in a container's own "/" beside those that are kept there. kept: cleaned
 * paths that stay as they are, with all below them.
 *
 * Floor: build. One thread at a time.
 */
#pragma once
#include "base/vec.h"
#include "layer/entry.h"

enum inplace_place { INPLACE_FREE = 0, INPLACE_KEPT, INPLACE_ABOVE /* something kept is in it */ };

/* What a cleaned path is beside the kept ones. */
enum inplace_place inplace_place(const struct list *kept, const char *path);

/* Remove what is below "/path" ("" is "/" itself) and not kept. */
FALLIBLE inplace_clear(const struct list *kept, const char *path);
/*
 * Move all that is not kept into a directory, by renaming. *ret_moved false: that cannot be had
 * here, and a part may have moved.
 */
FALLIBLE inplace_move(const struct list *kept, int to_fd, bool *ret_moved);
/*
 * A sink for an image's entries: into below (made for "/"), but those at kept paths into shadow,
 * and the directories above these into both. Takes both.
 */
struct entry_sink *inplace_sink(
		const struct list *kept, struct entry_sink *below, struct entry_sink *shadow);
