#include "sandbox/user.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/vec.h"
#include "sys/rootfs.h"

enum { USER_GROUPS = 1000, LAST_ID = 0x7fffffff };

/* A line of passwd or group, cut at its colons; missing fields are empty. */
struct entry {
	struct str field[7];
};

static bool next_entry(struct str *text, struct entry *ret)
{
	while (text->n) {
		struct str line;

		(void)str_cut(*text, '\n', &line, text);
		line = str_trim(line);
		if (!line.n || line.p[0] == '#')
			continue;
		for (size_t i = 0; i < COUNT(ret->field); i++)
			(void)str_cut(line, ':', &ret->field[i], &line);
		return true;
	}
	return false;
}

static bool is_id(struct str text, uint32_t *ret)
{
	uint64_t number;
	struct error *error = parse_u64(text, LAST_ID, &number);

	if (error) {
		error_free(error);
		return false;
	}
	*ret = (uint32_t)number;
	return true;
}

/* root is 0 everywhere, and images without files of names have one, too. */
static bool is_id_or_root(struct str text, uint32_t *ret)
{
	if (!str_is(text, "root"))
		return is_id(text, ret);
	*ret = 0;
	return true;
}

/* The first passwd entry of that name, or of that number. False: none. */
static bool find_user(const char *passwd, struct str name, struct entry *ret)
{
	struct str rest = str_of(passwd);
	uint32_t wanted = 0;
	uint32_t id;
	bool is_number = is_id(name, &wanted);

	while (next_entry(&rest, ret)) {
		if (!is_id(ret->field[2], &id) || !is_id(ret->field[3], &(uint32_t){ 0 }))
			continue;
		if (str_equal(ret->field[0], name) || (is_number && id == wanted))
			return true;
	}
	return false;
}

static FALLIBLE find_group(const char *group, struct str name, uint32_t *ret)
{
	struct str rest = str_of(group);
	struct entry entry;
	uint32_t id;

	while (next_entry(&rest, &entry)) {
		if (!str_equal(entry.field[0], name) || !is_id(entry.field[2], &id))
			continue;
		*ret = id;
		return NULL;
	}
	if (is_id_or_root(name, ret))
		return NULL;
	return error_hint(error_new(ERR_NOT_FOUND, "no group '%.*s' in the image's /etc/group",
					  STR_ARG(name)),
			"add the group first (groupadd), or give its number");
}

static bool lists(struct str members, struct str name)
{
	while (members.n) {
		struct str member;

		(void)str_cut(members, ',', &member, &members);
		if (str_equal(str_trim(member), name))
			return true;
	}
	return false;
}

static FALLIBLE add_groups(const char *group, struct str name, struct user *user)
{
	VEC(uint32_t) groups = { 0 };
	struct str rest = str_of(group);
	struct entry entry;
	uint32_t id;

	while (next_entry(&rest, &entry)) {
		if (!is_id(entry.field[2], &id) || !lists(entry.field[3], name))
			continue;
		if (groups.n == USER_GROUPS) {
			vec_done(&groups);
			return error_new(ERR_LIMIT, "user '%.*s' is in more than %d groups",
					STR_ARG(name), USER_GROUPS);
		}
		vec_push(&groups, id);
	}
	user->groups = groups.p;
	user->n_groups = groups.n;
	return NULL;
}

/*
 * The group of the process is one of its supplementary groups as well: or a step could leave it by
 * setgid and read what is closed to that group (CVE-2023-25173 of containerd).
 */
static void add_own_group(struct user *user)
{
	for (size_t i = 0; i < user->n_groups; i++)
		if (user->groups[i] == user->gid)
			return;
	user->groups = xrealloc(user->groups, user->n_groups + 1, sizeof(*user->groups));
	memmove(user->groups + 1, user->groups, user->n_groups * sizeof(*user->groups));
	user->groups[0] = user->gid;
	user->n_groups++;
}

/* A part that is empty is as one that is not written: ":staff" is root's. */
static bool split_spec(const char *spec, struct str *ret_name, struct str *ret_group)
{
	bool has_group = str_cut(str_of(spec), ':', ret_name, ret_group);

	if (!ret_name->n)
		*ret_name = str_of("0");
	return has_group && ret_group->n;
}

static FALLIBLE no_user(struct str name)
{
	return error_hint(error_new(ERR_NOT_FOUND, "no user '%.*s' in the image's /etc/passwd",
					  STR_ARG(name)),
			"add the user first (useradd, adduser), or give its number");
}

FALLIBLE user_parse(const char *passwd, const char *group, const char *spec, struct user *ret)
{
	AUTO(user) struct user user = { 0 };
	struct str name, group_name;
	struct entry entry;

	bool has_group = split_spec(spec, &name, &group_name);
	bool is_known = find_user(passwd, name, &entry);
	if (is_known) {
		(void)is_id(entry.field[2], &user.uid);
		(void)is_id(entry.field[3], &user.gid);
		user.name = str_dup(entry.field[0]);
	} else if (!is_id_or_root(name, &user.uid)) {
		return no_user(name);
	}
	user.home = is_known && entry.field[5].n ? str_dup(entry.field[5]) : xstrdup("/");
	if (has_group)
		TRY(find_group(group, group_name, &user.gid));
	else if (is_known)
		TRY(add_groups(group, entry.field[0], &user));
	add_own_group(&user);
	*ret = user;
	user = (struct user){ 0 };
	return NULL;
}

/* A missing file is an empty one. */
static FALLIBLE read_list(int root_fd, const char *path, char **ret)
{
	size_t n = 0;
	struct error *error = rootfs_read_file(root_fd, path, LIMIT_PASSWD_BYTES, ret, &n);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		*ret = xstrdup("");
		return NULL;
	}
	return error;
}

FALLIBLE user_lookup(int root_fd, const char *spec, struct user *ret)
{
	AUTO_FREE char *passwd = NULL;
	AUTO_FREE char *group = NULL;

	TRY(read_list(root_fd, "/etc/passwd", &passwd));
	TRY(read_list(root_fd, "/etc/group", &group));
	return user_parse(passwd, group, spec, ret);
}

bool user_is_numbers(const char *spec)
{
	return spec[strspn(spec, "0123456789:")] == '\0';
}

FALLIBLE user_lookup_owner(int root_fd, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid)
{
	AUTO_FREE char *passwd = NULL;
	AUTO_FREE char *group = NULL;
	struct str name, group_name;
	struct entry entry;
	uint32_t uid = 0;
	uint32_t gid = 0;

	bool has_group = split_spec(spec, &name, &group_name);
	if (is_id(name, &uid)) {
		gid = uid;
	} else {
		TRY(read_list(root_fd, "/etc/passwd", &passwd));
		if (find_user(passwd, name, &entry)) {
			(void)is_id(entry.field[2], &uid);
			(void)is_id(entry.field[3], &gid);
		} else if (!is_id_or_root(name, &uid)) {
			return no_user(name);
		}
	}
	if (has_group && !is_id(group_name, &gid)) {
		TRY(read_list(root_fd, "/etc/group", &group));
		TRY(find_group(group, group_name, &gid));
	}
	*ret_uid = uid;
	*ret_gid = gid;
	return NULL;
}

void user_done(struct user *user)
{
	free(user->groups);
	free(user->home);
	free(user->name);
	*user = (struct user){ 0 };
}
