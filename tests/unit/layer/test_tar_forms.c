/* Archives that others make: GNU tar in each of its formats, Python, and by hand. */
#include "recorder.h"
#include "sys/proc.h"

static bool has_program(const char *name)
{
	AUTO_FREE char *path = proc_find(name);

	return path != NULL;
}

/* Run tar in the directory; its standard output is the archive. */
static void make_tar(const struct scratch *scratch, const char *options, struct proc_result *ret)
{
	AUTO_FREE char *script = xasprintf(
			"tar --sort=name --mtime=@5 --owner=0 --group=0 --numeric-owner %s -cf - "
			"$(ls)",
			options);
	const char *argv[] = { "sh", "-c", script, NULL };
	const struct proc_spec spec = { .argv = argv,
		.dir_fd = scratch->fd,
		.env = (const char *const[]){ "LC_ALL=C", "PATH=/usr/bin:/bin", NULL },
		.output_limit = 64 << 20 };

	assert_ok(proc_run(&spec, NULL, ret));
	if (ret->status != 0)
		fail_msg("%s: %s", script, strbuf_text(&ret->err));
}

static void reads_each_format(void **state)
{
	static const char *const formats[] = { "--format=v7", "--format=oldgnu", "--format=gnu",
		"--format=ustar", "--format=posix",
		"--format=posix --pax-option=globexthdr.name=g,a=b" };
	AUTO(scratch) struct scratch scratch = scratch_new();
	const char *wanted = "d 755 0:0 @5 d\nf 644 0:0 @5 d/a \"hello\"\nl 777 0:0 @5 d/l -> a\n"
			     "h h = d/a\n";

	assert_int_equal(mkdirat(scratch.fd, "d", 0755), 0);
	scratch_put(scratch.fd, "d/a", "hello");
	assert_int_equal(fchmodat(scratch.fd, "d/a", 0644, 0), 0);
	assert_int_equal(symlinkat("a", scratch.fd, "d/l"), 0);
	assert_int_equal(linkat(scratch.fd, "d/a", scratch.fd, "h", 0), 0);
	for (size_t i = 0; i < COUNT(formats); i++) {
		AUTO(proc_result) struct proc_result tar = { 0 };
		AUTO(strbuf) struct strbuf is = { 0 };

		note("%s", formats[i]);
		make_tar(&scratch, formats[i], &tar);
		assert_ok(record_tar(tar.out.p, tar.out.n, &is));
		assert_string_equal(strbuf_text(&is), wanted);
	}
}

static void reads_long_names(void **state)
{
	static const char *const formats[] = { "--format=gnu", "--format=posix" };
	AUTO(scratch) struct scratch scratch = scratch_new();
	char name[256] = { 0 };
	char target[3000] = { 0 };

	memset(name, 'n', 255);
	memset(target, 't', sizeof(target) - 1);
	scratch_put(scratch.fd, name, "long");
	assert_int_equal(symlinkat(target, scratch.fd, "l"), 0);
	assert_int_equal(fchmodat(scratch.fd, name, 0600, 0), 0);
	for (size_t i = 0; i < COUNT(formats); i++) {
		AUTO(proc_result) struct proc_result tar = { 0 };
		AUTO(strbuf) struct strbuf is = { 0 };
		AUTO_FREE char *wanted = xasprintf(
				"l 777 0:0 @5 l -> %s\nf 600 0:0 @5 %s \"long\"\n", target, name);

		make_tar(&scratch, formats[i], &tar);
		assert_ok(record_tar(tar.out.p, tar.out.n, &is));
		assert_string_equal(strbuf_text(&is), wanted);
	}
}

/* Data at 1 MiB and at the end, holes elsewhere; many pieces, so that maps need more blocks. */
static void make_sparse(const struct scratch *scratch, struct strbuf *ret_bytes)
{
	AUTO_FD int fd = openat(scratch->fd, "s", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	for (int i = 0; i < 60; i++)
		assert_int_equal(pwrite(fd, "data", 4, (i + 1) * 65536), 4);
	assert_int_equal(ftruncate(fd, 61 * 65536 + 17), 0);
	strbuf_reserve(ret_bytes, 61 * 65536 + 17);
	assert_int_equal(pread(fd, ret_bytes->p, 61 * 65536 + 17, 0), 61 * 65536 + 17);
	ret_bytes->n = 61 * 65536 + 17;
}

static void reads_sparse_files(void **state)
{
	static const char *const formats[] = { "--format=oldgnu -S", "--format=gnu -S",
		"--format=posix -S --sparse-version=0.0", "--format=posix -S --sparse-version=0.1",
		"--format=posix -S --sparse-version=1.0", "--format=gnu" };
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf bytes = { 0 };

	make_sparse(&scratch, &bytes);
	scratch_put(scratch.fd, "t", "after");
	for (size_t i = 0; i < COUNT(formats); i++) {
		AUTO(proc_result) struct proc_result tar = { 0 };
		const struct entry *entry = NULL;
		struct reader *content = NULL;
		AUTO_FREE char *got = NULL;
		size_t n = 0;

		note("%s", formats[i]);
		make_tar(&scratch, formats[i], &tar);
		AUTO(tar_reader)
		struct tar_reader *reader = tar_reader_new(reader_from_bytes(tar.out.p, tar.out.n));
		assert_ok(tar_reader_next(reader, &entry, &content));
		assert_string_equal(entry->path, "s");
		assert_int_equal(entry->size, bytes.n);
		assert_ok(reader_read_all(content, 1 << 24, &got, &n));
		assert_int_equal(n, bytes.n);
		assert_memory_equal(got, bytes.p, n);
		assert_ok(tar_reader_next(reader, &entry, &content));
		assert_string_equal(entry->path, "t");
		assert_ok(tar_reader_next(reader, &entry, &content));
		assert_null(entry);
		/* And with the content left unread. */
		AUTO(tar_reader)
		struct tar_reader *skipping =
				tar_reader_new(reader_from_bytes(tar.out.p, tar.out.n));
		assert_ok(tar_reader_next(skipping, &entry, &content));
		assert_ok(tar_reader_next(skipping, &entry, &content));
		assert_string_equal(entry->path, "t");
	}
}

/* Sparse content that begins and ends with data, and one that is nothing but a hole. */
static void reads_sparse_edges(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int hole = openat(scratch.fd, "hole", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	AUTO_FD int ends = openat(scratch.fd, "ends", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	AUTO(proc_result) struct proc_result tar = { 0 };
	AUTO(strbuf) struct strbuf is = { 0 };

	assert_int_equal(ftruncate(hole, 1 << 20), 0);
	assert_int_equal(pwrite(ends, "a", 1, 0), 1);
	assert_int_equal(pwrite(ends, "z", 1, (1 << 20) - 1), 1);
	make_tar(&scratch, "--format=posix -S", &tar);
	assert_ok(record_tar(tar.out.p, tar.out.n, &is));
	assert_string_equal(strbuf_text(&is),
			"f 644 0:0 @5 ends <1048576>\nf 644 0:0 @5 hole <1048576>\n");
}

/* Python's GNU writer uses base-256 for what octal cannot hold. */
static void reads_large_numbers(void **state)
{
	static const char script[] =
			"import sys,tarfile,io\n"
			"o=io.BytesIO()\n"
			"f=tarfile.GNU_FORMAT if sys.argv[1]=='gnu' else tarfile.PAX_FORMAT\n"
			"t=tarfile.open(fileobj=o,mode='w',format=f)\n"
			"i=tarfile.TarInfo('./a//b/../c')\n"
			"i.uid=3000000; i.gid=4000000000; i.mtime=-7; t.addfile(i)\n"
			"i=tarfile.TarInfo('/abs/../../up/'); i.type=tarfile.DIRTYPE; "
			"t.addfile(i)\n"
			"i=tarfile.TarInfo('l'); i.type=tarfile.LNKTYPE; i.linkname='./a/../a/c'; "
			"t.addfile(i)\n"
			"i=tarfile.TarInfo('p'); i.type=tarfile.FIFOTYPE; i.size=0; t.addfile(i)\n"
			"i=tarfile.TarInfo('c'); i.type=tarfile.CONTTYPE; i.size=2; "
			"t.addfile(i,io.BytesIO(b'ok'))\n"
			"t.close(); sys.stdout.buffer.write(o.getvalue())\n";
	static const char *const formats[] = { "gnu", "pax" };

	if (!has_program("python3")) {
		print_message("python3 is not there\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(formats); i++) {
		const char *argv[] = { "python3", "-c", script, formats[i], NULL };
		const struct proc_spec spec = { .argv = argv };
		AUTO(proc_result) struct proc_result tar = { 0 };
		AUTO(strbuf) struct strbuf is = { 0 };

		assert_ok(proc_run(&spec, NULL, &tar));
		assert_int_equal(tar.status, 0);
		assert_ok(record_tar(tar.out.p, tar.out.n, &is));
		assert_string_equal(strbuf_text(&is), "f 644 3000000:4000000000 @-7 a/c \"\"\nd "
						      "644 0:0 @0 up\nh l = a/c\n"
						      "p 644 0:0 @0 p\nf 644 0:0 @0 c \"ok\"\n");
	}
}

static void reads_an_empty_archive(void **state)
{
	static const char zeros[1024];
	AUTO(strbuf) struct strbuf is = { 0 };

	assert_ok(record_tar("", 0, &is));
	assert_ok(record_tar(zeros, sizeof(zeros), &is));
	assert_ok(record_tar(zeros, 512, &is));
	assert_string_equal(strbuf_text(&is), "");
}

UNIT_TESTS(reads_each_format, reads_long_names, reads_sparse_files, reads_sparse_edges,
		reads_large_numbers, reads_an_empty_archive)
