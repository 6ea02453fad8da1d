/* Where Podman's store is. */
#include "scratch.h"

#include "podman/place.h"

static struct podman_settings settings_of(bool is_rootless)
{
	return (struct podman_settings){
		.home = "/home/u",
		.data_home = "/home/u/.local/share",
		.is_rootless = is_rootless,
		.uid = is_rootless ? 1000 : 0,
		.system_conf = { "/nowhere/1", "/nowhere/2" },
	};
}

static char *write_conf(const struct scratch *scratch, const char *name, const char *text)
{
	assert_ok(file_write_atomic(scratch->fd, name, text, strlen(text), 0644, false));
	return xasprintf("%s/%s", scratch->path, name);
}

static void assert_root(const struct podman_settings *settings, const char *text, const char *root,
		const char *name)
{
	AUTO(podman_place) struct podman_place place = { 0 };
	const char *got = NULL;

	assert_ok(podman_place_find(settings, text, &place, &got));
	assert_string_equal(place.root, root);
	assert_string_equal(got, name);
}

static void knows_the_defaults(void **state)
{
	struct podman_settings root = settings_of(false), user = settings_of(true);

	(void)state;
	assert_root(&root, "app:1", "/var/lib/containers/storage", "app:1");
	assert_root(&user, "app", "/home/u/.local/share/containers/storage", "app");
	user.data_home = NULL;
	AUTO(podman_place) struct podman_place place = { 0 };
	const char *name = NULL;
	assert_error(podman_place_find(&user, "app", &place, &name), ERR_NOT_FOUND, "HOME");
}

static void reads_what_stands_before_the_name(void **state)
{
	static const char *const bad[] = { "[", "[]app", "[overlay@]app", "[@/a]app",
		"[overlay@relative]app", "[overlay@/a" };
	struct podman_settings root = settings_of(false);

	(void)state;
	assert_root(&root, "[overlay@/a+/run/a]app:1", "/a", "app:1");
	assert_root(&root, "[/a+/run]localhost:5000/b", "/a", "localhost:5000/b");
	assert_root(&root, "[overlay@/a]b", "/a", "b");
	assert_root(&root, "[overlay2@/a+/r:overlay.mountopt=nodev]b", "/a", "b");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO(podman_place) struct podman_place place = { 0 };
		const char *name = NULL;

		assert_error(podman_place_find(&root, bad[i], &place, &name), ERR_INVALID,
				"does not read");
	}
}

static void refuses_other_drivers(void **state)
{
	struct podman_settings root = settings_of(false);
	AUTO(podman_place) struct podman_place place = { 0 };
	AUTO(podman_place) struct podman_place other = { 0 };
	const char *name = NULL;

	(void)state;
	assert_error(podman_place_find(&root, "[vfs@/a+/b]x", &place, &name), ERR_UNSUPPORTED,
			"driver 'vfs'");
	root.driver = "btrfs";
	assert_error(podman_place_find(&root, "x", &other, &name), ERR_UNSUPPORTED,
			"driver 'btrfs'");
}

static void reads_storage_conf(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *conf = write_conf(&scratch, "storage.conf",
			"[storage]\ndriver = \"overlay\"\ngraphroot = \"/g\"\nrunroot = \"/r\"\n"
			"rootless_storage_path = \"$HOME/s/$UID\"\n"
			"[storage.options]\nadditionalimagestores = [\n \"/more/1\", \"/more/2\" "
			"]\n"
			"[storage.options.overlay]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n"
			"mountopt = \"nodev\"\n[storage.options.thinpool]\nsize = \"1\"\n");
	struct podman_settings root = settings_of(false), user = settings_of(true);
	AUTO(podman_place) struct podman_place place = { 0 };
	const char *name = NULL;

	(void)state;
	root.system_conf[0] = user.system_conf[0] = conf;
	root.options = "overlay.imagestore=/more/3,overlay.mountopt=x";
	assert_ok(podman_place_find(&root, "x", &place, &name));
	assert_string_equal(place.root, "/g");
	assert_int_equal(place.more.n, 3);
	assert_string_equal(place.more.p[2], "/more/3");
	assert_true(place.has_mount_program);
	/* The system's file says where root's store is, and how a user's is called. */
	assert_root(&user, "x", "/home/u/s/1000", "x");
	/* A file of one's own says both. */
	user.conf = conf;
	assert_root(&user, "x", "/g", "x");
}

static void says_what_is_wrong_with_it(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *conf =
			write_conf(&scratch, "storage.conf", "[storage]\ngraphroot = [\"/g\"]\n");
	struct podman_settings root = settings_of(false);
	AUTO(podman_place) struct podman_place place = { 0 };
	AUTO(podman_place) struct podman_place none = { 0 };
	const char *name = NULL;

	(void)state;
	root.conf = conf;
	assert_error(podman_place_find(&root, "x", &place, &name), ERR_INVALID, "is not text");
	root.conf = "/nowhere/storage.conf";
	assert_error(podman_place_find(&root, "x", &none, &name), ERR_SYS,
			"CONTAINERS_STORAGE_CONF");
}

UNIT_TESTS(knows_the_defaults, reads_what_stands_before_the_name, refuses_other_drivers,
		reads_storage_conf, says_what_is_wrong_with_it)
