#include "registry/creds.h"

#include "base/str.h"
#include "base/vec.h"
#include "registry/creds_env.h"
#include "registry/creds_file.h"
#include "registry/creds_helper.h"

#include <openssl/crypto.h>
#include <string.h>

void credential_text_free(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

void credential_done(struct credential *credential)
{
	credential_text_free(credential->password);
	credential_text_free(credential->identity_token);
	credential_text_free(credential->registry_token);
	free(credential->username);
	free(credential->source);
	*credential = (struct credential){ 0 };
}

bool credential_known(const struct credential *credential)
{
	return credential->registry_token || credential->identity_token ||
	       (credential->username && credential->password);
}

void credential_copy(const struct credential *from, struct credential *ret)
{
	*ret = (struct credential){ .username = xstrdup(from->username),
		.password = xstrdup(from->password),
		.identity_token = xstrdup(from->identity_token),
		.registry_token = xstrdup(from->registry_token),
		.source = xstrdup(from->source) };
}

/* Where podman keeps them for who has no runtime folder, root above all. */
static void add_system_file(struct list *ret)
{
	AUTO_FREE char *path = xasprintf("/run/containers/%u/auth.json", (unsigned)getuid());

	if (access(path, R_OK) == 0)
		list_add(ret, path);
}

void creds_files(const struct creds_settings *settings, struct list *ret)
{
	if (settings->auth_file) {
		list_add(ret, settings->auth_file);
		return;
	}
	if (settings->runtime_dir)
		list_addf(ret, "%s/containers/auth.json", settings->runtime_dir);
	else
		add_system_file(ret);
	if (settings->config_home)
		list_addf(ret, "%s/containers/auth.json", settings->config_home);
	else if (settings->home)
		list_addf(ret, "%s/.config/containers/auth.json", settings->home);
	if (settings->docker_config_dir) {
		list_addf(ret, "%s/config.json", settings->docker_config_dir);
		list_addf(ret, "%s/.dockerconfigjson", settings->docker_config_dir);
	} else if (settings->home) {
		list_addf(ret, "%s/.docker/config.json", settings->home);
	}
	if (settings->home)
		list_addf(ret, "%s/.dockercfg", settings->home);
}

static FALLIBLE find_in(const struct creds_settings *settings, const struct creds_file *file,
		const char *host, const char *repository, struct cancel *cancel,
		struct credential *ret)
{
	const char *helper = creds_file_helper(file, host);

	if (helper)
		TRY_WRAP(creds_helper_get(settings, helper, creds_server(host), cancel, ret),
				"'%s'", file->source);
	if (!credential_known(ret))
		TRY(creds_file_find(file, host, repository, ret));
	const char *store = creds_file_store(file);
	if (!credential_known(ret) && store && !helper)
		TRY_WRAP(creds_helper_get(settings, store, creds_server(host), cancel, ret), "'%s'",
				file->source);
	return NULL;
}

static FALLIBLE find_in_files(const struct creds_settings *settings, const char *host,
		const char *repository, struct cancel *cancel, struct credential *ret)
{
	AUTO(list) struct list paths = { 0 };

	if (settings->docker_auth_config && !settings->auth_file) {
		AUTO(creds_file) struct creds_file file = { 0 };

		TRY(creds_file_parse(
				str_of(settings->docker_auth_config), "DOCKER_AUTH_CONFIG", &file));
		TRY(find_in(settings, &file, host, repository, cancel, ret));
	}
	creds_files(settings, &paths);
	for (size_t i = 0; i < paths.n && !credential_known(ret); i++) {
		AUTO(creds_file) struct creds_file file = { 0 };

		TRY(creds_file_read(paths.p[i], &file, NULL));
		TRY(find_in(settings, &file, host, repository, cancel, ret));
	}
	return NULL;
}

/* The first that knows. That one of them fails is told when none does. */
static FALLIBLE ask_helpers(const struct creds_settings *settings, const char *host,
		const char *repository, struct cancel *cancel, struct credential *ret)
{
	struct error *first = NULL;

	for (size_t i = 0; i < settings->helpers->n && !credential_known(ret); i++) {
		const char *helper = settings->helpers->p[i];
		struct error *error =
				text_equal(helper, "containers-auth.json")
						? find_in_files(settings, host, repository, cancel,
								  ret)
						: creds_helper_get(settings, helper,
								  creds_server(host), cancel, ret);

		first = error_first(first, error ? error_wrap(error, "registries.conf") : NULL);
	}
	if (!credential_known(ret))
		return first;
	error_free(first);
	return NULL;
}

FALLIBLE creds_find(const struct creds_settings *settings, const char *host, const char *repository,
		struct cancel *cancel, struct credential *ret)
{
	AUTO(credential) struct credential found = { 0 };

	if (settings->helpers && settings->helpers->n && !settings->auth_file)
		TRY(ask_helpers(settings, host, repository, cancel, &found));
	else
		TRY(find_in_files(settings, host, repository, cancel, &found));
	if (!credential_known(&found))
		creds_env_find(settings, host, &found);
	*ret = TAKE_VALUE(found);
	return NULL;
}

char *creds_login_file(const struct creds_settings *settings)
{
	AUTO(list) struct list paths = { 0 };

	creds_files(settings, &paths);
	if (settings->auth_file)
		return xstrdup(settings->auth_file);
	for (size_t i = 0; i < paths.n; i++)
		if (!text_ends(paths.p[i], ".dockercfg") &&
				!text_ends(paths.p[i], ".dockerconfigjson") &&
				access(paths.p[i], F_OK) == 0)
			return xstrdup(paths.p[i]);
	if (settings->docker_config_dir)
		return xasprintf("%s/config.json", settings->docker_config_dir);
	return xasprintf("%s/.docker/config.json", settings->home ? settings->home : "/root");
}

/* The program that keeps a host's credentials instead of the file, or NULL. */
static const char *program_of(const struct creds_file *file, const char *host)
{
	const char *helper = creds_file_helper(file, host);

	return helper ? helper : creds_file_store(file);
}

FALLIBLE creds_store(const struct creds_settings *settings, const char *key,
		const struct credential *credential, struct cancel *cancel, char **ret_where)
{
	AUTO(creds_file) struct creds_file file = { 0 };
	AUTO_FREE char *path = creds_login_file(settings), *bare = creds_key(key);

	TRY(creds_file_read(path, &file, NULL));
	const char *program = strchr(bare, '/') ? NULL : program_of(&file, bare);
	if (program)
		TRY(creds_helper_store(settings, program, creds_server(bare), credential, cancel));
	creds_file_set(&file, bare, program ? NULL : credential);
	TRY(creds_file_write(&file, path));
	if (ret_where)
		*ret_where = program ? xasprintf("docker-credential-%s", program) : TAKE(path);
	return NULL;
}

FALLIBLE creds_erase(const struct creds_settings *settings, const char *key, struct cancel *cancel,
		bool *ret_found)
{
	AUTO(creds_file) struct creds_file file = { 0 };
	AUTO_FREE char *path = creds_login_file(settings), *bare = creds_key(key);
	bool exists = false;

	*ret_found = false;
	TRY(creds_file_read(path, &file, &exists));
	if (!exists)
		return NULL;
	const char *program = strchr(bare, '/') ? NULL : program_of(&file, bare);
	if (program) {
		AUTO(credential) struct credential known = { 0 };

		TRY(creds_helper_get(settings, program, creds_server(bare), cancel, &known));
		if (credential_known(&known)) {
			TRY(creds_helper_erase(settings, program, creds_server(bare), cancel));
			*ret_found = true;
		}
	}
	if (!creds_file_remove(&file, bare))
		return NULL;
	*ret_found = true;
	return creds_file_write(&file, path);
}

FALLIBLE creds_erase_all(const struct creds_settings *settings, struct cancel *cancel)
{
	AUTO(creds_file) struct creds_file file = { 0 };
	AUTO(list) struct list keys = { 0 };
	AUTO_FREE char *path = creds_login_file(settings);
	json_t *value;
	const char *written;

	TRY(creds_file_read(path, &file, NULL));
	json_object_foreach(json_object_get(file.value, "auths"), written, value)
	{
		list_add(&keys, written);
	}
	for (size_t i = 0; i < keys.n; i++) {
		bool found;

		TRY(creds_erase(settings, keys.p[i], cancel, &found));
	}
	return NULL;
}
