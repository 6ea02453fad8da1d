/*
 * The same bytes on any CPU: this program runs itself under qemu-x86_64 as CPUs with and without
 * the vector units that the libraries have code for, and compares digests.
 */
#include "faults.h"
#include "stream/codec.h"
#include "stream/hash.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
static const bool is_sanitized = true;
#elif defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

enum { INPUT_BYTES = 600 * 1000, TEXT_BYTES = 4096 };

static FALLIBLE add_digest(
		const char *bytes, enum compression compression, int level, struct strbuf *out)
{
	AUTO(writer) struct writer *writer = NULL;
	struct hash_result result = { 0 };
	char text[DIGEST_TEXT];

	TRY(codec_writer(hash_writer(writer_to_nowhere(), &result), compression, level, NULL,
			&writer));
	TRY(writer_write(writer, bytes, INPUT_BYTES));
	TRY(writer_close(TAKE(writer)));
	strbuf_addf(out, "%s level %d %s\n", compression_name(compression), level,
			digest_text(&result.digest, text));
	return NULL;
}

/* Not zstd's slowest levels: they would take minutes under qemu. */
static FALLIBLE all_digests(struct strbuf *out)
{
	AUTO_FREE char *bytes = mixed_bytes(INPUT_BYTES);

	for (int level = -1; level <= 9; level += level < 2 ? 1 : 7)
		TRY(add_digest(bytes, COMPRESSION_GZIP, level, out));
	for (int level = 1; level <= 9; level += 2)
		TRY(add_digest(bytes, COMPRESSION_ZSTD, level, out));
	return NULL;
}

/* What this program prints as that CPU; false when qemu is not installed. */
static bool digests_of_cpu(const char *cpu, char text[static TEXT_BYTES])
{
	int ends[2], status = 0;
	char self[4096] = "";

	/* Not the link itself: to qemu that is qemu. */
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)dup2(ends[1], 1);
		(void)execlp("qemu-x86_64", "qemu-x86_64", "-cpu", cpu, self, "digests", NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	size_t n = 0;
	for (ssize_t got = 1; got > 0; n += (size_t)got)
		got = read(ends[0], text + n, TEXT_BYTES - 1 - n);
	text[n] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return false;
	assert_int_equal(status, 0);
	return true;
}

static void same_on_every_cpu(void **state)
{
	static const char *const cpus[] = { "Nehalem", "Haswell" };
	AUTO(strbuf) struct strbuf here = { 0 };
	char there[TEXT_BYTES];

	if (is_sanitized) {
		note("skip: a sanitizer does not run under qemu");
		skip();
	}
	assert_ok(all_digests(&here));
	for (size_t i = 0; i < COUNT(cpus); i++) {
		note("as %s", cpus[i]);
		if (!digests_of_cpu(cpus[i], there)) {
			note("skip: qemu-x86_64 is not installed (package qemu-user)");
			skip();
		}
		assert_string_equal(there, strbuf_text(&here));
	}
}

static int print_digests(void)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct error *error = all_digests(&text);

	if (error) {
		error_free(error);
		return 1;
	}
	return fputs(strbuf_text(&text), stdout) < 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_on_every_cpu) };

	if (argc > 1)
		return print_digests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
