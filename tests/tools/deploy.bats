#!/usr/bin/env bats
# The files of deploy/ and docs/kaniko.md say what kiln takes.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup() {
	context
	printf 'FROM scratch\n' >Dockerfile
}

@test "every file of deploy/ has its system's shape, and arguments that kiln takes" {
	succeeds "$REPO/tests/tools/deploy.py" "$REPO/deploy" "$BUILD/tests/unit/kaniko/kaniko_line" "$PWD"
	equals 9 "$(grep -c . <<<"$output")"
}

@test "a file with a wrong argument, an unknown key or a forgotten one is found" {
	cp -r "$REPO/deploy" deploy
	sed -i 's/--destination=/--destnation=/' deploy/kubernetes/job.yaml
	sed -i 's/restartPolicy: Never/restartPolicy: Sometimes/' deploy/kubernetes/pod-userns.yaml
	sed -i 's/drop: \[ALL\]/drop: [CHOWN]/' deploy/kubernetes/pod-restricted.yaml
	touch deploy/more.yaml
	fails 1 "unknown option '--destnation'" "$REPO/tests/tools/deploy.py" deploy \
		"$BUILD/tests/unit/kaniko/kaniko_line" "$PWD"
	says "'Sometimes' is not one of"
	says "keeps capabilities"
	says "more.yaml: nobody checks it"
}

@test "docs/kaniko.md has every flag, and no other" {
	{
		"$KILN" kaniko --help
		"$KILN" kaniko push --help
		"$KILN" kaniko login --help
		"$KILN" warmer --help
	} >help
	grep -oE '^ +(-[a-z], )?--[a-zA-Z-]+' help | grep -oE -- '--[a-zA-Z-]+' >known
	# Hidden ones are in the tables of the source alone.
	grep -ohE '"[a-zA-Z-]+", [a-z_]+, ' "$REPO"/src/kaniko/{flags,globals,cmd_login,cmd_push,warmer}.c |
		sed 's/^"\(.*\)".*/--\1/' >>known
	sort -u known | grep -v -- '^--help$' >wanted
	grep -oE '^\| `[^|]*' "$REPO/docs/kaniko.md" | grep -oE -- '--[a-zA-Z][a-zA-Z-]+' | sort -u >documented
	diff -u wanted documented
}

@test "docs/kaniko.md has every feature flag, and no other" {
	sed -n '/known\[\]/,/};/s/^\t"\(.*\)",$/\1/p' "$REPO/src/kaniko/features.c" >known
	[ "$(wc -l <known)" -gt 40 ]
	sort -cu known
	# shellcheck disable=SC2016 # backticks of a table
	sed -n '/^## Feature flags/,/^## What/s/^| `\([A-Z0-9_]*\)` .*/\1/p' "$REPO/docs/kaniko.md" >documented
	diff -u known documented
}
