#include "layer/tar_write.h"
#include "recorder.h"
#include "sys/proc.h"

static const struct entry_times keep = { TIMES_KEEP, 0 };

/* A name of n bytes. */
static char *name_of(size_t n)
{
	char *name = xmalloc(n + 1);

	memset(name, 'n', n);
	name[n] = '\0';
	return name;
}

/* Everything that needs something special in a tar. */
static FALLIBLE add_everything(struct entry_sink *sink)
{
	AUTO_FREE char *long_name = name_of(200);
	AUTO_FREE char *deep = xasprintf("%s/%s/%s",
			"d/12345678901234567890/12345678901234567890/"
			"12345678901234567890/12345678901234567890",
			"12345678901234567890", "file");
	AUTO_FREE char *long_target = name_of(300);
	struct xattr xattrs[] = { { xstrdup("security.capability"), xstrdup("cap"), 3 },
		{ xstrdup("user.a=b"), xstrdup("x"), 1 },
		{ xstrdup("user.empty"), xstrdup(""), 0 } };
	const struct entry root = { .path = "", .owner = { .mode = S_IFDIR | 0755 }, .mtime = 9 };
	const struct entry device = { .path = "dev",
		.owner = { .mode = S_IFCHR | 0600, .major = 1, .minor = 1048575 } };
	const struct entry block = { .path = "blk",
		.owner = { .mode = S_IFBLK | 0660, .gid = 6, .major = 8, .minor = 1 } };
	const struct entry pipe = { .path = "p", .owner = { .mode = S_IFIFO | 0622 } };

	TRY(entry_sink_add(sink, &root, NULL));
	TRY(add_dir(sink, "d", 01777));
	TRY(add_file(sink, "d/a", "hello"));
	TRY(add_file(sink, "d/empty", ""));
	TRY(add_text(sink,
			(struct entry){ .path = "d/set",
					.owner = { .mode = 06755,
							.uid = 3000000,
							.gid = 4294967294 } },
			"set-id"));
	TRY(add_text(sink, (struct entry){ .path = "d/old", .mtime = -5, .mtime_ns = 7 }, "old"));
	TRY(add_text(sink,
			(struct entry){ .path = "d/x",
					.xattrs = xattrs,
					.n_xattrs = 3,
					.mtime_ns = 9 },
			"x"));
	TRY(add_file(sink, deep, "deep"));
	TRY(add_file(sink, long_name, "long"));
	TRY(add_file(sink, "d/\xc3\xa4\xff", "not ascii"));
	TRY(add_symlink(sink, "d/l", "../../etc/passwd"));
	TRY(add_symlink(sink, "d/ll", long_target));
	TRY(add_hardlink(sink, "d/h", "d/a"));
	TRY(entry_sink_add(sink, &device, NULL));
	TRY(entry_sink_add(sink, &block, NULL));
	TRY(entry_sink_add(sink, &pipe, NULL));
	for (size_t i = 0; i < COUNT(xattrs); i++) {
		free(xattrs[i].name);
		free(xattrs[i].value);
	}
	return NULL;
}

static void write_everything(struct strbuf *tar)
{
	AUTO(entry_sink) struct entry_sink *sink = tar_writer(writer_to_strbuf(tar), &keep);

	assert_ok(add_everything(sink));
	assert_ok(entry_sink_whiteout(sink, "d/gone"));
	assert_ok(entry_sink_opaque(sink, "d"));
	assert_ok(entry_sink_close(TAKE(sink)));
}

static void reads_what_it_wrote(void **state)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf wanted = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };
	struct entry_sink *sink = recorder_new(&wanted);

	assert_ok(add_everything(sink));
	assert_ok(add_text(sink, (struct entry){ .path = "d/.wh.gone" }, ""));
	assert_ok(add_text(sink, (struct entry){ .path = "d/.wh..wh..opq" }, ""));
	entry_sink_free(sink);
	write_everything(&tar);
	assert_int_equal(tar.n % 512, 0);
	assert_ok(record_tar(tar.p, tar.n, &is));
	assert_string_equal(strbuf_text(&is), strbuf_text(&wanted));
}

static void writes_the_same_bytes(void **state)
{
	AUTO(strbuf) struct strbuf a = { 0 };
	AUTO(strbuf) struct strbuf b = { 0 };

	write_everything(&a);
	write_everything(&b);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
}

/* pax headers cost 1,024 bytes each: none where ustar can say it. */
static void spends_no_pax_header_without_need(void **state)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = tar_writer(writer_to_strbuf(&tar), &keep);
	AUTO_FREE char *name = name_of(100);
	AUTO_FREE char *prefix = name_of(155);
	AUTO_FREE char *longest = xasprintf("%s/%s", prefix, name);
	AUTO_FREE char *too_long = xasprintf("%s/n%s", prefix, name);
	const struct entry entry = { .path = name,
		.owner = { .mode = S_IFLNK, .uid = 07777777, .gid = 07777777 },
		.link = name,
		.mtime = 077777777777,
		.mtime_ns = 5 };

	assert_ok(entry_sink_add(sink, &entry, NULL));
	assert_ok(add_file(sink, longest, ""));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_int_equal(tar.n, 512 * 4);
	strbuf_clear(&tar);
	sink = tar_writer(writer_to_strbuf(&tar), &keep);
	assert_ok(add_file(sink, too_long, ""));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_int_equal(tar.n, 512 * 5);
}

static void changes_times(void **state)
{
	static const struct {
		struct entry_times times;
		const char *says;
	} cases[] = {
		{ { TIMES_KEEP, 100 }, "f 0 0:0 @50 a \"\"\nf 0 0:0 @500 b \"\"\n" },
		{ { TIMES_CLAMP, 100 }, "f 0 0:0 @50 a \"\"\nf 0 0:0 @100 b \"\"\n" },
		{ { TIMES_FIX, 100 }, "f 0 0:0 @100 a \"\"\nf 0 0:0 @100 b \"\"\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf tar = { 0 };
		AUTO(strbuf) struct strbuf is = { 0 };
		AUTO(entry_sink)
		struct entry_sink *sink = tar_writer(writer_to_strbuf(&tar), &cases[i].times);

		assert_ok(add_text(sink, (struct entry){ .path = "a", .mtime = 50 }, ""));
		assert_ok(add_text(sink, (struct entry){ .path = "b", .mtime = 500 }, ""));
		assert_ok(entry_sink_close(TAKE(sink)));
		assert_ok(record_tar(tar.p, tar.n, &is));
		assert_string_equal(strbuf_text(&is), cases[i].says);
	}
}

static void refuses_what_a_layer_cannot_say(void **state)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(reader) struct reader *short_one = reader_from_bytes("abc", 3);
	const struct entry socket = { .path = "s", .owner = { .mode = S_IFSOCK } };
	const struct entry longer = { .path = "f", .owner = { .mode = S_IFREG }, .size = 4 };
	struct entry_sink *sink = tar_writer(writer_to_strbuf(&tar), &keep);

	assert_error(add_file(sink, "a/.wh.b", ""), ERR_UNSUPPORTED, "means that 'b' is removed");
	assert_error(add_file(sink, "b", ""), ERR_CANCELED, "an earlier entry failed");
	assert_error(entry_sink_close(sink), ERR_CANCELED, "an earlier entry failed");
	sink = tar_writer(writer_to_strbuf(&tar), &keep);
	assert_error(entry_sink_add(sink, &socket, NULL), ERR_UNSUPPORTED, "'s' is of a type");
	entry_sink_free(sink);
	sink = tar_writer(writer_to_strbuf(&tar), &keep);
	assert_error(entry_sink_add(sink, &longer, short_one), ERR_INVALID,
			"'f' ends 1 bytes too early");
	entry_sink_free(sink);
}

static void run_reader(const char *const *argv, const struct strbuf *tar, struct proc_result *ret)
{
	struct proc_spec spec = { .argv = argv,
		.env = (const char *const[]){ "LC_ALL=C.UTF-8", "TZ=UTC", "PATH=/usr/bin:/bin",
				NULL },
		.input = tar->p,
		.input_bytes = tar->n };

	assert_ok(proc_run(&spec, NULL, ret));
	if (ret->status != 0)
		fail_msg("%s: %s", argv[0], strbuf_text(&ret->err));
}

/* Runs of spaces become one: columns grow as they need. */
static void squeeze(struct strbuf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->n; i++)
		if (text->p[i] != ' ' || n == 0 || text->p[n - 1] != ' ')
			text->p[n++] = text->p[i];
	strbuf_truncate(text, n);
}

static void gnu_tar_agrees(void **state)
{
	static const char *const wanted[] = { "drwxrwxrwt 0/0 0 1970-01-01 00:00 d/",
		"-rw-r--r-- 0/0 5 1970-01-01 00:00 d/a",
		"-rwsr-sr-x 3000000/4294967294 6 1970-01-01 00:00 d/set",
		"---------- 0/0 3 1969-12-31 23:59 d/old",
		"lrwxrwxrwx 0/0 0 1970-01-01 00:00 d/l -> ../../etc/passwd",
		"hrw-r--r-- 0/0 0 1970-01-01 00:00 d/h link to d/a",
		"crw------- 0/0 1,1048575 1970-01-01 00:00 dev",
		"brw-rw---- 0/6 8,1 1970-01-01 00:00 blk", "prw--w--w- 0/0 0 1970-01-01 00:00 p",
		"---------- 0/0 0 1970-01-01 00:00 d/.wh.gone",
		"12345678901234567890/12345678901234567890/file\n" };
	static const char *const argv[] = { "tar", "--numeric-owner", "-tvf", "-", NULL };
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(proc_result) struct proc_result result = { 0 };

	write_everything(&tar);
	run_reader(argv, &tar, &result);
	assert_string_equal(strbuf_text(&result.err), "");
	squeeze(&result.out);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (!strstr(strbuf_text(&result.out), wanted[i]))
			fail_msg("no '%s' in:\n%s", wanted[i], strbuf_text(&result.out));
}

static void python_agrees(void **state)
{
	static const char script[] =
			"import sys,tarfile,io\n"
			"t=tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))\n"
			"m={i.name:i for i in t}\n"
			"assert len(m)==18, m.keys()\n"
			"assert t.extractfile('d/a').read()==b'hello'\n"
			"x=m['d/x'].pax_headers\n"
			"assert x=={'SCHILY.xattr.security.capability':'cap',"
			"'SCHILY.xattr.user.a%3Db':'x','SCHILY.xattr.user.empty':''}, x\n"
			"assert m['d/old'].mtime==-5 and m['d/set'].uid==3000000\n"
			"assert len(m['d/ll'].linkname)==300 and m['d/h'].islnk()\n"
			"assert t.extractfile('n'*200).read()==b'long'\n";
	/* By its full path: an interpreter that is called by name alone looks for its library in
	 * PATH. */
	AUTO_FREE char *python = proc_find("python3");
	const char *const argv[] = { python, "-c", script, NULL };
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(proc_result) struct proc_result result = { 0 };

	if (!python) {
		print_message("python3 is not there\n");
		skip();
	}
	write_everything(&tar);
	run_reader(argv, &tar, &result);
}

/* One read feeds both, whatever the size, and whatever one of them leaves unread. */
static void tees(void **state)
{
	static const size_t sizes[] = { 0, 1, 511, 512, 256 * 1024, 256 * 1024 + 1, 5000000 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		AUTO(strbuf) struct strbuf a = { 0 };
		AUTO(strbuf) struct strbuf b = { 0 };
		AUTO_FREE char *bytes = xmalloc(sizes[i]);
		AUTO(reader) struct reader *content = NULL;
		const struct entry entry = {
			.path = "f", .owner = { .mode = S_IFREG }, .size = sizes[i]
		};
		AUTO(entry_sink)
		struct entry_sink *sink = entry_sink_tee(tar_writer(writer_to_strbuf(&a), &keep),
				tar_writer(writer_to_strbuf(&b), &keep));

		for (size_t j = 0; j < sizes[i]; j++)
			bytes[j] = (char)(j * 7 + j / 1000);
		content = reader_from_bytes(bytes, sizes[i]);
		assert_ok(add_dir(sink, "d", 0755));
		assert_ok(entry_sink_add(sink, &entry, content));
		assert_ok(entry_sink_whiteout(sink, "w"));
		assert_ok(entry_sink_opaque(sink, "d"));
		assert_ok(entry_sink_close(TAKE(sink)));
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.p, b.p, a.n);
		assert_memory_equal(a.p + 1024, bytes, sizes[i]);
	}
}

static struct error *refuse(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	(void)sink;
	(void)content;
	return error_new(ERR_LIMIT, "no room for '%s'", entry->path);
}

static void tee_stops_with_the_first_error(void **state)
{
	static const struct entry_sink_ops ops = { refuse, recorder_whiteout, recorder_opaque,
		recorder_close, recorder_free };
	static const size_t sizes[] = { 10, 5000000 };

	for (size_t i = 0; i < 4; i++) {
		AUTO(strbuf) struct strbuf tar = { 0 };
		AUTO_FREE char *bytes = xcalloc(1, sizes[i / 2]);
		AUTO(reader) struct reader *content = reader_from_bytes(bytes, sizes[i / 2]);
		const struct entry entry = {
			.path = "f", .owner = { .mode = S_IFREG }, .size = sizes[i / 2]
		};
		struct entry_sink *good = tar_writer(writer_to_strbuf(&tar), &keep);
		struct entry_sink *bad = recorder_new(&tar);

		bad->ops = &ops;
		struct entry_sink *sink =
				i % 2 ? entry_sink_tee(bad, good) : entry_sink_tee(good, bad);
		assert_error(entry_sink_add(sink, &entry, content), ERR_LIMIT, "no room for 'f'");
		entry_sink_free(sink);
	}
}

UNIT_TESTS(reads_what_it_wrote, writes_the_same_bytes, spends_no_pax_header_without_need,
		changes_times, refuses_what_a_layer_cannot_say, gnu_tar_agrees, python_agrees, tees,
		tee_stops_with_the_first_error)
