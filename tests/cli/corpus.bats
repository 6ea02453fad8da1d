#!/usr/bin/env bats
# Real Dockerfiles, in the shapes that official images and popular projects have (tests/corpus/, each
# with the address of what it was written after): they parse, plan and check without error, with no
# base image at hand. tests/proof/corpus.bats builds those that can be built. Files called parser-* are
# shapes of BuildKit's own parser tests.
#
# tests/corpus/expected has one line a file: instructions, stages, and what BuildKit's rules say. To
# renew it after a change that is meant:  UPDATE=1 bats tests/cli/corpus.bats
load ../lib/kiln

CORPUS=$REPO/tests/corpus

# Shapes that only a parser takes: their quotes do not close once words are expanded.
parses_only() {
	[[ $1 == parser-env || $1 == parser-escapes ]]
}

describe() { # FILE
	local ast checks
	ast=$("$KILN" check --format ast "$1") || return
	checks=$("$KILN" check --buildkit-only --format json "$1" 2>/dev/null) || true
	printf '%s: %s instructions, %s stages: %s\n' "$(basename "$1" .Dockerfile)" "$(wc -l <<<"$ast")" \
		"$(grep -c '"cmd":"from"' <<<"$ast")" \
		"$(jq -r '[.warnings[].ruleName] | group_by(.) | map("\(.[0]) \(length)") | join(", ")' <<<"$checks")"
}

@test "every file names what it was written after" {
	local file
	(($(find "$CORPUS" -name '*.Dockerfile' ! -name 'parser-*' | wc -l) >= 40))
	for file in "$CORPUS"/*.Dockerfile; do
		grep -q '^# Shape of https://github.com/' "$file" || explain "$file has no address"
	done
}

@test "every file parses, and is checked as expected" {
	local file
	for file in "$CORPUS"/*.Dockerfile; do
		describe "$file" || explain "$file does not parse"
	done >"$BATS_TEST_TMPDIR/got"
	[ -z "${UPDATE:-}" ] || cp "$BATS_TEST_TMPDIR/got" "$CORPUS/expected"
	diff "$CORPUS/expected" "$BATS_TEST_TMPDIR/got" >&2
}

@test "every file is planned for every stage, and its parameters and targets are listed" {
	local file name error
	cd "$BATS_TEST_TMPDIR"
	for file in "$CORPUS"/*.Dockerfile; do
		name=$(basename "$file" .Dockerfile)
		succeeds kiln build --call targets -f "$file" .
		parses_only "$name" && continue
		error=$("$KILN" check --format json "$file" 2>/dev/null | jq -r '.buildError.message // empty')
		[ -z "$error" ] || explain "$name: $error"
		succeeds kiln build --call outline -f "$file" .
	done
}
