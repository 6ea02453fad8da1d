#!/usr/bin/env bats
# COPY --link: a layer of its own, which neither reads what is below nor runs again for it.
# Spec: Dockerfile reference, "COPY --link": "benefits of using --link".
# shellcheck disable=SC2016,SC2154 # dollars are the Dockerfile's
load ../lib/kiln

setup() {
	registry_start plain
	registry_put base:1 busybox
	proxy_start "$REGISTRY"
	KIND=$(a_user)
	export KILN_USERS_DIR=$BATS_TEST_TMPDIR/users
	context
	echo one >one
	printf 'ARG TAG\nARG HOST\nFROM $HOST/base:$TAG\nCOPY --link one /opt/one\nCOPY --link --chmod=0600 one /two\n' >Dockerfile
	BASE=$("$RIG_LIB/oci.py" layers "$(image busybox)/oci" | awk '{print $2; exit}')
}

teardown() {
	kiln_teardown
}

build() { # TAG
	kiln_as "$KIND" build --progress plain --build-arg HOST="$PROXY" --build-arg TAG="$1" \
		--insecure-registry "$PROXY" -t "$PROXY/app:$1" --push .
}

# The base once more with a layer on top: another base for the same steps.
rebase() {
	printf 'FROM %s\nRUN echo new >/new\n' "$REGISTRY/base:1" >base.Dockerfile
	succeeds kiln_as "$KIND" build -f base.Dockerfile --insecure-registry "$REGISTRY" -t "$REGISTRY/base:2" --push .
	rm -rf "$BATS_TEST_TMPDIR/users/store"
}

layers_pulled() {
	requests GET "/v2/base/blobs/$BASE"
}

@test "the base of linked copies is never pulled" {
	succeeds build 1
	equals 0 "$(layers_pulled)" "pulls of the base's layer"
	registry_get "$REGISTRY/app:1" got
	valid_image got
	equals 2 "$("$RIG_LIB/oci.py" list got | grep -cE '^file 0(644|600) 0:0 /(opt/one|two)( |$)')"
}

@test "on another base the linked layers are reused, and still nothing is pulled" {
	local before
	rebase
	succeeds build 1
	registry_get "$REGISTRY/app:1" got
	before=$("$RIG_LIB/oci.py" layers got | tail -n 2)
	requests_forget
	succeeds build 2
	[ "$(grep -c ' CACHED$' <<<"$stderr")" -ge 2 ]
	equals 0 "$(requests GET '/blobs/uploads/')"
	equals 0 "$(layers_pulled)" "pulls of the base's layer"
	registry_get "$REGISTRY/app:2" got2
	valid_image got2
	equals "$before" "$("$RIG_LIB/oci.py" layers got2 | tail -n 2)"
}
