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
	says "[two 2/2] COPY a /two"
	equals "two 2/2 ran" "$(how "two 2/2")"
	equals "stage-2 2/3 cached" "$(how "stage-2 2/3")"
	succeeds kiln build --progress plain --no-cache-filter one,TWO .
	equals "one 2/2 ran" "$(how "one 2/2")"
	equals "two 2/2 ran" "$(how "two 2/2")"
	succeeds kiln build --progress plain --no-cache-filter 2 .
	equals "stage-2 2/3 ran" "$(how "stage-2 2/3")"
	succeeds kiln build --progress plain .
	equals "stage-2 2/3 cached" "$(how "stage-2 2/3")"
	equals "stage-2 3/3 cached" "$(how "stage-2 3/3")"
}

@test "a name that is no stage is refused, with the nearest" {
	fails 1 "stage 'twe' is not in" kiln build --no-cache-filter=twe .
	says "did you mean 'two'?"
	fails 1 "--no-cache-filter" kiln build --no-cache-filter=7 .
}
