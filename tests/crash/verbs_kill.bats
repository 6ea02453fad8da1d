#!/usr/bin/env bats
# kill -9 in the middle of each verb of a working container: what is there afterwards is what was there
# before, or what the verb makes; the store is sound, and the next command works.
# shellcheck disable=SC2154,SC2016 # what lib/kiln.bash sets; text for the shell in a container
bats_require_minimum_version 1.5.0

load ../lib/kiln
load ../lib/busybox

setup() {
	busybox_context
	export KILN_ROOT=$BATS_TEST_TMPDIR/store
}

# Kills a verb after a while, which grows from try to try until it has ended by itself.
kill_in() { # ARGS...
	local pid delay
	for delay in 0.002 0.004 0.007 0.01 0.015 0.02 0.03 0.05 0.1; do
		"$KILN" "$@" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
		pid=$!
		timeout --signal=KILL "$delay" tail --pid=$pid -f /dev/null 2>/dev/null || true
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		succeeds kiln fsck
	done
}

@test "each verb, killed at some moment, leaves a container and a store that work" {
	local flag c
	head -c 3000000 /dev/urandom >big
	for flag in --layers=false --layers; do
		c=of${flag//[!a-z]/}
		succeeds kiln from -q --name "$c" "$img"
		succeeds kiln run "$flag" "$c" sh -c 'echo kept >/kept'
		kill_in run "$flag" "$c" sh -c 'echo part >/part; head -c 2000000 /dev/zero >/zeros'
		kill_in copy -q "$flag" "$c" big /big
		kill_in config --env A=b "$c"
		kill_in commit -q "$c" "killed:$c"
		kill_in diff "$c"
		kill_in from -q "$img"
		succeeds kiln run "$flag" "$c" cat /kept
		equals kept "$output"
		succeeds kiln copy -q "$flag" "$c" big /last
		succeeds kiln commit -q "$c" "oci:whole-$c:x"
		valid_image "whole-$c"
		tree_of "whole-$c" | grep -q last
		tree_of "whole-$c" | grep -q kept
		kill_in rm "$c"
	done
	succeeds kiln rm -a
	succeeds kiln fsck
	succeeds kiln prune -af
	succeeds kiln from -q "$img"
}

@test "removed while it is mounted: the mount is gone with it, and a shell in it finds nothing" {
	need_root
	succeeds kiln from -q --name m "$img"
	succeeds kiln mount m
	where=$output
	[ -d "$where/bin" ]
	succeeds kiln rm m
	[ ! -e "$where/bin" ]
	run ! mountpoint -q "$where"
	fails 1 'container not known' kiln mount m
	fails 1 'container not known' kiln umount m
	succeeds kiln fsck
}

@test "ids cut short, ambiguous, and names that exist" {
	local ids i
	for i in {1..20}; do
		succeeds kiln from -q --name "n$i" scratch
	done
	# Of 20 ids two begin with the same digit.
	succeeds kiln containers -q
	ids=$output
	i=$(cut -c1 <<<"$ids" | sort | uniq -d | head -1)
	fails 1 'several containers begin with' kiln run "$i" true
	i=$(head -1 <<<"$ids")
	succeeds kiln config --env A=b "${i:0:20}"
	succeeds kiln rename "${i:0:20}" renamed
	fails 1 'is already in use by' kiln rename n2 renamed
	fails 1 'is already in use by' kiln from -q --name n2 scratch
	# A name wins over an id that begins so.
	i=$(tail -1 <<<"$ids")
	succeeds kiln rename n3 "${i:0:20}"
	succeeds kiln rm "${i:0:20}"
	succeeds kiln containers -q
	grep -q "$i" <<<"$output"
}
