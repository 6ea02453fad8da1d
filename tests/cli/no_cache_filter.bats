#!/usr/bin/env bats
# build --no-cache-filter: the steps of the named stages run again, all others come from the cache.
# shellcheck disable=SC2154 # status, output and stderr are the helpers'
load ../lib/kiln

setup_file() {
	KILN_ROOT=$BATS_FILE_TMPDIR/store
	export KILN_ROOT
	mkdir -p "$BATS_FILE_TMPDIR/context"
	cd "$BATS_FILE_TMPDIR/context" || return 1
	echo a >a
	printf 'FROM scratch AS one\nCOPY a /one\nFROM scratch AS two\nCOPY a /two\nFROM scratch\nCOPY --from=one / /\nCOPY --from=two / /\n' >Dockerfile
	kiln build --progress quiet . >/dev/null
}

setup() {
	cd "$BATS_FILE_TMPDIR/context" || return 1
}

# "STEP cached" or "STEP ran", by what the plain progress of the last build says.
how() {
	local number
	number=$(sed -nE "s|^(#[0-9]+) \\[$1\\].*|\\1|p" <<<"$stderr" | head -n1)
	grep -qx "$number CACHED" <<<"$stderr" && echo "$1 cached" || echo "$1 ran"
}

@test "only the named stages run again" {
	succeeds kiln build --progress plain --no-cache-filter=two .
	says "[two 1/1] COPY a /two"
	equals "two 1/1 ran" "$(how "two 1/1")"
	equals "stage-2 1/2 cached" "$(how "stage-2 1/2")"
	succeeds kiln build --progress plain --no-cache-filter one,TWO .
	equals "one 1/1 ran" "$(how "one 1/1")"
	equals "two 1/1 ran" "$(how "two 1/1")"
	succeeds kiln build --progress plain --no-cache-filter 2 .
	equals "stage-2 1/2 ran" "$(how "stage-2 1/2")"
	succeeds kiln build --progress plain .
	equals "stage-2 1/2 cached" "$(how "stage-2 1/2")"
	equals "stage-2 2/2 cached" "$(how "stage-2 2/2")"
}

@test "what a named stage makes is what others copy and see" {
	local first
	mkdir -p "$BATS_TEST_TMPDIR/c"
	cd "$BATS_TEST_TMPDIR/c"
	printf '%s\n' "FROM $(image_ref busybox) AS base" 'RUN head -c 16 /dev/urandom | sha256sum >/u' 'FROM base AS one' \
		"FROM $(image_ref busybox) AS two" 'RUN --mount=from=one,target=/m cp /m/u /seen' 'FROM scratch' \
		'COPY --from=one /u /' 'COPY --from=two /seen /' >Dockerfile
	made() { # ARGS...
		rm -rf out
		succeeds kiln build --progress plain -o out "$@" .
		equals "$(cat out/u)" "$(cat out/seen)" "$*"
	}
	made
	first=$(cat out/u)
	made
	equals "$first" "$(cat out/u)"
	made --no-cache-filter base
	[ "$first" != "$(cat out/u)" ]
	first=$(cat out/u)
	made
	equals "$first" "$(cat out/u)"
}

@test "a name that is no stage is refused, with the nearest" {
	fails 1 "stage 'twe' is not in" kiln build --no-cache-filter=twe .
	says "did you mean 'two'?"
	fails 1 "--no-cache-filter" kiln build --no-cache-filter=7 .
}
