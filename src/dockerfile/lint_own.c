/*
 * kiln's own rules: habits that cost time, space or safety. Each says what to write instead. Only
 * the text of the Dockerfile is looked at, so each errs on the side of silence.
 */
#include "base/strbuf.h"
#include "dockerfile/glob.h"
#include "dockerfile/lint.h"
#include "dockerfile/lint_shell.h"
#include "dockerfile/stage.h"

#include <string.h>

/* --- order --- */

/* Commands that fetch what the project depends on, and what is enough for them to have. */
static const struct installer {
	const char *program, *verb;
	const char *needs; /* files to copy first; NULL: none of the context's */
} installers[] = {
	{ "npm", "ci", "package.json package-lock.json" },
	{ "npm", "install", "package.json package-lock.json" },
	{ "npm", "i", "package.json package-lock.json" },
	{ "yarn", "install", "package.json yarn.lock" },
	{ "yarn", NULL, "package.json yarn.lock" },
	{ "pnpm", "install", "package.json pnpm-lock.yaml" },
	{ "pnpm", "i", "package.json pnpm-lock.yaml" },
	{ "bun", "install", "package.json bun.lock" },
	{ "pip", "install", "requirements.txt" },
	{ "pip3", "install", "requirements.txt" },
	{ "poetry", "install", "pyproject.toml poetry.lock" },
	{ "pipenv", "install", "Pipfile Pipfile.lock" },
	{ "uv", "sync", "pyproject.toml uv.lock" },
	{ "bundle", "install", "Gemfile Gemfile.lock" },
	{ "composer", "install", "composer.json composer.lock" },
	{ "go", "download", "go.mod go.sum" },
	{ "cargo", "fetch", "Cargo.toml Cargo.lock" },
	{ "dotnet", "restore", "*.csproj" },
	{ "mix", "deps.get", "mix.exs mix.lock" },
	{ "apt-get", "install", NULL },
	{ "apt", "install", NULL },
	{ "apk", "add", NULL },
	{ "yum", "install", NULL },
	{ "dnf", "install", NULL },
	{ "microdnf", "install", NULL },
};

static bool installs(const struct shell_command *command, const struct installer *installer)
{
	if (!shell_is(command, installer->program, installer->verb))
		return false;
	/* "yarn" alone installs, "yarn build" does not. */
	return installer->verb || command->word_count == 1;
}

static const struct installer *installer_in(const struct instruction *run)
{
	AUTO(shell_commands) struct shell_commands commands = { 0 };

	shell_commands_of(run, &commands);
	for (size_t i = 0; i < commands.n; i++)
		for (size_t k = 0; k < COUNT(installers); k++)
			if (installs(&commands.p[i], &installers[k]))
				return &installers[k];
	return NULL;
}

/* COPY of everything: ".", "./", "*". */
static bool copies_all(const struct instruction *in)
{
	if ((in->kind != INSTRUCTION_COPY && in->kind != INSTRUCTION_ADD) || in->copy.from)
		return false;
	for (size_t i = 0; i < in->copy.source_count; i++) {
		const char *path = in->copy.sources[i].path;

		if (!in->copy.sources[i].heredoc &&
				(strcmp(path, ".") == 0 || strcmp(path, "./") == 0 ||
						strcmp(path, "*") == 0 || strcmp(path, "./*") == 0))
			return true;
	}
	return false;
}

/* A cache mount keeps what is fetched. path: part of its target, or NULL for any. */
static bool has_cache_mount(const struct instruction *run, const char *path)
{
	for (size_t i = 0; i < run->run.mount_count; i++) {
		const char *text = run->run.mounts[i]->value;

		if (text && strstr(text, "type=cache") && (!path || strstr(text, path)))
			return true;
	}
	return false;
}

static void report_order(struct lint *lint, const struct lint_rule *rule,
		const struct instruction *copy, const struct installer *installer)
{
	const char *verb = installer->verb ? installer->verb : "";
	const char *detail =
			installer->needs ? arena_printf(lint->arena,
							   "first COPY %s ./, then RUN %s %s, then "
							   "COPY the rest",
							   installer->needs, installer->program,
							   verb)
					 : arena_printf(lint->arena,
							   "move the RUN with '%s %s' above this "
							   "line: it reads no file of the context",
							   installer->program, verb);

	lint_add(lint, rule, copy->at, detail,
			"%s of the whole context stands before '%s%s%s': any changed file makes it "
			"run again",
			instruction_name(copy->kind), installer->program, *verb ? " " : "", verb);
}

static void cache_busting_copy(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct stage *stage = &lint->file->stages[i];
		const struct instruction *copy = NULL;

		for (size_t j = 0; j < stage->instruction_count; j++) {
			const struct instruction *in = &stage->instructions[j];

			copy = !copy && copies_all(in) ? in : copy;
			if (in->kind != INSTRUCTION_RUN)
				continue;
			const struct installer *installer = installer_in(in);
			if (!installer)
				continue;
			/* Dependencies that came before the COPY are kept: all is well. */
			if (copy && !has_cache_mount(in, NULL))
				report_order(lint, rule, copy, installer);
			break;
		}
	}
}

/* --- package managers that leave their downloads behind --- */

struct keeper {
	const char *programs[3], *verb;
	const char *clean[2];    /* option of the command itself, or words of another one */
	const char *cleaner;     /* program that removes: "rm", "apt-get" */
	const char *directory;   /* what rm removes; part of a mount's target */
	const char *environment; /* ENV that turns the cache off, or NULL */
	const char *detail;
};

/* In the stage or in one that it stands on. */
static bool is_set(const struct stage *stage, const char *name)
{
	for (; stage; stage = stage->base)
		for (size_t i = 0; i < stage->instruction_count; i++) {
			const struct instruction *in = &stage->instructions[i];

			for (size_t j = 0; in->kind == INSTRUCTION_ENV && j < in->pairs.n; j++)
				if (strcmp(in->pairs.p[j].name, name) == 0)
					return true;
		}
	return false;
}

static bool cleans(const struct shell_command *command, const struct keeper *keeper)
{
	if (strcmp(command->words[0], "rm") == 0) {
		for (size_t i = 1; i < command->word_count; i++)
			if (strstr(command->words[i], keeper->directory))
				return true;
		return false;
	}
	return keeper->cleaner && shell_is(command, keeper->cleaner, keeper->clean[1]);
}

static bool fetches(const struct shell_command *command, const struct keeper *keeper)
{
	for (size_t i = 0; i < COUNT(keeper->programs) && keeper->programs[i]; i++)
		if (shell_is(command, keeper->programs[i], keeper->verb))
			return !keeper->clean[0] || !shell_has_word(command, keeper->clean[0]);
	return false;
}

static void check_keeper_run(struct lint *lint, const struct lint_rule *rule,
		const struct keeper *keeper, const struct instruction *run)
{
	const struct shell_command *fetch = NULL;
	bool is_clean = has_cache_mount(run, keeper->directory);
	AUTO(shell_commands) struct shell_commands commands = { 0 };

	shell_commands_of(run, &commands);
	for (size_t i = 0; i < commands.n; i++) {
		fetch = !fetch && fetches(&commands.p[i], keeper) ? &commands.p[i] : fetch;
		is_clean |= fetch && cleans(&commands.p[i], keeper);
	}
	if (fetch && !is_clean)
		lint_add(lint, rule, run->at, keeper->detail,
				"'%s %s' leaves its downloads in the layer", fetch->words[0],
				keeper->verb);
}

/*
 * What a stage keeps matters when it is part of the image: in the last stage and in what that
 * stands on. Earlier stages are thrown away.
 */
static void check_keeper(
		struct lint *lint, const struct lint_rule *rule, const struct keeper *keeper)
{
	const struct stage *stage =
			lint->file->stage_count ? &lint->file->stages[lint->file->stage_count - 1]
						: NULL;

	if (keeper->environment && is_set(stage, keeper->environment))
		return;
	for (; stage; stage = stage->base)
		for (size_t i = 0; i < stage->instruction_count; i++)
			if (stage->instructions[i].kind == INSTRUCTION_RUN)
				check_keeper_run(lint, rule, keeper, &stage->instructions[i]);
}

static void apt_cache_kept(struct lint *lint, const struct lint_rule *rule)
{
	static const struct keeper keeper = {
		.programs = { "apt-get", "apt", "aptitude" },
		.verb = "update", /* packages themselves are not kept in Debian's images */
		.directory = "/var/lib/apt",
		.detail = "end the RUN with && rm -rf /var/lib/apt/lists/*, or use RUN "
			  "--mount=type=cache,target=/var/lib/apt,sharing=locked",
	};

	check_keeper(lint, rule, &keeper);
}

static void apk_cache_kept(struct lint *lint, const struct lint_rule *rule)
{
	static const struct keeper keeper = {
		.programs = { "apk" },
		.verb = "add",
		.clean = { "--no-cache" },
		.directory = "/var/cache/apk",
		.detail = "apk add --no-cache, or RUN --mount=type=cache,target=/var/cache/apk",
	};

	check_keeper(lint, rule, &keeper);
}

static void pip_cache_kept(struct lint *lint, const struct lint_rule *rule)
{
	static const struct keeper keeper = {
		.programs = { "pip", "pip3" },
		.verb = "install",
		.clean = { "--no-cache-dir", "purge" },
		.cleaner = "pip",
		.directory = ".cache",
		.environment = "PIP_NO_CACHE_DIR",
		.detail = "pip install --no-cache-dir, or RUN "
			  "--mount=type=cache,target=/root/.cache/pip",
	};

	check_keeper(lint, rule, &keeper);
}

static void npm_cache_kept(struct lint *lint, const struct lint_rule *rule)
{
	static const char *const verbs[] = { "ci", "install" };
	struct keeper keeper = {
		.programs = { "npm" },
		.clean = { NULL, "clean" },
		.cleaner = "npm",
		.directory = ".npm",
		.detail = "end the RUN with && npm cache clean --force, or use RUN "
			  "--mount=type=cache,target=/root/.npm",
	};

	for (size_t i = 0; i < COUNT(verbs); i++) {
		keeper.verb = verbs[i];
		check_keeper(lint, rule, &keeper);
	}
}

static void dnf_cache_kept(struct lint *lint, const struct lint_rule *rule)
{
	static const char *const programs[][2] = { { "dnf", "/var/cache/dnf" },
		{ "yum", "/var/cache/yum" }, { "microdnf", "/var/cache/yum" } };

	for (size_t i = 0; i < COUNT(programs); i++) {
		const struct keeper keeper = {
			.programs = { programs[i][0] },
			.verb = "install",
			.clean = { NULL, "clean" },
			.cleaner = programs[i][0],
			.directory = programs[i][1],
			.detail = arena_printf(lint->arena,
					"end the RUN with && %s clean all, or use RUN "
					"--mount=type=cache,target=%s",
					programs[i][0], programs[i][1]),
		};

		check_keeper(lint, rule, &keeper);
	}
}

/* --- safety --- */

/* What FROM stands on may change from one day to the next. */
static void unpinned_base(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct stage *stage = &lint->file->stages[i];
		const struct from *from = &stage->from->from;
		struct str name = str_of(from->image);

		/* A variable may hold anything; "oci:" and its kin are files, not names. */
		if (stage->base || strchr(from->image, '$') || strchr(from->image, '@') ||
				strcmp(from->image, "scratch") == 0)
			continue;
		struct str last = str_slice(name,
				str_find_last(name, '/') < name.n ? str_find_last(name, '/') + 1
								  : 0,
				name.n);
		size_t colon = str_find(last, ':');
		bool is_file = str_find(name, ':') < str_find(name, '/') &&
			       str_find(name, '/') < name.n &&
			       str_find(name, '.') > str_find(name, ':');
		if (is_file)
			continue;
		if (colon == last.n)
			lint_add(lint, rule, from->image_at,
					arena_printf(lint->arena, "FROM %s:VERSION, or @sha256:...",
							from->image),
					"Base image '%s' has no tag, so its newest version is "
					"taken",
					from->image);
		else if (str_is(str_slice(last, colon + 1, last.n), "latest"))
			lint_add(lint, rule, from->image_at,
					"name the version that you tested, or its digest",
					"Base image '%s' is whatever is newest when it is pulled",
					from->image);
	}
}

static bool is_fetcher(const struct shell_command *command)
{
	return shell_is(command, "curl", NULL) || shell_is(command, "wget", NULL);
}

static bool is_interpreter(const struct shell_command *command)
{
	static const char *const names[] = { "sh", "bash", "dash", "ash", "zsh", "ksh", "python",
		"python3", "perl", "node", "ruby", "php" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(command->words[0], names[i]) == 0)
			return true;
	return false;
}

static bool pipes_to_shell(const struct shell_commands *commands)
{
	bool is_fetched = false;

	for (size_t i = 0; i < commands->n; i++) {
		if (is_fetched && is_interpreter(&commands->p[i]))
			return true;
		is_fetched = commands->p[i].is_piped_on &&
			     (is_fetched || is_fetcher(&commands->p[i]));
	}
	return false;
}

static void pipe_to_shell(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++) {
		const struct instruction *in = &lint->file->instructions[i];

		AUTO(shell_commands) struct shell_commands commands = { 0 };

		if (in->kind != INSTRUCTION_RUN)
			continue;
		shell_commands_of(in, &commands);
		if (pipes_to_shell(&commands))
			lint_add(lint, rule, in->at,
					"ADD --checksum=sha256:... URL /tmp/install.sh, read it, "
					"then "
					"RUN sh /tmp/install.sh",
					"A script from the network runs as it comes, unchecked");
	}
}

static const char *const secret_names[] = { "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".env",
	".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", ".npmrc",
	".pypirc", ".netrc", "_netrc", ".git-credentials", ".dockercfg", ".dockerconfigjson",
	"kubeconfig", ".pgpass", ".my.cnf", ".htpasswd", ".ssh", ".aws", ".gnupg", "*.ovpn" };
static const char *const harmless_names[] = { "*.example", "*.sample", "*.template", "*.dist",
	"*.pub", "*.pub.pem", "*.pub.key", "*public*", "*.test" };

static bool matches_one(const char *name, const char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (glob_match(patterns[i], name))
			return true;
	return false;
}

static bool looks_secret(struct arena *arena, const char *path)
{
	struct str rest = str_of(path), part = { 0 };
	bool is_secret = false;

	for (bool more = true; more;) {
		more = str_cut(rest, '/', &part, &rest);
		/* No pattern matches fewer than four bytes, and 100,000 sources are soon written.
		 */
		if (part.n < 4)
			continue;
		const char *name = arena_str(arena, part);

		is_secret = is_secret || (matches_one(name, secret_names, COUNT(secret_names)) &&
							 !matches_one(name, harmless_names,
									 COUNT(harmless_names)));
	}
	return is_secret;
}

static void secret_file_copied(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->instruction_count; i++) {
		const struct instruction *in = &lint->file->instructions[i];

		if ((in->kind != INSTRUCTION_COPY && in->kind != INSTRUCTION_ADD) || in->copy.from)
			continue;
		for (size_t j = 0; j < in->copy.source_count; j++) {
			const struct copy_source *source = &in->copy.sources[j];

			if (!source->heredoc && looks_secret(lint->arena, source->path))
				lint_add(lint, rule, source->at,
						"RUN --mount=type=secret,id=... shows it to one "
						"step "
						"and leaves it out of every layer; and name it in "
						".dockerignore",
						"'%s' looks like a secret, and whoever has the "
						"image "
						"has it",
						source->path);
		}
	}
}

static const struct lint_rule table[] = {
	{ "CacheBustingCopy",
			"The whole context should not be copied before dependencies are installed",
			NULL, cache_busting_copy, .is_own = true },
	{ "AptCacheKept", "apt-get update should not leave package lists in a layer", NULL,
			apt_cache_kept, .is_own = true },
	{ "ApkCacheKept", "apk add should not leave its index in a layer", NULL, apk_cache_kept,
			.is_own = true },
	{ "DnfCacheKept", "dnf, microdnf and yum should not leave their cache in a layer", NULL,
			dnf_cache_kept, .is_own = true },
	{ "NpmCacheKept", "npm should not leave its cache in a layer", NULL, npm_cache_kept,
			.is_own = true },
	{ "PipCacheKept", "pip should not leave its cache in a layer", NULL, pip_cache_kept,
			.is_own = true },
	{ "UnpinnedBase", "Base images should be named with a version or a digest", NULL,
			unpinned_base, .is_own = true },
	{ "PipeToShell", "What is downloaded should be checked before it runs", NULL, pipe_to_shell,
			.is_own = true },
	{ "SecretFileCopied", "Files that look like secrets should not be copied into an image",
			NULL, secret_file_copied, .is_own = true },
};

const struct lint_rule *lint_own_rules(size_t *ret_count)
{
	*ret_count = COUNT(table);
	return table;
}
