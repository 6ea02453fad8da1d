#include "kiln/commands.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "store/tag.h"
#include "ui/human.h"
#include "ui/image_names.h"
#include "ui/plain_text.h"
#include "ui/session.h"
#include "ui/table.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

struct inspect_opts {
	char *format, *platform;
	bool raw, config;
};

#define OPTS inspect_opts
static const struct option inspect_options[] = {
	OPT_TEXT('f', "format", format, "TEMPLATE", "one line an image: '{{.ID}} {{.Digest}}'"),
	OPT_FLAG(0, "raw", raw, "the manifest's own bytes"),
	OPT_FLAG(0, "config", config, "the config's own bytes"),
	OPT_TEXT(0, "platform", platform, "OS/ARCH", "which image of an index"),
	OPT_END,
};
#undef OPTS

static uint64_t image_bytes(const struct image *image)
{
	uint64_t bytes = image->manifest_bytes + image->config_bytes;

	for (size_t i = 0; i < image->manifest.layers.n; i++)
		bytes += image->manifest.layers.p[i].size;
	return bytes;
}

static json_t *document_of(const struct image *image, const struct list *names)
{
	char digest[DIGEST_TEXT], id[DIGEST_TEXT], platform[PLATFORM_TEXT];
	json_t *array = json_array();

	for (size_t i = 0; i < names->n; i++)
		json_array_append_new(array, json_string(names->p[i]));
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s?, s:I, s:o?, s:o?}", "ID",
			digest_text(&image->manifest.config.digest, id), "Digest",
			digest_text(&image->digest, digest), "Names", array, "MediaType",
			image->manifest.media_type ? image->manifest.media_type : "", "Platform",
			platform_text(&image->config.platform, platform), "Created",
			image->config.created, "Size", (json_int_t)image_bytes(image), "Manifest",
			json_loadb(image->manifest_json, image->manifest_bytes, 0, NULL), "Config",
			json_loadb(image->config_json, image->config_bytes, 0, NULL));
}

static FALLIBLE add_template(const struct image *image, const char *format, struct strbuf *out)
{
	char digest[DIGEST_TEXT], id[DIGEST_TEXT], platform[PLATFORM_TEXT], size[HUMAN_TEXT];
	const struct template_field fields[] = {
		{ "ID", digest_text(&image->manifest.config.digest, id) },
		{ "Digest", digest_text(&image->digest, digest) },
		{ "MediaType", image->manifest.media_type },
		{ "Platform", platform_text(&image->config.platform, platform) },
		{ "Os", image->config.platform.os },
		{ "Architecture", image->config.platform.architecture },
		{ "Created", image->config.created },
		{ "Size", human_size(image_bytes(image), size) },
		{ "User", image->config.user },
		{ "WorkingDir", image->config.working_dir },
	};

	TRY(template_render(format, fields, COUNT(fields), out));
	strbuf_add_char(out, '\n');
	return NULL;
}

/* What is hashed goes to a file or program; a terminal must not obey it. */
static void add_own_bytes(const char *json, size_t n, struct strbuf *out)
{
	if (isatty(STDOUT_FILENO))
		plain_text_json((struct str){ json, n }, out);
	else
		strbuf_add_bytes(out, json, n);
}

static struct error *run_inspect(const struct invocation *call)
{
	const struct inspect_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	json_auto_t *array = json_array();
	struct platform platform = platform_host();

	if (opts->platform)
		TRY(usage_of_option(
				platform_parse(str_of(opts->platform), &platform), "--platform"));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	for (size_t i = 0; i < call->args->n; i++) {
		AUTO(image) struct image *image = NULL;
		AUTO(list) struct list names = { 0 };

		TRY(image_open_named(&session, call->args->p[i], opts->platform ? &platform : NULL,
				&image, &names));
		if (opts->raw)
			add_own_bytes(image->manifest_json, image->manifest_bytes, &out);
		else if (opts->config)
			add_own_bytes(image->config_json, image->config_bytes, &out);
		else if (opts->format && !text_equal(opts->format, "json"))
			TRY(add_template(image, opts->format, &out));
		else
			json_array_append_new(array, document_of(image, &names));
	}
	if (json_array_size(array)) {
		AUTO_FREE char *text = plain_text_of_json(array, 2);

		strbuf_addf(&out, "%s\n", text);
	}
	(void)fwrite(strbuf_text(&out), 1, out.n, stdout);
	return NULL;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.args = "IMAGE...",
	.summary = "Show manifest and config of images",
	.options = inspect_options,
	.opts_size = sizeof(struct inspect_opts),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.examples = "kiln inspect app\n"
		    "kiln inspect oci:./layout\tan image that is not in the store\n",
	.run = run_inspect,
};
