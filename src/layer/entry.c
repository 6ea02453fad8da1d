#include "layer/entry.h"

#include <string.h>

static FALLIBLE check(const struct entry_sink *sink)
{
	if (sink->failed)
		return error_new(ERR_CANCELED, "an earlier entry failed");
	return NULL;
}

FALLIBLE entry_sink_add(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	TRY(check(sink));
	struct error *error = sink->ops->add(sink, entry, content);
	sink->failed = error != NULL;
	return error;
}

FALLIBLE entry_sink_whiteout(struct entry_sink *sink, const char *path)
{
	TRY(check(sink));
	struct error *error = sink->ops->whiteout(sink, path);
	sink->failed = error != NULL;
	return error;
}

FALLIBLE entry_sink_opaque(struct entry_sink *sink, const char *path)
{
	TRY(check(sink));
	struct error *error = sink->ops->opaque(sink, path);
	sink->failed = error != NULL;
	return error;
}

FALLIBLE entry_sink_close(struct entry_sink *sink)
{
	struct error *error = check(sink);

	if (!error)
		error = sink->ops->close(sink);
	entry_sink_free(sink);
	return error;
}

void entry_sink_free(struct entry_sink *sink)
{
	if (sink)
		sink->ops->free(sink);
}

bool entry_keeps_xattr(const char *name)
{
	if (strcmp(name, "security.capability") == 0)
		return true;
	if (owner_is_own_xattr(name) || strncmp(name, "user.overlay.", 13) == 0 ||
			strncmp(name, "trusted.overlay.", 16) == 0)
		return false;
	return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0;
}
