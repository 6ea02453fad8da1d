#include "verbs/security_flag.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "stream/hash.h"
#include "sys/fd.h"
#include "ui/options.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void security_flags_done(struct security_flags *flags)
{
	free(flags->profile_path);
	profile_done(&flags->profile);
	list_done(&flags->mask);
	list_done(&flags->unmask);
	list_done(&flags->texts);
}

/* Paths between colons; what is hidden is named in full. */
static FALLIBLE add_paths(
		struct security_flags *flags, struct list *to, const char *name, struct str value)
{
	struct str path;

	if (!value.n)
		return error_usage("option '--security-opt': '%s' names no path", name);
	list_addf(&flags->texts, "%s=%.*s", name, STR_ARG(value));
	while (value.n) {
		(void)str_cut(value, ':', &path, &value);
		if (!str_starts(path, "/") && !(to == &flags->unmask && str_is(path, "ALL")) &&
				!(to == &flags->unmask && str_is(path, "all")))
			return error_usage("option '--security-opt': '%.*s' is not a path from "
					   "the root",
					STR_ARG(path));
		list_addf(to, "%.*s", STR_ARG(path));
	}
	return NULL;
}

static FALLIBLE add_seccomp(struct security_flags *flags, struct str value)
{
	if (!value.n)
		return error_usage("option '--security-opt': seccomp names no profile");
	free(TAKE(flags->profile_path));
	flags->is_unconfined = str_is(value, "unconfined");
	if (!flags->is_unconfined)
		flags->profile_path = str_dup(value);
	return NULL;
}

/* A profile of the kernel's; kiln asks for none, as Buildah where there is no AppArmor. */
static FALLIBLE add_apparmor(struct str value)
{
	if (str_is(value, "unconfined") || access("/sys/kernel/security/apparmor", F_OK) != 0)
		return NULL;
	return error_hint(error_usage("option '--security-opt': the AppArmor profile '%.*s' is not "
				      "applied",
					  STR_ARG(value)),
			"a step has no capability outside its user namespace, and a seccomp "
			"profile; apparmor=unconfined says that this will do");
}

FALLIBLE security_flag_add(struct security_flags *flags, const char *text)
{
	struct str name, value;

	if (!str_cut(str_of(text), '=', &name, &value))
		(void)str_cut(str_of(text), ':', &name, &value);
	if (str_is(name, "no-new-privileges")) {
		flags->no_new_privileges = !str_is(value, "false");
		return NULL;
	}
	if (str_is(name, "seccomp"))
		return add_seccomp(flags, value);
	if (str_is(name, "mask"))
		return add_paths(flags, &flags->mask, "mask", value);
	if (str_is(name, "unmask"))
		return add_paths(flags, &flags->unmask, "unmask", value);
	if (str_is(name, "apparmor"))
		return add_apparmor(value);
	/* kiln sets no SELinux labels. */
	if (str_is(name, "label"))
		return NULL;
	return error_hint(error_usage("option '--security-opt': '%s' is not supported", text),
			"no-new-privileges, seccomp=unconfined|PATH, mask=PATH:..., "
			"unmask=ALL|PATH:..., label=... and apparmor=unconfined are");
}

static FALLIBLE read_profile(struct security_flags *flags, uint64_t capabilities)
{
	AUTO_FREE char *text = NULL;
	char digest[DIGEST_TEXT];
	size_t n = 0;

	TRY_WRAP(file_read(AT_FDCWD, flags->profile_path, LIMIT_RULES_BYTES, &text, &n),
			"seccomp profile '%s'", flags->profile_path);
	TRY(usage_of_option(profile_make((struct str){ text, n }, flags->profile_path, capabilities,
					    &flags->profile),
			"--security-opt"));
	AUTO(hash) struct hash *hash = hash_new();
	hash_update(hash, text, n);
	struct digest content = hash_finish(hash);
	list_addf(&flags->texts, "seccomp=%s", digest_text(&content, digest));
	return NULL;
}

FALLIBLE security_flags_make(
		struct security_flags *flags, uint64_t capabilities, struct sandbox_security *ret)
{
	if (flags->profile_path)
		TRY(read_profile(flags, capabilities));
	*ret = (struct sandbox_security){ flags->profile.program, flags->profile.bytes,
		list_ended(&flags->mask), list_ended(&flags->unmask) };
	return NULL;
}
