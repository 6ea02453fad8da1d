#!/usr/bin/env bats
# kiln warm fills a folder; builds read it and never write to it.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup_file() {
	registry_start plain
	export REGISTRY
	registry_put app/base busybox
	# The proxy counts who asks, and is the registry for all else.
	proxy_start "$REGISTRY"
	export REGISTRY=$PROXY
	ln -s "$KILN" "$BATS_FILE_TMPDIR/buildah"
	ln -s "$KILN" "$BATS_FILE_TMPDIR/executor"
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
	faults
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
	requests_forget
	succeeds kiln build -q -t app --lower-store "$warm" .
	equals 0 "$(requests)" "requests"
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
	faults '* . status=404'
	succeeds kiln build -q -t app --lower-store "$warm" .
	faults
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
	faults '* . status=404'
	requests_forget
	KILN_LOWER_STORE=$warm/a,$warm/b succeeds kiln build -q -t app .
	[ "$(in_store layers)" -le 2 ] || explain "base layers were unpacked again"
}

@test "blobs alone serve as well; a folder that is missing is done without" {
	succeeds kiln warm -q --unpack=false --dir "$warm" "$REGISTRY/app/base"
	equals 0 "$(find "$warm/layers" -mindepth 1 | wc -l)"
	faults '* . status=404'
	succeeds kiln build -q -t app --lower-store "$warm" .
	faults
	succeeds kiln build -q -t app --lower-store "$warm/none" .
	says "warning: '$warm/none' is not used"
}

@test "what a warm folder has damaged or lost comes from the registry, and is told of" {
	local blob layer
	succeeds kiln warm -q --unpack=false --dir "$warm" "$REGISTRY/app/base"
	layer=$(find "$warm/blobs/sha256" -type f -size +100k)
	[ -f "$layer" ]
	cp "$layer" "$BATS_TEST_TMPDIR/whole"
	printf x | dd of="$layer" bs=1 seek=50000 conv=notrunc status=none
	KILN_ROOT=$BATS_TEST_TMPDIR/damaged succeeds kiln build -t app --lower-store "$warm" .
	says "lower store '$warm'"
	says "it is done without"
	equals 1 "$(grep -c 'is done without' <<<"$stderr")" "warnings"
	# The next folder is asked first.
	succeeds kiln warm -q --unpack=false --dir "$warm.2" "$REGISTRY/app/base"
	faults '* . status=404'
	KILN_ROOT=$BATS_TEST_TMPDIR/next \
		succeeds kiln build -t app --lower-store "$warm" --lower-store "$warm.2" .
	says "lower store '$warm'"
	faults
	# A push reads it, too.
	printf 'FROM %s\nLABEL a=b\n' "$REGISTRY/app/base" >other
	KILN_ROOT=$BATS_TEST_TMPDIR/push succeeds kiln build -f other -t "${REGISTRY}/app/pushed" --push \
		--lower-store "$warm" .
	rm "$layer"
	KILN_ROOT=$BATS_TEST_TMPDIR/lost succeeds kiln build -t app --lower-store "$warm" .
	says "lower store '$warm': it has the image and not its blob 'sha256:${layer##*/}'"
	equals 1 "$(grep -c 'is done without' <<<"$stderr")" "warnings"
	# One that never had the image is no reason to warn.
	succeeds kiln warm -q --unpack=false --dir "$warm.3" "$REGISTRY/app/pushed"
	KILN_ROOT=$BATS_TEST_TMPDIR/never succeeds kiln build -t app --lower-store "$warm.3" .
	says_not 'is done without'
	faults 'GET /blobs/ status=404'
	KILN_ROOT=$BATS_TEST_TMPDIR/alone fails 1 'layer 1 of 1' kiln build -q -t app --lower-store "$warm" .
	faults
	# Manifest and config as well.
	cp "$BATS_TEST_TMPDIR/whole" "$layer"
	for blob in "$warm"/blobs/sha256/*; do
		[ "$blob" = "$layer" ] || printf x | dd of="$blob" bs=1 seek=5 conv=notrunc status=none
	done
	KILN_ROOT=$BATS_TEST_TMPDIR/documents succeeds kiln build -t app --lower-store "$warm" .
	says "lower store '$warm'"
}

@test "an unpacked layer that is gone from a warm folder is unpacked again" {
	succeeds kiln warm -q --dir "$warm" "$REGISTRY/app/base"
	rm -rf "$warm"/layers/*
	succeeds kiln build -q -t app --lower-store "$warm" .
	succeeds kiln shell -q -c 'cat /made'
}

@test "an encrypted image of a warm folder is decrypted from there" {
	openssl genrsa -out key 2048 2>/dev/null
	openssl pkey -in key -pubout -out key.pub 2>/dev/null
	succeeds kiln image copy -q --encryption-key jwe:key.pub "docker://$REGISTRY/app/base" "docker://$REGISTRY/app/sealed"
	KILN_ROOT=$warm succeeds kiln image copy -q "docker://$REGISTRY/app/sealed" "$REGISTRY/app/sealed"
	printf 'FROM %s\nRUN echo made >/made && [ -e /bin/sh ]\n' "$REGISTRY/app/sealed" >Dockerfile
	before=$(state "$warm")
	faults '* . status=404'
	fails 1 "missing private key" kiln build -q -t app --lower-store "$warm" .
	succeeds kiln build -q -t app --lower-store "$warm" --decryption-key key .
	equals "$before" "$(state "$warm")"
}

@test "executor and buildah stand on it, too" {
	succeeds kiln warm -q --dir "$warm" "$REGISTRY/app/base"
	export KILN_LOWER_STORE=$warm
	requests_forget
	KILN_ROOT=$BATS_TEST_TMPDIR/a KILN=$BATS_FILE_TMPDIR/buildah succeeds kiln bud -q -t app .
	KILN_ROOT=$BATS_TEST_TMPDIR/b KILN=$BATS_FILE_TMPDIR/executor succeeds kiln --context . --no-push
	equals 0 "$(requests)" "requests"
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

@test "what is no registry's image is warmed for its layers, and has no name" {
	succeeds kiln image copy -q "oci:$(image busybox)/oci:latest" dir:base
	succeeds kiln warm -q --dir "$BATS_TEST_TMPDIR/own" dir:base
	KILN_ROOT=$BATS_TEST_TMPDIR/own succeeds kiln images --format '{{.Name}}'
	equals "" "$output"
	[ -n "$(ls "$BATS_TEST_TMPDIR/own/layers")" ]
}
