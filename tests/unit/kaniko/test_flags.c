/*
 * Every flag of Kaniko's executor, its subcommands and warmer: a value that is good, in both
 * spellings, and values that are not, which must be found before any work. No row of the tables may
 * lack its case here.
 */
#include "unit.h"

#include "base/str.h"
#include "kaniko/executor.h"
#include "scratch.h"
#include "ui/config.h"

#include <stdlib.h>

enum { WORDS = 12 };

struct run {
	struct parsed parsed;
	struct list settings;
	struct config *config;
	struct request request;
};

static void run_done(struct run *run)
{
	parsed_done(&run->parsed);
	list_done(&run->settings);
	config_free(run->config);
	request_done(&run->request);
}

DEFINE_AUTO_VALUE(run)

/* A command, and the words without which it does nothing. */
struct called {
	const struct program *program;
	const struct command *command;
	const char *words;
	bool runs_on_good; /* it needs nothing that a test has not */
};

static const struct called executor = { &executor_program, &cmd_executor, "", false };
static const struct called warmer = { &warmer_program, &cmd_warmer, "-i a ", false };
static const struct called push = { &executor_program, &cmd_executor_push, "artifact ", false };
static const struct called login = { &executor_program, &cmd_executor_login, "r.example ", true };

static FALLIBLE run_command(const struct called *called, struct run *run)
{
	const struct invocation call = { .command = called->command,
		.config = run->config,
		.opts = run->parsed.opts,
		.global_opts = run->parsed.global_opts,
		.args = &run->parsed.args,
		.program = called->program->name };

	return called->command->run(&call);
}

/* What main and the command do before they open anything. */
static FALLIBLE read_line(const struct called *called, const char *const *words, size_t n,
		bool is_good, struct run *ret)
{
	const struct program *program = called->program;
	static const char *const environment[] = { "HOME=/nonexistent", "DOCKER_CONFIG=docker",
		NULL };
	struct kaniko_log log = { .least = SEVERITY_PANIC };

	ret->request.stdin_fd = -1;
	TRY(options_parse(program, called->command, words, n, &ret->parsed));
	TRY(program->settings(ret->parsed.global_opts, &ret->settings));
	TRY(config_load(&(struct config_origin){ NULL, environment, &ret->settings },
			&ret->config));
	if (called->command != &cmd_executor)
		return is_good && !called->runs_on_good ? NULL : run_command(called, ret);
	return request_make(ret->parsed.global_opts, ret->parsed.opts, &log, &ret->request);
}

/* "--a=b --c d", split at spaces; the context and --no-push are given where a case has none. */
static FALLIBLE read_text(
		const struct called *called, const char *text, bool is_good, struct run *ret)
{
	AUTO(list) struct list words = { 0 };
	AUTO_FREE char *line = xasprintf("%s%s", called->words, text);
	struct str rest = str_of(line), word;

	if (called == &executor) {
		if (!strstr(text, "--context") && !strstr(text, "-c "))
			list_add(&words, "--context=context");
		if (!strstr(text, "destination") && !strstr(text, "-d ") &&
				!strstr(text, "no-push"))
			list_add(&words, "--no-push");
	}
	while (rest.n) {
		str_cut(rest, ' ', &word, &rest);
		AUTO_FREE char *copy = str_dup(word);
		list_add(&words, copy);
	}
	return read_line(called, (const char *const *)words.p, words.n, is_good, ret);
}

struct flag_case {
	const char *name;
	const char *good[6];   /* whole lines */
	const char *bad[7][2]; /* a line and what is said of it */
};

static const struct flag_case executor_cases[] = {
	{ "dockerfile", { "-f Dockerfile", "--dockerfile Other", "--dockerfile=Dockerfile" },
			{ { "-f missing", "there is no Dockerfile 'missing', neither here nor "
					  "in" } } },
	{ "context",
			{ "-c context", "--context dir://context", "--context=tar://Dockerfile",
					"--context "
					"git://h.example/r#refs/heads/"
					"m#0123456789012345678901234567890123456789" },
			{ { "--context missing", "open the build context 'missing'" },
					{ "--context ftp://x/y", "unknown scheme" },
					{ "--context git://h.example/r#--upload-pack=x",
							"option '--context'" },
					{ "--context tar://missing", "tar://missing" },
					{ "--context Dockerfile", "is not a folder" },
					{ "--context=", "both empty" } } },
	{ "context-sub-path", { "--context dir://. --context-sub-path context" },
			{ { "--context dir://. --context-sub-path=missing", "missing" },
					{ "--context dir://. --context-sub-path=../x",
							"leads out of the context" },
					{ "--context dir://context --context-sub-path=out",
							"context/usr" } } },
	{ "bucket", { "-b bucket", "-b s3://b/o" },
			{ { "-b s3:///o", "does not name a bucket" } } },
	{ "git",
			{ "--git branch=main --git depth=1",
					"--git=single-branch=true --git recurse-submodules=false",
					"--git insecure-skip-tls=true" },
			{ { "--git brunch=main", "unknown key 'brunch'" },
					{ "--git depth=deep", "option '--git'" },
					{ "--git single-branch=perhaps", "option '--git'" },
					{ "--git branch", "is not KEY=VALUE" } } },
	{ "target",
			{ "--target build", "--target=build,test", "--target a --target b",
					"--target=" },
			{ { "--target build,", "has an empty name" },
					{ "--target build --target=", "has an empty name" } } },
	{ "build-arg",
			{ "--build-arg A=1", "--build-arg=A",
					"--build-arg A=1,2 --build-arg B=", "--build-arg=" },
			{ { "--build-arg =1", "has no name" } } },
	{ "secret", { "--secret id=a,src=Dockerfile --secret=id=b,env=HOME,type=env" },
			{ { "--secret src=Dockerfile", "option '--secret'" },
					{ "--secret id=a,sauce=x", "option '--secret'" } } },
	{ "isolation", { "--isolation chroot", "--isolation=inplace" } },
	{ "allow-secret-in-layer", { "--allow-secret-in-layer" } },
	{ "custom-platform", { "--custom-platform linux/arm64", "--custom-platform=linux/arm/v7" },
			{ { "--custom-platform linux/arm64/v8/x",
					"option '--custom-platform'" } } },
	{ "customPlatform", { "--customPlatform=linux/amd64" } },
	{ "destination", { "-d r.example/a:1", "--destination=r.example/a --destination=b:2" },
			{ { "-d R.example/A:1", "option '--destination'" },
					{ "-d r.example/a@sha256:"
					  "6f37d8249255d691a91452192b186106237baf7ab79c05725eb2c520"
					  "132f8"
					  "a57",
							"has a digest" },
					{ "--destination=", "option '--destination'" } } },
	{ "set", { NULL }, { { "--set a.destination=b", "is for 'bake'" } } },
	{ "label", { "--label a=b", "--label=a=b,c" }, { { "--label a", "is not NAME=VALUE" } } },
	{ "annotation", { "--annotation a=b" }, { { "--annotation =b", "is not NAME=VALUE" } } },
	{ "compression", { "--compression gzip", "--compression=zstd" },
			{ { "--compression xz", "cannot be 'xz'" },
					{ "--compression zstd --image-format docker",
							"exclude each other" },
					{ "--compression zstd --tar-path x",
							"exclude each other" } } },
	{ "compression-level",
			{ "--compression-level 9", "--compression-level=-1",
					"--compression-level 0",
					"--compression zstd --compression-level 19" },
			{ { "--compression-level ten", "'ten'" },
					{ "--compression-level 23",
							"option '--compression-level'" },
					{ "--compression-level 10", "gzip has no level 10" } } },
	{ "image-format", { "--image-format docker", "--image-format=oci" },
			{ { "--image-format tar", "cannot be 'tar'" },
					{ "--image-format oci --tar-path x",
							"exclude each other" } } },
	{ "single-snapshot", { "--single-snapshot", "--single-snapshot=false" },
			{ { "--single-snapshot=2", "neither true nor false" } } },
	{ "reproducible", { "--reproducible", "--reproducible=true" },
			{ { "--reproducible=maybe", "neither true nor false" } } },
	{ "no-push", { "--no-push", "--no-push=true" },
			{ { "--no-push=false", "nothing says where to push" } } },
	{ "no-push-cache", { "--no-push --no-push-cache" },
			{ { "--no-push-cache=x --no-push", "neither" } } },
	{ "tar-path", { "--tar-path x.tar", "--tar-path=x.tar" },
			{ { "--tar-path", "needs a value" } } },
	{ "tarPath", { "--tarPath=x.tar" } },
	{ "oci-layout-path", { "--oci-layout-path layout" },
			{ { "--oci-layout-path", "needs a value" } } },
	{ "digest-file",
			{ "--digest-file digest", "--digest-file=https://s.example/x?signature=1" },
			{ { "--digest-file context", "is a directory" },
					{ "--digest-file=http://s.example/x", "is not safe" },
					{ "--digest-file=https://", "option '--digest-file'" },
					{ "--digest-file=Dockerfile/x", "Not a directory" },
					{ "--digest-file=Dockerfile/x/y", "Not a directory" } } },
	{ "image-name-with-digest-file",
			{ "-d a:1 --image-name-with-digest-file n",
					"-d a:1 --image-name-with-digest-file=new/folder/n" },
			{ { "--image-name-with-digest-file n", "needs '--destination'" },
					{ "-d a --image-name-with-digest-file=http://s.example/x",
							"is not safe" },
					{ "-d a --image-name-with-digest-file=Dockerfile/x",
							"Not a directory" } } },
	{ "image-name-tag-with-digest-file", { "-d a:1 --image-name-tag-with-digest-file=n" },
			{ { "--image-name-tag-with-digest-file n", "needs '--destination'" },
					{ "-d a --image-name-tag-with-digest-file=Dockerfile/x",
							"Not a directory" } } },
	{ "dryrun", { "--dryrun", "--dryrun --no-push=false" }, { { "--dryrun=x", "neither" } } },
	{ "cache", { "--cache --no-push --no-push-cache", "--cache=true -d a:1", "--cache=false" },
			{ { "--cache=x", "neither" },
					{ "--cache --no-push", "nothing says where the cache is "
							       "kept" } } },
	{ "cache-repo",
			{ "--cache --cache-repo r.example/cache",
					"--cache --cache-repo=oci:/nonexistent",
					"--no-push --cache --no-push-cache --cache-repo "
					"r.example/cache" },
			{ { "--cache --cache-repo R/C", "option '--cache" },
					{ "--cache --cache-repo=", "nothing says where the cache" },
					{ "--cache --cache-repo oci:", "is no folder" },
					{ "--cache-repo type=x", "is no repository" } } },
	{ "cache-dir", { "--cache-dir context", "--cache-dir=/nonexistent", "--cache-dir=" },
			{ { "--cache-dir Dockerfile", "is not a folder" } } },
	{ "cache-ttl", { "--cache-ttl 1h30m", "--cache-ttl=336h" },
			{ { "--cache-ttl 7days", "option '--cache-ttl'" },
					{ "--cache-ttl=-1h", "is negative" } } },
	{ "cache-copy-layers", { "--cache-copy-layers", "--cache-copy-layers=false" } },
	{ "cache-run-layers", { "--cache-run-layers=false" },
			{ { "--cache-run-layers=x", "neither" } } },
	{ "cleanup", { "--cleanup" }, { { "--cleanup=x", "neither" } } },
	{ "pre-cleanup", { "--pre-cleanup" } },
	{ "preserve-context", { "--preserve-context" } },
	{ "materialize", { "--materialize", "--materialize=false" } },
	{ "ignore-path", { "--ignore-path /a --ignore-path=/b" },
			{ { "--ignore-path a", "is not an absolute path" },
					{ "--ignore-path /", "is not an absolute path" } } },
	{ "ignore-var-run", { "--ignore-var-run", "--ignore-var-run=false" } },
	{ "whitelist-var-run", { "--whitelist-var-run=true" } },
	{ "force", { "--force" }, { { "--force=x", "neither" } } },
	{ "snapshot-mode",
			{ "--snapshot-mode full", "--snapshot-mode=redo", "--snapshot-mode=time" },
			{ { "--snapshot-mode all", "cannot be 'all'" } } },
	{ "snapshotMode", { "--snapshotMode=redo" } },
	{ "use-new-run", { "--use-new-run" } },
	{ "compressed-caching", { "--compressed-caching=false" } },
	{ "image-fs-extract-retry", { "--image-fs-extract-retry 3" },
			{ { "--image-fs-extract-retry many", "'many'" },
					{ "--image-fs-extract-retry=-1",
							"image-fs-extract-retry" } } },
	{ "force-build-metadata", { "--force-build-metadata" } },
	{ "skip-unused-stages", { "--skip-unused-stages=true" } },
};

static const struct flag_case global_cases[] = {
	{ "verbosity", { "-v debug", "--verbosity=trace", "--verbosity panic" },
			{ { "-v loud", "cannot be 'loud'" } } },
	{ "log-format", { "--log-format text", "--log-format=json", "--log-format color" },
			{ { "--log-format xml", "cannot be 'xml'" } } },
	{ "log-timestamp", { "--log-timestamp", "--log-timestamp=false" } },
	{ "insecure", { "--insecure" }, { { "--insecure=x", "neither" } } },
	{ "skip-tls-verify", { "--skip-tls-verify" } },
	{ "insecure-pull", { "--insecure-pull" } },
	{ "skip-tls-verify-pull", { "--skip-tls-verify-pull=true" } },
	{ "insecure-registry",
			{ "--insecure-registry r.example --insecure-registry=b:5000",
					"--insecure-registry=" },
			{ { "--insecure-registry r", "does not begin with a host" },
					{ "--insecure-registry=r.example/x", "is not a host" } } },
	{ "skip-tls-verify-registry",
			{ "--skip-tls-verify-registry=r.example:5000",
					"--skip-tls-verify-registry=" },
			{ { "--skip-tls-verify-registry=/", "--skip-tls-verify-registry" } } },
	{ "registry-certificate", { "--registry-certificate r.example=Dockerfile" },
			{ { "--registry-certificate r.example", "is not HOST=PATH" },
					{ "--registry-certificate=r.example=missing", "missing" },
					{ "--registry-certificate=r.example=context",
							"is not a file" } } },
	{ "registry-client-cert", { "--registry-client-cert r.example=Dockerfile,Other" },
			{ { "--registry-client-cert r.example=Dockerfile", "is not HOST=CERT,KEY" },
					{ "--registry-client-cert r.example=Dockerfile,missing",
							"missing" } } },
	{ "registry-map",
			{ "--registry-map docker.io=m.example/hub;quay.io=m.example/quay",
					"--registry-map=index.docker.io=m:5000" },
			{ { "--registry-map docker.io", "is not FROM=TO" },
					{ "--registry-map docker.io=", "is not FROM=TO" },
					{ "--registry-map docker.io=mirror",
							"does not begin with a host" } } },
	{ "registry-mirror",
			{ "--registry-mirror m.example", "--registry-mirror=m:5000/hub",
					"--registry-mirror=" },
			{ { "--registry-mirror mirror", "does not begin with a host" },
					{ "--registry-mirror=m.example/UPPER",
							"option '--registry-mirror'" } } },
	{ "skip-default-registry-fallback",
			{ "--skip-default-registry-fallback --registry-mirror m.example",
					"--skip-default-registry-fallback" } },
	{ "credential-helpers",
			{ "--credential-helpers env,gitlab", "--credential-helpers=",
					"--credential-helpers=ecr --credential-helpers acr" },
			{ { "--credential-helpers keychain", "cannot be 'keychain'" } } },
	{ "push-retry", { "--push-retry 10", "--push-retry=0" },
			{ { "--push-retry often", "'often'" },
					{ "--push-retry=-1", "push-retry" } } },
	{ "image-download-retry", { "--image-download-retry=3" },
			{ { "--image-download-retry x", "'x'" } } },
	{ "push-ignore-immutable-tag-errors", { "--push-ignore-immutable-tag-errors" } },
	{ "skip-push-permission-check", { "--skip-push-permission-check=true" } },
	{ "kaniko-dir", { "--kaniko-dir /nonexistent" }, { { "--kaniko-dir", "needs a value" } } },
};

static const struct flag_case warmer_cases[] = {
	{ "image", { "-i b:1", "--image=a" },
			{ { "--image=", "option '--image'" },
					{ "-i r.example/A:1", "option '--image'" } } },
	{ "dockerfile", { "-d Dockerfile" } },
	{ "build-arg", { "--build-arg A=1" }, { { "--build-arg =1", "has no name" } } },
	{ "cache-dir", { "-c cache", "--cache-dir=cache" } },
	{ "force", { "-f", "--force" }, { { "--force=x", "neither" } } },
	{ "cache-ttl", { "--cache-ttl=1h" },
			{ { "--cache-ttl 7days", "option '--cache-ttl'" },
					{ "--cache-ttl=-1h", "is negative" } } },
	{ "customPlatform", { "--customPlatform=linux/arm64" },
			{ { "--customPlatform=a/b/c/d", "option '--customPlatform'" } } },
	{ "custom-platform", { "--custom-platform=linux/arm64" } },
};

static const struct flag_case push_cases[] = {
	{ "destination", { "-d r.example/a:1", "--destination=a --destination b:2" },
			{ { "", "nothing says where to push" },
					{ "-d R.example/A", "option '--destination'" },
					{ "--destination=", "option '--destination'" } } },
	{ "digest-file", { "-d a --digest-file digest", "-d a --digest-file=https://s.example/x" },
			{ { "-d a --digest-file context", "is a directory" },
					{ "-d a --digest-file=http://s.example/x",
							"is not safe" } } },
	{ "image-name-with-digest-file", { "-d a --image-name-with-digest-file n" },
			{ { "-d a --image-name-with-digest-file=context", "is a directory" } } },
	{ "image-name-tag-with-digest-file", { "-d a --image-name-tag-with-digest-file n" },
			{ { "-d a --image-name-tag-with-digest-file=context",
					"is a directory" } } },
};

static const struct flag_case login_cases[] = {
	{ "username", { "-u me -p x", "--username=me --password=x" },
			{ { "-p x", "option '--username' is needed" },
					{ "--username= -p x", "option '--username' is needed" } } },
	{ "password", { "-u me -p x" },
			{ { "-u me", "no password given" },
					{ "-u me --password=", "the password is empty" } } },
	{ "password-stdin", { "-u me -p x --password-stdin=false" },
			{ { "-u me --password-stdin -p x", "exclude each other" } } },
};

static void enter(const char *dir)
{
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("context", 0755), 0);
	assert_int_equal(symlink("/usr", "context/out"), 0);
	for (const char *const *name = (const char *const[]){ "Dockerfile", "Other", NULL }; *name;
			name++) {
		FILE *file = fopen(*name, "w");

		assert_non_null(file);
		(void)fputs("FROM scratch\n", file);
		(void)fclose(file);
	}
}

static void check_case(const struct called *called, const struct flag_case *one)
{
	for (size_t i = 0; i < COUNT(one->good) && one->good[i]; i++) {
		AUTO(run) struct run run = { 0 };

		note("%s", one->good[i]);
		assert_ok(read_text(called, one->good[i], true, &run));
	}
	for (size_t i = 0; i < COUNT(one->bad) && one->bad[i][0]; i++) {
		AUTO(run) struct run run = { 0 };
		AUTO(strbuf) struct strbuf text = { 0 };

		note("%s", one->bad[i][0]);

		struct error *error = read_text(called, one->bad[i][0], false, &run);

		if (!error)
			fail_msg("'%s' is taken", one->bad[i][0]);
		error_text(error, &text);
		if (!strstr(strbuf_text(&text), one->bad[i][1]))
			fail_msg("'%s': '%s', wanted '%s'", one->bad[i][0], strbuf_text(&text),
					one->bad[i][1]);
		error_free(error);
	}
}

/* What every option of a kind refuses. */
static void check_kind(const struct called *called, const struct option *row)
{
	AUTO_FREE char *wrong = xasprintf("--%s=perhaps", row->name);
	AUTO_FREE char *lacking = xasprintf("--%s", row->name);
	const bool is_flag = row->kind == OPTION_FLAG;
	const char *text[2] = { is_flag ? wrong : lacking,
		is_flag ? "is neither true nor false" : "needs a value" };
	const struct flag_case one = { row->name, { NULL }, { { text[0], text[1] } } };

	if (row->kind != OPTION_HEADING && row->kind != OPTION_SETTING)
		check_case(called, &one);
}

static void check_table(const struct called *called, const struct option *rows,
		const struct flag_case *cases, size_t n, const char *what)
{
	for (; rows->kind; rows++) {
		bool found = rows->kind == OPTION_HEADING;

		for (size_t i = 0; i < n; i++)
			found = found || text_equal(rows->name, cases[i].name);
		if (!found)
			fail_msg("no case for --%s of the %s", rows->name, what);
		check_kind(called, rows);
	}
	for (size_t i = 0; i < n; i++)
		check_case(called, &cases[i]);
}

static void every_flag_of_the_executor(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();

	(void)state;
	enter(scratch.path);
	check_table(&executor, executor_options, executor_cases, COUNT(executor_cases), "executor");
	check_table(&executor, kaniko_global_options, global_cases, COUNT(global_cases),
			"executor");
	assert_int_equal(chdir("/"), 0);
}

static void every_flag_of_the_warmer(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();

	(void)state;
	enter(scratch.path);
	check_table(&warmer, cmd_warmer.options, warmer_cases, COUNT(warmer_cases), "warmer");
	check_table(&warmer, kaniko_global_options, global_cases, COUNT(global_cases), "warmer");
	assert_int_equal(chdir("/"), 0);
}

static void every_flag_of_push_and_login(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();

	(void)state;
	enter(scratch.path);
	check_table(&push, cmd_executor_push.options, push_cases, COUNT(push_cases), "push");
	check_table(&push, kaniko_global_options, global_cases, COUNT(global_cases), "push");
	check_table(&login, cmd_executor_login.options, login_cases, COUNT(login_cases), "login");
	assert_int_equal(access("docker/config.json", F_OK), 0);
	assert_int_equal(chdir("/"), 0);
}

/* What the flags lead to, where the name does not say it. */
static void means_what_kaniko_means(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(run) struct run run = { 0 }, plain = { 0 };
	const struct build_options *build = &run.request.build;

	(void)state;
	enter(scratch.path);
	assert_int_equal(setenv("KILN_TEST_ARG", "from outside", 1), 0);
	assert_ok(read_text(&executor,
			"-d localhost:5000/a:1 -d index.docker.io/b --cache --build-arg "
			"KILN_TEST_ARG "
			"--build-arg KILN_TEST_UNSET --target first,second --single-snapshot "
			"--reproducible --registry-mirror m.example --registry-map "
			"quay.io=m.example/q "
			"--skip-default-registry-fallback --insecure-pull --push-retry 9 "
			"--ignore-path /var/../opt/ --push-ignore-immutable-tag-errors",
			true, &run));
	assert_string_equal(build->tags->p[0], "localhost:5000/a:1");
	assert_string_equal(build->tags->p[1], "docker.io/library/b:latest");
	assert_string_equal(build->build_args->p[0], "KILN_TEST_ARG=from outside");
	assert_string_equal(build->build_args->p[1], "KILN_TEST_UNSET=");
	assert_string_equal(build->target, "first");
	assert_true(build->also_targets->n == 1 && !strcmp(build->also_targets->p[0], "second"));
	assert_true(build->squash && build->has_epoch && build->epoch == 0);
	assert_true(build->inherits_format && build->tolerates_immutable && !build->no_cache);
	assert_string_equal(build->ignore->p[0], "opt");
	assert_true(build->output_count == 1 && build->outputs[0].kind == OUTPUT_REGISTRY);
	assert_string_equal(run.config->registry_mirrors.p[0], "quay.io=m.example/q");
	assert_string_equal(run.config->registry_mirrors.p[1], "docker.io=m.example");
	assert_true(run.config->insecure_pull && !run.config->insecure_push);
	assert_false(run.config->registry_fallback);
	assert_int_equal(run.config->registry_retries, 9);
	/* Without --cache every step runs; without mirrors there is nothing but the registry. */
	assert_ok(read_text(&executor, "--skip-default-registry-fallback", true, &plain));
	assert_true(plain.request.build.no_cache && plain.config->registry_fallback);
	assert_int_equal(plain.config->registry_retries, 5);
	assert_int_equal(plain.request.build.output_count, 0);
	assert_int_equal(unsetenv("KILN_TEST_ARG"), 0);
	assert_int_equal(chdir("/"), 0);
}

/* What a script leaves empty is not given, as with Kaniko. */
static void empty_is_not_given(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(run) struct run run = { 0 };

	(void)state;
	enter(scratch.path);
	assert_ok(read_text(&executor,
			"--context context -d r.example/a --cache --cache-repo= --tar-path= "
			"--oci-layout-path= "
			"--digest-file= --image-name-with-digest-file= "
			"--image-name-tag-with-digest-file= --image-format= --compression= "
			"--registry-map= --custom-platform= --context-sub-path=",
			true, &run));
	assert_int_equal(run.request.build.output_count, 1);
	assert_string_equal(run.request.cache_repo, "r.example/a/cache");
	assert_true(run.request.build.inherits_format);
	assert_int_equal(run.config->registry_mirrors.n, 0);
	assert_int_equal(chdir("/"), 0);
}

static void variables(void **state)
{
	static const char *const rows[][3] = {
		{ "KANIKO_NO_PUSH", "true", NULL },
		{ "KANIKO_NO_PUSH", "perhaps",
				"environment variable 'KANIKO_NO_PUSH': 'perhaps' is neither" },
		{ "KANIKO_CLEANUP", "x", "environment variable 'KANIKO_CLEANUP'" },
		{ "KANIKO_PRE_CLEANUP", "x", "environment variable 'KANIKO_PRE_CLEANUP'" },
		{ "KANIKO_PRINT_PLAN", "x", "environment variable 'KANIKO_PRINT_PLAN'" },
		{ "KANIKO_PRINT_PLAN", "1", NULL },
		{ "KANIKO_REGISTRY_MIRROR", "m.example", NULL },
		{ "KANIKO_REGISTRY_MIRROR", "nohost",
				"environment variable 'KANIKO_REGISTRY_MIRROR'" },
		{ "KANIKO_REGISTRY_MAP", "a.example=b.example;c.example=d.example", NULL },
		{ "KANIKO_REGISTRY_MAP", "a.example",
				"environment variable 'KANIKO_REGISTRY_MAP'" },
		{ "UPSTREAM_CLIENT_TYPE", "gitlab", NULL },
		{ "UPSTREAM_CLIENT_TYPE", "a\nb", "environment variable 'UPSTREAM_CLIENT_TYPE'" },
		{ "KANIKO_PRESERVE_CONTEXT", "x",
				"environment variable 'KANIKO_PRESERVE_CONTEXT'" },
		{ "SNAPSHOT_TIMEOUT_DURATION", "90m", NULL },
		{ "SNAPSHOT_TIMEOUT_DURATION", "long",
				"environment variable 'SNAPSHOT_TIMEOUT_DURATION'" },
		{ "BUILDER_OUTPUT", "Dockerfile", "environment variable 'BUILDER_OUTPUT'" },
		{ "BUILDER_OUTPUT", "new/folder", NULL },
		{ "SOURCE_DATE_EPOCH", "noon", "environment variable 'SOURCE_DATE_EPOCH'" },
		{ "KANIKO_DIR", "/nonexistent", NULL },
		{ "KANIKO_TELEMETRY_ENDPOINT", "http://localhost:4318", NULL },
		{ "KANIKO_TELEMETRY_ENDPOINT", "localhost:4318",
				"environment variable 'KANIKO_TELEMETRY_ENDPOINT'" },
	};
	AUTO(scratch) struct scratch scratch = scratch_new();

	(void)state;
	enter(scratch.path);
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO(run) struct run run = { 0 };

		note("%s=%s", rows[i][0], rows[i][1]);
		assert_int_equal(setenv(rows[i][0], rows[i][1], 1), 0);

		struct error *error = read_text(&executor, "", true, &run);

		if (rows[i][2])
			assert_error(error, ERR_INVALID, rows[i][2]);
		else
			assert_ok(error);
		assert_int_equal(unsetenv(rows[i][0]), 0);
	}
	assert_int_equal(chdir("/"), 0);
}

UNIT_TESTS(every_flag_of_the_executor, every_flag_of_the_warmer, every_flag_of_push_and_login,
		means_what_kaniko_means, empty_is_not_given, variables)
