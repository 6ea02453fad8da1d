#include "unit.h"

#include "ui/options.h"
#include "ui/template.h"

static const char document[] =
		"{\"Name\":\"app\",\"N\":3,\"None\":null,\"Yes\":true,\"No\":false,\"Empty\":[],"
		"\"Env\":[\"A=1\",\"B=2\"],\"Labels\":{\"z\":\"1\",\"a\":\"2\"},"
		"\"Deep\":{\"Er\":{\"Est\":\"down\"}}}";

static void prints(void **state)
{
	static const struct {
		const char *format, *text;
	} cases[] = {
		{ "plain {x} \\t\\n", "plain {x} \t\n" },
		{ "{{.Name}} {{ .N }} {{.Yes}} {{.None}}", "app 3 true <no value>" },
		{ "{{.Env}} {{.Labels}}", "[A=1 B=2] map[a:2 z:1]" },
		{ "{{.Deep.Er.Est}}", "down" },
		{ "{{json .Env}} {{.Name | json}} {{json .Labels}}",
				"[\"A=1\",\"B=2\"] \"app\" {\"a\":\"2\",\"z\":\"1\"}" },
		{ "{{len .Env}} {{index .Env 1}} {{index .Labels \"z\"}}|{{index .Labels \"q\"}}",
				"2 B=2 1|" },
		{ "{{join .Env \",\"}} {{upper .Name}} {{lower \"AB\"}}", "A=1,B=2 APP ab" },
		{ "{{if .Yes}}y{{else}}n{{end}}{{if .No}}y{{else}}n{{end}}{{if .Empty}}y{{end}}",
				"yn" },
		{ "{{if eq .Name \"x\"}}1{{else if eq .N 3}}2{{else}}3{{end}}", "2" },
		{ "{{if and .Yes (not .No)}}a{{end}}{{if or .No .None}}b{{end}}{{if ne .N "
		  "4}}c{{end}}",
				"ac" },
		{ "{{range .Env}}<{{.}}>{{end}}{{range .Empty}}x{{else}}none{{end}}",
				"<A=1><B=2>none" },
		{ "{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=2;z=1;" },
		{ "{{range $i, $e := .Env}}{{if $i}},{{end}}{{$e}}{{end}}", "A=1,B=2" },
		{ "{{range .Env}}{{range .}}{{end}}{{end}}{{with .Deep}}{{.Er.Est}}{{end}}",
				"down" },
		{ "a  {{- .Name -}}  b{{/* no */}}", "aappb" },
		{ "{{\"q\\\"\"}}{{`raw`}}", "q\"raw" },
		{ "{{printf \"%q %q|%-5s|%05d|%x|%%\" .Env .Labels .Name .N 255}}",
				"[\"A=1\" \"B=2\"] map[\"a\":\"2\" \"z\":\"1\"]|app  |00003|ff|%" },
		{ "{{printf \"%d %d %d\" \"1m30s\" \"1h0m0.5s\" .N}} {{.Name | printf \"%s!\"}}",
				"90000000000 3600500000000 3 app!" },
		{ "{{println .Name .N}}{{print .N .N .Name}}", "app 3\n3 3app" },
	};
	json_t *value = json_loads(document, 0, NULL);

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf out = { 0 };

		note("%s", cases[i].format);
		assert_ok(template_print(cases[i].format, value, &out));
		assert_string_equal(strbuf_text(&out), cases[i].text);
	}
	json_decref(value);
}

static void refuses(void **state)
{
	static const struct {
		const char *format, *says;
	} cases[] = {
		{ "{{.Nope}}", "can't evaluate field Nope" },
		{ "{{.Name.X}}", "can't evaluate field X" },
		{ "{{printf \"%k\" .Name}}", "printf does not know '%k'" },
		{ "{{printf \"%s %s\" .Name}}", "printf has no value for '%s'" },
		{ "{{frob .Name}}", "function \"frob\" not defined" },
		{ "{{", "template: " },
		{ "{{.Name", "template: " },
		{ "{{if .Yes}}", "{{end}} is missing" },
		{ "{{end}}", "unexpected {{end}}" },
		{ "{{$x}}", "undefined variable" },
		{ "{{index .Env 7}}", "out of range" },
		{ "{{\"a}}", "not closed" },
		{ "{{((((.Name}}", "template: " },
		{ "{{.Name %}}", "unexpected" },
	};
	json_t *value = json_loads(document, 0, NULL);

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf out = { 0 };

		note("%s", cases[i].format);
		assert_error(template_print(cases[i].format, value, &out), ERR_INVALID,
				cases[i].says);
	}
	json_decref(value);
}

static void is_bounded(void **state)
{
	AUTO(strbuf) struct strbuf format = { 0 }, out = { 0 };
	json_t *value = json_object();

	strbuf_add(&format, "{{");
	for (int i = 0; i < 100000; i++)
		strbuf_add(&format, "(");
	assert_error(template_print(strbuf_text(&format), value, &out), ERR_INVALID, "too deep");
	json_decref(value);
}

UNIT_TESTS(prints, refuses, is_bounded)
