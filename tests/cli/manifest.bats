#!/usr/bin/env bats
# kiln manifest: a list of images for several platforms, made by hand and pushed.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	registry_start plain
	context
	printf 'FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /\nLABEL arch=$TARGETARCH\n' >Dockerfile
	export KILN_ROOT=$BATS_FILE_TMPDIR/root REGISTRY
	"$KILN" build -q --platform linux/amd64 -t app:amd64 .
	"$KILN" build -q --platform linux/arm64 -t app:arm64 .
	AMD=$("$KILN" inspect -f '{{.Digest}}' app:amd64)
	ARM=$("$KILN" inspect -f '{{.Digest}}' app:arm64)
	export AMD ARM
}

teardown_file() {
	registries_stop
}

teardown() {
	"$KILN" manifest rm list:1 >/dev/null 2>&1 || true
	kiln_teardown
}

listed() { # what the list says, a line an image
	"$KILN" manifest inspect list:1 | jq -r '.manifests[] | "\(.digest) \(.platform.os)/\(.platform.architecture)\(.platform.variant // "" | if . == "" then . else "/" + . end)"'
}

@test "create, add, annotate and remove change what is listed" {
	succeeds kiln manifest create list:1
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	equals "" "$(listed)"
	succeeds kiln manifest add list:1 app:amd64
	[[ $output == *": $AMD" ]]
	succeeds kiln manifest add list:1 app:arm64
	equals "$AMD linux/amd64"$'\n'"$ARM linux/arm64" "$(listed)"
	succeeds kiln manifest add list:1 app:arm64
	equals 2 "$(listed | wc -l)" "an image is listed once"
	succeeds kiln manifest annotate --variant v9 --annotation a=b list:1 "$ARM"
	equals "$ARM linux/arm64/v9" "$(listed | tail -n 1)"
	equals b "$("$KILN" manifest inspect list:1 | jq -r '.manifests[1].annotations.a')"
	succeeds kiln manifest annotate --index --annotation c=d list:1
	equals d "$("$KILN" manifest inspect list:1 | jq -r .annotations.c)"
	succeeds kiln manifest remove list:1 "$AMD"
	equals 1 "$(listed | wc -l)"
	succeeds kiln fsck
}

@test "a list is pushed with its images, and read by others" {
	succeeds kiln manifest create list:1 app:amd64 app:arm64
	succeeds kiln manifest push --insecure-registry "$REGISTRY" --digestfile digest list:1 "docker://$REGISTRY/list:1"
	equals "$(cat digest)" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/list:1" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	equals arm64 "$(skopeo --override-arch arm64 inspect --tls-verify=false --format '{{.Labels.arch}}' "docker://$REGISTRY/list:1")"
	succeeds kiln manifest inspect --insecure-registry "$REGISTRY" "$REGISTRY/list:1"
	equals 2 "$(jq '.manifests | length' <<<"$output")"
	# From the registry into another list.
	succeeds kiln manifest rm list:1
	succeeds kiln manifest create --insecure-registry "$REGISTRY" --all list:1 "docker://$REGISTRY/list:1"
	equals "$AMD linux/amd64"$'\n'"$ARM linux/arm64" "$(listed)"
	succeeds kiln manifest push --rm list:1 "oci:$BATS_TEST_TMPDIR/layout:x"
	valid_image "$BATS_TEST_TMPDIR/layout"
	fails 1 "there is no manifest list" kiln manifest exists list:1
}

@test "what is there, what is not, and what is no list" {
	succeeds kiln manifest create list:1
	succeeds kiln manifest exists list:1
	fails 1 "already in use" kiln manifest create list:1
	succeeds kiln manifest create --amend list:1 app:amd64
	equals 1 "$(listed | wc -l)"
	succeeds kiln manifest create --replace list:1
	equals 0 "$(listed | wc -l)"
	fails 1 "is an image, not a manifest list" kiln manifest add app:amd64 app:arm64
	fails 1 "image not known" kiln manifest add no/such:list app:amd64
	fails 1 "there is no 'sha256:" kiln manifest remove list:1 "$AMD"
	fails 1 "" kiln manifest add list:1 oci:/no/such
	fails 2 "there are: add, annotate, create" kiln manifest make list:1
	fails 2 "is not there yet" kiln manifest add --artifact list:1 file
}
