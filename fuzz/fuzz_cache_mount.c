/* What a cache home gives of a cache mount: its record, and the list of what it holds. */
#include "cache/mount_list.h"
#include "cache/mount_record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_record(struct str text)
{
	AUTO(mount_record) struct mount_record record = { 0 };

	error_free(mount_record_parse(text, "fuzz", &record));
}

/* What was read is written the same way again. */
static void read_list(struct str text)
{
	AUTO(mount_list) struct mount_list *list = NULL, *back = NULL;
	AUTO_FREE char *packed = NULL;
	size_t n = 0;
	struct error *error = mount_list_read(reader_from_bytes(text.p, text.n), 1 << 30, &list);

	if (!error) {
		error = mount_list_pack(list, &packed, &n);
		if (!error)
			error = mount_list_read(reader_from_bytes(packed, n), 1 << 30, &back);
		if (error || !digest_equal(&list->tree, &back->tree))
			abort();
	}
	error_free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	read_record(text);
	read_list(text);
	return 0;
}
