#!/usr/bin/env bats
# Cache homes that are no registry: S3, and the cache service of GitHub Actions, played by small
# servers that check what the real ones check.
# shellcheck disable=SC2030,SC2031,SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup() {
	context
	echo one >a
	printf 'FROM %s\nCOPY a /a\nRUN cat /a >/b\nRUN rm /b\nCOPY a /c\n' "$(image_ref busybox)" >Dockerfile
	LOG=$BATS_TEST_TMPDIR/requests
}

teardown() {
	kiln_teardown
}

build() { # STORE OPTION...
	KILN_ROOT=$BATS_TEST_TMPDIR/$1 kiln build --progress plain "${@:2}" \
		-o "type=oci,dest=$BATS_TEST_TMPDIR/$1.tar" .
}

# From the home alone, on an empty disk, the same image without a step.
serves() { # OPTION...
	succeeds build far "$@"
	equals 5 "$(grep -c ' CACHED$' <<<"$stderr")" "cached steps, and the base"
	cmp "$BATS_TEST_TMPDIR/one.tar" "$BATS_TEST_TMPDIR/far.tar"
}

@test "s3: BuildKit's options, signed requests" {
	local s3 options
	server_start s3 "$RIG_LIB/s3_server.py" --bucket cache --key AKID --secret 'se/cret+1' --log "$LOG"
	s3=http://$SERVER_ADDRESS
	options="type=s3,region=eu-x-1,bucket=cache,endpoint_url=$s3,use_path_style=true,prefix=some where/"
	export AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=se/cret+1
	SOURCE_DATE_EPOCH=1 succeeds build one --cache-to "$options,mode=max,name=main"
	export SOURCE_DATE_EPOCH=1
	succeeds build one --cache-to "$options,mode=max,name=main;other"
	says_not 'was not exported'
	serves --cache-from "$options,name=other"
	equals 0 "$(grep -c ' 403$' "$LOG" || true)" "refused requests"
	grep -q 'GET /cache/some%20where/manifests/index/other 200' "$LOG"
	# Credentials by option; wrong ones are a warning.
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	rm -rf "$BATS_TEST_TMPDIR/far"
	serves --cache-from "$options,name=main,access_key_id=AKID,secret_access_key=se/cret+1"
	succeeds build wrong --cache-from "$options,name=main,access_key_id=AKID,secret_access_key=no"
	says 'SignatureDoesNotMatch'
	says 'goes on without it'
	says_not 'secret_access_key'
	fails 2 'type=s3 needs region=' build one --cache-from type=s3,bucket=cache
	fails 2 'type=s3 needs bucket=' build one --cache-from type=s3,region=x
}

@test "gha: the newest index of a scope counts" {
	local options
	server_start gha "$RIG_LIB/gha_server.py" --token tok --log "$LOG"
	export SOURCE_DATE_EPOCH=1 ACTIONS_RESULTS_URL=http://$SERVER_ADDRESS/ ACTIONS_RUNTIME_TOKEN=tok
	options=type=gha,scope=main
	succeeds build one --cache-to "$options,mode=max"
	says_not 'was not exported'
	serves --cache-from "$options"
	echo two >a
	succeeds build one --cache-from "$options" --cache-to "$options,mode=max"
	rm -rf "$BATS_TEST_TMPDIR/far"
	serves --cache-from type=gha,scope=branch --cache-from "$options"
	# The token does not go where the bytes are.
	equals 0 "$(grep -c ' 400$' "$LOG" || true)" "refused uploads"
	unset ACTIONS_RUNTIME_TOKEN
	fails 2 'type=gha needs token=' build one --cache-from "$options"
	succeeds build wrong --cache-from "$options,token=no"
	says 'goes on without it'
}
