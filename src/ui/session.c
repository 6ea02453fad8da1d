#include "ui/session.h"

#include "base/str.h"
#include "build/build.h"
#include "registry/registry.h"
#include "sandbox/sandbox.h"
#include "store/store.h"
#include "trust/seal_key.h"
#include "trust/sign.h"
#include "ui/options.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is removed at the end of a build where nothing can be mounted is waited for. */
enum { REMOVAL_MS = 1000 };

static FALLIBLE wish_of(const char *isolation, enum userns_mode *ret)
{
	*ret = USERNS_BEST;
	if (strcmp(isolation, "auto") == 0)
		return NULL;
	return userns_mode_parse(isolation, ret);
}

FALLIBLE session_new_registry(const struct session *session, const struct patience *patience,
		struct registry_client **ret)
{
	const struct config *config = session->config;
	AUTO(registry_settings) struct registry_settings settings = { 0 };

	registry_settings_from_env(config_getenv, &settings);
	/* Credential programs need what they need: AWS_..., DBUS_..., GOOGLE_... */
	settings.creds.helper_env = (const char *const *)environ;
	if (config->auth_file)
		settings.creds.auth_file = config->auth_file;
	TRY(registry_settings_use_sources(&settings, config_getenv("BUILD_REGISTRY_SOURCES")));
	list_add_all(&settings.insecure_hosts, &config->insecure_registries);
	list_add_all(&settings.mirrors, &config->registry_mirrors);
	list_add_all(&settings.certificates, &config->registry_certificates);
	list_add_all(&settings.client_certs, &config->registry_client_certs);
	settings.tls_verify_off = !config->tls_verify;
	settings.insecure_push = config->insecure_push;
	settings.insecure_pull = config->insecure_pull;
	settings.mirrors_only = !config->registry_fallback;
	settings.retries = config->registry_retries ? (unsigned)config->registry_retries
						    : REGISTRY_NO_RETRIES;
	settings.retry_delay_ms = (unsigned)((config->registry_retry_delay + 999999) / 1000000);
	settings.user_agent = config->user_agent;
	if (config->creds && (config->creds[0] == ':' || !strchr(config->creds, ':')))
		return error_hint(error_usage("--creds is not USER:PASSWORD"),
				"'login' asks for a password");
	settings.creds.given = config->creds;
	settings.cert_dir = xstrdup(config->cert_dir);
	TRY(registry_settings_use_conf(&settings, config->registries_conf,
			config->registries_conf_dir, config->short_name_aliases));
	settings.creds.sources = config->credential_helpers;
	settings.creds.host_env = (const char *const *)environ;
	/* Later these files are the image's. */
	settings.reads_ahead = session->userns.mode == USERNS_INPLACE;
	if (patience) {
		settings.connect_timeout_ms = patience->connect_ms;
		settings.stall_timeout_ms = patience->answer_ms;
		settings.silence_ends = true;
		settings.retry_after_ms = patience->retry_after_ms;
		settings.retries = patience->retries ? patience->retries : settings.retries;
	}
	*ret = registry_client_new(&settings, session->cancel);
	return NULL;
}

static void open_trust(struct session *session)
{
	const struct config *config = session->config;
	const struct environment *environment = &config->environment;
	/* In a user namespace everybody is root. */
	uid_t uid = session->userns.mode ? session->userns.outer_uid : geteuid();
	AUTO_FREE char *lookaside = uid == 0 ? xstrdup("file:///var/lib/containers/sigstore")
					     : xasprintf("file://%s/containers/sigstore",
							       environment->data_home);
	const struct trust_settings settings = { .policy = config->signature_policy,
		.config_home = environment->config_home,
		.lookaside = lookaside,
		.registries_dir = config->registries_d,
		.tmp_dir = environment->tmp_dir,
		.env = (const char *const *)environ };

	session->trust = trust_new(&settings, session->registry, session->cancel);
}

static FALLIBLE open_signer(struct session *session)
{
	const struct config *config = session->config;
	const struct sign_settings settings = { .key_file = config->sign_key_file,
		.fingerprint = config->sign_fingerprint,
		.passphrase_file = config->sign_passphrase_file };

	if (config->sign_fingerprint && session->userns.mode == USERNS_INPLACE)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "in place the program gpg would be the image's"),
				"sign with --sign-by-sigstore-private-key, or push and sign from "
				"elsewhere");
	return signer_new(session->trust, &settings, &session->signer);
}

/* Wrong keys are told before any work, to those alone who may open a layer. */
static FALLIBLE open_decryption(struct session *session, unsigned needs)
{
	const unsigned opens = SESSION_STORE | SESSION_REGISTRY;
	const struct config *config = session->config;
	AUTO(strbuf) struct strbuf text = { 0 };
	struct setting_view view = { 0 };
	size_t at = 0;

	session->decryption = xcalloc(1, sizeof(*session->decryption));
	if ((needs & opens) != opens)
		return NULL;
	struct error *error = seal_keys_read_private(&config->decryption_keys, session->decryption);
	while (error && config_each(config, &at, &text, &view))
		if (text_equal(view.name, "decryption-key"))
			break;
	return !error || text_starts(view.from, "--")
			       ? usage_of_option(error, "--decryption-key")
			       : error_wrap(error, "setting '%s' in '%s'", view.name, view.from);
}

static void close_decryption(struct session *session)
{
	if (session->decryption)
		seal_keys_done(session->decryption);
	free(session->decryption);
}

enum { LEAST_FDS = 64 };

/*
 * One fd for each layer and directory level of a diff: the soft limit is for programs that use
 * select(). After the helper was forked, so that steps keep the limit of whoever started us.
 */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Below this, threads that need an fd each would wait for one another, or give up half-way. */
static FALLIBLE check_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= LEAST_FDS)
		return NULL;
	return error_hint(error_new(ERR_LIMIT, "only %llu files may be open at once",
					  (unsigned long long)limit.rlim_max),
			"raise the limit (ulimit -n) to %d or more", LEAST_FDS);
}

/* A whole root for each stage: in place it goes with the container. */
static void set_patience(const struct session *session)
{
	if (userns_is_bare(session->userns.mode))
		store_hurry_at_close(session->store,
				session->userns.mode == USERNS_INPLACE ? 0 : REMOVAL_MS);
}

/* What was asked for by name and is not there would be no credentials, silently. */
static FALLIBLE check_auth_file(const struct config *config, unsigned needs)
{
	if (!(needs & SESSION_REGISTRY) || needs & SESSION_NEW_AUTH || !config->auth_file ||
			access(config->auth_file, F_OK) == 0 || errno != ENOENT)
		return NULL;
	return error_code(ERR_INVALID, EXIT_USAGE,
			"credential file is not accessible: stat %s: no such file or directory",
			config->auth_file);
}

unsigned session_needs_of(const struct config *config, const struct list *names)
{
	if (!text_equal(config->podman, "off"))
		return SESSION_TREES;
	for (size_t i = 0; i < names->n; i++)
		if (text_starts(names->p[i], "containers-storage:"))
			return SESSION_TREES;
	return 0;
}

/* In "unshare" we are root of a namespace, and who made it says who we were before. */
static struct podman_settings podman_settings_of(const struct session *session, unsigned needs)
{
	const struct environment *environment = &session->config->environment;
	const char *was = config_getenv("_CONTAINERS_ROOTLESS_UID");
	uid_t uid = needs & (SESSION_TREES | SESSION_SANDBOX) ? session->userns.outer_uid
							      : getuid();
	struct podman_settings settings = {
		.home = environment->home,
		.config_home = config_getenv("XDG_CONFIG_HOME"),
		.data_home = environment->data_home,
		.conf = config_getenv("CONTAINERS_STORAGE_CONF"),
		.driver = session->config->podman_driver ? session->config->podman_driver
							 : config_getenv("STORAGE_DRIVER"),
		.options = session->config->podman_options ? session->config->podman_options
							   : config_getenv("STORAGE_OPTS"),
		.root = session->config->podman_root,
		.is_shared = !text_equal(session->config->podman, "off"),
		.uid = uid,
	};
	uint64_t number = 0;

	if (was && uid == 0 && !userns_is_initial()) {
		error_ignore(parse_u64(str_of(was), UINT32_MAX - 1, &number), "no number: root's");
		settings.uid = (uint32_t)number;
	}
	settings.is_rootless = settings.uid != 0;
	settings.is_mapped = !userns_is_initial();
	settings.has_one_id = session->userns.mode == USERNS_RECORDED;
	settings.steps = session->userns.owner.kind == OWNER_SHIFTED ? &session->userns : NULL;
	if (settings.is_rootless && !settings.config_home)
		settings.config_home = environment->config_home;
	return settings;
}

static unsigned entering_of(unsigned needs)
{
	bool builds = (needs & SESSION_SANDBOX) && !(needs & SESSION_WORKING);

	return (needs & SESSION_FORCE ? USERNS_FORCED : 0) | (builds ? USERNS_BUILDS : 0);
}

static unsigned how_of(unsigned needs)
{
	return (needs & SESSION_ONE_STEP ? SANDBOX_FOR_ONE : 0) |
	       (needs & SESSION_MAY_MOVE ? SANDBOX_MAY_MOVE : 0);
}

/* The files' owners were those of the namespace once, and must be still. */
static FALLIBLE take_ids(struct session *session, const struct session_ids *ids)
{
	struct userns *userns = &session->userns;
	const struct id_maps *is = &userns->owner.maps;
	bool is_for_files = ids->maps.uids.n && !session->sandbox;

	if (!ids->join || is_for_files)
		return userns_map(userns, &ids->maps);
	TRY(userns_join(userns, ids->join));
	if (ids->maps.uids.n && (!idmap_equal(&ids->maps.uids, &is->uids) ||
						!idmap_equal(&ids->maps.gids, &is->gids)))
		return error_new(ERR_INVALID,
				"the user namespace '%s' maps other ids now than those of the "
				"files",
				ids->join);
	return NULL;
}

FALLIBLE session_use_ids(struct session *session, const struct session_ids *ids,
		const struct sandbox_namespaces *namespaces)
{
	session->userns = session->usual;
	if (ids)
		TRY(take_ids(session, ids));
	if ((ids || namespaces_any(namespaces)) && session->sandbox)
		TRY(sandbox_move(session->sandbox, &session->userns, namespaces));
	if (session->store)
		store_use_owner(session->store, &session->userns.owner);
	return NULL;
}

FALLIBLE session_open(const struct config *config, unsigned needs, struct session *ret)
{
	enum userns_mode wish;

	ret->config = config;
	TRY(check_fd_limit());
	TRY(check_auth_file(config, needs));
	if (needs & (SESSION_TREES | SESSION_SANDBOX)) {
		TRY(wish_of(config->isolation, &wish));
		TRY(userns_enter(wish, entering_of(needs), &ret->userns));
		ret->usual = ret->userns;
		if (ret->ids)
			TRY(take_ids(ret, ret->ids));
	}
	if (needs & SESSION_SANDBOX)
		TRY(sandbox_start(&ret->userns, how_of(needs), ret->namespaces, &ret->sandbox));

	ret->podman = podman_settings_of(ret, needs);
	/* The helper has been forked; from here threads may begin. */
	raise_fd_limit();
	ret->cancel = cancel_new();
	TRY(interrupt_start(ret->cancel, &ret->interrupt));
	/* A reader of our output that leaves must not kill a build half-way. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Nor a limit of file sizes: the write that meets it fails and says where. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (needs & SESSION_STORE)
		TRY(store_open(&(struct store_settings){ .root = config->root,
					       .owner = ret->usual.owner },
				&ret->store));
	if (ret->store && ret->ids)
		store_use_owner(ret->store, &ret->userns.owner);
	if (ret->store)
		set_patience(ret);
	if (needs & SESSION_REGISTRY)
		TRY(session_new_registry(ret, NULL, &ret->registry));
	if (needs & (SESSION_STORE | SESSION_REGISTRY))
		open_trust(ret);
	if (needs & (SESSION_STORE | SESSION_REGISTRY))
		TRY(open_decryption(ret, needs));
	return needs & SESSION_REGISTRY ? open_signer(ret) : NULL;
}

FALLIBLE session_check_signing(const struct session *session, bool to_registry)
{
	AUTO(strbuf) struct strbuf value = { 0 };
	struct setting_view view;

	if (to_registry || !config_find_given(session->config, "sign-", &value, &view))
		return NULL;
	return error_hint(error_usage("option '--%s' signs what goes to a registry", view.name),
			"push it, and sign then");
}

FALLIBLE session_check_build_signing(
		const struct session *session, const struct build_options *options)
{
	bool pushes = false;

	for (size_t i = 0; i < options->output_count; i++)
		pushes = pushes || options->outputs[i].kind == OUTPUT_REGISTRY;
	return session_check_signing(session, pushes);
}

void session_done(struct session *session)
{
	close_decryption(session);
	signer_free(session->signer);
	trust_free(session->trust);
	store_close(session->store);
	registry_client_free(session->registry);
	sandbox_stop(session->sandbox);
	interrupt_stop(session->interrupt);
	cancel_free(session->cancel);
	*session = (struct session){ 0 };
}
