#!/usr/bin/env bats
# The registry client alone (tests/tools/registry_try.c): tokens, credentials, retries, resume, where
# credentials go and where not. fault_proxy.py stands between where something goes wrong.
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # bats runs tests in subshells; the rig sets variables
load ../lib/kiln

SECRETS='cGFzc3dvcmQ|dXNlcjpwYXNzd29yZA|password|Bearer ey|s3cr3t'

setup_file() {
	image busybox >/dev/null
}

setup() {
	TRY=$BUILD/tests/unit/registry/registry_try
	[ -x "$TRY" ] || skip "registry_try is not built"
	cd "$BATS_TEST_TMPDIR" || return 1
	export HOME=$PWD/home CONTAINERS_REGISTRIES_CONF=/dev/null
	unset XDG_CONFIG_HOME XDG_RUNTIME_DIR DOCKER_CONFIG DOCKER_AUTH_CONFIG REGISTRY_AUTH_FILE
	mkdir home
	head -c 3000000 /dev/urandom >noise
	NOISE=sha256:$(sha256sum noise | cut -d' ' -f1)
}

teardown() {
	kiln_teardown
}

try() {
	"$TRY" -n "$@"
}

sent() { # how many requests the last command made
	echo "$stderr" | sed -n 's/^requests //p'
}

login_file() { # HOST [USER:PASSWORD]
	mkdir -p home/.docker
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf %s "${2:-user:password}" | base64 -w0)" \
		>home/.docker/config.json
}

no_secrets() {
	if printf '%s\n%s\n' "$output" "$stderr" | grep -E "$SECRETS"; then
		explain "a secret was said"
	fi
}

blob_is_whole() { # NAME
	succeeds try blob "$1" "$NOISE" 3000000
	equals "$NOISE" "sha256:$("$TRY" blob "$1" "$NOISE" 3000000 | sha256sum | cut -d' ' -f1)"
}

@test "a plain registry on loopback needs no option; another host does" {
	registry_start plain
	registry_put base/busybox busybox
	succeeds try resolve "$REGISTRY/base/busybox"
	says "application/vnd.oci.image.manifest.v1+json"
	equals 1 "$(sent)"
	local other
	other=$(hostname -I | tr ' ' '\n' | grep -m1 -E '^[0-9.]+$') || skip "no other address"
	docker-registry --version >/dev/null
	fails 1 "" try -r 0 resolve "$other:${REGISTRY#*:}/base/busybox"
}

@test "copy, mount, stream, list and delete" {
	registry_start plain
	registry_put base/busybox busybox
	succeeds try copy "$REGISTRY/base/busybox" "$REGISTRY/app:1"
	says pushed
	succeeds try copy "$REGISTRY/base/busybox" "$REGISTRY/app:1"
	says existed
	succeeds try put "$REGISTRY/app" noise
	says uploaded
	succeeds try put "$REGISTRY/app" noise
	says existed
	succeeds try put "$REGISTRY/second" noise "$REGISTRY/nowhere" "$REGISTRY/app"
	says mounted
	succeeds try mount "$REGISTRY/third" "$NOISE" "$REGISTRY/app"
	says mounted
	succeeds try mount "$REGISTRY/third" "$NOISE" "another.example/app"
	says "not mounted"
	succeeds try stream "$REGISTRY/fourth" noise
	equals "$NOISE" "$output"
	blob_is_whole "$REGISTRY/fourth"
	: >empty
	succeeds try put "$REGISTRY/app" empty
	succeeds try stream "$REGISTRY/fifth" empty
	succeeds try tags "$REGISTRY/app"
	equals 1 "$output"
	proxy_start "$REGISTRY"
	faults 'GET /tags/list header=Link:</v2/app/tags/list?last=x>;_rel="next"'
	fails 1 "a page names itself as the next one" try tags "$PROXY/app"
	equals 2 "$(requests GET /tags/list)"
	succeeds try repositories "$REGISTRY"
	says second
	succeeds try referrers "$REGISTRY/app" "$NOISE"
	says '"manifests":[]'
	fails 1 "not found" try manifest "$REGISTRY/app:none"
	succeeds try resolve "$REGISTRY/app:1"
	succeeds try delete "$REGISTRY/app@${output%% *}"
	fails 1 "not found" try manifest "$REGISTRY/app:1"
	fails 1 "not found" try tags "$REGISTRY/nothing"
}

@test "to see that a manifest is unchanged costs 1 request, 2 with a password, 3 with a token" {
	registry_start plain
	registry_put base/busybox busybox
	succeeds try resolve "$REGISTRY/base/busybox"
	equals 1 "$(sent)"
	registry_start htpasswd
	registry_put base/busybox busybox --dest-creds user:password
	login_file "$REGISTRY"
	succeeds try resolve "$REGISTRY/base/busybox"
	equals 2 "$(sent)"
	registry_start token
	registry_put base/busybox busybox --dest-creds user:password
	login_file "$REGISTRY"
	succeeds try resolve "$REGISTRY/base/busybox"
	equals 3 "$(sent)"
}

@test "TLS: an unknown authority is refused with advice; certs.d and -k help" {
	registry_start tls
	fails 1 "hint: put the registry's authority into" try resolve "$REGISTRY/a"
	says "--insecure-registry"
	mkdir -p "certs/$REGISTRY"
	cp "$REGISTRY_CA" "certs/$REGISTRY/ca.crt"
	fails 1 "not found" try -c certs resolve "$REGISTRY/a"
	succeeds try -c certs put "$REGISTRY/a" noise
	succeeds try -k put "$REGISTRY/a" noise
	succeeds try -i "$REGISTRY" put "$REGISTRY/a" noise
	succeeds try -c certs stream "$REGISTRY/b" noise
	succeeds try -c certs read-many "$REGISTRY/b" "$NOISE" 3000000
	touch "certs/$REGISTRY/client.cert"
	fails 1 "has no 'client.key' beside it" try -c certs resolve "$REGISTRY/a"
}

@test "a wrong host name in the certificate is refused" {
	registry_start tls
	mkdir -p "certs/127.0.0.3:${REGISTRY#*:}"
	cp "$REGISTRY_CA" "certs/127.0.0.3:${REGISTRY#*:}/ca.crt"
	# 127.0.0.3 is not in the certificate, but reaches nobody; localhost is.
	mkdir -p "certs/localhost:${REGISTRY#*:}"
	cp "$REGISTRY_CA" "certs/localhost:${REGISTRY#*:}/ca.crt"
	fails 1 "not found" try -c certs resolve "localhost:${REGISTRY#*:}/a"
}

@test "htpasswd: no, wrong and right credentials" {
	registry_start htpasswd
	fails 1 "401 unauthorized" try resolve "$REGISTRY/a"
	says "hint: log in with kiln login $REGISTRY"
	login_file "$REGISTRY" user:wrong-s3cr3t
	fails 1 "401 unauthorized" try resolve "$REGISTRY/a"
	says "home/.docker/config.json' were refused"
	no_secrets
	login_file "$REGISTRY"
	fails 1 "not found" try -d resolve "$REGISTRY/a"
	no_secrets
	succeeds try put "$REGISTRY/a" noise
	succeeds try stream "$REGISTRY/b" noise
	succeeds try login "$REGISTRY" user password
	fails 1 "wrong user name or password" try login "$REGISTRY" user wrong
}

@test "token server: anonymous, wrong, right, and one token for many requests" {
	registry_start token
	fails 1 "401" try resolve "$REGISTRY/a"
	says "kiln login"
	login_file "$REGISTRY" user:wrong-s3cr3t
	fails 1 "refuses the credentials" try resolve "$REGISTRY/a"
	says "home/.docker/config.json"
	no_secrets
	login_file "$REGISTRY"
	: >"$TOKEN_LOG"
	succeeds try -d put "$REGISTRY/a" noise
	no_secrets
	equals 1 "$(grep -c . "$TOKEN_LOG")" "token requests"
	: >"$TOKEN_LOG"
	succeeds try put "$REGISTRY/b" noise "$REGISTRY/a"
	says mounted
	grep -q 'repository:b:pull,push,repository:a:pull 200' "$TOKEN_LOG" # the union of scopes
	: >"$TOKEN_LOG"
	succeeds try read-many "$REGISTRY/b" "$NOISE" 3000000
	equals 1 "$(grep -c . "$TOKEN_LOG")" "one token for eight readers"
	succeeds try login "$REGISTRY" user password
	fails 1 "refuses the credentials" try login "$REGISTRY" user wrong
	succeeds try check-push "$REGISTRY/a"
}

@test "token server: an identity token is exchanged" {
	registry_start token
	mkdir -p home/.docker
	printf '{"auths":{"%s":{"auth":"Og==","identitytoken":"user:password"}}}' "$REGISTRY" \
		>home/.docker/config.json
	succeeds try -d put "$REGISTRY/a" noise
	grep -q '^POST user ' "$TOKEN_LOG"
	no_secrets
}

@test "a registrytoken is sent as it is, and nobody is asked for another" {
	local realm token
	registry_start token
	realm=$(sed -n 's|.*realm: \(http://.*\)|\1|p' "${TOKEN_LOG%/*}/config.yml")
	token=$(curl -sfu user:password "$realm?service=kiln-test&scope=repository:a:pull,push" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
	mkdir -p home/.docker
	printf '{"auths":{"%s":{"auth":"eDp5","registrytoken":"%s"}}}' "$REGISTRY" "$token" \
		>home/.docker/config.json
	: >"$TOKEN_LOG"
	succeeds try put "$REGISTRY/a" noise
	equals 0 "$(wc -l <"$TOKEN_LOG")" "token requests"
	# Not for that repository; refused as often as any other, and not for ever.
	fails 1 "401" try put "$REGISTRY/b" noise
	printf '{"auths":{"%s":{"registrytoken":"a\\nHost: b"}}}' "$REGISTRY" >home/.docker/config.json
	fails 1 "no token" try put "$REGISTRY/a" noise
	no_secrets
}

@test "token server: a redirect is followed, with the password to its own origin alone" {
	registry_start token --moved ""
	login_file "$REGISTRY"
	succeeds try put "$REGISTRY/a" noise
	grep -q '^GET user .* 200' "$TOKEN_LOG"
	# Another port is another origin. (The other's tokens are not good here.)
	registry_start token
	local back_log=$TOKEN_LOG back
	back=$(sed -n 's|.*realm: \(http://[^/]*\)/.*|\1|p' "${TOKEN_LOG%/*}/config.yml")
	registry_start token --moved "$back"
	login_file "$REGISTRY"
	fails 1 "401" try put "$REGISTRY/a" noise
	grep -q '^GET - ' "$back_log"
	if grep -q '^GET user ' "$back_log"; then
		explain "the password went to the other origin"
	fi
	no_secrets
}

@test "token server: tokens that expire at once are fetched again" {
	registry_start token --expires 1
	login_file "$REGISTRY"
	succeeds try put "$REGISTRY/a" noise
	succeeds try stream "$REGISTRY/b" noise
}

@test "token server: a token that is said to last no time is used all the same" {
	registry_start token --says 0
	login_file "$REGISTRY"
	succeeds try put "$REGISTRY/a" noise
	registries_stop
	registry_start token --says -5
	login_file "$REGISTRY"
	succeeds try put "$REGISTRY/b" noise
	(($(wc -l <"$TOKEN_LOG") <= 8))
}

@test "a token that is revoked in the middle is replaced" {
	registry_start token
	local realm
	realm=$(sed -n 's/.*realm: //p' "${REGISTRY_CA%/*}/config.yml")
	proxy_start "$REGISTRY"
	login_file "$PROXY"
	# Refused although the same token was good for the HEAD before.
	faults "POST /uploads/ times=1 status=401 header=WWW-Authenticate:Bearer_realm=\"$realm\",service=\"kiln-test\""
	: >"$TOKEN_LOG"
	succeeds try put "$PROXY/a" noise
	equals 2 "$(grep -c . "$TOKEN_LOG")" "token requests"
	# A token service that is not https gets nothing when the registry is.
	local dir=${REGISTRY_CA%/*} registry=$REGISTRY
	proxy_start "$registry" --cert "$dir/server.crt" --key "$dir/server.key"
	mkdir -p "certs/$PROXY"
	cp "$REGISTRY_CA" "certs/$PROXY/ca.crt"
	login_file "$PROXY"
	: >"$TOKEN_LOG"
	fails 1 "which is not https" try -c certs put "$PROXY/b" noise
	equals 0 "$(grep -c . "$TOKEN_LOG")"
	# One that never stops refusing is given up.
	proxy_start "$registry"
	login_file "$PROXY"
	faults "POST /uploads/ status=401 header=WWW-Authenticate:Bearer_realm=\"$realm\",service=\"kiln-test\""
	fails 1 "401 unauthorized" try put "$PROXY/c" noise
	equals 3 "$(requests POST)"
}

@test "403 says who may not do what" {
	registry_start plain
	proxy_start "$REGISTRY"
	faults "POST /uploads/ status=403"
	fails 1 "403 forbidden: the fault proxy answers 403" try put "$PROXY/a" noise
	says "kiln login"
	equals 1 "$(requests POST)" # a refusal is not tried again
}

@test "404, 500 and 429: not, often and later tried again" {
	registry_start plain
	registry_put base/busybox busybox
	proxy_start "$REGISTRY"
	faults "* /manifests/ status=404"
	fails 1 "not found" try manifest "$PROXY/base/busybox"
	equals 1 "$(requests GET /manifests/)"
	requests_forget
	faults "* /manifests/ status=500"
	fails 1 "answers 500" try -r 3 manifest "$PROXY/base/busybox"
	equals 4 "$(requests GET /manifests/)"
	requests_forget
	faults "* /manifests/ times=2 status=503"
	succeeds try manifest "$PROXY/base/busybox"
	equals 3 "$(requests GET /manifests/)"
	faults "* /manifests/ times=1 status=429 retry-after=1"
	SECONDS=0
	succeeds try manifest "$PROXY/base/busybox"
	[ "$SECONDS" -ge 1 ]
	requests_forget
	faults "* /manifests/ status=429 retry-after=3600" # an hour is too long to wait
	fails 1 "429 too many requests" try manifest "$PROXY/base/busybox"
	equals 1 "$(requests GET /manifests/)"
}

@test "a download is resumed where it broke, several times" {
	registry_start plain
	proxy_start "$REGISTRY"
	succeeds try put "$REGISTRY/a" noise
	faults "GET /blobs/ times=1 cut=1000000" "GET /blobs/ times=1 cut=500000"
	blob_is_whole "$PROXY/a"
	grep -q '^GET .* 206 .*range=bytes=' "$PROXY_LOG"
	faults "GET /blobs/ cut=10" # never more than a few bytes: it ends
	fails 1 "broke off after" try -r 3 blob "$PROXY/a" "$NOISE" 3000000
}

@test "an answer that ends early, lies about its length or has another byte" {
	registry_start plain
	proxy_start "$REGISTRY"
	succeeds try put "$REGISTRY/a" noise
	faults "GET /blobs/ short=500000"
	fails 1 "has 500000 bytes, the manifest says 3000000" try blob "$PROXY/a" "$NOISE" 3000000
	faults "GET /blobs/ length=+10"
	fails 1 "3000010 bytes" try blob "$PROXY/a" "$NOISE" 3000000
	faults "GET /blobs/ short=2000000 length=+1000000 times=1" # stops, having promised all
	blob_is_whole "$PROXY/a"
	faults "GET /blobs/ corrupt=2999999"
	fails 1 "$NOISE" try blob "$PROXY/a" "$NOISE" 3000000
	head -c 3000001 /dev/zero >long
	faults "GET /blobs/ body=$PWD/long"
	fails 1 "3000001 bytes" try blob "$PROXY/a" "$NOISE" 3000000
}

@test "manifests: another digest than asked for, too large, wrong header" {
	registry_start plain
	registry_put base/busybox busybox
	proxy_start "$REGISTRY"
	local digest
	digest=$("$TRY" resolve "$REGISTRY/base/busybox" | cut -d' ' -f1)
	faults "GET /manifests/ corrupt=10"
	fails 1 "instead of $digest" try manifest "$PROXY/base/busybox@$digest"
	fails 1 "instead of $digest" try manifest "$PROXY/base/busybox"
	head -c 5000000 /dev/zero | tr '\0' ' ' >large
	faults "GET /manifests/ body=$PWD/large"
	fails 1 "larger than 4194304 bytes" try manifest "$PROXY/base/busybox"
	faults "HEAD /manifests/ header=X:$(head -c 70000 /dev/zero | tr '\0' x)"
	fails 1 "headers" try resolve "$PROXY/base/busybox"
	requests_forget
	faults "HEAD /manifests/ header=X:$(head -c 120000 /dev/zero | tr '\0' x)"
	fails 1 "headers of more than" try resolve "$PROXY/base/busybox"
	equals 1 "$(requests HEAD)" # it would be no shorter then
}

@test "a push where HEAD is not known, or another 2xx says that the manifest is there" {
	local status
	registry_start plain
	registry_put base/busybox busybox
	proxy_start "$REGISTRY"
	faults "HEAD /v2/ status=405"
	succeeds try put "$PROXY/a" noise
	says uploaded
	blob_is_whole "$REGISTRY/a"
	for status in 200 202 204; do
		faults "PUT /manifests/ status=$status"
		succeeds try copy "$REGISTRY/base/busybox" "$PROXY/base/busybox:$status"
	done
	faults "PUT /manifests/ status=307"
	fails 1 "answers 307" try copy "$REGISTRY/base/busybox" "$PROXY/base/busybox:no"
}

@test "an upload that breaks is continued where the registry stands" {
	registry_start plain
	proxy_start "$REGISTRY"
	faults "PUT /uploads/ times=2 cut-upload=1000000"
	succeeds try put "$PROXY/a" noise
	says uploaded
	blob_is_whole "$REGISTRY/a"
	grep -q '^PUT .* cut ' "$PROXY_LOG"
	requests_forget
	faults "PUT /uploads/ cut-upload=100000"
	fails 1 "PUT http" try -r 2 put "$PROXY/b" noise
	equals 3 "$(requests PUT)"
	faults "PUT /uploads/ times=1 status=503"
	succeeds try put "$PROXY/b" noise
	faults "PUT /uploads/ times=1 status=404" # the session is lost
	succeeds try put "$PROXY/c" noise
	blob_is_whole "$REGISTRY/c"
	blob_is_whole "$REGISTRY/b"
}

@test "an upload while it is made fails with the reason when it breaks" {
	registry_start plain
	proxy_start "$REGISTRY"
	head -c 20000000 /dev/urandom >big
	faults "PATCH /uploads/ cut-upload=100000"
	fails 1 "PATCH" try stream "$PROXY/a" big
	faults "PATCH /uploads/ status=403"
	fails 1 "403 forbidden" try stream "$PROXY/a" big
	faults "POST /uploads/ status=401"
	fails 1 "401" try stream "$PROXY/a" big
}

@test "a redirect to another host gets no credentials, and the bytes are checked" {
	registry_start htpasswd
	proxy_start "$REGISTRY"
	local registry=$REGISTRY front=$PROXY front_rules=$PROXY_RULES front_log=$PROXY_LOG
	login_file "$front"
	succeeds try put "$front/a" noise
	# The other host: a registry without a password that has the same blob.
	registry_start plain
	succeeds try put "$REGISTRY/a" noise
	proxy_start "$REGISTRY"
	local other=$PROXY other_log=$PROXY_LOG
	printf 'GET /blobs/ skip=1 redirect=http://%s\n' "$other" >"$front_rules"
	equals "$NOISE" "sha256:$("$TRY" blob "$front/a" "$NOISE" 3000000 | sha256sum | cut -d' ' -f1)"
	grep -q '^GET .*auth=basic' "$front_log"
	grep -q '^GET .*auth=none' "$other_log"
	if grep -E 'auth=(basic|bearer)' "$other_log"; then
		explain "credentials went to the other host"
	fi
	# Nor does a challenge from there bring them out.
	printf 'GET /blobs/ status=401 header=WWW-Authenticate:Basic_realm="x"\n' >"$PROXY_RULES"
	printf 'GET /blobs/ redirect=http://%s\n' "$other" >"$front_rules"
	fails 1 "401" try blob "$front/a" "$NOISE" 3000000
	if grep -E 'auth=(basic|bearer)' "$other_log"; then
		explain "credentials went to the other host"
	fi
	[ -n "$registry" ]
}

@test "redirects end: a loop, and from https to http" {
	registry_start plain
	proxy_start "$REGISTRY"
	faults "GET /blobs/ redirect=http://$PROXY"
	fails 1 "redirects more than 10 times" try blob "$PROXY/a" "$NOISE" 1
	registry_start tls
	mkdir -p certs
	local dir=${REGISTRY_CA%/*} plain=$PROXY
	proxy_start "$plain" --cert "$dir/server.crt" --key "$dir/server.key"
	mkdir -p "certs/$PROXY"
	cp "$REGISTRY_CA" "certs/$PROXY/ca.crt"
	faults "GET /blobs/ redirect=http://$plain"
	fails 1 "https on to http" try -c certs blob "$PROXY/a" "$NOISE" 1
	faults "GET /blobs/ status=307 header=Location:file:///etc/passwd"
	fails 1 "neither http nor https" try -c certs blob "$PROXY/a" "$NOISE" 1
	faults "GET /blobs/ status=307 header=Location:http://user:s3cr3t@$plain/"
	fails 1 "user name or password" try -c certs blob "$PROXY/a" "$NOISE" 1
	says_not s3cr3t
}

@test "an upload's Location on another host gets the bytes and no credentials" {
	registry_start htpasswd
	proxy_start "$REGISTRY"
	local front=$PROXY front_rules=$PROXY_RULES
	login_file "$front"
	registry_start plain
	proxy_start "$REGISTRY"
	printf 'POST /uploads/ status=202 header=Location:http://%s/v2/a/blobs/uploads/x?state=s3cr3t\n' \
		"$PROXY" >"$front_rules"
	printf 'PUT /uploads/ status=201\n' >"$PROXY_RULES"
	succeeds try -d put "$front/a" noise
	grep -q "^PUT .*digest=.* 201 auth=none" "$PROXY_LOG"
	no_secrets # nor is the session's state, which is one, logged
	printf 'POST /uploads/ status=202\n' >"$front_rules"
	fails 1 "without Location" try put "$front/a" noise
}

@test "mirrors: asked first, passed over when they fail, never pushed to" {
	registry_start plain
	registry_put hub/library/busybox busybox
	local mirror=$REGISTRY
	proxy_start "$mirror"
	succeeds try -m "docker.io=$PROXY/hub" resolve busybox
	equals 1 "$(requests HEAD /v2/hub/library/busybox/manifests/latest)"
	registry_put own/app busybox
	faults "* . status=500"
	printf '[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n' \
		"$mirror" "$PROXY" >registries.conf
	succeeds try -r 1 -C registries.conf resolve "$mirror/own/app"
	[ "$(requests HEAD /v2/own/app)" -ge 1 ]
	requests_forget
	succeeds try -C registries.conf put "$mirror/own/app" noise
	equals 0 "$(requests)"
	fails 1 "answers 500" try -r 1 -m "docker.io=$PROXY/hub" -M resolve busybox
	printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "$mirror" >registries.conf
	fails 1 "is blocked" try -C registries.conf resolve "$mirror/own/app"
	says "is blocked in registries.conf"
	printf '[[registry]]\nprefix = "old.example/x"\nlocation = "%s/own"\n' "$mirror" >registries.conf
	succeeds try -C registries.conf resolve old.example/x/app
}

@test "a registry that does not answer is told so soon" {
	fails 1 "127.0.0.1:1" try -r 2 resolve 127.0.0.1:1/a
	fails 1 "resolve" try -r 1 resolve registry.invalid/a
}

@test "a credential helper is asked, and what it says is no secret in messages" {
	registry_start htpasswd
	mkdir -p bin home/.docker
	cat >bin/docker-credential-test <<-'END'
		#!/bin/sh
		read -r server
		case $1-$MODE in
		get-) echo "{\"ServerURL\":\"$server\",\"Username\":\"user\",\"Secret\":\"password\"}" ;;
		get-none) echo "credentials not found in native keychain"; exit 1 ;;
		get-broken) echo "the keychain is locked" >&2; exit 3 ;;
		get-garbage) echo "{\"Secret\": s3cr3t" ;;
		esac
	END
	chmod +x bin/docker-credential-test
	export PATH=$PWD/bin:$PATH
	printf '{"credHelpers":{"%s":"test"}}' "$REGISTRY" >home/.docker/config.json
	succeeds try put "$REGISTRY/a" noise
	MODE=none fails 1 "401" try put "$REGISTRY/a" noise
	MODE=broken fails 1 "the keychain is locked" try put "$REGISTRY/a" noise
	MODE=garbage fails 1 "not valid JSON" try put "$REGISTRY/a" noise
	no_secrets
	printf '{"credsStore":"missing"}' >home/.docker/config.json
	fails 1 "docker-credential-missing" try put "$REGISTRY/a" noise
	printf '{"credsStore":"../test"}' >home/.docker/config.json
	fails 1 "bad name" try put "$REGISTRY/a" noise
}
