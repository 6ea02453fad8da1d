#!/usr/bin/env bats
# Care of the disk: what may go and what must stay, by whom it is asked, and what images cost.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup() {
	context
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		ARG SIZE=1000000
		RUN head -c \$SIZE /dev/urandom >/noise
	END
}

store_bytes() {
	kiln info --format json | jq .Store.Bytes
}

disk() { # JQ-FILTER
	kiln info --disk --format json | jq -r "$1"
}

@test "filters choose by kind and by age" {
	succeeds kiln build -q -t app .
	fails 2 "there is no type 'nothing' here" kiln prune --filter type=nothing
	says "blobs, cache"
	fails 2 "'label' is not known" kiln prune --filter label=x
	fails 2 "is not NAME=VALUE" kiln prune --filter until
	fails 2 "is in the future" kiln prune --filter until=2999-01-01T00:00:00Z
	fails 2 "negative" kiln prune --keep-duration -1h
	succeeds kiln prune --filter type=cache --filter until=1h
	says "freed 0B"
	succeeds kiln prune --filter type=history --filter type=digests
	says "history of builds"
	says_not "build cache"
	succeeds kiln prune --filter type=cache
	says "build cache"
	succeeds kiln inspect app
	# --images beside a type: that type, and images with a name.
	succeeds kiln prune --images --filter type=blobs
	fails 1 "no image 'app'" kiln inspect app
}

@test "bounds: it stops when the store is small enough, or enough is free" {
	succeeds kiln build -q .
	succeeds kiln build -q --build-arg SIZE=1100000 .
	before=$(store_bytes)
	succeeds kiln prune --min-free-space 1
	says_not "build cache"
	for flag in --keep --keep-storage --max-used-space --reserved-space; do
		succeeds kiln prune "$flag" "$((before * 2))" --dry-run
		says_not "build cache"
		succeeds kiln prune "$flag" 1000 --dry-run
		says "build cache"
	done
	succeeds kiln prune --min-free-space 999t
	says "build cache"
	[ "$(store_bytes)" -lt "$before" ]
}

@test "info --disk tells what an image costs alone, and what it shares" {
	succeeds kiln build -q -t one .
	succeeds kiln build -q -t two --build-arg SIZE=2000000 .
	succeeds kiln info --disk
	says "docker.io/library/one:latest"
	says "free on its disk"
	image() { disk ".Images[] | select(.Names[0] == \"docker.io/library/$1:latest\") | .$2"; }
	# Noise does not compress: a layer of 1 MB and one of 2 MB; the base is shared.
	[ "$(image one Own)" -gt 1000000 ] && [ "$(image one Own)" -lt 1100000 ]
	[ "$(image two Own)" -gt 2000000 ] && [ "$(image two Own)" -lt 2100000 ]
	equals "$(image one Shared)" "$(image two Shared)"
	[ "$(image one Shared)" -gt 100000 ]
	[ "$(image one OwnUnpacked)" -ge 1000000 ]
	own=$(image two Own)
	bytes=$(disk .ImageBytes)
	[ "$bytes" -ge $((own + $(image one Own) + $(image one Shared))) ]
	# What was shared is the other's own, when one is gone.
	succeeds kiln rmi two
	succeeds kiln prune
	[ "$(image one Shared)" -eq 0 ]
	[ "$(image one Own)" -gt 1100000 ]
}

@test "a build that ends prunes down to the configured bound, and keeps what it used" {
	export KILN_GC_MAX_USED_SPACE=4m
	for i in 1 2 3 4; do
		succeeds kiln build -q -o type=local,dest="$BATS_TEST_TMPDIR/out" --build-arg SIZE=$((1500000 + i)) .
	done
	# The last build's layer and the base stay; those before went.
	succeeds kiln build -q --explain -o type=local,dest="$BATS_TEST_TMPDIR/out" --build-arg SIZE=1500004 .
	says "1 of 1 steps cached"
	succeeds kiln build -q --explain -o type=local,dest="$BATS_TEST_TMPDIR/out" --build-arg SIZE=1500001 .
	says "not in the store any more"
	# What is younger than gc-keep-duration stays, whatever the bound.
	export KILN_GC_KEEP_DURATION=1h
	succeeds kiln build -q -o type=local,dest="$BATS_TEST_TMPDIR/out" --build-arg SIZE=1500009 .
	succeeds kiln build -q --explain -o type=local,dest="$BATS_TEST_TMPDIR/out" --build-arg SIZE=1500001 .
	says "1 of 1 steps cached"
	KILN_GC_MAX_USED_SPACE=much fails 125 "KILN_GC_MAX_USED_SPACE" kiln build .
}

@test "prune during builds takes nothing that they use" {
	succeeds kiln build -q -t app .
	printf 'COPY Dockerfile /d\nRUN wc -c /noise /d >/out\n' >>Dockerfile
	: >"$BATS_TEST_TMPDIR/go"
	(while [ -e "$BATS_TEST_TMPDIR/go" ]; do
		kiln prune --all -q || exit 1
	done) 3>&- &
	pruner=$!
	for i in $(seq 6); do
		capture kiln build -q -t "app$i" --build-arg SIZE=$((50000 + i % 3)) .
		[ "$status" -eq 0 ] || break
	done
	rm "$BATS_TEST_TMPDIR/go"
	wait "$pruner" || explain "prune failed"
	[ "$status" -eq 0 ] || explain "a build failed"
	for i in $(seq 6); do
		succeeds kiln inspect "app$i"
	done
	succeeds kiln fsck
}
