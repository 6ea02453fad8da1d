#!/usr/bin/env bats
# kiln check, kiln build --check and --call: what they find, print and end with (docs/checks.md).
# shellcheck disable=SC2016,SC2154 # Dockerfiles hold variables of their own
load ../lib/kiln

setup() {
	context
	printf '%s\n' 'FROM debian:12 AS Build' 'CMD echo hi' >Dockerfile
}

@test "a warning shows rule, link, line and pointer, and the status is 1" {
	fails 1 'WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/' kiln check
	says "Check complete, 2 warnings have been found!"
	says 'Dockerfile:1:19'
	says '1 | FROM debian:12 AS Build
  |                   ^^^^^'
	fails 1 'JSONArgsRecommended' kiln check Dockerfile
	fails 1 'JSONArgsRecommended' kiln check -f Dockerfile "$PWD"
	fails 1 'JSONArgsRecommended' kiln check "$PWD"
}

@test "an archive on standard input is looked at as each kind of user" {
	tar -czf ctx.tar Dockerfile
	local kind
	from_archive() { kiln_as "$kind" "$@" - <ctx.tar; }
	for kind in $(each_user); do
		fails 1 StageNameCasing from_archive build --check
		succeeds from_archive build --call targets
		says "build (default)"
	done
}

@test "a build argument that no ARG takes is told, in check and build, and fails nothing" {
	printf '%s\n' 'ARG g' 'FROM scratch AS x' 'ARG one' 'COPY Dockerfile /' 'FROM scratch' 'ARG two' 'COPY Dockerfile /' >Dockerfile
	local wanted='[Warning] One or more build-args [onee three] were not consumed'
	for command in check 'build --check' 'build --progress plain'; do
		# shellcheck disable=SC2086 # words
		succeeds kiln $command --build-arg one=1 --build-arg g=1 --build-arg onee=1 --build-arg three=s3cr3t \
			--build-arg HTTP_PROXY=x --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1 .
		[[ $stderr == *"$wanted"* ]] || explain "$command does not say it"
		says_not s3cr3t
		# shellcheck disable=SC2086
		succeeds kiln $command --build-arg one=1 --build-arg two=1 --build-arg g=1 .
		says_not consumed
	done
}

@test "what is asked instead of a build is in the metadata file as well" {
	fails 1 StageNameCasing kiln build --check --metadata-file ../m.json .
	equals '["JSONArgsRecommended","StageNameCasing"]' "$(jq -c '."result.json".warnings | map(.ruleName) | sort' ../m.json)"
	for call in targets outline; do
		succeeds kiln build --call "$call,format=json" --metadata-file ../m.json .
		diff <(jq . <<<"$output") <(jq '."result.json"' ../m.json)
	done
	succeeds kiln build --call subrequests.describe --metadata-file ../m.json .
	equals true "$(jq '."result.json" | length > 0' ../m.json)"
}

@test "nothing to say is status 0" {
	succeeds kiln check --skip StageNameCasing,JSONArgsRecommended
	equals 'Check complete, no warnings found.' "$output"
	succeeds kiln check --skip all
	sed -i '1i # check=skip=all' Dockerfile
	succeeds kiln check
	fails 2 "no rule is called 'StageNames'" kiln check --skip StageNames
}

@test "kiln's own rules run in kiln check, and neither in a build nor in its --check" {
	printf '%s\n' 'FROM scratch AS x' 'COPY .env /' >Dockerfile
	touch .env
	fails 1 'SecretFileCopied' kiln check
	succeeds kiln check --buildkit-only
	succeeds kiln build --check .
	succeeds kiln build --progress plain .
	says_not SecretFileCopied
	succeeds kiln check --list-rules
	equals 31 "$(wc -l <<<"$output")" rules
	# Each has its section in the docs.
	local rule
	while read -r rule _; do
		grep -q "^## $rule\$" "$REPO/docs/checks.md" || explain "docs/checks.md lacks $rule"
	done <<<"$output"
}

@test "JSON is BuildKit's, with the file inside" {
	fails 1 '"ruleName": "StageNameCasing"' kiln check --format json
	equals '1 19 23' "$(jq -r '.warnings[0].location.ranges[0] |
		"\(.start.line) \(.start.character + 1) \(.end.character)"' <<<"$output")"
	equals "$(base64 -w0 Dockerfile)" "$(jq -r '.sources[0].data' <<<"$output")"
	echo 'RUNN x' >>Dockerfile
	fails 1 'buildError' kiln check --format json
	jq -e '.buildError.message | contains("RUNN") and endswith(" (did you mean RUN?)")' <<<"$output"
	equals 3 "$(jq '.buildError.location.ranges[0].start.line' <<<"$output")"
}

@test "a mistake does not hide the warnings about what stands before it" {
	printf '%s\n' 'FROM scratch AS X' 'MAINTAINER me' 'ENV a b' 'CMD x' 'BADCMD' 'ENV c d' >Dockerfile
	fails 1 buildError kiln check --format json
	equals 'StageNameCasing 1,MaintainerDeprecated 2' "$(jq -r '[.warnings[] |
		"\(.ruleName) \(.location.ranges[0].start.line)"] | join(",")' <<<"$output")"
	equals 5 "$(jq '.buildError.location.ranges[0].start.line' <<<"$output")"
	equals "dockerfile parse error on line 5: unknown instruction: BADCMD" "$(jq -r .buildError.message <<<"$output")"
	fails 1 "unknown instruction: BADCMD" kiln build --check .
	says StageNameCasing
	fails 1 "unknown instruction: BADCMD" kiln build --progress plain .
	says 'WARNING: MaintainerDeprecated'
	fails 1 "unknown instruction: BADCMD" kiln check --format ast
	equals '' "$output"
	sed -i '1i # check=skip=all' Dockerfile
	fails 1 "unknown instruction: BADCMD" kiln check
	says_not StageNameCasing
	# Nothing but ARG before the mistake, a wrong "# check=", no FROM at all.
	printf 'ARG a\nBADCMD\n' >Dockerfile
	fails 1 "unknown instruction: BADCMD" kiln check
	printf '# check=skip\nFROM scratch AS X\nBADCMD\n' >Dockerfile
	fails 1 "unknown instruction: BADCMD" kiln check
	printf 'ARG a\n' >Dockerfile
	fails 1 'contains no stages to build' kiln check
}

@test "SARIF names rules, places and what stops a build" {
	fails 1 '"version": "2.1.0"' kiln check --format sarif ./Dockerfile
	equals 'StageNameCasing warning Dockerfile 1 19' "$(jq -r '.runs[0].results[0] |
		.locations[0].physicalLocation as $p | "\(.ruleId) \(.level) \($p.artifactLocation.uri) " +
		"\($p.region.startLine) \($p.region.startColumn)"' <<<"$output")"
	jq -e '[.runs[0].tool.driver.rules[].id] | contains(["UnpinnedBase", "UndefinedVar"])' <<<"$output"
	# Columns count UTF-16 units, not bytes.
	printf 'FROM debian:12\nENV A="äö😀" B=$NOWHERE\nFROM scratch\nENV A="äö😀" B=$NOWHERE\n' >Dockerfile
	fails 1 UndefinedVar kiln check --format sarif
	equals 14 "$(jq '.runs[0].results[-1].locations[0].physicalLocation.region.startColumn' <<<"$output")"
	echo 'COPY a' >>Dockerfile
	fails 1 '"level": "error"' kiln check --format sarif
}

@test "rules that need a plan: UndefinedVar, CopyIgnoredFile, InvalidBaseImagePlatform" {
	cat >Dockerfile <<-'EOF'
		FROM scratch AS x
		ARG NAME
		ENV A=$NAME B=${OTHER:-1} C=$NAMES
		COPY docs/a $FOO /y/
		FROM unknown:1
		ENV P=/x:$LD_LIBRARY_PATH Q=$PATHS R=$PAHT PATH=$PATH
	EOF
	printf 'docs\n' >.dockerignore
	fails 1 "Usage of undefined variable '\$FOO'" kiln check --buildkit-only
	says "Usage of undefined variable '\$PATHS' (did you mean \$PATH?)"
	says "Usage of undefined variable '\$PAHT' (did you mean \$PATH?)"
	says 'Attempting to Copy file "docs/a" that is excluded by .dockerignore'
	says_not "variable '\$LD"
	says "'\$NAMES' (did you mean \$NAME?)"
	says_not "'\$NAME'"
	# Known to the file, and missing in the stage: no other name is meant.
	printf '%s\n' 'ARG NAME=1' 'FROM scratch' 'ENV A=$NAME' >Global
	fails 1 "undefined variable '\$NAME'" kiln check --buildkit-only Global
	says_not 'did you mean'
	fails 1 "Usage of undefined variable '\$FOO'" kiln check --buildkit-only
	says 'Check complete, 5 warnings have been found!'
	printf 'docs\n!docs/a\n' >.dockerignore
	fails 1 'Check complete, 4 warnings' kiln check --buildkit-only

	# An exception counts where it can bring back what is copied, or something in it.
	printf '%s\n' 'FROM scratch' 'COPY sub/a /' 'COPY sub /s/' 'COPY sub/* /s/' 'COPY . /s/' >Dockerfile
	printf 'sub\n!sub/b\n' >.dockerignore
	fails 1 'Attempting to Copy file "sub/a" that is excluded' kiln check --buildkit-only
	says 'Check complete, 1 warning has'
	printf 'sub\n!other\n' >.dockerignore
	fails 1 'Check complete, 3 warnings' kiln check --buildkit-only

	printf 'FROM --platform=$BUILDPLATFORM %s\nENV A=$NOWHERE\n' "$(image_ref busybox)" >Dockerfile
	fails 1 "undefined variable '\$NOWHERE'" kiln build --check .
}

@test "a base image of another platform" {
	local layout
	layout=$(image busybox)
	printf 'FROM oci:%s/oci:latest\n' "$layout" >Dockerfile
	capture kiln build --check --platform linux/s390x .
	says InvalidBaseImagePlatform
	says 'expected "linux/s390x" for current build'
}

@test "a build warns of what the checks find, and fails where the file wants that" {
	printf '%s\n' 'FROM scratch AS X' 'COPY Dockerfile /' >Dockerfile
	succeeds kiln build --progress plain .
	says "WARNING: StageNameCasing: Stage name 'X' should be lowercase (Dockerfile:1)"
	succeeds kiln build --progress plain --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all .
	says_not StageNameCasing
	# Of a stage that is left out only its FROM is looked at.
	printf '%s\n' 'FROM scratch AS A' 'ENV a b' 'FROM scratch AS b' 'ENV c=d' >other.Dockerfile
	succeeds kiln build --progress plain -f other.Dockerfile .
	says StageNameCasing
	says_not LegacyKeyValueFormat
	fails 1 'LegacyKeyValueFormat' kiln build --check -f other.Dockerfile .
	# What stops the plan does not hide them.
	printf '%s\n' 'FROM --platform=$BULIDPLATFORM scratch' >other.Dockerfile
	fails 1 'empty platform value from expression $BULIDPLATFORM' kiln build --progress plain -f other.Dockerfile .
	says 'did you mean BUILDPLATFORM?'
	says "WARNING: UndefinedArgInFrom: FROM argument 'BULIDPLATFORM' is not declared"
	fails 1 'lint violation found for rules: StageNameCasing' kiln build \
		--build-arg 'BUILDKIT_DOCKERFILE_CHECK=error=true' .
	sed -i '1i # check=error=true' Dockerfile
	fails 1 'lint violation found for rules: StageNameCasing' kiln build .
	fails 1 buildError kiln build --call=check,format=json .
	equals '"lint violation found for rules: StageNameCasing"' "$(jq .buildError.message <<<"$output")"
	sed -i '1s/.*/# check=skip=StageNameCasing;error=true/' Dockerfile
	succeeds kiln build .
	sed -i '1s/.*/# check=skp=X/' Dockerfile
	fails 1 "invalid check option 'skp=X'" kiln build .
}

@test "--call: outline, targets, describe, and what is none of them" {
	cat >Dockerfile <<-'EOF'
		# BASE is what it stands on
		ARG BASE=debian:12
		ARG UNUSED
		# tools compiles
		FROM $BASE AS tools
		# V is the version
		ARG V=1
		RUN --mount=type=secret,id=tok,required --mount=type=cache,target=/c --mount=type=ssh true
		FROM scratch
		COPY --from=tools /a /b
	EOF
	succeeds kiln build --call targets .
	equals 'TARGET      DESCRIPTION
tools       compiles
(default)' "$output"
	succeeds kiln build --call=targets,format=json .
	equals 'tools debian' "$(jq -r '.targets[0] | "\(.name) " + (.base | sub("[$]BASE"; "debian"))' <<<"$output")"
	equals true "$(jq .targets[1].default <<<"$output")"
	jq -j '.sources[0] | @base64d' <<<"$output" | cmp - Dockerfile
	succeeds kiln build --call=outline,format=json --build-arg V=2 .
	equals 'BASE=debian:12 V=2' "$(jq -r '[.args[] | "\(.name)=\(.value)"] | join(" ")' <<<"$output")"
	equals '"tok" true "default" "/c"' "$(jq -c '.secrets[0].name, .secrets[0].required, .ssh[0].name,
		.cache[0].ID' <<<"$output" | tr '\n' ' ' | sed 's/ $//')"
	jq -j '.sources[0] | @base64d' <<<"$output" | cmp - Dockerfile
	succeeds kiln build --call outline --target tools .
	says 'TARGET:        tools'
	says 'V           1           is the version'
	succeeds kiln build --call subrequests.describe .
	says 'List all targets current build supports'
	fails 2 "did you mean 'outline'" kiln build --call outlin .
	fails 2 'format is text or json' kiln build --call check,format=xml .
}

@test "--call outline: values are expanded, what they need is listed too, in the order of lines" {
	cat >Dockerfile <<-'EOF'
		ARG inherited=box
		ARG inherited2=box2
		ARG unused=abc${inherited2}
		# sfx is a suffix
		ARG sfx="usy${inherited}"

		FROM b${sfx} AS first
		ARG FOO=123
		# BAR is a number
		ARG BAR=456
		RUN --mount=type=secret,target=/etc/passwd,required=true --mount=type=ssh true

		FROM alpine${unused} AS second
		ARG BAZ

		FROM scratch AS third
		ARG ABC=a TARGETARCH BAR
		RUN --mount=type=secret,id=second${BAR} true

		# target defines build target
		FROM third AS target
		ARG BAR sfx
		COPY --from=first /etc/passwd /
		RUN --mount=type=ssh,id=ssh3,required true
	EOF
	succeeds kiln build --call=outline,format=json --build-arg BAR=678 --target target .
	equals '1 inherited=box
5 sfx=usybox
8 FOO=123
17 ABC=a
22 BAR=678' "$(jq -r '.args[] | "\(.location.ranges[0].start.line) \(.name)=\(.value)"' <<<"$output")"
	equals 'is a suffix' "$(jq -r '[.args[].description | values] | join("|")' <<<"$output")"
	equals 'passwd true second678 null' "$(jq -r '[.secrets[] | "\(.name) \(.required)"] | join(" ")' <<<"$output")"
	equals 'default null ssh3 true' "$(jq -r '[.ssh[] | "\(.name) \(.required)"] | join(" ")' <<<"$output")"
	# A value that was given needs nothing.
	succeeds kiln build --call=outline,format=json --build-arg sfx=x --target first .
	equals 'sfx=x FOO=123 BAR=456' "$(jq -r '[.args[] | "\(.name)=\(.value)"] | join(" ")' <<<"$output")"
	equals 'is a suffix|is a number' "$(jq -r '[.args[].description | values] | join("|")' <<<"$output")"
	# What a name was before it is made from itself counts as well.
	printf '%s\n' 'ARG A=1' 'ARG B=2' 'ARG NONE=3' 'ARG A=$A$B' 'ARG C=${A}c' 'ARG A=$A$C' 'FROM scratch' 'ARG A' >Dockerfile
	succeeds kiln build --call=outline,format=json .
	equals 'B=2 C=12c A=1212c' "$(jq -r '[.args[] | "\(.name)=\(.value)"] | join(" ")' <<<"$output")"
}

@test "--format ast prints one object a line for each instruction" {
	cat >Dockerfile <<-'EOF'
		ARG V="1 2"
		FROM --platform=$X a AS b
		RUN echo "a b" \
		  && c
		ENV A="b c" D=$E
		CMD ["x", "y z"]
		COPY --chmod=755 <<-"ONE" <<TWO /d/
			one $x
		ONE
		two
		TWO
		ONBUILD RUN make
	EOF
	succeeds kiln check --format ast Dockerfile
	equals 7 "$(jq -c . <<<"$output" | wc -l)" objects
	equals '{"cmd":"run","line":3,"end_line":4,"flags":[],"args":["echo \"a b\"   && c"],"json":false,"heredocs":[],"inner":null}' \
		"$(sed -n 3p <<<"$output")"
	equals '["A","\"b c\"","D","$E"]' "$(sed -n 4p <<<"$output" | jq -c .args)"
	equals 'true ["x","y z"]' "$(sed -n 5p <<<"$output" | jq -cr '"\(.json) \(.args)"')"
	equals '[{"name":"ONE","content":"one $x\n","expand":false,"chomp":true},{"name":"TWO","content":"two\n","expand":true,"chomp":false}]' \
		"$(sed -n 6p <<<"$output" | jq -c .heredocs)"
	equals '"run" ["make"]' "$(sed -n 7p <<<"$output" | jq -c '.inner.cmd, .inner.args' | tr '\n' ' ' | sed 's/ $//')"
	echo 'COPY a' >>Dockerfile
	fails 1 'Dockerfile:13:1' kiln check --format ast Dockerfile
	equals '' "$output"
}

@test "frontends: the language itself by any of its names, others refused by name" {
	local name
	for name in docker/dockerfile docker/dockerfile:1 docker/dockerfile:1.7-labs docker.io/docker/dockerfile:1.12.0 \
		docker/dockerfile-upstream:master docker/dockerfile:labs dockerfile.v0 \
		docker/dockerfile:1@sha256:0123456789012345678901234567890123456789012345678901234567890123; do
		printf '# syntax=%s\nFROM scratch AS x\n' "$name" >Dockerfile
		succeeds kiln check
		equals 'Check complete, no warnings found.' "$output" "$name"
	done
	printf '#!/usr/bin/env x\n# syntax = example.com/other:2 with=args\nFROM scratch AS x\n' >Dockerfile
	fails 1 "the frontend image 'example.com/other:2' would read this file" kiln check
	says 'Dockerfile:2:12'
	fails 1 "frontend image 'example.com/other:2'" kiln build .
	succeeds kiln build --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1 .
	printf '// syntax=a/b\nFROM scratch AS x\n' >Dockerfile
	fails 1 "frontend image 'a/b'" kiln check
	printf '{"syntax": "c/d", "x": 1}\n' >Dockerfile
	fails 1 "frontend image 'c/d'" kiln check
	printf '# syntax=docker/dockerfile:2\nFROM scratch AS x\n' >Dockerfile
	fails 1 "does not know version '2'" kiln check
	printf 'FROM scratch AS x\n' >Dockerfile
	fails 1 "frontend image 'e/f'" kiln check --build-arg BUILDKIT_SYNTAX=e/f
}

@test "a build tells the first five hundred warnings, and how many more there are" {
	{
		echo 'FROM scratch'
		yes 'ENV A b' | head -n 600
	} >Dockerfile
	succeeds kiln build --dry-run --progress plain .
	equals 500 "$(grep -c 'WARNING: LegacyKeyValueFormat' <<<"$output$stderr")"
	says 'and 100 more warnings from here on'
	fails 1 'and 100 more' kiln check
}

@test "300 lines are checked in under 10 ms" {
	{
		echo 'FROM debian:12 AS build'
		for i in $(seq 1 75); do
			printf 'ENV V%d=$PATH\nRUN apt-get update && \\\n  make step-%d\nCOPY src/%d /src/%d\n' "$i" "$i" "$i" "$i"
		done
	} >Dockerfile
	# Processor time, the best of many: what the machine does besides is not kiln's.
	run python3 - "$KILN" <<-'END'
		import os, resource, subprocess, sys
		best = 1.0
		for _ in range(20):
		    before = resource.getrusage(resource.RUSAGE_CHILDREN)
		    subprocess.run([sys.argv[1], "check"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
		    after = resource.getrusage(resource.RUSAGE_CHILDREN)
		    best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
		print(f"{best * 1000:.1f} ms")
		sys.exit(best >= 0.010)
	END
	# A sanitizer's start takes longer than all of this.
	[[ $(nm -D "$KILN" 2>/dev/null) != *__asan* ]] || skip "a sanitizer's start-up is not kiln's"
	[ "$status" -eq 0 ] || explain "took $output"
}
