#!/usr/bin/env bats
# Which stages of a Dockerfile are built, and what one waits for.
# shellcheck disable=SC2154 # what lib/busybox.bash sets
load ../lib/kiln
load ../lib/busybox

teardown() {
	kiln_teardown
}

buildah() {
	kiln buildah "$@"
}

@test "--skip-unused-stages=false: all stages down to the target are built, under both names" {
	printf 'FROM %s AS one\nRUN echo run-one | tee /one\nFROM %s AS two\nRUN echo run-two\nFROM %s AS three\nRUN echo run-three | tee /three\n' \
		"$img" "$img" "$img" >Dockerfile
	succeeds buildah build --no-cache --target two .
	says run-two
	says_not run-one
	succeeds buildah build --no-cache --skip-unused-stages=false --target two .
	says run-one
	says run-two
	says_not run-three
	succeeds kiln build --no-cache --progress plain .
	says_not run-one
	succeeds kiln build --no-cache --progress plain --skip-unused-stages=false .
	says run-one
	says run-two
	says run-three
	# What they make is no part of the image.
	succeeds buildah build -q -t app --skip-unused-stages=false .
	succeeds buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' app
	equals 2 "$output"
	# One that fails is an error.
	printf 'FROM %s AS one\nRUN exit 3\nFROM %s\n' "$img" "$img" >Dockerfile
	succeeds buildah build -q .
	fails 3 'building at STEP "RUN exit 3"' buildah build -q --skip-unused-stages=false .
}
