#include "verbs/triggers.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "stream/codec.h"
#include "sys/fd.h"
#include "ui/lower_stores.h"
#include "verbs/build_steps.h"
#include "verbs/mounts_conf.h"

#include <sys/mman.h>
#include <unistd.h>

/* A Dockerfile of one line, to be read as standard input. */
static FALLIBLE write_from(const struct digest *record, int *ret_fd)
{
	char digest[DIGEST_TEXT];
	AUTO_FREE char *line = xasprintf("FROM store:%s\n", digest_text(record, digest));
	AUTO_FD int fd = memfd_create("Dockerfile", MFD_CLOEXEC);

	if (fd < 0)
		return error_sys("keep a Dockerfile");
	TRY(fd_write_all(fd, line, strlen(line)));
	if (lseek(fd, 0, SEEK_SET) != 0)
		return error_sys("keep a Dockerfile");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

static FALLIBLE build_shown(struct work *work, bool quiet, struct build_options *options,
		struct build_result *ret)
{
	struct session *session = &work->session;
	AUTO(lower_stores) struct lower_stores lowers = { 0 };
	AUTO(show) struct show show = { 0 };

	lower_stores_open(session, &lowers, options);
	TRY(show_open(session->config, quiet, &show));
	options->store = session->store;
	options->podman = &session->podman;
	options->registry = session->registry;
	options->trust = session->trust;
	options->decryption = session->decryption;
	options->short_names = options->says_step = text_equal(work->call->program, "buildah");
	options->sandbox = session->sandbox;
	options->userns = &session->userns;
	options->cancel = session->cancel;
	options->progress = show.progress;
	return build_run(options, ret);
}

FALLIBLE triggers_run(struct work *work, const struct triggers *triggers, struct image **ret)
{
	const struct session *session = &work->session;
	const struct list none = { 0 };
	AUTO(build_steps) struct build_steps steps = { 0 };
	AUTO(build_result) struct build_result result = { 0 };
	AUTO_FD int fd = -1;
	AUTO_FREE struct build_host *hosts =
			xcalloc(triggers->parts->hosts.n, sizeof(struct build_host));
	char digest[DIGEST_TEXT];

	TRY(mounts_conf_read(
			work->call, NULL, session->podman.is_rootless, &triggers->parts->volumes));
	TRY(write_from(triggers->record, &fd));
	struct build_options options = {
		.context = ".",
		.ignore_file = "/dev/null", /* 'copy' knows none either */
		.dockerfile = "-",
		.stdin_fd = fd,
		.build_args = triggers->flags->http_proxy ? &session->config->environment.proxies
							  : &none,
		.labels = &none,
		.tags = &none,
		.ulimits = &triggers->flags->ulimits,
		.platform = triggers->platform,
		.pull = PULL_MISSING,
		.format = triggers->format,
		.compression = COMPRESSION_NONE,
		.compression_level = CODEC_LEVEL_DEFAULT,
		.hosts = hosts,
		.host_count = triggers->parts->hosts.n,
		.jobs = (unsigned)session->config->jobs,
	};
	for (size_t i = 0; i < options.host_count; i++)
		hosts[i] = (struct build_host){ triggers->parts->hosts.p[i].name,
			triggers->parts->hosts.p[i].address };
	TRY(build_steps_make(&none, &none, session->config, triggers->parts, &steps, &options));
	TRY(build_shown(work, triggers->quiet, &options, &result));
	const struct image_homes homes = { session->store, session->registry, triggers->platform,
		session->cancel, NULL, session->trust };
	AUTO_FREE char *name = xasprintf("store:%s", digest_text(&result.manifest, digest));
	return image_open(&homes, name, PULL_NEVER, ret);
}
