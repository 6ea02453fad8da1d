#!/usr/bin/env bats
# kiln's own image for another architecture (make image PLATFORM=linux/arm64), without compiling it:
# its stages are planned and checked, so that a change of image/Dockerfile that would have an arm64
# program run here, or an image of the wrong architecture, is found. tests/proof/image.bats builds it.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup() {
	context
	ARGUMENTS=(--build-arg BASE=scratch --build-arg "BUILD_BASE=$(image_ref busybox)" --build-arg PACKAGES=ready)
}

teardown() {
	kiln_teardown
}

@test "the image for arm64: what runs is this machine's, and what comes out is not" {
	local target kind
	for target in executor debug warmer executor-nonroot debug-nonroot; do
		for kind in compile given; do
			succeeds kiln kaniko --dryrun --context "$REPO" --dockerfile "$REPO/image/Dockerfile" \
				--custom-platform linux/arm64 --target "$target" --build-arg "COMPILED=$kind" "${ARGUMENTS[@]}"
			says_not "WARN"
			# "stage NAME: PLATFORM from ...", and its steps behind it.
			awk '/^stage / { stage = $2; platform = ($3 == "(target):") ? $4 : $3 }
				/^  \[.*\] RUN / { print stage, platform }' <<<"$output" >runs
			grep -q '^files: ' runs
			! grep -v ' linux/amd64$' runs || explain "a step of $target is not this machine's"
			grep -q "^stage $target (target): linux/arm64 " <<<"$output" || explain "$target is not arm64's"
			sed -n "/^stage $target (target)/,\$p" <<<"$output" | grep -q '"architecture":"arm64"'
		done
	done
}

@test "image/Dockerfile has nothing to be told of, on either architecture" {
	local arch
	for arch in amd64 arm64; do
		succeeds kiln build --check -f "$REPO/image/Dockerfile" --platform "linux/$arch" "${ARGUMENTS[@]}" "$REPO"
		says "no warnings"
	done
	# What compiles for it, and what it is laid out by.
	succeeds "$REPO/tools/setup" --list build@arm64
	says gcc-aarch64-linux-gnu
	for script in compile collect; do
		sh -n "$REPO/image/$script"
	done
}
