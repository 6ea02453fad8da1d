#!/usr/bin/env bats
# Contexts and caches in object stores that others have written: npm's s3rver and Azurite.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup_file() {
	EMULATORS=$("$RIG_LIB/emulators") || export NO_EMULATORS=$EMULATORS
	export EMULATORS
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	ln -s "$KILN" "$BATS_FILE_TMPDIR/bin/executor"
}

setup() {
	[ -z "${NO_EMULATORS:-}" ] || skip "no emulators: $NO_EMULATORS"
	context
	local name
	for name in $(compgen -e | grep -E '^(AWS_|AZURE_|S3_|BUILDKIT_)'); do
		unset "$name"
	done
	unset no_proxy NO_PROXY
	export HOME=$BATS_TEST_TMPDIR KILN_ROOT=$BATS_TEST_TMPDIR/store AWS_EC2_METADATA_DISABLED=true
	printf 'FROM %s\nCOPY data /data\nRUN cat /data >/made\n' "$(image_ref busybox)" >Dockerfile
	echo content >data
	tar -czf ../context.tar.gz .
}

teardown() {
	kiln_teardown
}

# The emulators say it in their own words.
emulator_start() { # LOG COMMAND...
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null 3>&- 4>&- &
	SERVER_PIDS+=("$!")
	EMULATOR=$(timeout 60 grep -m1 -oE '127\.0\.0\.1:[1-9][0-9]*' \
		< <(exec tail -n +1 -s 0.05 -f --pid="$!" "$log" 3>&- 4>&-))
}

takes() { # CONTEXT
	rm -rf "$KILN_ROOT"
	succeeds "$BATS_FILE_TMPDIR/bin/executor" --context "$1" --no-push --tar-path ../a.tar
	tree_of ../a.tar >../tree
	grep -q ' /made' ../tree
}

caches() { # HOME
	rm -rf "$KILN_ROOT"
	succeeds kiln build --progress plain --cache-to "$1,mode=max" .
	says_not WARN
	rm -rf "$KILN_ROOT"
	succeeds kiln build --progress plain --cache-from "$1" .
	says CACHED
	says_not WARN
	[[ $stderr == *"RUN cat /data >/made"*CACHED* ]]
}

@test "s3rver: a context and a cache in a bucket" {
	mkdir -p ../data/kiln
	emulator_start ../log "$EMULATORS/node_modules/.bin/s3rver" -d ../data -a 127.0.0.1 -p 0 --configure-bucket kiln
	export S3_ENDPOINT=http://$EMULATOR S3_FORCE_PATH_STYLE=true AWS_REGION=us-east-1
	export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER
	caches "type=s3,region=us-east-1,bucket=kiln,endpoint_url=http://$EMULATOR,use_path_style=true"
	put() { # NAME; s3rver lets everybody
		curl -fsS -T ../context.tar.gz "http://$EMULATOR/kiln/$1"
	}
	put context.tar.gz
	put sub/context.tar.gz
	takes s3://kiln
	takes s3://kiln/sub/context.tar.gz
	fails 1 "not found (invalid response status 404)" "$BATS_FILE_TMPDIR/bin/executor" --context s3://kiln/none --no-push
}

@test "Azurite: a context in a container, under the service's own name" {
	local key
	make_certificates ../certs
	printf 'subjectAltName=DNS:acct.blob.core.windows.net\n' >../certs/san
	openssl x509 -req -in ../certs/server.csr -CA ../certs/ca.crt -CAkey ../certs/ca.key -CAcreateserial \
		-days 2 -extfile ../certs/san -out ../certs/server.crt 2>/dev/null
	key=$(printf 'azure s3cr3t key' | base64)
	AZURITE_ACCOUNTS=acct:$key emulator_start ../log "$EMULATORS/node_modules/.bin/azurite-blob" --blobHost 127.0.0.1 \
		--blobPort 0 --cert ../certs/server.crt --key ../certs/server.key --location ../data \
		--skipApiVersionCheck --disableTelemetry --silent
	"$RIG_LIB/azure_put.py" "$EMULATOR" ../certs/ca.crt acct "$key" kiln context.tar.gz ../context.tar.gz
	"$RIG_LIB/azure_put.py" "$EMULATOR" ../certs/ca.crt acct "$key" kiln 'a b.tar.gz' ../context.tar.gz
	server_start proxy "$RIG_LIB/connect_proxy.py" --to "$EMULATOR"
	export https_proxy=http://$SERVER_ADDRESS SSL_CERT_FILE=$BATS_TEST_TMPDIR/certs/ca.crt
	export AZURE_STORAGE_ACCESS_KEY=$key
	takes https://acct.blob.core.windows.net/kiln/context.tar.gz
	takes https://acct.blob.core.windows.net/kiln/a%20b.tar.gz
	fails 1 "not found (invalid response status 404)" "$BATS_FILE_TMPDIR/bin/executor" --no-push \
		--context https://acct.blob.core.windows.net/kiln/none
	AZURE_STORAGE_ACCESS_KEY=$(printf other | base64) fails 1 "refuses it (status 403)" \
		"$BATS_FILE_TMPDIR/bin/executor" --no-push --context https://acct.blob.core.windows.net/kiln/context.tar.gz
}
