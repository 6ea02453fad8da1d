#!/usr/bin/env bats
# The rig's registries do what the tests of kiln rely on. Judged by skopeo, not by kiln.
load ../lib/kiln

setup_file() {
	image busybox >/dev/null
}

teardown() {
	kiln_teardown
}

copy_in() { # [skopeo option...]
	skopeo --insecure-policy copy -q "$@" "oci:$(image busybox)/oci:latest" "docker://$REGISTRY/a/b:1"
}

@test "plain registry takes and gives an image" {
	registry_start plain
	copy_in --dest-tls-verify=false
	registry_get "$REGISTRY/a/b:1" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
}

@test "TLS registry wants its own authority" {
	registry_start tls
	fails 1 "certificate" copy_in
	mkdir "$BATS_TEST_TMPDIR/certs"
	cp "$REGISTRY_CA" "$BATS_TEST_TMPDIR/certs/"
	succeeds copy_in --dest-cert-dir "$BATS_TEST_TMPDIR/certs"
}

@test "htpasswd registry wants the password" {
	registry_start htpasswd
	fails 1 "" copy_in --dest-tls-verify=false --dest-creds user:wrong
	succeeds copy_in --dest-tls-verify=false --dest-creds user:password
}

@test "token registry sends to its token server" {
	registry_start token
	fails 1 "" copy_in --dest-tls-verify=false --dest-creds user:wrong
	succeeds copy_in --dest-tls-verify=false --dest-creds user:password
	grep -q '^GET user repository:a/b:.*push.* 200$' "$TOKEN_LOG"
	grep -q '^GET user .* 401$' "$TOKEN_LOG"
}

@test "token server lets anonymous people do what it was told" {
	registry_start token --anonymous pull
	fails 1 "" copy_in --dest-tls-verify=false
	succeeds copy_in --dest-tls-verify=false --dest-creds user:password
	succeeds registry_get "$REGISTRY/a/b:1" "$BATS_TEST_TMPDIR/got"
}

@test "fault proxy counts, and without rules changes nothing" {
	registry_start plain
	proxy_start "$REGISTRY"
	REGISTRY=$PROXY copy_in --dest-tls-verify=false
	registry_get "$PROXY/a/b:1" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
	[ "$(requests PUT /manifests/)" -eq 1 ]
	[ "$(requests GET /blobs/)" -ge 2 ]
	requests_forget
	[ "$(requests)" -eq 0 ]
}

get() { # PATH -> status code, or curl's failure; body in $BATS_TEST_TMPDIR/body, head in .../head
	python3 - "$PROXY" "$1" "$BATS_TEST_TMPDIR" <<-'PYTHON'
		import http.client, sys
		host, path, folder = sys.argv[1:]
		connection = http.client.HTTPConnection(host, timeout=20)
		connection.request('GET', path, headers={'Authorization': 'Basic eA=='})
		answer = connection.getresponse()
		open(folder + '/head', 'w').write(str(answer.headers))
		try:
		    open(folder + '/body', 'wb').write(answer.read())
		except (http.client.IncompleteRead, ConnectionError) as error:
		    print('broken', type(error).__name__)
		else:
		    print(answer.status)
	PYTHON
}

@test "fault proxy misbehaves as told, as often as told" {
	registry_start plain
	registry_put a/b:1 busybox
	proxy_start "$REGISTRY"
	local layer size
	layer=$("$RIG_LIB/oci.py" layers "$(image busybox)/oci" | awk '{print $2; exit}')
	size=$("$RIG_LIB/oci.py" layers "$(image busybox)/oci" | awk '{print $1; exit}')
	local blob=/v2/a/b/blobs/$layer

	faults "GET /blobs/ times=1 status=429 retry-after=3" "GET /blobs/ skip=1 times=1 status=500"
	equals 429 "$(get "$blob")"
	grep -q '^Retry-After: 3' "$BATS_TEST_TMPDIR/head"
	equals 200 "$(get "$blob")"
	equals 500 "$(get "$blob")"
	equals 200 "$(get "$blob")"

	faults "GET /blobs/ cut=1000"
	[[ $(get "$blob") == broken* ]]
	faults "GET /blobs/ length=+5"
	[[ $(get "$blob") == broken* ]]

	faults "GET /blobs/ short=1000"
	equals 200 "$(get "$blob")"
	equals 1000 "$(stat -c %s "$BATS_TEST_TMPDIR/body")"

	faults "GET /blobs/ corrupt=77"
	equals 200 "$(get "$blob")"
	equals "$size" "$(stat -c %s "$BATS_TEST_TMPDIR/body")"
	[ "sha256:$(sha256sum <"$BATS_TEST_TMPDIR/body" | cut -d' ' -f1)" != "$layer" ]

	faults "GET /blobs/ redirect=http://127.0.0.2:1 header=X-Told:a_b"
	equals 307 "$(get "$blob")"
	grep -q "^Location: http://127.0.0.2:1$blob" "$BATS_TEST_TMPDIR/head"
	grep -q '^X-Told: a b' "$BATS_TEST_TMPDIR/head"
	grep -q "^GET $blob 307 auth=basic" "$PROXY_LOG"

	faults
	equals 200 "$(get "$blob")"
	equals "$layer" "sha256:$(sha256sum <"$BATS_TEST_TMPDIR/body" | cut -d' ' -f1)"
}

@test "fault proxy speaks TLS" {
	registry_start plain
	make_certificates "$BATS_TEST_TMPDIR/tls"
	proxy_start "$REGISTRY" --cert "$BATS_TEST_TMPDIR/tls/server.crt" --key "$BATS_TEST_TMPDIR/tls/server.key"
	mkdir "$BATS_TEST_TMPDIR/certs"
	cp "$BATS_TEST_TMPDIR/tls/ca.crt" "$BATS_TEST_TMPDIR/certs/"
	REGISTRY=$PROXY copy_in --dest-cert-dir "$BATS_TEST_TMPDIR/certs"
	[ "$(requests PUT /manifests/)" -eq 1 ]
}
