#include "buildah/dockerfiles.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "build/fetch_file.h"
#include "registry/url.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/proc.h"
#include "sys/rootfs.h"
#include "ui/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_BYTES = 512, SAID_BYTES = 400 };

bool dockerfiles_is_one(const char *path)
{
	AUTO_FD int fd = -1;
	unsigned char begin[LOOK_BYTES];
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	struct error *error = file_open(AT_FDCWD, path, O_RDONLY, 0, &fd);
	if (error) {
		error_ignore(error, "whoever opens it next says so");
		return false;
	}
	ssize_t n = read(fd, begin, sizeof(begin));
	for (ssize_t i = 0; i < n; i++)
		if (begin[i] < '\t')
			return false;
	return n >= 0;
}

bool dockerfiles_are_plain(const struct dockerfiles *files)
{
	return files->files->n <= 1 && !files->from && files->env->n == 0 &&
	       !(files->files->n && text_ends(files->files->p[0], ".in"));
}

char *dockerfiles_find(const struct dockerfiles *files, const char *file)
{
	AUTO_FREE char *inside = xasprintf("%s/%s", files->context, file);

	if (text_equal(file, "-") || file[0] == '/' || access(file, F_OK) == 0 ||
			access(inside, F_OK) != 0)
		return xstrdup(file);
	return TAKE(inside);
}

/* As Buildah calls it: nothing predefined, C++ comments kept out of URLs; without line markers. */
static void cpp_command(const struct dockerfiles *files, const char *path, struct list *argv)
{
	struct str folder = path_parent(path);

	list_add(argv, "cpp");
	list_add(argv, "-E");
	list_add(argv, "-iquote");
	list_add(argv, files->context);
	if (folder.n && !url_is_http(path)) {
		list_add(argv, "-iquote");
		list_addf(argv, "%.*s", STR_ARG(folder));
	}
	list_add(argv, "-traditional");
	list_add(argv, "-undef");
	list_add(argv, "-P");
	for (struct str rest = str_of(config_getenv("BUILDAH_CPPFLAGS")), word; rest.n;) {
		(void)str_cut(rest, ' ', &word, &rest);
		if (word.n)
			list_addf(argv, "%.*s", STR_ARG(word));
	}
	list_add_all(argv, files->cpp_flags);
	list_add(argv, "-");
	vec_push(argv, NULL);
}

static FALLIBLE preprocess(const struct dockerfiles *files, const char *path, struct str text,
		struct strbuf *out, struct list *ret_warnings)
{
	AUTO(list) struct list argv = { 0 };
	AUTO(proc_result) struct proc_result result = { 0 };

	cpp_command(files, path, &argv);
	const struct proc_spec spec = {
		.argv = (const char *const *)argv.p,
		.input = text.p,
		.input_bytes = text.n,
		.output_limit = LIMIT_DOCKERFILE_BYTES,
	};
	struct error *error = proc_run(&spec, NULL, &result);
	if (error_is(error, ERR_NOT_FOUND))
		return error_hint(
				error_wrap(error, "preprocess '%s'", path), "apt-get install cpp");
	TRY_WRAP(error, "preprocess '%s'", path);
	const char *said = strbuf_text(&result.err);
	/* It stopped in the middle, where Buildah builds the half. */
	if (result.status != 0 && (!result.out.n || strstr(said, "compilation terminated")))
		return error_new(ERR_INVALID, "preprocess '%s': cpp exits with %d: %.*s", path,
				result.status, SAID_BYTES, said);
	if (result.status != 0)
		list_addf(ret_warnings, "Ignoring %.*s (preprocessing '%s')",
				STR_ARG(str_trim(
						str_slice(strbuf_str(&result.err), 0, SAID_BYTES))),
				path);
	strbuf_add_str(out, strbuf_str(&result.out));
	return NULL;
}

static FALLIBLE read_text(const char *path, const struct sources *sources, char **ret, size_t *n)
{
	if (url_is_http(path))
		TRY_WRAP(fetch_text(sources, path, LIMIT_DOCKERFILE_BYTES, ret, n),
				"fetch the Dockerfile");
	else if (text_equal(path, "-"))
		TRY_WRAP(fd_read_all(STDIN_FILENO, LIMIT_DOCKERFILE_BYTES, ret, n),
				"read the Dockerfile from standard input");
	else
		TRY_WRAP(file_read(AT_FDCWD, path, LIMIT_DOCKERFILE_BYTES, ret, n),
				"read the Dockerfile '%s'", path);
	return NULL;
}

FALLIBLE dockerfiles_check(const struct dockerfiles *files)
{
	for (size_t i = 0; i < files->files->n; i++) {
		AUTO_FREE char *path = dockerfiles_find(files, files->files->p[i]);
		struct stat st;

		if (text_equal(path, "-") || url_is_http(path))
			continue;
		if (stat(path, &st) != 0) {
			if (errno == ENOTDIR)
				return error_new(ERR_INVALID, "stat %s: not a directory", path);
			continue;
		}
		if (S_ISDIR(st.st_mode))
			return error_new(ERR_INVALID,
					"containerfile: \"%s\" cannot be path to a directory",
					path);
		if (S_ISREG(st.st_mode) && st.st_size == 0)
			return error_new(ERR_INVALID, "no contents in \"%s\"", path);
	}
	return NULL;
}

/* What "# escape=" says at the top of a text; '\\' without. '\0': nothing that can be. */
static char escape_of(struct str text)
{
	struct str line, name, value;

	while (text.n) {
		(void)str_cut(text, '\n', &line, &text);
		line = str_trim(line);
		if (!str_starts(line, "#") ||
				!str_cut(str_slice(line, 1, line.n), '=', &name, &value))
			break;
		value = str_trim(value);
		if (str_is_nocase(str_trim(name), "escape"))
			return str_is(value, "\\") || str_is(value, "`") ? value.p[0] : '\0';
	}
	return '\\';
}

/* The texts become one, in which the first one's directives hold. */
static FALLIBLE check_escape(const char *path, struct str text, struct str whole)
{
	char escape = escape_of(text);

	if (!whole.n || escape == escape_of(whole))
		return NULL;
	if (!escape)
		return error_new(ERR_INVALID,
				"parsing additional Dockerfile %s: invalid ESCAPE. Must be ` or \\",
				path);
	return error_new(ERR_UNSUPPORTED,
			"parsing additional Dockerfile %s: its escape character is not the first "
			"file's",
			path);
}

static FALLIBLE read_one(const struct dockerfiles *files, const char *file,
		const struct sources *sources, struct strbuf *out, struct list *ret_warnings)
{
	AUTO_FREE char *path = dockerfiles_find(files, file);
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(read_text(path, sources, &text, &n));
	if (text_ends(path, ".in"))
		return preprocess(files, path, (struct str){ text, n }, out, ret_warnings);
	TRY(check_escape(path, (struct str){ text, n }, strbuf_str(out)));
	strbuf_add_bytes(out, text, n);
	if (n && text[n - 1] != '\n')
		strbuf_add_char(out, '\n');
	return NULL;
}

/* The context's own, which no link leads out of. */
static FALLIBLE read_default(const struct dockerfiles *files, struct strbuf *out)
{
	static const char *const names[] = { "Containerfile", "Dockerfile" };
	AUTO_FD int fd = open(files->context, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct error *error = NULL;

	if (fd < 0)
		return error_sys("open the build context '%s'", files->context);
	for (size_t i = 0; i < COUNT(names); i++) {
		AUTO_FREE char *text = NULL;
		size_t n = 0;

		error_free(error);
		error = rootfs_read_file(fd, names[i], LIMIT_DOCKERFILE_BYTES, &text, &n);
		if (!error) {
			strbuf_add_bytes(out, text, n);
			return NULL;
		}
		if (!error_is_errno(error, ENOENT))
			return error_wrap(error, "read the Dockerfile of '%s'", files->context);
	}
	error_free(error);
	return error_new(ERR_NOT_FOUND,
			"cannot find Containerfile or Dockerfile in context directory '%s': "
			"no such file or directory",
			files->context);
}

static bool is_from(struct str line)
{
	struct str text = str_trim(line);

	return text.n > 5 && str_is_nocase(str_slice(text, 0, 4), "from") &&
	       isspace((unsigned char)text.p[4]);
}

/* "FROM --platform=x IMAGE AS name" with another IMAGE. */
static void add_other_from(struct str line, const char *from, struct strbuf *out)
{
	struct str rest = str_trim(line);
	bool is_done = false;

	while (rest.n) {
		size_t n = 0;

		while (n < rest.n && !isspace((unsigned char)rest.p[n]))
			n++;
		struct str word = str_slice(rest, 0, n);
		bool is_image = !is_done && !str_is_nocase(word, "from") && !str_starts(word, "--");
		if (is_image)
			strbuf_add(out, from);
		else
			strbuf_add_str(out, word);
		is_done = is_done || is_image;
		rest = str_trim(str_slice(rest, n, rest.n));
		strbuf_add_char(out, rest.n ? ' ' : '\n');
	}
}

static void add_env(const struct list *env, struct strbuf *out)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *equals = strchr(env->p[i], '=');
		const char *value = equals ? equals + 1 : config_getenv(env->p[i]);

		strbuf_addf(out, "ENV %.*s=\"", (int)strcspn(env->p[i], "="), env->p[i]);
		for (const char *p = value ? value : ""; *p; p++)
			strbuf_addf(out, "%s%c", strchr("\"\\$", *p) ? "\\" : "", *p);
		strbuf_add(out, "\"\n");
	}
}

FALLIBLE dockerfiles_read(const struct dockerfiles *files, const struct sources *sources,
		struct strbuf *out, struct list *ret_warnings)
{
	AUTO(strbuf) struct strbuf whole = { 0 };
	bool is_first = true;

	if (!files->files->n)
		TRY(read_default(files, &whole));
	for (size_t i = 0; i < files->files->n; i++)
		TRY(read_one(files, files->files->p[i], sources, &whole, ret_warnings));
	if (whole.n > LIMIT_DOCKERFILE_BYTES)
		return error_new(ERR_LIMIT, "the Dockerfiles have %zu bytes (at most %d)", whole.n,
				LIMIT_DOCKERFILE_BYTES);
	for (struct str rest = strbuf_str(&whole), line; rest.n;) {
		(void)str_cut(rest, '\n', &line, &rest);
		if (!is_from(line)) {
			strbuf_addf(out, "%.*s\n", STR_ARG(line));
			continue;
		}
		if (is_first && files->from)
			add_other_from(line, files->from, out);
		else
			strbuf_addf(out, "%.*s\n", STR_ARG(line));
		is_first = false;
		add_env(files->env, out);
	}
	return NULL;
}
