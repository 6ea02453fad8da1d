#!/usr/bin/env bats
# Registries that fail, lie, stop half-way or send elsewhere. fault_proxy.py stands between.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup() {
	registry_start plain
	registry_put base/busybox busybox
	proxy_start "$REGISTRY"
	KIND=$(a_user)
	export KILN_USERS_DIR=$BATS_TEST_TMPDIR/users # an empty store for each test
	context
	head -c 3000000 /dev/urandom >noise
	printf 'ARG HOST\nFROM $HOST/base/busybox\nRUN echo made >/made\nCOPY noise /noise\n' >Dockerfile
	LAYER=$("$RIG_LIB/oci.py" layers "$(image busybox)/oci" | awk '{print $2; exit}')
	SIZE=$("$RIG_LIB/oci.py" layers "$(image busybox)/oci" | awk '{print $1; exit}')
}

teardown() {
	kiln_teardown
}

build() {
	kiln_as "$KIND" build --progress plain --build-arg HOST="$PROXY" -t "$PROXY/app:1" \
		--insecure-registry "$PROXY" --push "$@" .
}

good_build() {
	succeeds build
	registry_get "$REGISTRY/app:1" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
}

@test "401, 403 and 404 for the base end the build at its line, with the reason" {
	local status
	for status in 401 403 404; do
		faults "* /v2/base/busybox/manifests/ status=$status"
		fails 1 "base/busybox" build
		says "Dockerfile:2"
		case $status in
		404) says "not found" ;;
		*) says "$status" ;;
		esac
	done
	faults
	good_build
}

@test "--retry and --retry-delay of Buildah's verbs: as often, and as far apart" {
	local args
	export KILN_INSECURE_REGISTRY=$PROXY KILN_ROOT=$BATS_TEST_TMPDIR/store
	printf 'FROM %s/base/busybox\n' "$PROXY" >Dockerfile
	faults "GET /manifests/ status=503"
	for args in "build -q ." "pull -q $PROXY/base/busybox" "from -q $PROXY/base/busybox"; do
		requests_forget
		# shellcheck disable=SC2086 # words
		fails 125 "503" kiln buildah ${args%% *} --retry 2 --retry-delay 1ms ${args#* }
		equals 3 "$(requests GET /manifests/)"
		requests_forget
		# shellcheck disable=SC2086 # words
		fails 125 "503" kiln buildah ${args%% *} --retry 0 ${args#* }
		equals 1 "$(requests GET /manifests/)"
	done
	faults "GET /manifests/ times=2 status=503"
	succeeds kiln buildah build -q -t app --retry 2 --retry-delay 1ms .
	faults "PUT /manifests/ status=503"
	requests_forget
	fails 125 "503" kiln buildah push -q --retry 1 --retry-delay 1ms app "$PROXY/app"
	equals 2 "$(requests PUT /manifests/)"
	fails 125 "option '--retry': 'x' is not a number" kiln buildah build --retry x .
	fails 125 "option '--retry-delay'" kiln buildah build --retry-delay -2s .
	fails 125 "'25h' is more than 86400 seconds" kiln buildah pull --retry-delay 25h app
}

@test "403 on the push is said with the name" {
	faults "POST /uploads/ status=403"
	fails 1 "403" build
	says "/app"
}

@test "429 with Retry-After is waited for" {
	faults "GET /manifests/ times=1 status=429 retry-after=1" "GET /blobs/ times=1 status=429 retry-after=1" \
		"PUT /manifests/ times=1 status=429 retry-after=1"
	good_build
	equals 1 "$(grep -c '^GET .*/manifests/.* 429' "$PROXY_LOG")"
	equals 1 "$(grep -c '^PUT .*/manifests/.* 429' "$PROXY_LOG")"
}

@test "a connection that is reset is tried again" {
	faults "GET /blobs/$LAYER times=1 reset=500000" "GET /manifests/ times=1 reset=10"
	good_build
}

@test "500 now and then is tried again, 500 for ever is an error" {
	faults "GET /blobs/ times=2 status=500" "POST /uploads/ times=1 status=503"
	good_build
}

@test "500 for ever is an error that says so" {
	faults "GET /blobs/ status=500"
	fails 1 "500" build
	says "base/busybox"
	[ "$(requests GET /blobs/)" -le 20 ]
}

@test "a download that breaks off is resumed where it broke" {
	faults "GET /blobs/$LAYER times=1 cut=500000"
	good_build
	grep -q "^GET .*/blobs/$LAYER 206 .*range=bytes=500000-" "$PROXY_LOG"
	# Nothing was fetched twice.
	local got
	got=$(awk -v layer="$LAYER" '$1 == "GET" && index($2, layer) && $3 == 206 {
		split($0, part, "out="); split(part[2], n, " "); sum += n[1]} END {print sum}' "$PROXY_LOG")
	equals $((SIZE - 500000)) "$got"
}

@test "an upload that breaks off is tried again" {
	faults "PATCH /uploads/ times=1 cut-upload=100000" "PUT /uploads/ times=1 cut-upload=100000"
	good_build
	grep -q ' cut auth=' "$PROXY_LOG"
}

@test "a blob with a wrong byte is refused, and nothing of it is kept" {
	faults "GET /blobs/$LAYER corrupt=600000"
	fails 1 "layer" build
	[[ $stderr == *digest* || $stderr == *checksum* ]] || explain "should say what is wrong with the bytes"
	faults
	good_build
}

@test "a blob that is too short or too long is refused" {
	faults "GET /blobs/$LAYER short=500000"
	fails 1 "$LAYER" build
	head -c 5000000 /dev/zero >"$BATS_TEST_TMPDIR/long"
	faults "GET /blobs/$LAYER body=$BATS_TEST_TMPDIR/long"
	fails 1 "$LAYER" build
	faults
	good_build
}

lying_manifest() { # JQ-FILTER
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/base/busybox" |
		jq -c "$1" >"$BATS_TEST_TMPDIR/lie"
	faults "GET /v2/base/busybox/manifests/ body=$BATS_TEST_TMPDIR/lie" \
		"HEAD /v2/base/busybox/manifests/ status=404"
}

@test "a manifest whose bytes are not its digest is refused" {
	local digest
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/base/busybox")
	lying_manifest '.annotations = {"a": "lie"}'
	sed -i "s,^FROM.*,FROM \$HOST/base/busybox@$digest," Dockerfile
	fails 1 "instead of $digest" build
}

@test "a manifest that lies about sizes is refused" {
	faults # what the tag says must not be checkable by its digest
	lying_manifest '.layers[0].size += 1'
	printf 'ARG HOST\nFROM $HOST/base/busybox:latest\nRUN echo made >/made\n' >Dockerfile
	fails 1 "" build
	says_not "written to"
	lying_manifest '.layers[0].size = 1000'
	fails 1 "" build
	lying_manifest '.config.size = 1'
	fails 1 "" build
	lying_manifest '.layers[0].size = -5'
	fails 1 "" build
}

@test "a manifest that is no manifest, or far too big, is refused" {
	printf '{"schemaVersion": 2, "layers": "none"}' >"$BATS_TEST_TMPDIR/odd"
	faults "GET /v2/base/busybox/manifests/ body=$BATS_TEST_TMPDIR/odd"
	fails 1 "base/busybox" build
	head -c 6000000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/huge"
	faults "GET /v2/base/busybox/manifests/ body=$BATS_TEST_TMPDIR/huge"
	fails 1 "base/busybox" build
	printf '<html>captive portal</html>' >"$BATS_TEST_TMPDIR/html"
	faults "GET /v2/base/busybox/manifests/ body=$BATS_TEST_TMPDIR/html"
	fails 1 "base/busybox" build
}

@test "credentials do not follow a redirect to another host" {
	registry_start htpasswd
	registry_put base/busybox busybox --dest-creds user:password
	local secured=$REGISTRY dir
	registry_start plain
	registry_put base/busybox busybox
	# The door that asks for a password sends blobs to another host, which logs what it is given.
	proxy_start "$REGISTRY" --listen 127.0.0.2
	local elsewhere=$PROXY elsewhere_log=$PROXY_LOG
	proxy_start "$secured"
	faults "GET /blobs/ redirect=http://$elsewhere"
	dir=$(user_dir "$KIND")/docker
	mkdir -p "$dir"
	printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$PROXY" "$(printf user:password | base64)" >"$dir/config.json"
	chmod -R a+rX "$dir"
	DOCKER_CONFIG=$dir succeeds build --insecure-registry "$elsewhere"
	grep -q '^GET /v2/base/busybox/blobs/.* auth=basic' "$PROXY_LOG"
	grep -q '^GET /v2/base/busybox/blobs/.* 200 ' "$elsewhere_log"
	equals "" "$(grep -v ' auth=none ' "$elsewhere_log" || true)" "credentials went to another host"
}

@test "a host that nobody listens at is an error with its name" {
	registries_stop
	fails 1 "$PROXY" build
	says "base/busybox"
}

# A layer of more than 16 MiB is sent while it is written (src/build/ahead.h).
large_layer() {
	head -c 24000000 /dev/urandom >noise
}

@test "a large layer is sent while it is made, once" {
	large_layer
	good_build
	equals 1 "$(requests PATCH /uploads/)"
	equals 1 "$(grep -c '^PUT .*/blobs/uploads/.*digest=.* in=0 ' "$PROXY_LOG")" "the layer's PUT has no bytes"
}

@test "what holds much is sent from its first byte, however small it gets" {
	truncate -s 140000000 noise
	good_build
	equals 1 "$(requests PATCH /uploads/)"
	equals 1 "$(grep -c '^PUT .*/blobs/uploads/.*digest=.* in=0 ' "$PROXY_LOG")" "the layer's PUT has no bytes"
}

@test "a layer that a secret was left in is not sent, not even its beginning" {
	printf 'a-secret-of-the-test-42' >key
	cat >Dockerfile <<-'END'
		ARG HOST
		FROM $HOST/base/busybox
		RUN --mount=type=secret,id=key,env=KEY head -c 24000000 /dev/urandom >/a; printf %s "$KEY" >/z
	END
	fails 1 "left the secret 'key' in '/z'" build --secret id=key,src=key
	equals 0 "$(requests PATCH /uploads/)"
	equals 0 "$(requests POST /uploads/)"
	succeeds build --secret id=key,src=key --allow-secret-in-layer
	says "left the secret 'key' in '/z'"
}

@test "a large layer whose upload breaks off is sent from the store" {
	large_layer
	faults "PATCH /uploads/ cut-upload=20000000"
	good_build
	equals 1 "$(grep -cE '^PUT .*/blobs/uploads/.* in=2[0-9]{7} ' "$PROXY_LOG")"
}

@test "a large layer that may not be sent in pieces is sent whole" {
	large_layer
	faults "PATCH /uploads/ status=405"
	good_build
}

@test "a large layer that the registry has already is not kept twice" {
	large_layer
	good_build
	KILN_USERS_DIR=$BATS_TEST_TMPDIR/others
	: >"$PROXY_LOG"
	good_build
	equals 0 "$(grep -c '^PUT .*/blobs/uploads/.*in=[1-9][0-9][0-9][0-9][0-9]' "$PROXY_LOG")"
}
