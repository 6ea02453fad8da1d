/* Archives made to hurt: each is refused with an error that names the entry. */
#include "base/limits.h"
#include "layer/tar_format.h"
#include "recorder.h"

/* A tar under construction. */
static void put_block(struct strbuf *tar, const void *bytes, size_t n)
{
	static const char zeros[TAR_BLOCK];

	strbuf_add_bytes(tar, bytes, n);
	strbuf_add_bytes(tar, zeros, (size_t)(-(uint64_t)n % TAR_BLOCK));
}

static void seal(struct tar_header *header)
{
	const unsigned char *p = (const unsigned char *)header;
	unsigned sum = 0;

	memset(header->checksum, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += p[i];
	(void)snprintf(header->checksum, 8, "%06o", sum);
}

static struct tar_header header_of(const char *name, char type, const char *size)
{
	struct tar_header header = { .type = type,
		.mode = "0000644",
		.uid = "0000000",
		.gid = "0000000",
		.mtime = "00000000005" };

	memcpy(header.name, name, strlen(name) < 100 ? strlen(name) : 100);
	memcpy(header.size, size, strlen(size));
	memcpy(header.magic, "ustar", 6);
	memcpy(header.version, "00", 2);
	seal(&header);
	return header;
}

static void put_entry(struct strbuf *tar, const char *name, char type, const char *content)
{
	char size[24];
	size_t n = content ? strlen(content) : 0;

	(void)snprintf(size, sizeof(size), "%011zo", n);
	struct tar_header header = header_of(name, type, size);
	put_block(tar, &header, sizeof(header));
	if (n)
		put_block(tar, content, n);
}

static void put_link(struct strbuf *tar, const char *name, char type, const char *target)
{
	struct tar_header header = header_of(name, type, "0");

	memcpy(header.link, target, strlen(target));
	seal(&header);
	put_block(tar, &header, sizeof(header));
}

/* One record with its right length. */
static char *record(const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 3;
	char *text = NULL;

	for (size_t digits = 1; digits < 10; digits++) {
		free(text);
		text = xasprintf("%zu %s=%s\n", n + digits, key, value);
		if (strlen(text) == n + digits)
			break;
	}
	return text;
}

static void refuse_records(const char *records, enum error_kind kind, const char *says)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };

	note("%s", records);
	put_entry(&tar, "x", 'x', records);
	put_entry(&tar, "name", '0', "text");
	assert_error(record_tar(tar.p, tar.n, &is), kind, says);
}

static void refuses_bad_frames(void **state)
{
	static const struct {
		const char *records, *says;
	} cases[] = {
		{ "x", "a pax record has no length" },
		{ " path=a\n", "is not a number" },
		{ "0 path=a\n", "wrong length" },
		{ "3 a\n", "wrong length" },
		{ "-9 path=a\n", "is not a number" },
		{ "99 path=a\n", "wrong length" },
		{ "99999999999999999999 path=a\n", "no length" },
		{ "9 path=a.", "wrong length" },
		{ "9 pathaa\n", "has no key" },
		{ "9 =patha\n", "has no key" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		refuse_records(cases[i].records, ERR_INVALID, cases[i].says);
}

static void refuses_bad_values(void **state)
{
	static const struct {
		const char *pairs[3][2];
		const char *says;
		enum error_kind kind;
	} cases[] = {
		{ { { "size", "x" } }, "'x' is not a number", ERR_INVALID },
		{ { { "size", "-1" } }, "'-1' is not a number", ERR_INVALID },
		{ { { "size", "9223372036854775808" } }, "too large", ERR_INVALID },
		{ { { "size", "2000000000000000" } }, "a size of 2000000000000000", ERR_LIMIT },
		{ { { "mtime", "x" } }, "'x' is not a number", ERR_INVALID },
		{ { { "mtime", "1.x" } }, "is not a number", ERR_INVALID },
		{ { { "mtime", "9223372036854775808" } }, "too large", ERR_INVALID },
		{ { { "uid", "4294967295" } }, "owner 4294967295:0", ERR_INVALID },
		{ { { "SCHILY.xattr.", "v" } }, "no good name", ERR_INVALID },
		{ { { "GNU.sparse.map", "1,2" } }, "without its size", ERR_INVALID },
		{ { { "GNU.sparse.map", "1" } }, "is not a number", ERR_INVALID },
		{ { { "GNU.sparse.offset", "1" } }, "offset without a length", ERR_INVALID },
		{ { { "GNU.sparse.offset", "1" }, { "GNU.sparse.offset", "1" } },
				"two sparse offsets", ERR_INVALID },
		{ { { "GNU.sparse.numbytes", "1" } }, "length without an offset", ERR_INVALID },
		{ { { "GNU.sparse.major", "1" } }, "without its size", ERR_INVALID },
		{ { { "GNU.sparse.major", "1" }, { "GNU.sparse.realsize", "100" } }, "is cut off",
				ERR_INVALID },
		{ { { "GNU.sparse.map", "0,9" }, { "GNU.sparse.size", "100" } }, "has 9 bytes of 4",
				ERR_INVALID },
		{ { { "GNU.sparse.map", "9,1,0" }, { "GNU.sparse.size", "100" } },
				"is not a number", ERR_INVALID },
		{ { { "GNU.sparse.map", "9,1,0,3" }, { "GNU.sparse.size", "100" } }, "out of order",
				ERR_INVALID },
		{ { { "GNU.sparse.map", "99,4" }, { "GNU.sparse.size", "100" } }, "out of order",
				ERR_INVALID },
		{ { { "GNU.sparse.map", "9223372036854775807,4" }, { "GNU.sparse.size", "100" } },
				"out of order", ERR_INVALID },
		{ { { "GNU.sparse.map", "0,4" }, { "GNU.sparse.size", "9000000000000000" } },
				"a sparse file of 9000000000000000 bytes", ERR_LIMIT },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf records = { 0 };

		for (size_t j = 0; cases[i].pairs[j][0]; j++) {
			AUTO_FREE char *one = record(cases[i].pairs[j][0], cases[i].pairs[j][1]);

			strbuf_add(&records, one);
		}
		refuse_records(strbuf_text(&records), cases[i].kind, cases[i].says);
	}
}

static void refuses_nul_in_names(void **state)
{
	static const char records[] = "12 path=a\0b\n";
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };
	struct tar_header header = header_of("x", 'x', "00000000014");

	put_block(&tar, &header, sizeof(header));
	put_block(&tar, records, sizeof(records) - 1);
	put_entry(&tar, "name", '0', "text");
	assert_error(record_tar(tar.p, tar.n, &is), ERR_INVALID, "NUL byte");
}

static void refuses_bad_headers(void **state)
{
	static const struct {
		const char *name, *size, *says;
		char type;
		enum error_kind kind;
	} cases[] = {
		{ "", "0", "no name", '0', ERR_INVALID },
		{ "/", "0", "no name", '0', ERR_INVALID },
		{ "..", "0", "no name", '0', ERR_INVALID },
		{ "f", "00000000004", "cut off", '0', ERR_INVALID },
		{ "f", "9", "'9' is not a number", '0', ERR_INVALID },
		{ "f", "-1", "is not a number", '0', ERR_INVALID },
		{ "f", "0x1", "is not a number", '0', ERR_INVALID },
		{ "f", "\x80\1\1\1\1\1\1\1\1\1\1\1", "too large", '0', ERR_INVALID },
		{ "f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "out of range", '0',
				ERR_INVALID },
		{ "x", "77777777777", "a header of 8589934591 bytes", 'x', ERR_LIMIT },
		{ "L", "77777777777", "a header of 8589934591 bytes", 'L', ERR_LIMIT },
		{ "g", "77777777777", "a header of 8589934591 bytes", 'g', ERR_LIMIT },
		{ "x", "4", "cut off", 'x', ERR_INVALID },
		{ "l", "0", "link to nowhere", '2', ERR_INVALID },
		{ "h", "0", "link to nowhere", '1', ERR_INVALID },
		{ "m", "0", "not known (0x4d)", 'M', ERR_UNSUPPORTED },
		{ "q", "0", "not known (0x80)", '\x80', ERR_UNSUPPORTED },
		{ "s", "0", "entry 's'", 'S', ERR_INVALID },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf tar = { 0 };
		AUTO(strbuf) struct strbuf is = { 0 };
		struct tar_header header = header_of(cases[i].name, cases[i].type, cases[i].size);

		if (cases[i].type == 'S') {
			char *p = (char *)&header;

			memcpy(p + 386, "99", 2); /* a map that is not octal */
			seal(&header);
		}
		note("%s %s", cases[i].name, cases[i].says);
		put_block(&tar, &header, sizeof(header));
		assert_error(record_tar(tar.p, tar.n, &is), cases[i].kind, cases[i].says);
	}
}

static void refuses_broken_streams(void **state)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };
	char zeros[TAR_BLOCK] = { 0 };

	assert_error(record_tar("hello", 5, &is), ERR_INVALID, "cut off");
	memset(zeros, 'x', sizeof(zeros));
	assert_error(record_tar(zeros, sizeof(zeros), &is), ERR_INVALID, "not a tar archive");
	memset(zeros, 0, sizeof(zeros));

	put_entry(&tar, "a", '0', "text");
	/* Every cut inside is noticed; one between entries, or in the padding, is an end. */
	for (size_t n = 1; n < TAR_BLOCK + strlen("text"); n++)
		assert_error(record_tar(tar.p, n, &is), ERR_INVALID, "cut off");
	for (size_t n = TAR_BLOCK + strlen("text"); n <= tar.n; n++) {
		strbuf_clear(&is);
		assert_ok(record_tar(tar.p, n, &is));
		assert_string_equal(strbuf_text(&is), "f 644 0:0 @5 a \"text\"\n");
	}
	strbuf_add_bytes(&tar, zeros, TAR_BLOCK);
	assert_ok(record_tar(tar.p, tar.n, &is));
	put_entry(&tar, "b", '0', "text");
	assert_error(record_tar(tar.p, tar.n, &is), ERR_INVALID, "a zero block inside");
	strbuf_truncate(&tar, 1024);
	strbuf_add_bytes(&tar, tar.p, 512);
	tar.p[1024] ^= 1;
	assert_error(record_tar(tar.p, tar.n, &is), ERR_INVALID, "wrong checksum");
	/* Behind the end anything may stand. */
	strbuf_truncate(&tar, 1024);
	strbuf_add_bytes(&tar, zeros, TAR_BLOCK);
	strbuf_add_bytes(&tar, zeros, TAR_BLOCK);
	strbuf_add(&tar, "rubbish");
	strbuf_clear(&is);
	assert_ok(record_tar(tar.p, tar.n, &is));
	assert_string_equal(strbuf_text(&is), "f 644 0:0 @5 a \"text\"\n");
}

static void bounds_names(void **state)
{
	AUTO_FREE char *name = xmalloc(5001);
	AUTO_FREE char *deep = xmalloc(2 * 1100 + 1);
	const char *const long_names[] = { name, deep };
	static const char *const says[] = { "longer than 255 bytes", "deeper than 1024" };

	memset(name, 'n', 300);
	name[300] = '\0';
	for (int i = 0; i < 1100; i++)
		memcpy(deep + 2 * i, "d/", 3);
	for (size_t i = 0; i < 2; i++) {
		AUTO(strbuf) struct strbuf tar = { 0 };
		AUTO(strbuf) struct strbuf pax = { 0 };
		AUTO(strbuf) struct strbuf is = { 0 };
		AUTO_FREE char *path = record("path", long_names[i]);

		put_entry(&tar, "L", 'L', long_names[i]);
		put_entry(&tar, "f", '0', "");
		assert_error(record_tar(tar.p, tar.n, &is), ERR_LIMIT, says[i]);
		put_entry(&pax, "x", 'x', path);
		put_entry(&pax, "f", '0', "");
		assert_error(record_tar(pax.p, pax.n, &is), ERR_LIMIT, says[i]);
	}

	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };
	memset(name, 'n', 5000);
	name[5000] = '\0';
	AUTO_FREE char *path = record("path", name);
	put_entry(&tar, "x", 'x', path);
	put_entry(&tar, "f", '0', "");
	assert_error(record_tar(tar.p, tar.n, &is), ERR_LIMIT, "longer than 4095 bytes");
}

static void bounds_attributes(void **state)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf records = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };
	AUTO_FREE char *value = xmalloc(LIMIT_XATTR_BYTES + 2);

	for (int i = 0; i <= LIMIT_XATTRS; i++) {
		AUTO_FREE char *key = xasprintf("SCHILY.xattr.user.%d", i);
		AUTO_FREE char *one = record(key, "v");

		strbuf_add(&records, one);
	}
	put_entry(&tar, "x", 'x', strbuf_text(&records));
	put_entry(&tar, "f", '0', "");
	assert_error(record_tar(tar.p, tar.n, &is), ERR_LIMIT, "more than 256 attributes");

	memset(value, 'v', LIMIT_XATTR_BYTES + 1);
	value[LIMIT_XATTR_BYTES + 1] = '\0';
	AUTO_FREE char *one = record("SCHILY.xattr.user.large", value);
	strbuf_clear(&tar);
	put_entry(&tar, "x", 'x', one);
	put_entry(&tar, "f", '0', "");
	assert_error(record_tar(tar.p, tar.n, &is), ERR_LIMIT, "more than 65536 bytes");
}

/* One file of `size` bytes that are four and a hole, in each of GNU's forms. */
static void put_sparse(struct strbuf *tar, int form, const char *size)
{
	static const char *const keys[][2] = { { "GNU.sparse.size", NULL },
		{ "GNU.sparse.offset", "0" }, { "GNU.sparse.numbytes", "4" },
		{ "GNU.sparse.size", NULL }, { "GNU.sparse.map", "0,4" },
		{ "GNU.sparse.realsize", NULL }, { "GNU.sparse.major", "1" } };
	static const size_t first[] = { 0, 3, 5, COUNT(keys) };
	AUTO(strbuf) struct strbuf records = { 0 }, content = { 0 };
	struct tar_header old = header_of("old", 'S', "4");

	if (form == 3) {
		uint64_t n = strtoull(size, NULL, 10);

		((char *)&old)[386] = '0';
		((char *)&old)[398] = '4';
		((char *)&old)[483] = '\x80';
		for (int i = 0; i < 8; i++)
			((char *)&old)[494 - i] = (char)(n >> (8 * i));
		seal(&old);
		put_block(tar, &old, sizeof(old));
		put_block(tar, "text", 4);
		return;
	}
	for (size_t i = first[form]; i < first[form + 1]; i++) {
		AUTO_FREE char *one = record(keys[i][0], keys[i][1] ? keys[i][1] : size);

		strbuf_add(&records, one);
	}
	if (form == 2)
		put_block(&content, "1\n0\n4\n", 6);
	strbuf_add(&content, "text");
	put_entry(tar, "x", 'x', strbuf_text(&records));
	struct tar_header header = header_of("new", '0', form == 2 ? "1004" : "4");
	put_block(tar, &header, sizeof(header));
	put_block(tar, content.p, content.n);
}

static void refuse_holes(const struct strbuf *tar, int good)
{
	AUTO(tar_reader)
	struct tar_reader *reader = tar_reader_new(reader_from_bytes(tar->p, tar->n));
	const struct entry *entry = NULL;
	struct reader *content = NULL;

	while (good--)
		assert_ok(tar_reader_next(reader, &entry, &content));
	assert_error(tar_reader_next(reader, &entry, &content), ERR_LIMIT,
			"the holes of this archive's files");
}

/* A kilobyte that claims a terabyte, and what a disk may have. */
static void bounds_holes(void **state)
{
	for (int form = 0; form < 4; form++) {
		AUTO(strbuf) struct strbuf huge = { 0 }, large = { 0 };

		note("form %d", form);
		put_sparse(&huge, form, "1000000000000");
		refuse_holes(&huge, 0);
		put_sparse(&large, form, "150000000000");
		put_sparse(&large, form, "150000000000");
		refuse_holes(&large, 1);
	}
}

/* Odd but meaningful. */
static void understands(void **state)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };
	AUTO_FREE char *taken_back = record("path", "");
	AUTO_FREE char *local = record("path", "local/");
	AUTO_FREE char *global = record("SCHILY.xattr.user.g", "1");
	AUTO_FREE char *encoded = record("SCHILY.xattr.user.a%3Db%25c%20", "1");
	AUTO_FREE char *time = record("mtime", "-1.5");
	AUTO_FREE char *far_time = record("mtime", "99999999999999.5");
	AUTO_FREE char *whiteout = xasprintf(".wh.%0255d", 7);
	struct tar_header old_go = header_of("name", '0', "0");

	/* Go before 1.8 wrote a prefix where GNU has times. */
	memcpy(old_go.magic, "ustar  ", 8);
	memcpy(old_go.prefix, "long/path", 9);
	seal(&old_go);
	put_entry(&tar, "g", 'g', global);
	put_entry(&tar, "x", 'x', local);
	put_entry(&tar, "x", 'x', encoded);
	put_entry(&tar, "f", '0', "1");
	put_entry(&tar, "x", 'x', local);
	put_entry(&tar, "f", '0', "1");
	put_entry(&tar, "L", 'L', "first");
	put_entry(&tar, "x", 'x', local);
	put_entry(&tar, "f", '0', "1");
	put_entry(&tar, "L", 'L', whiteout);
	put_entry(&tar, "f", '0', "");
	put_block(&tar, &old_go, sizeof(old_go));
	put_entry(&tar, "x", 'x', taken_back);
	put_entry(&tar, "./a/./b/../c", '0', "2");
	put_entry(&tar, "volume", 'V', "");
	put_entry(&tar, "v7dir/", '\0', "");
	put_entry(&tar, "x", 'x', time);
	put_entry(&tar, "../../../etc/passwd", '0', "3");
	put_link(&tar, "/h", '1', "/../../f");
	put_link(&tar, "s", '2', "../../../../etc/passwd");
	put_entry(&tar, "dump", 'D', "list of names");
	put_entry(&tar, "/", '5', "");
	put_entry(&tar, "x", 'x', far_time);
	put_entry(&tar, "fifo", '6', "");
	assert_ok(record_tar(tar.p, tar.n, &is));
	AUTO_FREE char *wanted = xasprintf("f 644 0:0 @5 %s \"\"\n", whiteout);
	assert_non_null(strstr(strbuf_text(&is), wanted));
	char *rest = strstr(strbuf_text(&is), wanted);
	memmove(rest, rest + strlen(wanted), strlen(rest + strlen(wanted)) + 1);
	assert_string_equal(strbuf_text(&is), "f 644 0:0 @5 f \"1\" user.a=b%c%20=1\n"
					      "f 644 0:0 @5 local \"1\"\n"
					      "f 644 0:0 @5 first \"1\"\n"
					      "f 644 0:0 @5 long/path/name \"\"\n"
					      "f 644 0:0 @5 a/c \"2\"\n"
					      "d 644 0:0 @5 v7dir\n"
					      "f 644 0:0 @-2 etc/passwd \"3\"\n"
					      "h h = f\n"
					      "l 777 0:0 @5 s -> ../../../../etc/passwd\n"
					      "d 644 0:0 @5 dump\n"
					      "d 644 0:0 @5 /\n"
					      "p 644 0:0 @99999999999999 fifo\n");
}

UNIT_TESTS(refuses_bad_frames, refuses_bad_values, refuses_nul_in_names, refuses_bad_headers,
		refuses_broken_streams, bounds_names, bounds_attributes, bounds_holes, understands)
