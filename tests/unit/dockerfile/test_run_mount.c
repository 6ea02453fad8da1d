#include "dockerfile/parser.h"
#include "dockerfile/run_mount.h"
#include "unit.h"

static const char *get(void *user, const char *name)
{
	return strcmp(name, "V") == 0 ? "value" : NULL;
}

static const struct words_env env = { .get = get };

static struct flag flag_of(const char *value)
{
	return (struct flag){
		.name = "mount", .value = value, .text = value, .at = { "Dockerfile", 3, 5, 3, 20 }
	};
}

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static void print_mount(const struct run_mount *mount, struct strbuf *out)
{
	strbuf_addf(out, "%s target=%s source=%s from=%s id=%s", mount_type_name(mount->type),
			or_dash(mount->target), or_dash(mount->source), or_dash(mount->from),
			or_dash(mount->id));
	strbuf_add(out, mount->is_read_only ? " ro" : " rw");
	if (mount->sharing)
		strbuf_addf(out, " sharing=%d", (int)mount->sharing);
	if (mount->is_required)
		strbuf_add(out, " required");
	if (mount->has_env)
		strbuf_addf(out, " env=%s", mount->env);
	if (mount->mode)
		strbuf_addf(out, " mode=%04o", mount->mode);
	if (mount->has_uid || mount->has_gid)
		strbuf_addf(out, " owner=%u:%u", mount->uid, mount->gid);
	if (mount->has_size)
		strbuf_addf(out, " size=%zu", (size_t)mount->size);
	if (mount->has_tmpfs_mode || mount->no_exec || mount->has_set_id || mount->takes_over ||
			mount->is_flat || mount->propagation)
		strbuf_addf(out, " options=%d%d%d%d%d%d%d", mount->has_tmpfs_mode, mount->no_exec,
				mount->has_set_id, mount->takes_over, mount->is_flat,
				(int)mount->propagation, mount->propagates_below);
}

static void parses(void **state)
{
	static const char *const cases[][2] = {
		{ "target=/a", "bind target=/a source=- from=- id=- ro" },
		{ "type=bind,source=x,dst=/a,rw", "bind target=/a source=x from=- id=- rw" },
		{ "type=bind,src=x,destination=/a,from=base,readonly=false",
				"bind target=/a source=x from=base id=- rw" },
		{ "type=cache,target=/c",
				"cache target=/c source=- from=- id=/c rw sharing=1 mode=0755" },
		{ "type=CACHE,Target=/c,ID=k,sharing=Locked,mode=0700,uid=5,gid=6,ro",
				"cache target=/c source=- from=- id=k ro sharing=3 mode=0700 "
				"owner=5:6" },
		{ "type=tmpfs,target=/t,size=64m",
				"tmpfs target=/t source=- from=- id=- rw size=67108864" },
		{ "type=secret,id=k",
				"secret target=/run/secrets/k source=- from=- id=k ro mode=0400" },
		{ "type=secret,source=k",
				"secret target=/run/secrets/k source=k from=- id=k ro mode=0400" },
		{ "type=secret,target=/x/k",
				"secret target=/x/k source=- from=- id=k ro mode=0400" },
		{ "type=secret,source=x/k", "secret target=/run/secrets/k source=x/k from=- id=x/k "
					    "ro mode=0400" },
		{ "type=secret,id=$N,src=,target=/x/k/",
				"secret target=/x/k/ source=- from=- id=k ro mode=0400" },
		{ "type=secret,id=k,target=$N",
				"secret target=/run/secrets/k source=- from=- id=k ro mode=0400" },
		{ "type=cache,target=/c,id=$N,from=",
				"cache target=/c source=- from=- id=/c rw sharing=1 mode=0755" },
		{ "type=ssh,id=", "ssh target=- source=- from=- id=default ro mode=0600" },
		{ "type=secret,id=k,env",
				"secret target=- source=- from=- id=k ro env=k mode=0400" },
		{ "type=secret,id=k,env=E,target=/e,required", "secret target=/e source=- from=- "
							       "id=k ro required env=E mode=0400" },
		{ "required=true,type=ssh",
				"ssh target=- source=- from=- id=default ro required mode=0600" },
		{ "type=ssh,id=k,target=/s,mode=0666",
				"ssh target=/s source=- from=- id=k ro mode=0666" },
		{ "target=/a/$V,source='$V'", "bind target=/a/value source=$V from=- id=- ro" },
		{ "type=cache,target=/c,id=${V:+x}-${N:-y}",
				"cache target=/c source=- from=- id=x-y rw sharing=1 mode=0755" },
		{ "type='bind',rw=\\1,target=\"/a\"", NULL },
		{ "type='bind',rw=\\1,target='/a b'", "bind target=/a b source=- from=- id=- rw" },
		{ "target=/a,from='b'", "bind target=/a source=- from='b' id=- ro" },
		{ "target=/a,z", "bind target=/a source=- from=- id=- ro" },
		{ "type=cache,target=/a,Z,relabel=shared",
				"cache target=/a source=- from=- id=/a rw sharing=1 mode=0755" },
		{ "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770,noexec,suid",
				"tmpfs target=/t source=- from=- id=- rw mode=1770 size=1048576 "
				"options=1110000" },
		{ "target=/t,U,BIND-NONRECURSIVE=true,rslave,nodev,nosuid,exec",
				"bind target=/t source=- from=- id=- ro options=0001121" },
		{ "target=/t,bind-propagation=unbindable,noexec=false,chown=false",
				"bind target=/t source=- from=- id=- ro options=0000040" },
		{ "\"target=/a,b\",source=\"x\"\"\"", NULL },
		{ "\"target=/a,b\",\"source=x\\\"\"y\"",
				"bind target=/a,b source=x\"y from=- id=- ro" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(arena) struct arena *arena = arena_new();
		AUTO(strbuf) struct strbuf text = { 0 };
		struct flag flag = flag_of(cases[i][0]);
		struct run_mount mount = { 0 };

		note("%s", cases[i][0]);
		if (!cases[i][1]) {
			assert_error(run_mount_parse(arena, &flag, &env, &mount), ERR_INVALID,
					"quotes");
			continue;
		}
		assert_ok(run_mount_parse(arena, &flag, &env, &mount));
		print_mount(&mount, &text);
		assert_string_equal(strbuf_text(&text), cases[i][1]);
		assert_int_equal(mount.at.line, 3);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *value, *message, *hint;
	} cases[] = {
		{ "", "invalid value", NULL },
		{ "type=bnd,target=/a", "unsupported mount type \"bnd\"", "did you mean bind?" },
		{ "type=cache,taget=/a", "unexpected key 'taget' in 'taget=/a'",
				"did you mean target?" },
		{ "type=cache,target=/a,shared", "write sharing=shared", NULL },
		{ "type=cache,target=/a,nodef", "invalid field 'nodef' must be a key=value",
				"did you mean nodev?" },
		{ "type=secret,id=a,suid", "suid is for bind, cache and tmpfs", NULL },
		{ "target=/a,bind-nonrecursive=2", "bind-nonrecursive: 2", NULL },
		{ "target=/a,z=2", "invalid value for z: 2", NULL },
		{ "type=tmpfs,target=/a,bind-nonrecursive", "is for bind only", NULL },
		{ "type=tmpfs,target=/a,tmpfs-mode=9", "tmpfs-mode: 9", NULL },
		{ "type=tmpfs,target=/a,tmpfs-size=x", "tmpfs-size: x", NULL },
		{ "target", "invalid field 'target' must be a key=value pair",
				"write target=VALUE" },
		{ "type=cache,target=/a,sharing=lock", "unsupported sharing value \"lock\"",
				"did you mean locked?" },
		{ "target=/a,ro=maybe", "invalid value for ro: maybe", NULL },
		{ "target=/a,mode=0755", "bind: mode, uid and gid", NULL },
		{ "type=tmpfs,target=/a,uid=1", "tmpfs: mode, uid and gid", NULL },
		{ "type=cache,target=/a,mode=9", "invalid value 9 for mode", NULL },
		{ "type=cache,target=/a,uid=-1", "invalid value -1 for uid", NULL },
		{ "type=cache,target=/a,uid=4294967295", "invalid value 4294967295 for uid", NULL },
		{ "type=cache,target=/a,size=1m", "size is for tmpfs only", NULL },
		{ "type=tmpfs,target=/a,size=x", "invalid value for size: x", NULL },
		{ "type=cache,target=/a,required", "required is for secret and ssh", NULL },
		{ "type=cache,target=/a,env=A", "env is for secret", NULL },
		{ "type=tmpfs,target=/a,sharing=shared", "sharing is for cache", NULL },
		{ "type=cache", "cache: a target is needed", NULL },
		{ "type=tmpfs,target=", "tmpfs: a target is needed", NULL },
		{ "type=secret", "one of source, target required", NULL },
		{ "type=secret,env=X", "one of source, target required", NULL },
		{ "type=secret,id=a,source=b", "both source and id can't be set", NULL },
		{ "type=secret,id=a,from=b", "from is for bind and cache", NULL },
		{ "target=/a,source=${N:?no source}", "no source", NULL },
		{ "target=/a\"b\"", "quotes are wrong", NULL },
		{ "target=/a,relabel=sharde", "relabel: sharde", "did you mean shared?" },
		{ "target=/a,relabel", "invalid field 'relabel' must be a key", NULL },
		{ "\"target=/a", "quotes are wrong", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(arena) struct arena *arena = arena_new();
		struct flag flag = flag_of(cases[i].value);
		struct run_mount mount = { 0 };
		struct error *error = run_mount_parse(arena, &flag, &env, &mount);

		note("%s", cases[i].value);
		assert_non_null(error);
		if (cases[i].hint)
			assert_string_equal(error_find_hint(error), cases[i].hint);
		assert_int_equal(error_find_at(error)->line, 3);
		assert_error(error, ERR_INVALID, cases[i].message);
	}
}

static void waits_for_variables(void **state)
{
	AUTO(arena) struct arena *arena = arena_new();
	struct flag later = flag_of("type=$T,target=/a,mode=0755");
	struct flag wrong = flag_of("type=$T,tarset=/a");
	struct flag from = flag_of("type=bind,From=base,target=$X");
	struct flag quoted = flag_of("type='cache',target=/a,sharing=\\locked");
	struct run_mount mount = { 0 };

	assert_ok(run_mount_parse(arena, &later, NULL, &mount));
	assert_string_equal(mount.target, "/a");
	assert_error(run_mount_parse(arena, &wrong, NULL, &mount), ERR_INVALID, "tarset");
	assert_ok(run_mount_parse(arena, &quoted, NULL, &mount));
	assert_ok(run_mount_parse(arena, &quoted, &env, &mount));
	assert_int_equal(mount.sharing, MOUNT_LOCKED);
	assert_string_equal(run_mount_from(arena, &from), "base");
	assert_null(run_mount_from(arena, &later));
}

static void devices(void **state)
{
	AUTO(arena) struct arena *arena = arena_new();
	struct run_device device = { 0 };
	struct flag flag = flag_of("vendor.com/gpu=all,required");

	assert_ok(run_device_parse(arena, &flag, &device));
	assert_string_equal(device.name, "vendor.com/gpu=all");
	assert_true(device.is_required);
	flag = flag_of("name=vendor.com/gpu,required=false");
	assert_ok(run_device_parse(arena, &flag, &device));
	assert_string_equal(device.name, "vendor.com/gpu");
	assert_false(device.is_required);
	flag = flag_of("a,b");
	assert_error(run_device_parse(arena, &flag, &device), ERR_INVALID, "unknown key 'b'");
	flag = flag_of("required");
	assert_error(run_device_parse(arena, &flag, &device), ERR_INVALID, "name is needed");
}

UNIT_TESTS(parses, refuses, waits_for_variables, devices)
