#!/usr/bin/env bats
# A thousand builders at one repository of a registry. They are threads of a unit test, each with a
# client of its own: they read the index, ask for their steps, make what is not there, check the
# bytes of what is, and write the index.
# shellcheck disable=SC2030,SC2031 # what lib/kiln.bash sets; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	server_start registry python3 -u "$RIG_LIB/memory_registry.py"
	export MEMORY=$SERVER_ADDRESS PROGRAM=$BUILD/tests/unit/test_cache_home
	[ -x "$PROGRAM" ]
	registry_start plain
}

teardown_file() {
	kiln_teardown
}

count() {
	curl -sf "http://$MEMORY/count"
}

@test "a thousand builders, one repository of a registry: no error, no wrong hit" {
	local before alone first second
	export KILN_TEST_REGISTRY=$MEMORY/team/cache
	before=$(count)
	timeout 300 "$PROGRAM" >"$BATS_TEST_TMPDIR/log" 2>&1 || explain "$(tail -n 20 "$BATS_TEST_TMPDIR/log")"
	first=$(($(count) - before))
	# Whoever comes when all is there asks for the same, alone or with a thousand others.
	before=$(count)
	KILN_TEST_ONE=1 timeout 60 "$PROGRAM" >"$BATS_TEST_TMPDIR/log" 2>&1 || explain "$(cat "$BATS_TEST_TMPDIR/log")"
	alone=$(($(count) - before))
	before=$(count)
	timeout 300 "$PROGRAM" >"$BATS_TEST_TMPDIR/log" 2>&1 || explain "$(tail -n 20 "$BATS_TEST_TMPDIR/log")"
	second=$(($(count) - before))
	echo "# requests of one builder: $alone; of the first thousand: $first; of the second: $second" >&3
	equals $((alone * 1000)) "$second" "requests of a thousand builders"
	# The first make 42 steps, some of them several times at once.
	[ "$first" -ge "$second" ] && [ "$first" -lt $((second + 1000 * 6)) ]
}

@test "two hundred at Docker's registry, which writes its files in place" {
	export KILN_TEST_REGISTRY=$REGISTRY/team/cache KILN_TEST_BUILDS=8
	timeout 200 "$PROGRAM" >"$BATS_TEST_TMPDIR/log" 2>&1 || explain "$(tail -n 20 "$BATS_TEST_TMPDIR/log")"
}
