#include "base/limits.h"
#include "graph/plan.h"
#include "unit.h"

/* Every image is this one; "onbuild" has triggers. */
static struct error *open_images(void *user, struct plan_image *const *images, size_t n)
{
	size_t *opened = user;

	for (size_t i = 0; i < n; i++) {
		struct image *image = xcalloc(1, sizeof(*image));

		*opened += 1;
		image->config.platform = platform_host();
		list_add(&image->config.env, "BASE=1");
		list_add(&image->config.cmd, "base-cmd");
		image->config.working_dir = xstrdup("base");
		if (strstr(images[i]->name, "onbuild")) {
			list_add(&image->config.on_build, "RUN triggered");
			list_add(&image->config.on_build, "COPY --from=tools /t /t");
		}
		images[i]->image = image;
	}
	return NULL;
}

static struct error *make(const char *text, const char *target, const struct list *args,
		struct dockerfile **ret_file, struct plan **ret, size_t *opened)
{
	struct plan_input input = {
		.target = target, .build_args = args, .open_images = open_images, .user = opened
	};

	TRY(platform_parse(STR("linux/arm64"), &input.platform));
	TRY(platform_parse(STR("linux/amd64"), &input.build_platform));
	TRY(dockerfile_parse(str_of(text), "Dockerfile", ret_file));
	input.file = *ret_file;
	return plan_new(&input, ret);
}

static void plans(void **state)
{
	static const struct {
		const char *why, *text, *target, *arg;
		const char *wants[4]; /* parts of the printed plan; "!" in front: must not be there
				       */
	} cases[] = {
		{ "only needed stages",
				"FROM scratch AS a\nRUN one\nFROM scratch AS b\nRUN two\nFROM "
				"scratch\nCOPY --from=a x y\n",
				NULL, NULL, { "stage a:", "!stage b", "stage stage-2 (target)" } },
		{ "target by name, any case", "FROM scratch AS a\nRUN one\nFROM scratch\nRUN two\n",
				"A", NULL, { "stage a (target)", "RUN one", "!RUN two" } },
		{ "target by number", "FROM scratch AS a\nRUN one\nFROM scratch\nRUN two\n", "0",
				NULL, { "stage a (target)" } },
		{ "environment of the base and PATH", "FROM base\nRUN x\n", NULL, NULL,
				{ "'BASE=1' 'PATH=/usr/local/sbin" } },
		{ "a relative WORKDIR of the base is mended", "FROM base\nWORKDIR sub\n", NULL,
				NULL, { "path: /base/sub" } },
		{ "WORKDIR climbs lexically", "FROM scratch\nWORKDIR /a/b\nWORKDIR ../../../c\n",
				NULL, NULL, { "path: /a/b", "path: /c" } },
		{ "ARG default, build argument, ENV over ARG",
				"FROM scratch\nARG V=1\nRUN x\nENV V=2\nRUN y\n", NULL, "V=9",
				{ "'V=9'", "'V=2'", "RUN |1 V=9 /bin/sh -c x" } },
		{ "proxies are not shown in history",
				"FROM scratch\nARG HTTP_PROXY\nARG V=1\nRUN x\n", NULL,
				"HTTP_PROXY=secret",
				{ "'HTTP_PROXY=secret'", "ARG HTTP_PROXY\"",
						"RUN |1 V=1 /bin/sh -c x" } },
		{ "mounts: expanded, relative to WORKDIR, climbing stops at the root",
				"FROM scratch AS s\nRUN one\nFROM scratch\nWORKDIR /w\nARG "
				"V=v\nRUN "
				"--mount=from=s,source=../$V/./x,target=$V y\n",
				NULL, NULL,
				{ "stage s:", "mount: bind '/v/x' of stage s on '/w/v' "
					      "read-only" } },
		{ "mounts of the context, none, and other types",
				"FROM scratch\nRUN --mount=target=/a --mount=type=tmpfs,target=/t "
				"--mount=type=cache,target=/c --mount=type=secret,id=k,env=K y\n",
				NULL, NULL,
				{ "mount: bind '/' of context on '/a' read-only",
						"mount: tmpfs on '/t'\n",
						"mount: cache '/c' on '/c'\n",
						"mount: secret 'k' as $K read-only" } },
		{ "ARG over ENV", "FROM scratch\nENV V=env\nARG V=arg\nRUN x\n", NULL, NULL,
				{ "'V=arg'", "\"V=env\"" } },
		{ "a global ARG is not seen without ARG", "ARG V=1\nFROM scratch\nENV W=x$V\n",
				NULL, NULL, { "\"W=x\"" } },
		{ "a global ARG is imported", "ARG V=1\nFROM scratch\nARG V\nENV W=x$V\n", NULL,
				NULL, { "\"W=x1\"" } },
		{ "ENV of one line sees the line before", "FROM scratch\nENV A=1\nENV A=2 B=$A\n",
				NULL, NULL, { "\"A=2\"", "\"B=1\"" } },
		{ "platform arguments", "FROM scratch\nARG TARGETARCH\nARG BUILDPLATFORM\nRUN x\n",
				NULL, NULL,
				{ "'TARGETARCH=arm64'", "'BUILDPLATFORM=linux/amd64'" } },
		{ "FROM --platform", "FROM --platform=$BUILDPLATFORM base\nRUN x\n", NULL, NULL,
				{ "linux/amd64 from image base" } },
		{ "ENTRYPOINT resets the CMD of the base", "FROM base\nENTRYPOINT [\"e\"]\n", NULL,
				NULL, { "\"Entrypoint\":[\"e\"]", "!base-cmd" } },
		{ "ENTRYPOINT keeps the CMD of this stage",
				"FROM base\nCMD [\"c\"]\nENTRYPOINT [\"e\"]\n", NULL, NULL,
				{ "\"Cmd\":[\"c\"]" } },
		{ "an empty CMD and ENTRYPOINT take away the base's",
				"FROM base\nCMD []\nENTRYPOINT []\n", NULL, NULL,
				{ "ENTRYPOINT []", "!\"Cmd\":", "!\"Entrypoint\":" } },
		{ "keywords are shown in capitals",
				"from base\nrun one\nhealthcheck --retries=2 cmd two\n", NULL, NULL,
				{ "[stage-0 2/2] RUN one\n",
						"\"HEALTHCHECK --retries=2 cmd two\"" } },
		{ "SHELL", "FROM scratch\nSHELL [\"/bin/bash\",\"-ec\"]\nRUN x\nCMD y\n", NULL,
				NULL,
				{ "argv: '/bin/bash' '-ec' 'x'",
						"\"Cmd\":[\"/bin/bash\",\"-ec\",\"y\"]" } },
		{ "EXPOSE ranges and protocols", "FROM scratch\nEXPOSE 90-91/UDP 80 80/tcp 1-200\n",
				NULL, NULL,
				{ "\"80/tcp\":{}", "\"90/udp\":{}", "\"91/udp\":{}",
						"\"EXPOSE [1-200/tcp 80/tcp 90/udp 91/udp]\"" } },
		{ "EXPOSE with addresses and host ports",
				"FROM scratch\nEXPOSE 1.2.3.4:8000-8001:81-82 [::1]:1:83/ ::1:1:84 "
				"::::85 7-9:86 :87\n",
				NULL, NULL,
				{ "\"EXPOSE [81/tcp 82/tcp 83/tcp 84/tcp 85/tcp 86/tcp "
				  "87/tcp]\"" } },
		{ "heredoc as script of the shell", "FROM scratch\nRUN <<EOF\na\nb\nEOF\n", NULL,
				NULL, { "argv: '/bin/sh' '-c' 'a\nb\n'" } },
		{ "heredoc with an interpreter", "FROM scratch\nRUN <<EOF\n#!/bin/x\nb\nEOF\n",
				NULL, NULL, { "argv: '/dev/pipes/EOF'" } },
		{ "heredoc handed to the shell", "FROM scratch\nRUN cat <<EOF > f\na\nEOF\n", NULL,
				NULL, { "'cat <<EOF > f\na\nEOF'" } },
		{ "copied heredocs are expanded",
				"FROM scratch\nARG V=1\nCOPY <<a <<\"b\" /x/\n$V\na\n$V\nb\n", NULL,
				NULL, { "sources: 'a' (2 bytes) 'b' (3 bytes)" } },
		{ "dest relative to WORKDIR", "FROM scratch\nWORKDIR /w\nCOPY a b/\nCOPY a .\n",
				NULL, NULL, { "to: '/w/b' (directory)", "to: '/w' (directory)" } },
		{ "triggers of a base run, and need stages",
				"FROM tools-image AS tools\nRUN t\nFROM onbuild\nRUN own\n", NULL,
				NULL, { "stage tools", "RUN triggered", "from: stage tools" } },
		{ "triggers of a stage run once",
				"FROM scratch AS p\nONBUILD RUN t\nFROM p AS c\nFROM c\nRUN x\n",
				NULL, NULL, { "[c 1/1] RUN t", "!stage-2 1/2] RUN t" } },
		{ "FROM is a number where it is an image",
				"FROM scratch AS a\nRUN x\nFROM base AS b\nRUN y\nCOPY --from=a / "
				"/\n",
				NULL, NULL,
				{ "[a 1/1] RUN x", "[b 2/3] RUN y", "[b 3/3] COPY --from=a / /" } },
		{ "USER and HOME stay with later steps", "FROM scratch\nUSER app:staff\nRUN x\n",
				NULL, NULL, { "user: app:staff" } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(dockerfile) struct dockerfile *file = NULL;
		AUTO(plan) struct plan *plan = NULL;
		AUTO(strbuf) struct strbuf text = { 0 };
		AUTO(list) struct list args = { 0 };
		size_t opened = 0;

		note("%s", cases[i].why);
		if (cases[i].arg)
			list_add(&args, cases[i].arg);
		assert_ok(make(cases[i].text, cases[i].target, &args, &file, &plan, &opened));
		plan_show(plan, NULL, &text);
		for (size_t k = 0; k < COUNT(cases[i].wants) && cases[i].wants[k]; k++) {
			const char *want = cases[i].wants[k];
			bool is_there = strstr(strbuf_text(&text), want + (want[0] == '!')) != NULL;

			if (is_there == (want[0] == '!'))
				fail_msg("'%s' in:\n%s", want, strbuf_text(&text));
		}
	}
}

static void wants_stages_above_the_target(void **state)
{
	const char *text = "FROM scratch AS a\nRUN one\nFROM scratch AS b\nRUN two\n"
			   "FROM scratch AS c\nRUN three\n";
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(plan) struct plan *plan = NULL;
	struct plan_input input = {
		.target = "b", .up_to_target = true, .open_images = open_images
	};

	assert_ok(dockerfile_parse(str_of(text), "Dockerfile", &file));
	input.file = file;
	assert_ok(plan_new(&input, &plan));
	assert_int_equal(plan->stage_count, 2);
	assert_string_equal(plan->target->name, "b");
	for (size_t i = 0; i < plan->stage_count; i++)
		assert_true(plan->stages[i]->is_wanted && plan->stages[i]->index < 2);
}

/* Everything but what waits for a stage. */
static struct error *open_early(void *user, struct plan_image *const *images, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!images[i]->late_of)
			TRY(open_images(user, &images[i], 1));
	return NULL;
}

static void bases_that_wait(void **state)
{
	static const struct {
		const char *why, *text;
		bool files_are_late;
		size_t opened, late_of; /* of the target's base */
		const char *wants[3];
	} cases[] = {
		{ "a stage is built for --after alone, and its name may be told by an ARG",
				"ARG which=MADE\nFROM base AS made\nFROM base AS other\n"
				"FROM --after=$which base AS last\nRUN x\n",
				false, 1, 3,
				{ "  after: stage made", "stage made:", "!stage other" } },
		{ "a number", "FROM base AS made\nFROM --after=0 oci:x\n", false, 1, 2,
				{ "after: stage made" } },
		{ "what is not opened has no triggers, and its variables are not known",
				"FROM base AS made\nFROM --after=made onbuild\nWORKDIR x\nRUN y\n",
				false, 1, 2, { "/unknown/x", "!triggered" } },
		{ "a stage that waits and stands on another",
				"FROM base AS a\nFROM scratch AS b\n"
				"FROM --after=b a\nRUN x\n",
				false, 1, 0, { "after: stage b" } },
		{ "files, where they wait", "FROM base AS made\nFROM oci-archive:x\nRUN y\n", true,
				0, 2, { "!stage made" } },
		{ "the first stage has none above it", "FROM oci-archive:x\nRUN y\n", true, 1, 0,
				{ "!after" } },
		{ "files, where they do not", "FROM base AS made\nFROM oci-archive:x\nRUN y\n",
				false, 1, 0, { "!stage made" } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(dockerfile) struct dockerfile *file = NULL;
		AUTO(plan) struct plan *plan = NULL;
		AUTO(strbuf) struct strbuf text = { 0 };
		size_t opened = 0;
		struct plan_input input = { .open_images = open_early,
			.user = &opened,
			.files_are_late = cases[i].files_are_late };

		note("%s", cases[i].why);
		assert_ok(dockerfile_parse(str_of(cases[i].text), "Dockerfile", &file));
		input.file = file;
		assert_ok(plan_new(&input, &plan));
		assert_int_equal(opened, cases[i].opened);
		const struct plan_origin *base = &plan->target->base;
		assert_int_equal(base->image ? base->image->late_of : 0, cases[i].late_of);
		plan_show(plan, NULL, &text);
		for (size_t k = 0; k < COUNT(cases[i].wants) && cases[i].wants[k]; k++) {
			const char *want = cases[i].wants[k];

			if ((strstr(strbuf_text(&text), want + (*want == '!')) != NULL) ==
					(*want == '!'))
				fail_msg("'%s' in:\n%s", want, strbuf_text(&text));
		}
		for (size_t k = 1; k < plan->stage_count; k++)
			assert_true(!plan_stage_waits(plan->stages[0], plan->stages[k]));
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *target;
		enum error_kind kind;
		const char *part;
		unsigned line;
	} cases[] = {
		{ "FROM $X\n", NULL, ERR_INVALID, "base name ($X) should not be blank", 1 },
		{ "FROM scratch\n", "nope", ERR_NOT_FOUND, "nope", 0 },
		{ "FROM scratch AS a\nFROM --after=x a\n", NULL, ERR_NOT_FOUND,
				"FROM --after: stage 'x' not found", 2 },
		{ "FROM --after=a base AS a\n", NULL, ERR_INVALID,
				"cannot depend on later stage 'a'", 1 },
		{ "FROM scratch AS a\nCOPY --from=b x y\nFROM scratch AS b\nCOPY --from=a x y\n",
				NULL, ERR_INVALID,
				"cannot copy from stage 'b': it needs to be defined before current "
				"stage 'a'",
				2 },
		{ "FROM scratch AS a\nCOPY --from=a x y\n", NULL, ERR_INVALID,
				"circular dependency detected on stage: a", 2 },
		{ "FROM scratch\nRUN --mount=target=/x,from=1 y\nFROM scratch AS b\n", "0",
				ERR_INVALID, "cannot mount from stage '1'", 2 },
		{ "FROM scratch\nCOPY https://x/y z\n", NULL, ERR_INVALID, "URL", 2 },
		{ "FROM scratch\nCOPY git@x:y z\n", NULL, ERR_INVALID, "URL", 2 },
		{ "FROM scratch\nADD ftp://x/y z\n", NULL, ERR_UNSUPPORTED, "ftp", 2 },
		{ "FROM scratch\nADD https://u:p@x/y z\n", NULL, ERR_INVALID, "password", 2 },
		{ "FROM scratch\nADD https://x/y.git#a..b z\n", NULL, ERR_INVALID, "a..b", 2 },
		{ "FROM scratch\nADD --checksum=sha256:12 https://x/y z\n", NULL, ERR_INVALID,
				"sha256:12", 2 },
		{ "FROM scratch\nADD --checksum=sha256:12 https://x/y.git z\n", NULL, ERR_INVALID,
				"expected hex commit hash", 2 },
		{ "FROM scratch\nADD --checksum=1234 x z\n", NULL, ERR_INVALID, "checksum requires",
				2 },
		{ "FROM scratch\nRUN --device=vendor.com/gpu=all x\n", NULL, ERR_UNSUPPORTED,
				"--device", 2 },
		{ "FROM scratch\nRUN --mount=target=/ x\n", NULL, ERR_INVALID, "mounted on '/'",
				2 },
		{ "FROM scratch\nEXPOSE 99999\n", NULL, ERR_INVALID, "99999", 2 },
		{ "FROM scratch\nEXPOSE 80/xyz\n", NULL, ERR_INVALID, "invalid proto: xyz", 2 },
		{ "FROM scratch\nEXPOSE 5-3\n", NULL, ERR_INVALID, "invalid containerPort: 5-3",
				2 },
		{ "FROM scratch\nEXPOSE 80:\n", NULL, ERR_INVALID, "no port specified: 80:", 2 },
		{ "FROM scratch\nEXPOSE x:80\n", NULL, ERR_INVALID, "invalid hostPort: x", 2 },
		{ "FROM scratch\nEXPOSE here:1:1\n", NULL, ERR_INVALID, "invalid IP address: here",
				2 },
		{ "FROM scratch\nEXPOSE 1-3:1-2\n", NULL, ERR_INVALID, "invalid ranges", 2 },
		{ "FROM scratch\nARG V\nENV A=${V:?needed}\n", NULL, ERR_INVALID, "needed", 3 },
		{ "FROM --platform=bogus scratch\n", NULL, ERR_INVALID, "bogus", 1 },
		{ "FROM scratch\nCOPY --from=9 a b\n", NULL, ERR_NOT_FOUND, "9", 2 },
		{ "FROM scratch\nSTOPSIGNAL SIGTERN\n", NULL, ERR_INVALID,
				"invalid signal: SIGTERN", 2 },
		{ "FROM scratch\nSTOPSIGNAL RTMIN-1\n", NULL, ERR_INVALID, "RTMIN-1", 2 },
		{ "FROM scratch\nSTOPSIGNAL 0\n", NULL, ERR_INVALID, "invalid signal: 0", 2 },
		{ "FROM scratch\nSTOPSIGNAL $NOBODY\n", NULL, ERR_INVALID, "empty once expanded",
				2 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(dockerfile) struct dockerfile *file = NULL;
		AUTO(plan) struct plan *plan = NULL;
		AUTO(strbuf) struct strbuf text = { 0 };
		size_t opened = 0;
		struct error *error =
				make(cases[i].text, cases[i].target, NULL, &file, &plan, &opened);

		note("%s", cases[i].part);
		assert_non_null(error);
		error_text(error, &text);
		if (error->kind != cases[i].kind || !strstr(strbuf_text(&text), cases[i].part))
			fail_msg("kind %d: %s", (int)error->kind, strbuf_text(&text));
		if (cases[i].line) {
			assert_non_null(error_find_at(error));
			assert_int_equal(error_find_at(error)->line, cases[i].line);
		}
		error_free(error);
	}
}

/* Named contexts: "img" is an image, "tree" the first tree, "st" and "alpine" stand in for names.
 */
static void named_contexts(void **state)
{
	static const struct plan_context contexts[] = {
		{ "alpine", "oci:there", 1 },
		{ "st", NULL, 2 },
		{ "tree", NULL, 3 },
	};
	static const struct {
		const char *why, *text;
		const char *wants[4];
	} cases[] = {
		{ "an image in any spelling",
				"FROM docker.io/library/alpine:latest\nCOPY --from=ALPINE:latest a "
				"b\n",
				{ "from: image oci:there" } },
		{ "another tag is another image", "FROM alpine:3\nRUN x\n",
				{ "alpine:3", "!oci:there" } },
		{ "before a stage, by name and number",
				"FROM scratch AS st\nRUN one\nFROM scratch\nCOPY --from=St a "
				"b\nCOPY "
				"--from=0 a b\n",
				{ "from: named context 2", "!RUN one", "!from: stage" } },
		{ "FROM files begins with a copy of them", "FROM tree\nRUN x\n",
				{ "COPY --from=tree / /", "from: named context 3", "2/2] RUN x" } },
		{ "FROM a stage that is replaced",
				"FROM scratch AS st\nRUN one\nFROM st\nRUN two\n",
				{ "COPY --from=st / /", "!RUN one", "RUN two" } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(dockerfile) struct dockerfile *file = NULL;
		AUTO(plan) struct plan *plan = NULL;
		AUTO(strbuf) struct strbuf text = { 0 };
		size_t opened = 0;
		struct plan_input input = { .open_images = open_images,
			.user = &opened,
			.platform = platform_host(),
			.build_platform = platform_host(),
			.contexts = contexts,
			.context_count = COUNT(contexts) };

		note("%s", cases[i].why);
		assert_ok(dockerfile_parse(str_of(cases[i].text), "Dockerfile", &file));
		input.file = file;
		assert_ok(plan_new(&input, &plan));
		plan_show(plan, NULL, &text);
		for (size_t k = 0; k < COUNT(cases[i].wants) && cases[i].wants[k]; k++) {
			const char *want = cases[i].wants[k];
			bool is_there = strstr(strbuf_text(&text), want + (want[0] == '!')) != NULL;

			if (is_there == (want[0] == '!'))
				fail_msg("'%s' in:\n%s", want, strbuf_text(&text));
		}
	}
}

static void opens_an_image_once(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(plan) struct plan *plan = NULL;
	size_t opened = 0;

	assert_ok(make("FROM b AS x\nFROM b AS y\nFROM unused\nFROM c\nCOPY --from=x / /\nCOPY "
		       "--from=y / /\nCOPY --from=b / /\n",
			NULL, NULL, &file, &plan, &opened));
	assert_int_equal(opened, 2);
}

/* As long a chain as a Dockerfile may have, by FROM and by COPY --from: no stack is as deep. */
static void plans_long_chains(void **state)
{
	for (size_t f = 0; f < 2; f++) {
		AUTO(strbuf) struct strbuf text = { 0 };
		AUTO(dockerfile) struct dockerfile *file = NULL;
		AUTO(plan) struct plan *plan = NULL;
		size_t opened = 0;

		strbuf_add(&text, "FROM scratch AS s0\n");
		for (size_t i = 1; i < LIMIT_STAGES; i++) {
			if (f == 0)
				strbuf_addf(&text, "FROM s%zu AS s%zu\n", i - 1, i);
			else
				strbuf_addf(&text, "FROM scratch AS s%zu\nCOPY --from=s%zu / /\n",
						i, i - 1);
		}
		assert_ok(make(strbuf_text(&text), NULL, NULL, &file, &plan, &opened));
		assert_int_equal(plan->stage_count, LIMIT_STAGES);
		assert_int_equal(plan->stages[0]->index, 0);
		assert_ptr_equal(plan->target, plan->stages[LIMIT_STAGES - 1]);
	}
}

/* Whichever of them is found first, and wherever one ends within another. */
static void shows_no_value_of_an_argument(void **state)
{
	static const char dockerfile[] = "FROM scratch\nARG TOKEN\nARG Q\nENV DATA=s1lver\n"
					 "ENV X=1Y=g0ld\n";
	AUTO(dockerfile) struct dockerfile *file = NULL;
	AUTO(plan) struct plan *plan = NULL;
	AUTO(strbuf) struct strbuf text = { 0 };
	char one[] = "A=s", two[] = "TOKEN=s3cret", three[] = "DATA=s1lver", four[] = "X=1Y",
	     five[] = "Y=g0ld", six[] = "Q=a\"b", seven[] = "EMPTY=", eight[] = "NAME";
	char *words[] = { one, two, three, four, five, six, seven, eight };
	const struct list args = { words, COUNT(words), 0 };
	size_t opened = 0;

	(void)state;
	assert_ok(make(dockerfile, NULL, &args, &file, &plan, &opened));
	plan_show(plan, &args, &text);
	for (size_t i = 0; i < 2; i++) {
		static const char *const parts[] = { "1lver", "0ld" };

		if (strstr(strbuf_text(&text), parts[i]))
			fail_msg("'%s' in:\n%s", parts[i], strbuf_text(&text));
	}
	assert_non_null(strstr(strbuf_text(&text), "ARG TOKEN=...\""));
	assert_non_null(strstr(strbuf_text(&text), "ARG Q=...\""));
	assert_non_null(strstr(strbuf_text(&text), "DATA=...\""));
	assert_non_null(strstr(strbuf_text(&text), "\"X=...=...\""));
}

UNIT_TESTS(plans, wants_stages_above_the_target, bases_that_wait, refuses, named_contexts,
		opens_an_image_once, plans_long_chains, shows_no_value_of_an_argument)
