#!/usr/bin/env bats
# Cache homes that are no registry: S3, Azure, and the cache service of GitHub Actions, played by small
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
	# As AWS's own programs find them.
	mkdir -p "$BATS_TEST_TMPDIR/home/.aws"
	printf '[ci]\naws_access_key_id = AKID\naws_secret_access_key = se/cret+1\n' >"$BATS_TEST_TMPDIR/home/.aws/credentials"
	rm -rf "$BATS_TEST_TMPDIR/far"
	HOME=$BATS_TEST_TMPDIR/home AWS_PROFILE=ci serves --cache-from "$options,name=main"
	succeeds build wrong --cache-from "$options,name=main,access_key_id=AKID,secret_access_key=no"
	says 'SignatureDoesNotMatch'
	says 'goes on without it'
	says_not 'secret_access_key'
	# As many uploads at a time as was asked for.
	succeeds build one --cache-to "$options,name=few,upload_parallelism=1,disable_accept_encoding=true,access_key_id=AKID,secret_access_key=se/cret+1"
	says_not 'was not exported'
	fails 2 "upload_parallelism '0' is not a number from 1 to 1000" build one --cache-to "$options,upload_parallelism=0"
	fails 2 "kiln has no key 'touch_refresh'" build one --cache-to "$options,touch_refresh=24h"
	says 'runs its step again and puts it anew'
	fails 2 "kiln has no key 'retry_mode'" build one --cache-to "$options,retry_mode=standard"
	fails 2 'type=s3 needs secret_access_key=' build one --cache-to "$options,access_key_id=AKID"
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
	# timeout= is for all of the reading, or the writing.
	rm -rf "$BATS_TEST_TMPDIR/far"
	ACTIONS_CACHE_SERVICE_V2=True ACTIONS_CACHE_URL=http://ignored.invalid/ serves --cache-from "$options,timeout=10m"
	succeeds build late --cache-from "$options,timeout=1ns" --cache-to "$options,timeout=1ns"
	says 'not done within its timeout'
	fails 2 "'0s' is not longer than nothing" build one --cache-from "$options,timeout=0s"
	fails 2 "version '3' is neither 1 nor 2" build one --cache-from "$options,version=3"
	fails 2 "kiln has no key 'ghtoken'" build one --cache-to "$options,ghtoken=x,repository=a/b"
	ACTIONS_RESULTS_URL='' fails 2 'type=gha needs url_v2=' build one --cache-from "$options"
	says 'ACTIONS_RESULTS_URL'
	unset ACTIONS_RUNTIME_TOKEN
	fails 2 'type=gha needs token=' build one --cache-from "$options"
	succeeds build wrong --cache-from "$options,token=no"
	says 'goes on without it'
}

@test "gha, version 1: as the runners of Gitea and Forgejo have it" {
	local options=type=gha,scope=Main
	server_start gha "$RIG_LIB/gha_server.py" --token tok --log "$LOG"
	# Their jobs know the other version's address, too: it is for artifacts.
	export SOURCE_DATE_EPOCH=1 ACTIONS_CACHE_URL=http://$SERVER_ADDRESS/runner ACTIONS_RUNTIME_TOKEN=tok
	export ACTIONS_RESULTS_URL=http://127.0.0.1:1/
	head -c 9000000 /dev/urandom >big # two pieces
	echo 'COPY big /big' >>Dockerfile
	succeeds build one --cache-to "$options,mode=max,ignore-error=false"
	equals 2 "$(grep PATCH "$LOG" | sort | uniq -c | awk '$1 > m { m = $1 } END { print m }')" "pieces of the large layer"
	succeeds build far --cache-from "$options"
	equals 6 "$(grep -c ' CACHED$' <<<"$stderr")" "cached steps, and the base"
	cmp "$BATS_TEST_TMPDIR/one.tar" "$BATS_TEST_TMPDIR/far.tar"
	equals 0 "$(grep -c ' 40[0-9]$' "$LOG" || true)" "refused requests"
	# The newest index counts, and a branch falls back to main's.
	echo two >a
	succeeds build one --cache-from "$options" --cache-to "$options,mode=max,ignore-error=false"
	rm -rf "$BATS_TEST_TMPDIR/far"
	succeeds build far --cache-from type=gha,scope=branch --cache-from "$options"
	equals 6 "$(grep -c ' CACHED$' <<<"$stderr")" "cached steps, and the base"
	# By options alone; a token that is wrong.
	unset ACTIONS_RUNTIME_TOKEN ACTIONS_RESULTS_URL ACTIONS_CACHE_URL
	rm -rf "$BATS_TEST_TMPDIR/far"
	succeeds build far --cache-from "$options,version=1,url=http://$SERVER_ADDRESS/runner/,token=tok"
	equals 6 "$(grep -c ' CACHED$' <<<"$stderr")" "cached steps, and the base"
	succeeds build wrong --cache-from "$options,url=http://$SERVER_ADDRESS/runner/,token=no"
	says 'goes on without it'
	fails 1 'export the cache' build one --cache-to "$options,url=http://$SERVER_ADDRESS/runner/,token=no,ignore-error=false"
	fails 2 'type=gha needs url=' build one --cache-from "$options,version=1,token=tok"
	says 'ACTIONS_CACHE_URL'
}

@test "azblob: BuildKit's options, a shared key or an identity's token" {
	local options key
	key=$(printf 'azure s3cr3t' | base64)
	server_start azblob "$RIG_LIB/azblob_server.py" --account acct --key "$key" --token st0rage --log "$LOG"
	options="type=azblob,account_url=http://$SERVER_ADDRESS/acct,account_name=acct,container=cache,prefix=some where/"
	export SOURCE_DATE_EPOCH=1
	succeeds build one --cache-to "$options,mode=max,name=main;other,secret_access_key=$key"
	says_not 'was not exported'
	serves --cache-from "$options,name=other,secret_access_key=$key"
	equals 0 "$(grep -c ' 403$' "$LOG" || true)" "refused requests"
	equals 1 "$(grep -c 'PUT /acct/cache?restype=container 201' "$LOG")" "containers made"
	grep -q 'GET /acct/cache/some%20where/manifests/index/other 200' "$LOG"
	grep -q 'PUT /acct/cache/some%20where/blobs/sha256/' "$LOG"
	# A key of the environment; the token of a managed identity; a wrong key.
	rm -rf "$BATS_TEST_TMPDIR/far"
	AZURE_STORAGE_ACCESS_KEY=$key serves --cache-from "$options,name=main"
	rm -rf "$BATS_TEST_TMPDIR/far"
	IDENTITY_ENDPOINT=http://$SERVER_ADDRESS/token IDENTITY_HEADER=x serves --cache-from "$options,name=main"
	succeeds build wrong --cache-from "$options,name=main,secret_access_key=bm90IGl0"
	says 'AuthenticationFailed'
	says 'goes on without it'
	says_not 'bm90IGl0'
	fails 2 'type=azblob needs account_url=' build one --cache-from type=azblob,name=x
	fails 2 'type=azblob needs account_name=' build one --cache-from "type=azblob,account_url=http://$SERVER_ADDRESS/acct"
	fails 2 'secret_access_key is not a key in base64' build one \
		--cache-from "type=azblob,account_url=https://acct.blob.core.windows.net,secret_access_key=s3cr3t!"
	says_not 's3cr3t'
}

# What a service answers is as little to be trusted as a registry's: with the home's OPTIONS, whose index is there after SKIP reads.
withstands() { # SKIP OPTIONS
	local skip=$1 options=$2 fault n=0
	faults
	echo one >a
	KILN_ROOT=$BATS_TEST_TMPDIR/made succeeds kiln build -q --cache-to "$options,mode=max,ignore-error=false" -t x .
	succeeds build near --cache-from "$options"
	equals 5 "$(grep -c ' CACHED$' <<<"$stderr")" "cached steps, and the base"
	echo two >a
	for fault in "GET . skip=$skip corrupt=40" "GET . skip=$skip short=10" "GET . skip=$skip status=404" \
		'* . corrupt=40' '* . body=/bin/true' '* . status=403' '* . status=500' '* . hang'; do
		n=$((n + 1))
		faults "$fault"
		rm -rf "$BATS_TEST_TMPDIR/poor"
		KILN_ROOT=$BATS_TEST_TMPDIR/poor succeeds kiln build --progress plain --cache-timeout 500ms --cache-from "$options" -o "$BATS_TEST_TMPDIR/out$n" .
		equals two "$(cat "$BATS_TEST_TMPDIR/out$n/c")" "$options $fault"
		says 'WARNING'
	done
}

@test "services that damage, cut, refuse or hang cost their hits, and no build" {
	local key
	printf 'FROM %s\nRUN head -c 20000 /dev/zero >/z\nRUN cat /z >/y\nCOPY a /a\nCOPY a /c\n' "$(image_ref busybox)" >Dockerfile
	export AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=s3cr3t
	key=$(printf 'azure s3cr3t' | base64)
	server_start s3 "$RIG_LIB/s3_server.py" --bucket cache --key AKID --secret s3cr3t --log "$LOG"
	proxy_start "$SERVER_ADDRESS"
	withstands 1 "type=s3,region=eu-x-1,bucket=cache,endpoint_url=http://$PROXY,use_path_style=true,name=main"
	server_start azblob "$RIG_LIB/azblob_server.py" --account acct --key "$key" --token st0rage --log "$LOG"
	proxy_start "$SERVER_ADDRESS"
	withstands 1 "type=azblob,account_url=http://$PROXY/acct,account_name=acct,container=cache,name=main,secret_access_key=$key"
	server_start gha "$RIG_LIB/gha_server.py" --token tok --log "$LOG"
	proxy_start "$SERVER_ADDRESS"
	withstands 1 "type=gha,scope=main,token=tok,url_v2=http://$PROXY/"
	server_start gha "$RIG_LIB/gha_server.py" --token tok --log "$LOG"
	proxy_start "$SERVER_ADDRESS"
	withstands 2 "type=gha,scope=main,token=tok,version=1,url=http://$PROXY/runner/"
}
