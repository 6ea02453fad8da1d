#!/usr/bin/env bats
# kiln warm fills a folder; builds read it and never write to it.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup_file() {
	registry_start plain
	export REGISTRY
	registry_put app/base busybox
	declare -p SERVER_PIDS >"$BATS_FILE_TMPDIR/servers.pids"
}

teardown_file() {
	# shellcheck disable=SC1091
	source "$BATS_FILE_TMPDIR/servers.pids"
	registries_stop
}

setup() {
	context
	warm=$BATS_TEST_TMPDIR/warm
	cat >Dockerfile <<-END
		FROM $REGISTRY/app/base AS build
		RUN echo made >/made
		FROM $REGISTRY/app/base
		COPY --from=build /made /made
	END
	export KILN_INSECURE_REGISTRY=$REGISTRY
}

teardown() {
	! mountpoint -q "$warm" || umount "$warm"
}

# All that a folder holds, with times: what changes it changes this. (SQLite's shared memory has the
# date of its last reader where the folder can be written.)
state() {
	find "$1" ! -name store.db-shm -printf '%p %s %T@ %m %U\n' | sort | sha256sum
}

in_store() { # KIND
	find "$BATS_TEST_TMPDIR/store/$1" -mindepth 1 -maxdepth "${2:-1}" -type "${3:-d}" | wc -l
}

@test "a build stands on a warm folder: nothing is fetched, unpacked or written there" {
	succeeds kiln warm -q --dir "$warm" "$REGISTRY/app/base"
	says "sha256:"
	before=$(state "$warm")
	# No registry is asked: there is none at this name's address any more.
	KILN_REGISTRY_MIRROR="$REGISTRY=127.0.0.1:1" succeeds kiln build -q -t app --lower-store "$warm" .
	succeeds kiln inspect -f '{{.ID}}' app
	equals "$before" "$(state "$warm")"
	# One layer for the RUN, one for the COPY at most; none of the base.
	[ "$(in_store layers)" -le 2 ] || explain "base layers were unpacked again"
	succeeds kiln build -q -o type=local,dest="$BATS_TEST_TMPDIR/out" --lower-store "$warm" .
	equals made "$(cat "$BATS_TEST_TMPDIR/out/made")"
	[ -e "$BATS_TEST_TMPDIR/out/bin/sh" ]
	succeeds kiln fsck
	KILN_ROOT=$warm succeeds kiln fsck
}

@test "read-only, and by other machines: an earlier boot" {
	need_root
	succeeds kiln warm -q --dir "$warm" --file Dockerfile
	[ ! -s "$warm/store.db-wal" ]
	mount --bind "$warm" "$warm" && mount -o remount,bind,ro "$warm"
	KILN_REGISTRY_MIRROR="$REGISTRY=127.0.0.1:1" succeeds kiln build -q -t app --lower-store "$warm" .
	[ "$(in_store layers)" -le 2 ] || explain "base layers were unpacked again"
	succeeds kiln shell -q -c 'cat /made'
	equals made "$output"
}

@test "several folders, and the setting" {
	printf 'FROM scratch\nCOPY Dockerfile /\n' >other
	succeeds kiln build -q -f other -t "$REGISTRY/app/other" --push .
	rm -r "$BATS_TEST_TMPDIR/store"
	succeeds kiln warm -q --dir "$warm/a" "$REGISTRY/app/other"
	succeeds kiln warm -q --dir "$warm/b" "$REGISTRY/app/base"
	KILN_LOWER_STORE=$warm/a,$warm/b KILN_REGISTRY_MIRROR="$REGISTRY=127.0.0.1:1" \
		succeeds kiln build -q -t app .
	[ "$(in_store layers)" -le 2 ] || explain "base layers were unpacked again"
}

@test "blobs alone serve as well; what is missing or broken is done without" {
	succeeds kiln warm -q --unpack=false --dir "$warm" "$REGISTRY/app/base"
	equals 0 "$(find "$warm/layers" -mindepth 1 | wc -l)"
	KILN_REGISTRY_MIRROR="$REGISTRY=127.0.0.1:1" succeeds kiln build -q -t app --lower-store "$warm" .
	succeeds kiln build -q -t app --lower-store "$warm/none" .
	says "warning: '$warm/none' is not used"
	# A damaged blob is found when it is read.
	for blob in "$warm"/blobs/sha256/*; do
		[ "$(stat -c %s "$blob")" -lt 100000 ] || printf x | dd of="$blob" bs=1 seek=50000 conv=notrunc status=none
	done
	KILN_ROOT=$BATS_TEST_TMPDIR/fresh fails 1 "layer 1 of 1" kiln build -q -t app --lower-store "$warm" .
}

@test "again it fetches what is new; wrong calls are refused" {
	succeeds kiln warm -q --dir "$warm" "$REGISTRY/app/base"
	first=$output
	succeeds kiln warm -q --dir "$warm" "$REGISTRY/app/base"
	equals "$first" "$output"
	fails 2 "which folder" kiln warm "$REGISTRY/app/base"
	fails 2 "what to fetch" kiln warm --dir "$warm"
	fails 1 "$REGISTRY/app/none" kiln warm -q --dir "$warm" "$REGISTRY/app/none"
}
