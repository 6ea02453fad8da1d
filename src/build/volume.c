#include "build/volume.h"
#include "base/xalloc.h"
#include "build/host_copy.h"
#include "graph/key.h"
#include "sandbox/user.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/idmount.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Directories inside each other that "U" gives away: one fd each. */
enum { TAKE_OVER_DEPTH = 200 };

/* What opening them shares. */
struct opening {
	struct store *store;
	const struct userns *userns;
	const struct user *user;
};

void volumes_done(struct volumes *volumes)
{
	for (size_t i = 0; i < volumes->n; i++) {
		struct volume_held *held = &volumes->p[i];

		layer_draft_done(&held->scratch);
		if (held->fd >= 0)
			(void)close(held->fd);
		if (held->scratch_fd >= 0)
			(void)close(held->scratch_fd);
	}
	free(volumes->p);
	*volumes = (struct volumes){ 0 };
}

static FALLIBLE check_device(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_sys("look at device '%s'", path);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_new(ERR_INVALID, "'%s' is not a device", path);
	return NULL;
}

/* A file or directory of the host, as the step's ids see it. */
static FALLIBLE open_host(const struct opening *opening, const char *path, bool is_device, int *ret)
{
	const struct owner_policy *owner = &opening->userns->owner;
	AUTO_FD int fd = -1;

	TRY_WRAP(file_open(AT_FDCWD, path, O_PATH, 0, &fd), "volume '%s'", path);
	if (is_device)
		TRY(check_device(fd, path));
	/* The file system of devices shows no other ids. */
	if (owner->kind == OWNER_SHIFTED && !is_device)
		return idmount_clone(fd, NULL,
				&(struct id_maps){ opening->userns->uids, opening->userns->gids },
				IDMOUNT_OUT, ret);
	*ret = TAKE_FD(fd);
	return NULL;
}

/* --- "U" --- */

static FALLIBLE give(int dir_fd, const char *name, uid_t uid, gid_t gid)
{
	if (fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
		return error_sys("give '%s' of a volume to user %u", name, (unsigned)uid);
	return NULL;
}

static FALLIBLE give_below(int at_fd, const char *name, uid_t uid, gid_t gid, unsigned depth)
{
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;

	TRY_WRAP(dir_open(at_fd, name, O_NOFOLLOW, &dir), "open '%s' of a volume", name);
	if (depth > TAKE_OVER_DEPTH)
		return error_new(ERR_LIMIT, "a volume that is taken over is deeper than %d",
				TAKE_OVER_DEPTH);
	for (;;) {
		struct stat st;
		int fd = dir_fd(&dir);

		TRY(dir_next(&dir, &entry));
		if (!entry)
			return NULL;
		TRY(give(fd, entry->d_name, uid, gid));
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				S_ISDIR(st.st_mode))
			TRY(give_below(fd, entry->d_name, uid, gid, depth + 1));
	}
}

/* fd is what was opened for the step: there the shifted ids are the host's own. */
static FALLIBLE take_over(const struct opening *opening, int fd)
{
	const struct owner_policy *policy = &opening->userns->owner;
	uid_t uid = 0;
	gid_t gid = 0;
	struct stat st;

	if (policy->kind == OWNER_RECORDED) {
		uid = opening->user->uid;
		gid = opening->user->gid;
	} else {
		TRY(owner_disk_ids(policy, opening->user->uid, opening->user->gid, &uid, &gid));
	}
	TRY(give(fd, "", uid, gid));
	if (fstat(fd, &st) != 0)
		return error_sys("look at a volume");
	return S_ISDIR(st.st_mode) ? give_below(fd, ".", uid, gid, 0) : NULL;
}

/* --- "O" --- */

/* An upper that goes away with the step, and looks as root says. */
static FALLIBLE make_upper(const struct opening *opening, const struct owner *root,
		struct volume_held *held, struct sandbox_mount *mount)
{
	const struct owner_policy *policy = &opening->userns->owner;
	struct layer_draft *draft = &held->scratch;
	AUTO_FD int work_fd = -1;

	TRY(layer_begin(opening->store, draft));
	TRY(file_open(store_dir_fd(opening->store), draft->dir, O_PATH | O_DIRECTORY, 0,
			&held->scratch_fd));
	TRY(file_open(held->scratch_fd, "work", O_RDONLY | O_DIRECTORY, 0, &work_fd));
	TRY(owner_set_fd(policy, draft->tree_fd, root));
	TRY(owner_set_fd(policy, work_fd, root));
	mount->upper = (struct mount_dir){ held->scratch_fd, "upper" };
	mount->work = (struct mount_dir){ held->scratch_fd, "work" };
	return NULL;
}

/* The two have to be on one mount, so one fd of a folder that holds both stands for them. */
static FALLIBLE keep_upper(const struct opening *opening, const struct volume *volume,
		struct volume_held *held, struct sandbox_mount *mount)
{
	size_t n = 0, slash = 0;

	for (; volume->upper[n] && volume->upper[n] == volume->work[n]; n++)
		if (volume->upper[n] == '/')
			slash = n;
	AUTO_FREE char *parent = slash ? xstrndup(volume->upper, slash) : xstrdup("/");

	TRY(open_host(opening, parent, false, &held->scratch_fd));
	mount->upper = (struct mount_dir){ held->scratch_fd, volume->upper + slash + 1 };
	mount->work = (struct mount_dir){ held->scratch_fd, volume->work + slash + 1 };
	mount->keeps_upper = true;
	return NULL;
}

/* A directory of nobody whom the command knows is root's, so that it can be written to. */
static struct owner owner_as_seen(const struct userns *userns, const struct stat *st)
{
	struct owner owner = { .mode = st->st_mode, .uid = st->st_uid, .gid = st->st_gid };
	bool is_known = true;
	uid_t uid = 0;
	gid_t gid = 0;

	if (userns->owner.kind == OWNER_MAPPED)
		is_known = idmap_in(&userns->uids, st->st_uid, &owner.uid) &&
			   idmap_in(&userns->gids, st->st_gid, &owner.gid);
	struct error *error = owner_disk_ids(&userns->owner, owner.uid, owner.gid, &uid, &gid);
	if (!is_known || error)
		owner.uid = owner.gid = 0;
	error_ignore(error, "nobody's");
	return owner;
}

static FALLIBLE add_overlay(const struct opening *opening, const struct volume *volume,
		struct volume_held *held, struct sandbox_mount *mount)
{
	struct stat st;

	if (stat(volume->source, &st) != 0)
		return error_sys("look at volume '%s'", volume->source);
	if (!S_ISDIR(st.st_mode))
		return error_new(ERR_INVALID, "volume '%s' with 'O' is not a directory",
				volume->source);
	held->below = mount->source;
	mount->kind = SANDBOX_LAYERS;
	mount->layers = &held->below;
	mount->n_layers = 1;
	const struct owner root = owner_as_seen(opening->userns, &st);

	return volume->upper ? keep_upper(opening, volume, held, mount)
			     : make_upper(opening, &root, held, mount);
}

static FALLIBLE copy_host(const struct opening *opening, const struct volume *volume,
		struct volume_held *held, struct sandbox_mount *mount)
{
	struct layer_draft *draft = &held->scratch;

	TRY(layer_begin(opening->store, draft));
	TRY_WRAP(host_copy(volume->source, draft->tree_fd, "copy", &opening->userns->owner),
			"copy '%s' for the command", volume->source);
	mount->kind = SANDBOX_BIND;
	mount->source = (struct mount_dir){ draft->tree_fd, "copy" };
	return NULL;
}

/* Nothing may be written to it itself. */
static FALLIBLE show_layers(const struct opening *opening, const struct volume *volume,
		struct volume_held *held, struct sandbox_mount *mount)
{
	const struct owner root = { .mode = S_IFDIR | 0755 };

	mount->kind = volume->n_layers ? SANDBOX_LAYERS : SANDBOX_TMPFS;
	mount->layers = volume->layers;
	mount->n_layers = volume->n_layers;
	mount->subpath = volume->source;
	return volume->read_only || !volume->n_layers ? NULL
						      : make_upper(opening, &root, held, mount);
}

static FALLIBLE open_one(const struct opening *opening, const struct volume *volume,
		struct volume_held *held, struct sandbox_mount *mount)
{
	struct stat st = { 0 };

	*mount = (struct sandbox_mount){
		.target = volume->target,
		.read_only = volume->read_only,
		.no_exec = volume->no_exec,
		.has_set_id = volume->has_set_id,
		.is_flat = volume->is_flat,
		.propagation = volume->propagation,
		.propagates_below = volume->propagates_below,
		.is_device = volume->is_device,
	};
	if (volume->from)
		return show_layers(opening, volume, held, mount);
	if (!volume->source) {
		mount->kind = SANDBOX_TMPFS;
		mount->size_bytes = volume->size_bytes;
		mount->mode = volume->mode;
		return NULL;
	}
	bool is_file = volume->discards && stat(volume->source, &st) == 0 && S_ISREG(st.st_mode);
	bool is_folder = volume->discards && !is_file && S_ISDIR(st.st_mode);
	if (volume->is_copied || is_file)
		return copy_host(opening, volume, held, mount);
	TRY(open_host(opening, volume->source, volume->is_device, &held->fd));
	if (volume->takes_over)
		TRY(take_over(opening, held->fd));
	mount->kind = SANDBOX_BIND;
	mount->source = (struct mount_dir){ held->fd, NULL };
	return volume->is_scratch || is_folder ? add_overlay(opening, volume, held, mount) : NULL;
}

FALLIBLE volumes_open(const struct volume *wanted, size_t n, struct store *store,
		const struct userns *userns, const struct user *user, struct sandbox_mount *mounts,
		struct volumes *ret)
{
	const struct opening opening = { store, userns, user };

	ret->p = xcalloc(n, sizeof(*ret->p));
	for (; ret->n < n; ret->n++)
		ret->p[ret->n] = (struct volume_held){
			.fd = -1, .scratch_fd = -1, .scratch = { .tree_fd = -1 }
		};
	for (size_t i = 0; i < n; i++)
		TRY(open_one(&opening, &wanted[i], &ret->p[i], &mounts[i]));
	return NULL;
}

void volume_key(const struct volume *volume, struct key *key)
{
	/* What every step of this machine is given is as little part of a key as its kernel. */
	if (volume->is_copied)
		return;
	key_text(key, "volume", volume->target);
	key_text(key, "source", volume->source);
	key_number(key, "read_only", volume->read_only);
	key_number(key, "scratch", volume->is_scratch || volume->discards);
	key_number(key, "takes_over", volume->takes_over);
	key_number(key, "size", volume->size_bytes);
	key_number(key, "mode", volume->mode);
	/* What few ask for is in the record of those only. */
	if (volume->upper)
		key_text(key, "upper", volume->upper);
	if (volume->no_exec || volume->has_set_id || volume->is_flat)
		key_number(key, "limits",
				(uint64_t)volume->no_exec | volume->has_set_id << 1 |
						volume->is_flat << 2);
}
