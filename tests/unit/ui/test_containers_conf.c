#include "scratch.h"
#include "ui/containers_conf.h"

static FALLIBLE add(struct containers_conf *conf, const char *text)
{
	return containers_conf_add(conf, str_of(text), "'f'");
}

static void assert_list(const struct conf_list *list, const char *wanted)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < list->texts.n; i++)
		strbuf_addf(&text, "%s%s", i ? " " : "", list->texts.p[i]);
	assert_string_equal(strbuf_text(&text), wanted);
}

static void later_files_win(void **state)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;

	assert_ok(add(&conf, "[containers]\ndns_servers = ['1.1.1.1']\nshm_size = '1m'\n"
			     "default_capabilities = ['CHOWN', 'KILL']\nlog_size_max = -1\n"
			     "base_hosts_file = 'none'\n"
			     "[engine]\nenv = ['A=1']\nretry = 7\nretry_delay = "
			     "'5s'\nadd_compression = ['zstd']\n"
			     "[network]\ndns_servers = ['2.2.2.2']\n"
			     "default_subnet_pools = [{'base' = '10.89.0.0/16', 'size' = 24}]\n"
			     "[engine.runtimes]\ncrun = ['/usr/bin/crun']\n"));
	assert_false(conf.volumes.is_said);
	assert_ok(add(&conf, "[containers]\ndns_servers = ['3.3.3.3', '4.4.4.4']\n"
			     "default_capabilities = []\nunheard_of = 1.5\n"));
	assert_list(&conf.dns, "3.3.3.3 4.4.4.4");
	assert_list(&conf.environment, "A=1");
	assert_string_equal(conf.shm_size, "1m");
	assert_string_equal(conf.base_hosts_file, "none");
	assert_list(&conf.add_compression, "zstd");
	assert_int_equal(conf.retries, 7);
	assert_string_equal(conf.retry_delay, "5s");
	assert_true(conf.capabilities.is_said);
	assert_list(&conf.capabilities, "");
}

static void lists_append_when_told(void **state)
{
	AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;

	assert_ok(add(&conf, "[containers]\nvolumes = ['/a:/a']\n"));
	assert_ok(add(&conf, "[containers]\nvolumes = ['/b:/b', {append = true}]\n"));
	/* It stays told. */
	assert_ok(add(&conf, "[containers]\nvolumes = ['/c:/c']\n"));
	assert_list(&conf.volumes, "/a:/a /b:/b /c:/c");
	assert_ok(add(&conf, "[containers]\nvolumes = ['/d:/d', {append = false}]\n"));
	assert_list(&conf.volumes, "/d:/d");
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "[containers]\nvolumes = 'x'\n",
				"'f': line 2: 'volumes': is not a list of text" },
		{ "[containers]\ndevices = [1]\n", "is not a list of text" },
		{ "[containers]\nshm_size = 1\n", "'shm_size': is not text" },
		{ "[engine]\nretry = '1'\n", "'retry': is not a number" },
		{ "[engine]\nretry = -1\n", "'retry': is not a number" },
		{ "[containers\n", "']' was expected" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(containers_conf) struct containers_conf conf = CONTAINERS_CONF_INIT;

		note("%s", cases[i].text);
		assert_error(add(&conf, cases[i].text), ERR_INVALID, cases[i].part);
	}
}

/* What get() answers; one test at a time. */
static const char *only, *override, *config_home;

static const char *get(const char *name)
{
	return strcmp(name, "CONTAINERS_CONF") == 0            ? only
	       : strcmp(name, "CONTAINERS_CONF_OVERRIDE") == 0 ? override
	       : strcmp(name, "XDG_CONFIG_HOME") == 0          ? config_home
							       : NULL;
}

static void put(const struct scratch *scratch, const char *path, const char *servers)
{
	AUTO_FREE char *full = xasprintf("%s/%s", scratch->path, path);
	AUTO_FREE char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	AUTO_FREE char *text =
			xasprintf("[containers]\ndns_servers = ['%s', {append = true}]\n", servers);

	assert_ok(file_make_dirs(dir, 0755));
	assert_ok(file_write_atomic(AT_FDCWD, full, text, strlen(text), 0644, false));
}

static void files_have_an_order(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *share = xasprintf("%s/share", scratch.path);
	AUTO_FREE char *etc = xasprintf("%s/etc", scratch.path);
	AUTO_FREE char *own = xasprintf("%s/home", scratch.path);
	AUTO_FREE char *alone = xasprintf("%s/alone.conf", scratch.path);
	const struct containers_conf_dirs dirs = { share, etc };

	put(&scratch, "share/containers.conf", "1");
	put(&scratch, "etc/containers.conf", "2");
	put(&scratch, "etc/containers.conf.d/b.conf", "4");
	put(&scratch, "etc/containers.conf.d/a.conf", "3");
	put(&scratch, "etc/containers.conf.d/c.off", "x");
	put(&scratch, "home/containers/containers.conf", "5");
	put(&scratch, "home/containers/containers.conf.d/a.conf", "6");
	put(&scratch, "alone.conf", "7");

	only = override = NULL;
	config_home = own;
	AUTO(containers_conf) struct containers_conf usual = CONTAINERS_CONF_INIT;
	assert_ok(containers_conf_read(get, &dirs, &usual));
	assert_list(&usual.dns, "1 2 3 4 5 6");

	override = alone;
	AUTO(containers_conf) struct containers_conf more = CONTAINERS_CONF_INIT;
	assert_ok(containers_conf_read(get, &dirs, &more));
	assert_list(&more.dns, "1 2 3 4 5 6 7");

	only = alone;
	override = NULL;
	AUTO(containers_conf) struct containers_conf one = CONTAINERS_CONF_INIT;
	assert_ok(containers_conf_read(get, &dirs, &one));
	assert_list(&one.dns, "7");

	only = "/nowhere/x.conf";
	AUTO(containers_conf) struct containers_conf none = CONTAINERS_CONF_INIT;
	assert_error(containers_conf_read(get, &dirs, &none), ERR_SYS, "CONTAINERS_CONF");
}

UNIT_TESTS(later_files_win, lists_append_when_told, refuses, files_have_an_order)
