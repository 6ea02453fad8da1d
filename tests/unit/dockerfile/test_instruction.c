#include "dockerfile/instruction.h"
#include "dockerfile/stage.h"
#include "unit.h"

/* The instruction on the second line of a file whose first is FROM. */
static const struct instruction *parse(const char *text, struct dockerfile **file)
{
	AUTO_FREE char *whole = xasprintf("FROM base\n%s\n", text);

	note("%s", text);
	assert_ok(dockerfile_parse(str_of(whole), "Dockerfile", file));
	assert_int_equal((*file)->stage_count, 1);
	assert_int_equal((*file)->stages[0].instruction_count, 1);
	return &(*file)->stages[0].instructions[0];
}

static void run(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	const struct instruction *in =
			parse("RUN --mount=target=/a --network=none --mount=target=/b "
			      "--security=insecure --device=x  make  all",
					&file);

	assert_true(in->run.command.is_shell);
	assert_int_equal(in->run.command.argv.n, 1);
	assert_string_equal(in->run.command.argv.p[0].text, "make  all");
	assert_int_equal(in->run.mount_count, 2);
	assert_string_equal(in->run.mounts[1]->value, "target=/b");
	assert_int_equal(in->run.mounts[1]->at.column, 38);
	assert_int_equal(in->run.device_count, 1);
	assert_string_equal(in->run.network->value, "none");
	assert_string_equal(in->run.security->value, "insecure");
	assert_string_equal(in->keyword, "RUN");
}

static void run_exec(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	const struct instruction *in = parse("RUN [\"a\", \"b c\"]", &file);

	assert_false(in->run.command.is_shell);
	assert_int_equal(in->run.command.argv.n, 2);
	assert_string_equal(in->run.command.argv.p[1].text, "b c");
	assert_null(in->run.network);
}

static void copy(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	const struct instruction *in =
			parse("COPY --from=x --chown=a:b --chmod=7 --link --parents=true "
			      "--exclude=a --exclude=b s <<-'E' t d/\n\tx\n\tE",
					&file);

	assert_int_equal(in->copy.source_count, 3);
	assert_string_equal(in->copy.sources[0].path, "s");
	assert_null(in->copy.sources[0].heredoc);
	assert_string_equal(in->copy.sources[1].path, "E");
	assert_string_equal(in->copy.sources[1].heredoc->content, "\tx\n");
	assert_false(in->copy.sources[1].heredoc->expand);
	assert_string_equal(in->copy.sources[2].path, "t");
	assert_string_equal(in->copy.dest.text, "d/");
	assert_string_equal(in->copy.from->value, "x");
	assert_string_equal(in->copy.chown->value, "a:b");
	assert_string_equal(in->copy.chmod->value, "7");
	assert_null(in->copy.checksum);
	assert_true(in->copy.link);
	assert_true(in->copy.parents);
	assert_int_equal(in->copy.exclude_count, 2);
	assert_string_equal(in->copy.excludes[1]->value, "b");
	assert_int_equal(in->copy.unpack, TRISTATE_UNSET);
}

static void add(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	const struct instruction *in =
			parse("ADD --checksum=sha256:0 --unpack=false --keep-git-dir "
			      "--link=false [\"a b\", \"/c d\"]",
					&file);

	assert_string_equal(in->copy.checksum->value, "sha256:0");
	assert_int_equal(in->copy.unpack, TRISTATE_NO);
	assert_int_equal(in->copy.keep_git_dir, TRISTATE_YES);
	assert_false(in->copy.link);
	assert_string_equal(in->copy.sources[0].path, "a b");
	assert_string_equal(in->copy.dest.text, "/c d");
}

static void pairs(void **state)
{
	AUTO(dockerfile) struct dockerfile *env = NULL;
	AUTO(dockerfile) struct dockerfile *old = NULL;
	AUTO(dockerfile) struct dockerfile *arg = NULL;
	const struct instruction *in = parse("ENV a=b \"c d\"='e f'", &env);

	assert_int_equal(in->pairs.n, 2);
	assert_false(in->pairs.is_legacy);
	assert_string_equal(in->pairs.p[1].name, "\"c d\"");
	assert_string_equal(in->pairs.p[1].value, "'e f'");
	in = parse("LABEL a  b c=d", &old);
	assert_int_equal(in->pairs.n, 1);
	assert_true(in->pairs.is_legacy);
	assert_string_equal(in->pairs.p[0].value, "b c=d");
	in = parse("# B says what\nARG A B=1 C=", &arg);
	assert_int_equal(in->pairs.n, 3);
	assert_null(in->pairs.p[0].value);
	assert_null(in->pairs.p[0].comment);
	assert_string_equal(in->pairs.p[1].value, "1");
	assert_string_equal(in->pairs.p[1].comment, "says what");
	assert_string_equal(in->pairs.p[2].value, "");
	assert_int_equal(in->at.line, 3);
}

static void healthcheck(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(dockerfile) struct dockerfile *none = NULL;
	const struct instruction *in = parse("HEALTHCHECK --interval=1m30s --timeout=250ms "
					     "--start-period=0 --start-interval=1h --retries=5 "
					     "CMD [\"x\", \"y\"]",
			&file);

	assert_true(in->healthcheck.interval_ns == 90000000000);
	assert_true(in->healthcheck.timeout_ns == 250000000);
	assert_true(in->healthcheck.start_period_ns == 0);
	assert_true(in->healthcheck.start_interval_ns == 3600000000000);
	assert_int_equal(in->healthcheck.retries, 5);
	assert_false(in->healthcheck.command.is_shell);
	assert_int_equal(in->healthcheck.command.argv.n, 2);
	assert_string_equal(in->healthcheck.command.argv.p[0].text, "x");
	in = parse("healthcheck none", &none);
	assert_true(in->healthcheck.is_none);
	assert_int_equal(in->healthcheck.command.argv.n, 0);
}

static void onbuild(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(arena) struct arena *arena = arena_new();
	const struct instruction *in =
			parse("OnBuild  copy <<a \\\n <<-b /d\n1\na\n\t2\n\tb", &file);
	const struct instruction *again = NULL;

	assert_string_equal(in->onbuild.text, "copy <<a  <<-b /d\n1\na\n\t2\nb");
	assert_int_equal(in->onbuild.trigger->kind, INSTRUCTION_COPY);
	assert_int_equal(in->onbuild.trigger->copy.source_count, 2);
	assert_ok(instruction_parse_onbuild(arena, str_of(in->onbuild.text), "base", &again));
	assert_string_equal(again->copy.sources[0].heredoc->content, "1\n");
	assert_string_equal(again->copy.sources[1].heredoc->content, "\t2\n");
	assert_string_equal(again->copy.dest.text, "/d");
}

static void single_words(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = { { "WORKDIR  /a b ", "/a b" }, { "USER $U:g", "$U:g" },
		{ "STOPSIGNAL 9", "9" }, { "MAINTAINER a <b>", "a <b>" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(dockerfile) struct dockerfile *file = NULL;

		assert_string_equal(parse(cases[i].text, &file)->word.text, cases[i].wanted);
	}
}

static void word_lists(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *last;
	} cases[] = { { "EXPOSE 80 $P/udp", 2, "$P/udp" },
		{ "VOLUME [\" /a \", \"/b c\"]", 2, "/b c" }, { "VOLUME /a", 1, "/a" },
		{ "SHELL [\"/bin/sh\", \"-c\"]", 2, "-c" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(dockerfile) struct dockerfile *file = NULL;
		const struct words *words = &parse(cases[i].text, &file)->words;

		assert_int_equal(words->n, cases[i].n);
		assert_string_equal(words->p[words->n - 1].text, cases[i].last);
	}
}

static void keeps_the_text(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	const struct instruction *in = parse("run a \\\n# gone\n   b  ", &file);

	assert_string_equal(in->original, "RUN a    b");
	assert_int_equal(in->at.line, 2);
	assert_int_equal(in->at.end_line, 4);
	assert_string_equal(file->instructions[0].at.file, "Dockerfile");
	assert_true(str_is(dockerfile_line(file->text, 2), "run a \\"));
	assert_true(str_is(dockerfile_line(file->text, 4), "   b  "));
	assert_int_equal(dockerfile_line(file->text, 9).n, 0);
	assert_string_equal(instruction_name(in->kind), "RUN");
}

static void directives(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;

	assert_ok(dockerfile_parse(STR("# Syntax = docker/dockerfile:1.7-labs \n#escape=`\n"
				       "# check = skip=all\nFROM a\n"),
			"f", &file));
	assert_string_equal(file->directives.syntax.text, "docker/dockerfile:1.7-labs");
	assert_int_equal(file->directives.check.at.line, 3);
	assert_string_equal(file->directives.check.text, "skip=all");
	assert_int_equal(file->directives.escape_char, '`');
}

UNIT_TESTS(run, run_exec, copy, add, pairs, healthcheck, onbuild, single_words, word_lists,
		keeps_the_text, directives)
