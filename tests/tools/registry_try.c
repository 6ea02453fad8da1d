/*
 * registry_try: the registry client by hand, for tests and for looking.
 *
 *	registry_try [-i HOST] [-k] [-m RULE] [-M] [-c CERTSDIR] [-C REGISTRIES_CONF] [-r RETRIES]
 *		[-b BASE_MS] [-d] [-n] COMMAND ARGUMENT...
 *
 * -n writes "requests N" to stderr at the end, -d logs. Commands are in the table below.
 */
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "oci/manifest.h"
#include "registry/registry.h"
#include "stream/group.h"
#include "stream/hash.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct registry_client *client;

static FALLIBLE parse(const char *text, struct reference *ret)
{
	return reference_parse(str_of(text), ret);
}

static FALLIBLE resolve(char **args)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(descriptor) struct descriptor found = { 0 };
	char digest[DIGEST_TEXT];

	TRY(parse(args[0], &reference));
	TRY(registry_resolve(client, &reference, &found));
	printf("%s %llu %s\n", digest_text(&found.digest, digest), (unsigned long long)found.size,
			found.media_type);
	return NULL;
}

static FALLIBLE get_manifest(char **args)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };

	TRY(parse(args[0], &reference));
	TRY(registry_get_manifest(client, &reference, NULL, &manifest));
	(void)fwrite(manifest.json, 1, manifest.n, stdout);
	return NULL;
}

static FALLIBLE make_blob(const char *digest, const char *size, struct descriptor *ret)
{
	uint64_t n = 0;
	struct digest parsed;

	TRY(digest_parse(str_of(digest), &parsed));
	TRY(parse_u64(str_of(size), UINT64_MAX, &n));
	*ret = descriptor_make(MEDIA_OCI_LAYER, parsed, n);
	return NULL;
}

static FALLIBLE get_blob(char **args)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(descriptor) struct descriptor blob = { 0 };
	AUTO(reader) struct reader *reader = NULL;
	AUTO(writer) struct writer *writer = writer_to_fd(dup(1));

	TRY(parse(args[0], &reference));
	TRY(make_blob(args[1], args[2], &blob));
	TRY(registry_open_blob(client, &reference, &blob, &reader));
	TRY(stream_copy(reader, writer, NULL));
	return writer_close(TAKE(writer));
}

static struct error *open_file(void *user, uint64_t offset, struct reader **ret)
{
	int fd = -1;

	TRY(file_open(AT_FDCWD, user, O_RDONLY, 0, &fd));
	if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return error_sys("seek");
	*ret = reader_from_fd(fd);
	return NULL;
}

static FALLIBLE describe_file(const char *path, struct digest *ret, uint64_t *ret_size)
{
	AUTO(reader) struct reader *reader = NULL;
	struct hash_result result;
	int fd = -1;

	TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &fd));
	reader = hash_reader(reader_from_fd(fd), &result);
	TRY(reader_drain(reader));
	*ret = result.digest;
	*ret_size = result.size;
	return NULL;
}

static FALLIBLE put_blob(char **args)
{
	static const char *const how[] = {
		[PUT_EXISTED] = "existed", [PUT_MOUNTED] = "mounted", [PUT_UPLOADED] = "uploaded"
	};
	AUTO(reference) struct reference reference = { 0 };
	struct registry_blob blob = {
		.open = open_file, .user = args[1], .mount_from = (const char *const *)&args[2]
	};
	enum registry_put put = 0;

	TRY(parse(args[0], &reference));
	TRY(describe_file(args[1], &blob.digest, &blob.size));
	TRY(registry_put_blob(client, &reference, &blob, &put));
	printf("%s\n", how[put]);
	return NULL;
}

static FALLIBLE stream_blob(char **args)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(registry_upload) struct registry_upload *upload = NULL;
	AUTO(reader) struct reader *reader = NULL;
	struct reader *file = NULL;
	struct hash_result result = { 0 };
	char digest[DIGEST_TEXT];

	TRY(parse(args[0], &reference));
	TRY(open_file(args[1], 0, &file));
	reader = hash_reader(file, &result);
	TRY(registry_upload_from(client, &reference, reader, &upload));
	TRY(registry_upload_finish(TAKE(upload), &result.digest));
	printf("%s\n", digest_text(&result.digest, digest));
	return NULL;
}

static FALLIBLE mount(char **args)
{
	AUTO(reference) struct reference reference = { 0 };
	struct digest digest;
	bool mounted = false;

	TRY(parse(args[0], &reference));
	TRY(digest_parse(str_of(args[1]), &digest));
	TRY(registry_mount_blob(client, &reference, &digest, args[2], &mounted));
	printf("%s\n", mounted ? "mounted" : "not mounted");
	return NULL;
}

/* A blob that is copied: opened where it is when it is wanted where it goes. */
struct copy {
	const struct reference *from, *to;
	const struct descriptor *blob;
	const char *from_name;
};

static struct error *open_remote(void *user, uint64_t offset, struct reader **ret)
{
	struct copy *copy = user;
	char scrap[4096];

	TRY(registry_open_blob(client, copy->from, copy->blob, ret));
	while (offset) {
		size_t n = offset < sizeof(scrap) ? (size_t)offset : sizeof(scrap);

		TRY(reader_read_full(*ret, scrap, n));
		offset -= n;
	}
	return NULL;
}

static struct error *run_copy(void *argument)
{
	struct copy *copy = argument;
	const char *const sources[] = { copy->from_name, NULL };
	struct registry_blob blob = { .digest = copy->blob->digest,
		.size = copy->blob->size,
		.open = open_remote,
		.user = copy,
		.mount_from = sources };

	return registry_put_blob(client, copy->to, &blob, NULL);
}

static FALLIBLE copy_image(char **args)
{
	AUTO(reference) struct reference from = { 0 }, to = { 0 };
	AUTO(registry_manifest) struct registry_manifest raw = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(group) struct group *group = group_new();
	bool existed = false;

	TRY(parse(args[0], &from));
	TRY(parse(args[1], &to));
	TRY(registry_get_manifest(client, &from, NULL, &raw));
	TRY(manifest_parse((struct str){ raw.json, raw.n }, raw.media_type, &manifest));
	AUTO_FREE char *from_name = reference_name(&from);
	AUTO_FREE struct copy *copies = xcalloc(manifest.layers.n + 1, sizeof(*copies));
	for (size_t i = 0; i <= manifest.layers.n; i++) {
		copies[i] = (struct copy){ .from = &from,
			.to = &to,
			.blob = i ? &manifest.layers.p[i - 1] : &manifest.config,
			.from_name = from_name };
		if (!group_start(group, "copy", run_copy, &copies[i]))
			break;
	}
	TRY(group_join(group));
	TRY(registry_put_manifest(client, &to, manifest.media_type, (struct str){ raw.json, raw.n },
			&existed));
	printf("%s\n", existed ? "existed" : "pushed");
	return NULL;
}

/* Many readers of one blob at once, all with the same client. */
static struct error *run_read(void *argument)
{
	struct copy *copy = argument;
	AUTO(reader) struct reader *reader = NULL;

	TRY(registry_open_blob(client, copy->from, copy->blob, &reader));
	return reader_drain(reader);
}

static FALLIBLE read_many(char **args)
{
	AUTO(reference) struct reference from = { 0 };
	AUTO(descriptor) struct descriptor blob = { 0 };
	AUTO(group) struct group *group = group_new();
	struct copy copy = { .from = &from, .blob = &blob };

	TRY(parse(args[0], &from));
	TRY(make_blob(args[1], args[2], &blob));
	for (int i = 0; i < 8; i++)
		if (!group_start(group, "read", run_read, &copy))
			break;
	return group_join(group);
}

static FALLIBLE tags(char **args)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(list) struct list found = { 0 };

	TRY(parse(args[0], &reference));
	TRY(registry_list_tags(client, &reference, &found));
	for (size_t i = 0; i < found.n; i++)
		puts(found.p[i]);
	return NULL;
}

static FALLIBLE repositories(char **args)
{
	AUTO(list) struct list found = { 0 };

	TRY(registry_list_repositories(client, args[0], &found));
	for (size_t i = 0; i < found.n; i++)
		puts(found.p[i]);
	return NULL;
}

static FALLIBLE delete_manifest(char **args)
{
	AUTO(reference) struct reference reference = { 0 };

	TRY(parse(args[0], &reference));
	return registry_delete_manifest(client, &reference);
}

static FALLIBLE referrers(char **args)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(registry_manifest) struct registry_manifest found = { 0 };
	struct digest subject;

	TRY(parse(args[0], &reference));
	TRY(digest_parse(str_of(args[1]), &subject));
	TRY(registry_get_referrers(client, &reference, &subject, NULL, &found));
	(void)fwrite(found.json, 1, found.n, stdout);
	return NULL;
}

static FALLIBLE check_push(char **args)
{
	AUTO(reference) struct reference reference = { 0 };

	TRY(parse(args[0], &reference));
	return registry_check_push(client, &reference);
}

static FALLIBLE login(char **args)
{
	AUTO(credential)
	struct credential credential = { .username = xstrdup(args[1]),
		.password = xstrdup(args[2]) };

	return registry_check_login(client, args[0], &credential);
}

static FALLIBLE short_names(char **args)
{
	AUTO(list) struct list found = { 0 };

	TRY(registry_short_names(client, args[0], &found));
	for (size_t i = 0; i < found.n; i++)
		puts(found.p[i]);
	return NULL;
}

static const struct {
	const char *name;
	int args;
	struct error *(*run)(char **args);
} commands[] = {
	{ "resolve", 1, resolve },           /* REF */
	{ "manifest", 1, get_manifest },     /* REF */
	{ "blob", 3, get_blob },             /* REF DIGEST SIZE, to stdout */
	{ "put", 2, put_blob },              /* REF FILE [MOUNT_FROM...] */
	{ "stream", 2, stream_blob },        /* REF FILE */
	{ "mount", 3, mount },               /* REF DIGEST FROM */
	{ "copy", 2, copy_image },           /* REF REF, all blobs at once */
	{ "read-many", 3, read_many },       /* REF DIGEST SIZE, on eight threads */
	{ "tags", 1, tags },                 /* REF */
	{ "repositories", 1, repositories }, /* HOST */
	{ "delete", 1, delete_manifest },    /* REF */
	{ "referrers", 2, referrers },       /* REF DIGEST */
	{ "check-push", 1, check_push },     /* REF */
	{ "login", 3, login },               /* HOST USER PASSWORD */
	{ "short-names", 1, short_names },   /* NAME */
};

static const char *environment(const char *name)
{
	return getenv(name);
}

static bool number(const char *text, unsigned *ret)
{
	uint64_t value = 0;
	struct error *error = parse_u64(str_of(text), 65535, &value);
	bool good = !error;

	error_free(error);
	*ret = (unsigned)value;
	return good;
}

static bool options(int argc, char **argv, struct registry_settings *settings, bool *ret_count)
{
	for (int c = getopt(argc, argv, "+i:km:Mc:C:r:b:dn"); c >= 0;
			c = getopt(argc, argv, "+i:km:Mc:C:r:b:dn")) {
		if (c == 'i')
			list_add(&settings->insecure_hosts, optarg);
		else if (c == 'k')
			settings->tls_verify_off = true;
		else if (c == 'm')
			list_add(&settings->mirrors, optarg);
		else if (c == 'M')
			settings->mirrors_only = true;
		else if (c == 'c')
			list_add(&settings->certs_dirs, optarg);
		else if (c == 'C')
			list_add(&settings->registries_confs, optarg);
		else if (c == 'd')
			log_set_level(LOG_DEBUG);
		else if (c == 'n')
			*ret_count = true;
		else if (c == 'r' && number(optarg, &settings->retries))
			settings->retries =
					settings->retries ? settings->retries : REGISTRY_NO_RETRIES;
		else if (c != 'b' || !number(optarg, &settings->retry_base_ms))
			return false;
	}
	return true;
}

static FALLIBLE run(const char *name, int n, char **args)
{
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0 && n >= commands[i].args)
			return commands[i].run(args);
	return error_new(ERR_INVALID, "no command '%s' with %d arguments", name, n);
}

int main(int argc, char **argv)
{
	AUTO(registry_settings) struct registry_settings settings = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };
	bool count = false;

	(void)signal(SIGPIPE, SIG_IGN);
	registry_settings_from_env(environment, &settings);
	settings.creds.helper_env = (const char *const *)environ;
	settings.retry_base_ms = 10;
	if (!options(argc, argv, &settings, &count) || optind >= argc)
		return 2;
	client = registry_client_new(&settings, NULL);
	struct error *error = run(argv[optind], argc - optind - 1, argv + optind + 1);
	(void)fflush(stdout);
	if (count)
		(void)fprintf(stderr, "requests %lu\n", registry_client_requests(client));
	registry_client_free(client);
	if (!error)
		return 0;
	error_text(error, &text);
	(void)fprintf(stderr, "%s\n", strbuf_text(&text));
	if (error_find_hint(error))
		(void)fprintf(stderr, "hint: %s\n", error_find_hint(error));
	error_free(error);
	return 1;
}
