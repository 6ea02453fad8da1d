/*
 * libseccomp makes the program: its compiler takes milliseconds, which only those pay who bring a
 * profile of their own. The default one is filter.c's.
 */
#include "sandbox/profile.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "sandbox/capability.h"
#include "sys/fd.h"

#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { ARGUMENTS = 6, NO_ERRNO = -1 };

/* What a rule says, before it is known to which calls. */
struct rule {
	uint32_t action;
	struct scmp_arg_cmp args[ARGUMENTS];
	unsigned n_args;
};

struct making {
	scmp_filter_ctx filter;
	uint64_t capabilities;
	uint32_t otherwise; /* the default action */
};

void profile_done(struct profile *profile)
{
	free(profile->program);
	*profile = (struct profile){ 0 };
}

static void filter_release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* libseccomp's answers are negative errno. */
static struct error *refused(int code, const char *what)
{
	errno = -code;
	return error_sys("seccomp profile: %s", what);
}

/* --- words --- */

static FALLIBLE read_action(
		const struct json_field *object, const char *key, int64_t number, uint32_t *ret)
{
	AUTO_FREE char *text = NULL;
	uint32_t data = number == NO_ERRNO ? EPERM : (uint32_t)number & 0xffff;
	const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(data) },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(data) },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	};

	TRY(json_get_text(object, key, JSON_MUST, &text));
	for (size_t i = 0; i < COUNT(actions); i++) {
		if (strcmp(text, actions[i].name) != 0)
			continue;
		*ret = actions[i].action;
		return NULL;
	}
	const struct json_field field = { .up = object, .key = key };

	if (strcmp(text, "SCMP_ACT_NOTIFY") == 0)
		return json_complain(&field, "'%s' needs an agent, and kiln asks none", text);
	return json_complain(&field, "is the unknown action '%s'", text);
}

/* "errno": "ENOSYS" (Podman's) or "errnoRet": 38 (OCI's). */
static FALLIBLE read_errno(
		const struct json_field *object, const char *number, const char *name, int64_t *ret)
{
	static const struct {
		const char *name;
		int value;
	} names[] = { { "EPERM", EPERM }, { "ENOSYS", ENOSYS }, { "EINVAL", EINVAL },
		{ "EACCES", EACCES }, { "EAFNOSUPPORT", EAFNOSUPPORT },
		{ "EOPNOTSUPP", EOPNOTSUPP }, { "ENOENT", ENOENT }, { "EIO", EIO },
		{ "ENODEV", ENODEV }, { "EBUSY", EBUSY } };
	AUTO_FREE char *text = NULL;

	*ret = NO_ERRNO;
	TRY(json_get_i64(object, number, JSON_MAY, 0, ret));
	TRY(json_get_text(object, name, JSON_MAY, &text));
	if (!text || !*text || *ret != NO_ERRNO)
		return NULL;
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(text, names[i].name) == 0)
			*ret = names[i].value;
	const struct json_field field = { .up = object, .key = name };
	return *ret == NO_ERRNO ? json_complain(&field, "is the unknown errno '%s'", text) : NULL;
}

static FALLIBLE read_compare(const struct json_field *arg, struct scmp_arg_cmp *ret)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = { { "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE }, { "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ } };
	AUTO_FREE char *text = NULL;
	int64_t index = 0, value = 0, second = 0;

	TRY(json_get_i64(arg, "index", JSON_MUST, 0, &index));
	TRY(json_get_i64(arg, "value", JSON_MAY, INT64_MIN, &value));
	TRY(json_get_i64(arg, "valueTwo", JSON_MAY, INT64_MIN, &second));
	TRY(json_get_text(arg, "op", JSON_MUST, &text));
	if (index >= ARGUMENTS)
		return json_complain(arg, "names argument %lld; there are six", (long long)index);
	for (size_t i = 0; i < COUNT(ops); i++) {
		if (strcmp(text, ops[i].name) != 0)
			continue;
		*ret = (struct scmp_arg_cmp){ (unsigned)index, ops[i].op, (scmp_datum_t)value,
			(scmp_datum_t)second };
		return NULL;
	}
	const struct json_field field = { .up = arg, .key = "op" };
	return json_complain(&field, "is the unknown comparison '%s'", text);
}

/* --- for whom it is --- */

/* As Docker's profiles name them. */
static const char *own_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "riscv64";
#endif
}

/* "5.15.0-generic" is 5 and 15. */
static bool version_of(const char *text, unsigned long *ret_major, unsigned long *ret_minor)
{
	char *end = NULL;

	*ret_major = strtoul(text, &end, 10);
	if (end == text || *end != '.')
		return false;
	text = end + 1;
	*ret_minor = strtoul(text, &end, 10);
	return end != text;
}

static bool kernel_is_at_least(const char *wanted)
{
	unsigned long major = 0, minor = 0, own_major = 0, own_minor = 0;
	struct utsname uts;

	if (uname(&uts) != 0 || !version_of(uts.release, &own_major, &own_minor) ||
			!version_of(wanted, &major, &minor))
		return false;
	return own_major > major || (own_major == major && own_minor >= minor);
}

/* How many of the capabilities listed the step has. */
static FALLIBLE count_held(const struct making *making, const struct list *names, size_t *ret_held)
{
	for (size_t i = 0; i < names->n; i++) {
		uint64_t bit = 0;
		struct error *error = capability_parse(names->p[i], &bit);

		/* One that this kernel's headers do not know is one that nobody has. */
		error_ignore(error, "not held");
		*ret_held += bit && (making->capabilities & bit) == bit;
	}
	return NULL;
}

static FALLIBLE applies(const struct making *making, const struct json_field *call, bool *ret)
{
	struct json_field includes = { 0 }, excludes = { 0 };
	AUTO(list) struct list arches = { 0 }, caps = { 0 }, not_arches = { 0 }, not_caps = { 0 };
	AUTO_FREE char *kernel = NULL, *not_kernel = NULL;
	size_t held = 0, not_held = 0;

	TRY(json_get_object(call, "includes", JSON_MAY, &includes));
	TRY(json_get_object(call, "excludes", JSON_MAY, &excludes));
	if (includes.value) {
		TRY(json_get_list(&includes, "arches", &arches, NULL));
		TRY(json_get_list(&includes, "caps", &caps, NULL));
		TRY(json_get_text(&includes, "minKernel", JSON_MAY, &kernel));
	}
	if (excludes.value) {
		TRY(json_get_list(&excludes, "arches", &not_arches, NULL));
		TRY(json_get_list(&excludes, "caps", &not_caps, NULL));
		TRY(json_get_text(&excludes, "minKernel", JSON_MAY, &not_kernel));
	}
	TRY(count_held(making, &caps, &held));
	TRY(count_held(making, &not_caps, &not_held));
	*ret = (!arches.n || list_has(&arches, own_architecture())) && held == caps.n &&
	       (!kernel || kernel_is_at_least(kernel)) &&
	       !list_has(&not_arches, own_architecture()) && !not_held &&
	       !(not_kernel && kernel_is_at_least(not_kernel));
	return NULL;
}

/* --- rules --- */

static FALLIBLE add_call(const struct making *making, const char *name, const struct rule *rule)
{
	int number = seccomp_syscall_resolve_name(name);
	bool is_apart[ARGUMENTS] = { false }, repeats = false;
	int code = 0;

	if (number == __NR_SCMP_ERROR)
		return NULL;
	for (unsigned i = 0; i < rule->n_args; i++) {
		repeats |= is_apart[rule->args[i].arg];
		is_apart[rule->args[i].arg] = true;
	}
	/* One argument twice cannot hold at once: each is a rule of its own, as runc has it. */
	if (!repeats)
		code = seccomp_rule_add_array(
				making->filter, rule->action, number, rule->n_args, rule->args);
	for (unsigned i = 0; repeats && i < rule->n_args && !code; i++)
		code = seccomp_rule_add_array(
				making->filter, rule->action, number, 1, &rule->args[i]);
	return code ? refused(code, name) : NULL;
}

static FALLIBLE add_rule(const struct making *making, const struct json_field *call)
{
	AUTO(list) struct list names = { 0 };
	AUTO_FREE char *name = NULL;
	struct json_field args;
	struct rule rule = { 0 };
	int64_t number = NO_ERRNO;
	bool is_for_us = false;

	TRY(json_get_list(call, "names", &names, NULL));
	TRY(json_get_text(call, "name", JSON_MAY, &name));
	if (name && *name && names.n)
		return json_complain(call, "has both 'name' and 'names'");
	if (name && *name)
		list_add(&names, name);
	TRY(read_errno(call, "errnoRet", "errno", &number));
	TRY(read_action(call, "action", number, &rule.action));
	TRY(json_get_array(call, "args", JSON_MAY, &args));
	if (json_count(&args) > ARGUMENTS)
		return json_complain(call, "has more than %d arguments", ARGUMENTS);
	for (size_t i = 0; i < json_count(&args); i++) {
		struct json_field arg;

		TRY(json_item_object(&args, i, &arg));
		TRY(read_compare(&arg, &rule.args[rule.n_args++]));
	}
	TRY(applies(making, call, &is_for_us));
	if (!is_for_us || rule.action == making->otherwise)
		return NULL;
	for (size_t i = 0; i < names.n; i++)
		TRY(add_call(making, names.p[i], &rule));
	return NULL;
}

/* --- architectures --- */

static FALLIBLE add_architecture(const struct making *making, const char *name)
{
	AUTO_FREE char *word = xstrdup(text_starts(name, "SCMP_ARCH_") ? name + 10 : name);

	for (char *c = word; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	uint32_t arch = seccomp_arch_resolve_name(word);
	if (!arch)
		return error_new(ERR_INVALID, "seccomp profile: unknown architecture '%s'", name);
	int code = seccomp_arch_add(making->filter, arch);
	return code && code != -EEXIST ? refused(code, name) : NULL;
}

static bool is_own(const char *name)
{
	static const struct {
		const char *name;
		const char *ours;
	} arches[] = { { "SCMP_ARCH_X86_64", "amd64" }, { "SCMP_ARCH_AARCH64", "arm64" },
		{ "SCMP_ARCH_RISCV64", "riscv64" } };

	for (size_t i = 0; i < COUNT(arches); i++)
		if (text_equal(name, arches[i].name))
			return text_equal(arches[i].ours, own_architecture());
	return false;
}

static FALLIBLE add_architectures(const struct making *making, const struct json_field *root)
{
	AUTO(list) struct list names = { 0 };
	struct json_field map;

	TRY(json_get_list(root, "architectures", &names, NULL));
	TRY(json_get_array(root, "archMap", JSON_MAY, &map));
	if (names.n && json_count(&map))
		return json_complain(root, "has both 'architectures' and 'archMap'");
	for (size_t i = 0; i < json_count(&map); i++) {
		AUTO_FREE char *name = NULL;
		struct json_field one;

		TRY(json_item_object(&map, i, &one));
		TRY(json_get_text(&one, "architecture", JSON_MUST, &name));
		if (is_own(name))
			TRY(json_get_list(&one, "subArchitectures", &names, NULL));
	}
	for (size_t i = 0; i < names.n; i++)
		TRY(add_architecture(making, names.p[i]));
	return NULL;
}

/* --- the program --- */

static FALLIBLE export(const struct making *making, struct profile *ret)
{
	AUTO_FD int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return error_sys("keep a seccomp program");
	int code = seccomp_export_bpf(making->filter, fd);
	if (code)
		return refused(code, "it cannot be made into a program");
	if (fstat(fd, &st) != 0)
		return error_sys("keep a seccomp program");
	if ((size_t)st.st_size > BPF_MAXINSNS * sizeof(struct sock_filter))
		return error_new(ERR_LIMIT, "seccomp profile: larger than the kernel takes");
	ret->program = xmalloc((size_t)st.st_size);
	ret->bytes = (size_t)st.st_size;
	return pread(fd, ret->program, ret->bytes, 0) == (ssize_t)ret->bytes
			       ? NULL
			       : error_sys("read a seccomp program");
}

FALLIBLE profile_make(struct str json, const char *name, uint64_t capabilities, struct profile *ret)
{
	json_auto_t *document = NULL;
	__attribute__((cleanup(filter_release))) scmp_filter_ctx filter = NULL;
	struct json_field root, calls;
	struct making making = { .capabilities = capabilities };
	int64_t number = NO_ERRNO;

	TRY(json_parse(json, LIMIT_RULES_BYTES, name, &document));
	TRY(json_root(document, name, &root));
	TRY(read_errno(&root, "defaultErrnoRet", "defaultErrno", &number));
	TRY(read_action(&root, "defaultAction", number, &making.otherwise));
	filter = making.filter = seccomp_init(making.otherwise);
	if (!filter)
		return error_new(ERR_INVALID, "seccomp profile: libseccomp takes no such default");
	TRY(add_architectures(&making, &root));
	TRY(json_get_array(&root, "syscalls", JSON_MAY, &calls));
	for (size_t i = 0; i < json_count(&calls); i++) {
		struct json_field call;

		TRY(json_item_object(&calls, i, &call));
		TRY(add_rule(&making, &call));
	}
	return export(&making, ret);
}
