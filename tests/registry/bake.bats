#!/usr/bin/env bats
# executor bake: the images of a bakefile from one Dockerfile.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup() {
	context
	export HOME=$BATS_TEST_TMPDIR NO_COLOR=1 KILN_ROOT=$BATS_TEST_TMPDIR/store
	ln -s "$KILN" "$BATS_TEST_TMPDIR/executor"
	registry_start plain
	cat >Dockerfile <<-EOF
		FROM $(image_ref busybox) AS base
		ARG WORD=none
		RUN echo once >>/base
		FROM base AS runtime
		RUN echo "\$WORD" >/app
		FROM base AS tool
		RUN ! grep -q fail /etc/passwd && test "\$WORD" != wrong && echo tool >/tool
	EOF
	cat >bake.hcl <<-EOF
		# what is built
		target "app" {
		  target      = "runtime"
		  destination = ["$REGISTRY/app:1", "$REGISTRY/app:2"]
		}
		target "tool" {
		  destination = ["$REGISTRY/tool:1"]
		}
	EOF
}

teardown() {
	kiln_teardown
}

bake() {
	timeout --foreground -s KILL "$KILN_LIMIT" "$BATS_TEST_TMPDIR/executor" bake "$@"
}

tags() { # NAME
	skopeo --insecure-policy list-tags --tls-verify=false "docker://$REGISTRY/$1" | jq -c ".Tags | sort"
}

@test "all targets of a bakefile, one of them, and destinations of the command line" {
	succeeds bake bake.hcl --context . --build-arg WORD=word
	equals '["1","2"] ["1"]' "$(tags app) $(tags tool)"
	# The stage that both have runs once.
	equals 1 "$(grep -c 'INFO\[[0-9]*\] RUN echo once' <<<"$stderr")"
	succeeds bake bake.hcl --context . --set tool.destination="$REGISTRY/other:3" \
		--set tool.destination="$REGISTRY/other:4" tool --tar-path tool.tar
	equals '["3","4"] ["1"]' "$(tags other) $(tags tool)"
	tree_of tool.tar >tree
	grep -w tool tree
	! grep -w app tree || explain "$(cat tree)"
	# Called by its other name, with words before the command's.
	succeeds "$KILN" kaniko bake bake.hcl --context . --no-push --no-push-cache
	# What fails ends it, with its status.
	sed -i 's/fail/root/' Dockerfile
	sed -i 's/RUN echo "/RUN exit 7; echo "/' Dockerfile
	fails 7 "target 'app' was not built" bake bake.hcl --context . --no-push
	says_not "Building target tool"
}

@test "a bakefile's mistakes are told before any step" {
	fails 1 "option '--tar-path' is for one image, and 2 targets are built" bake bake.hcl --context . --tar-path a.tar
	fails 1 "option '--destination' is in the bakefile" bake bake.hcl --context . -d "$REGISTRY/app"
	fails 1 "option '--target' is in the bakefile" bake bake.hcl --context . --target tool
	fails 1 "isolation 'inplace' has one '/'" env KILN_ISOLATION=inplace "$BATS_TEST_TMPDIR/executor" bake bake.hcl --context .
	fails 1 "the context is standard input" bake bake.hcl --context tar://stdin
	fails 1 "there is no target 'x' in 'bake.hcl'" bake bake.hcl x --context .
	fails 1 "option '--set': there is no target 'x'" bake bake.hcl --context . --set x.destination=y
	printf 'target "tool" {}\n' >bake.hcl
	fails 1 "target 'tool' has no destination" bake bake.hcl --context .
	printf 'target "tool" {\n tags = ["a"]\n}\n' >bake.hcl
	fails 1 "bake.hcl:2:2: 'tags' of target 'tool' is not known" bake bake.hcl --context .
	says "here it is 'destination'"
	fails 1 "read the bakefile 'none'" bake none --context .
	says_not INFO
}
