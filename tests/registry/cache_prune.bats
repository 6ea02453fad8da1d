#!/usr/bin/env bats
# kiln cache prune: old records go out of a repository, and nothing else does.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup_file() {
	registry_start plain
	proxy_start "$REGISTRY"
	export REGISTRY
	declare -p SERVER_PIDS >"$BATS_FILE_TMPDIR/servers.pids"
}

teardown_file() {
	# shellcheck disable=SC1091
	source "$BATS_FILE_TMPDIR/servers.pids"
	registries_stop
}

setup() {
	context
	export KILN_INSECURE_REGISTRY=$REGISTRY
	repo=$REGISTRY/cache/$BATS_TEST_NUMBER
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		RUN echo made >/made
		RUN echo more >/more
	END
	succeeds kiln build -q -t "$repo:image" --push --cache-repo "$repo" .
}

tags() {
	curl -sf "http://$REGISTRY/v2/${repo#*/}/tags/list" | jq -r '.tags // [] | .[]' | sort
}

# The records are of this very second: wait until they are of an earlier one.
all_are_old() {
	kiln cache prune --repo "$repo" --older-than 0s --dry-run | grep -q 'would delete \([0-9]*\) of \1 '
}

@test "young records stay, old ones go, images stay" {
	all=$(tags)
	grep -q '^kiln-' <<<"$all"
	succeeds kiln cache prune --repo "$repo" --older-than 1h
	says "deleted 0 of"
	equals "$all" "$(tags)"
	await all_are_old
	equals "$all" "$(tags)"
	succeeds kiln cache prune --repo "$repo" --older-than 0s
	equals image "$(tags)"
	KILN_ROOT=$BATS_TEST_TMPDIR/other succeeds kiln build -q --explain --cache-from type=registry,ref="$repo" .
	says "0 of 2 steps cached"
	succeeds kiln inspect "docker://$repo:image"
}

@test "wrong calls, an empty repository" {
	fails 2 "no 'kiln cache clear'" kiln cache clear
	fails 2 "needs '--repo' and '--older-than'" kiln cache prune --repo "$repo"
	fails 2 "option '--older-than'" kiln cache prune --repo "$repo" --older-than soon
	fails 2 "option '--repo'" kiln cache prune --repo localhost/UPPER --older-than 1h
	fails 1 "none/here" kiln cache prune --repo "$REGISTRY/none/here" --older-than 1h
}

@test "a registry that refuses DELETE: said once, with what to do, and nothing is called deleted" {
	local all status
	all=$(tags)
	await all_are_old
	export KILN_INSECURE_REGISTRY=$REGISTRY,$PROXY
	for status in 405 403; do
		faults "DELETE /manifests/ status=$status"
		requests_forget
		fails 1 "delete '$PROXY/cache/$BATS_TEST_NUMBER:kiln-" kiln cache prune --repo "$PROXY/cache/$BATS_TEST_NUMBER" --older-than 0s
		equals 1 "$(grep -c "delete '" <<<"$stderr")" "messages for $status"
		says_not deleted
		equals '' "$output" "what is said to be gone"
		[ "$(requests DELETE)" -gt 0 ] || explain "nothing was tried"
		equals "$all" "$(tags)"
		[ "$status" != 405 ] || says "retention rules can do it: tags that begin with 'kiln-'"
	done
	faults 'GET /tags/list status=405'
	fails 1 "tags of" kiln cache prune --repo "$PROXY/cache/$BATS_TEST_NUMBER" --older-than 0s
	faults
	kiln cache prune --repo "$PROXY/cache/$BATS_TEST_NUMBER" --older-than 1h | grep -q '^deleted 0 of'
}
