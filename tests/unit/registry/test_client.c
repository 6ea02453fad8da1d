#include "base/clock.h"
#include "registry/registry.h"
#include "scratch.h"
#include "stream/group.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char *get(const char *name)
{
	static const char *const values[][2] = {
		{ "HOME", "/h" },
		{ "XDG_RUNTIME_DIR", "/run/user/1" },
		{ "DOCKER_CONFIG", "" },
		{ "HTTPS_PROXY", "http://p:1" },
		{ "no_proxy", "x" },
	};

	for (size_t i = 0; i < COUNT(values); i++)
		if (strcmp(values[i][0], name) == 0)
			return values[i][1];
	return NULL;
}

static void settings(void **state)
{
	AUTO(registry_settings) struct registry_settings settings = { 0 };

	registry_settings_from_env(get, &settings);
	assert_string_equal(settings.creds.home, "/h");
	assert_null(settings.creds.docker_config_dir);
	assert_string_equal(settings.https_proxy, "http://p:1");
	assert_null(settings.http_proxy);
	assert_string_equal(settings.certs_dirs.p[0], "/h/.config/containers/certs.d");
	assert_true(list_has(&settings.registries_confs, "/etc/containers/registries.conf.d"));
	/* The user's file would stand for the system's, were it there. */
	assert_true(list_has(&settings.registries_confs, "/etc/containers/registries.conf"));
	assert_true(list_has(
			&settings.registries_confs, "/h/.config/containers/registries.conf.d"));
	/* Root has one of the machine's, too. */
	size_t n = settings.registries_confs.n;
	assert_in_range(n, 4, 5);
	assert_string_equal(settings.registries_confs.p[n - 1],
			"/h/.cache/containers/short-name-aliases.conf");
	assert_ok(registry_settings_use_conf(&settings, "/dev/null", NULL, NULL));
	assert_string_equal(settings.registries_confs.p[0], "/dev/null");
	assert_int_equal(settings.registries_confs.n, n);
	assert_ok(registry_settings_use_conf(&settings, NULL, "/tmp", NULL));
	assert_int_equal(settings.registries_confs.n, n - 1);
	assert_string_equal(settings.registries_confs.p[n - 2], "/tmp");
	assert_ok(registry_settings_use_conf(&settings, NULL, NULL, "/aliases.conf"));
	assert_string_equal(settings.registries_confs.p[settings.registries_confs.n - 1],
			"/aliases.conf");
	assert_false(list_has(&settings.registries_confs,
			"/h/.cache/containers/short-name-aliases.conf"));
	assert_error(registry_settings_use_conf(&settings, "/nowhere.conf", NULL, NULL), ERR_SYS,
			"open '/nowhere.conf'");
}

/* A client that is never used loads nothing and asks nobody. */
static void costs_nothing(void **state)
{
	AUTO(registry_settings) struct registry_settings settings = { 0 };
	AUTO(registry_client) struct registry_client *client = NULL;
	AUTO_FREE char *maps = NULL;
	size_t n = 0;

	list_add(&settings.registries_confs, "/nonexistent");
	client = registry_client_new(&settings, NULL);
	assert_int_equal(registry_client_requests(client), 0);
	AUTO(list) struct list names = { 0 };
	assert_ok(registry_short_names(client, "busybox:1", &names));
	assert_string_equal(names.p[0], "docker.io/library/busybox:1");
	assert_ok(file_read(AT_FDCWD, "/proc/self/maps", 1 << 22, &maps, &n));
	assert_null(strstr(maps, "libcurl"));
}

static void cancels(void **state)
{
	AUTO(cancel) struct cancel *cancel = cancel_new();
	AUTO(registry_settings) struct registry_settings settings = { 0 };
	AUTO(registry_client) struct registry_client *client = NULL;
	AUTO(reference) struct reference reference = { 0 };
	AUTO(descriptor) struct descriptor found = { 0 };

	client = registry_client_new(&settings, cancel);
	cancel_set(cancel);
	assert_ok(reference_parse(STR("127.0.0.1:1/x"), &reference));
	assert_error(registry_resolve(client, &reference, &found), ERR_CANCELED, "");
	assert_int_equal(registry_client_requests(client), 0);
}

/* A server that takes connections and never answers. */
struct silent {
	int fd;
	char name[64];
};

static struct silent silent_new(void)
{
	struct silent silent = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(address);

	assert_int_equal(bind(silent.fd, (struct sockaddr *)&address, n), 0);
	assert_int_equal(listen(silent.fd, 16), 0);
	assert_int_equal(getsockname(silent.fd, (struct sockaddr *)&address, &n), 0);
	(void)snprintf(silent.name, sizeof(silent.name), "127.0.0.1:%d/x", ntohs(address.sin_port));
	return silent;
}

static struct error *cancel_soon(void *argument)
{
	(void)usleep(100 * 1000);
	cancel_set(argument);
	return NULL;
}

static FALLIBLE resolve(
		const struct registry_settings *settings, const char *name, struct cancel *cancel)
{
	AUTO(registry_client) struct registry_client *client = NULL;
	AUTO(reference) struct reference reference = { 0 };
	AUTO(descriptor) struct descriptor found = { 0 };

	client = registry_client_new(settings, cancel);
	assert_ok(reference_parse(str_of(name), &reference));
	return registry_resolve(client, &reference, &found);
}

/* While the TLS probe waits, while an answer is waited for, and between tries: at once. */
static void stops_while_it_waits(void **state)
{
	static const struct {
		const char *why;
		bool answers; /* the probe is over at once, the request waits */
		unsigned base_ms;
	} cases[] = {
		{ "in the probe or the request", false, 0 },
		{ "between two tries", true, 60000 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(cancel) struct cancel *cancel = cancel_new();
		AUTO(registry_settings)
		struct registry_settings settings = { .retry_base_ms = cases[i].base_ms };
		AUTO(group) struct group *group = group_new();
		struct silent silent = silent_new();
		uint64_t started = clock_monotonic_ns();

		note("%s", cases[i].why);
		if (cases[i].answers) /* nobody listens: refused, and tried again in a minute */
			(void)close(silent.fd);
		assert_true(group_start(group, "cancel", cancel_soon, cancel));
		assert_error(resolve(&settings, silent.name, cancel), ERR_CANCELED, "");
		assert_true(clock_monotonic_ns() - started < 2000 * 1000000ull);
		assert_ok(group_join(group));
		if (!cases[i].answers)
			(void)close(silent.fd);
	}
}

static void gives_up_on_silence(void **state)
{
	AUTO(registry_settings)
	struct registry_settings settings = { .stall_timeout_ms = 1000,
		.retries = REGISTRY_NO_RETRIES };
	struct silent silent = silent_new();
	uint64_t started = clock_monotonic_ns();

	assert_error(resolve(&settings, silent.name, NULL), ERR_NETWORK, "127.0.0.1");
	assert_true(clock_monotonic_ns() - started < 20000 * 1000000ull);
	(void)close(silent.fd);
}

UNIT_TESTS(settings, costs_nothing, cancels, stops_while_it_waits, gives_up_on_silence)
