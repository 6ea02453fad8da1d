#!/usr/bin/env bats
# Pulling bases from and pushing images to real registries: plain, TLS, htpasswd, token. What was
# pushed is read back by skopeo and looked at by oci.py, never by kiln alone.
# shellcheck disable=SC2016,SC2030,SC2031 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup() {
	context
	printf 'hello\n' >hello
	cat >Dockerfile <<-'END'
		ARG HOST
		FROM $HOST/base/busybox
		RUN echo made >/made && rm /etc/group
		COPY hello /hello
	END
}

teardown() {
	kiln_teardown
}

build() { # KIND HOST/NAME:TAG [option...]
	kiln_as "$1" build --progress plain --build-arg HOST="${2%%/*}" -t "$2" --push "${@:3}" .
}

pushed() { # HOST/NAME:TAG [skopeo option...]
	registry_get "$1" "$BATS_TEST_TMPDIR/got" "${@:2}"
	valid_image "$BATS_TEST_TMPDIR/got"
	capture tree_of "$BATS_TEST_TMPDIR/got"
	says '/made size=5'
	says '/hello size=6'
	says '/bin/busybox'
	says_not '/etc/group'
}

# Credentials of user/password for HOST in the given user's docker config.
credentials() { # KIND HOST
	local dir
	dir=$(user_dir "$1")/docker
	mkdir -p "$dir"
	printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$2" "$(printf user:password | base64)" >"$dir/config.json"
	chmod -R a+rX "$dir"
	export DOCKER_CONFIG=$dir
}

@test "every kind of user builds on a registry's base and pushes" {
	local kind
	registry_start plain
	registry_put base/busybox busybox
	for kind in $(each_user); do
		succeeds build "$kind" "$REGISTRY/app/$kind:1" --insecure-registry "$REGISTRY"
		pushed "$REGISTRY/app/$kind:1"
	done
}

@test "what was pushed is unpacked by umoci" {
	need_root
	registry_start plain
	registry_put base/busybox busybox
	succeeds build root "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	registry_get "$REGISTRY/app:1" "$BATS_TEST_TMPDIR/got"
	succeeds umoci unpack --image "$BATS_TEST_TMPDIR/got:latest" "$BATS_TEST_TMPDIR/bundle"
	equals made "$(cat "$BATS_TEST_TMPDIR/bundle/rootfs/made")"
	[ ! -e "$BATS_TEST_TMPDIR/bundle/rootfs/etc/group" ]
}

@test "TLS wants a certificate that can be trusted; certs.d gives it" {
	local kind dir
	kind=$(a_user)
	registry_start tls
	dir=$(user_dir "$kind")/config/containers/certs.d/$REGISTRY
	mkdir -p "$BATS_TEST_TMPDIR/certs"
	cp "$REGISTRY_CA" "$BATS_TEST_TMPDIR/certs/"
	registry_put base/busybox busybox --dest-cert-dir "$BATS_TEST_TMPDIR/certs"
	fails 1 "certificate" build "$kind" "$REGISTRY/app:1"
	mkdir -p "$dir"
	cp "$REGISTRY_CA" "$dir/ca.crt"
	succeeds build "$kind" "$REGISTRY/app:1"
	pushed "$REGISTRY/app:1" --src-cert-dir "$BATS_TEST_TMPDIR/certs"
	rm -r "$dir"
}

@test "--tls-verify=false takes any certificate" {
	registry_start tls
	mkdir -p "$BATS_TEST_TMPDIR/certs"
	cp "$REGISTRY_CA" "$BATS_TEST_TMPDIR/certs/"
	registry_put base/busybox busybox --dest-cert-dir "$BATS_TEST_TMPDIR/certs"
	succeeds build "$(a_user)" "$REGISTRY/app:1" --tls-verify=false
}

@test "htpasswd: refused without, works with config.json, and after kiln login" {
	local kind
	kind=$(a_user)
	registry_start htpasswd
	registry_put base/busybox busybox --dest-creds user:password
	fails 1 "401" build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	credentials "$kind" "$REGISTRY"
	succeeds build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	pushed "$REGISTRY/app:1" --src-creds user:password
	unset DOCKER_CONFIG

	login() {
		printf '%s' "$1" | as_user "$kind" "$(kiln_for_all)" login --insecure-registry "$REGISTRY" \
			-u user --password-stdin "$REGISTRY"
	}
	fails 1 "" login wrong
	succeeds login password
	succeeds build "$kind" "$REGISTRY/app:2" --insecure-registry "$REGISTRY"
	succeeds kiln_as "$kind" logout "$REGISTRY"
	fails 1 "401" build "$kind" "$REGISTRY/app:3" --insecure-registry "$REGISTRY"
}

@test "bearer tokens: anonymous pull, push with credentials" {
	local kind
	kind=$(a_user)
	registry_start token --anonymous pull
	registry_put base/busybox busybox --dest-creds user:password
	fails 1 "" build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	credentials "$kind" "$REGISTRY"
	: >"$TOKEN_LOG"
	succeeds build "$kind" "$REGISTRY/app:2" --insecure-registry "$REGISTRY"
	pushed "$REGISTRY/app:2" --src-creds user:password
	grep -q ' user .*repository:app:.*push' "$TOKEN_LOG"
}

@test "a token that expires during the build is renewed" {
	local kind
	kind=$(a_user)
	registry_start token --expires 2
	registry_put base/busybox busybox --dest-creds user:password
	credentials "$kind" "$REGISTRY"
	# The step outlasts the token that the base was pulled with.
	printf 'RUN sleep 3\n' >>Dockerfile
	succeeds build "$kind" "$REGISTRY/app:2" --insecure-registry "$REGISTRY"
	pushed "$REGISTRY/app:2" --src-creds user:password
}

@test "mirrors are asked for docker.io" {
	local kind
	kind=$(a_user)
	registry_start plain
	registry_put library/busybox busybox
	proxy_start "$REGISTRY"
	printf 'FROM busybox\nRUN echo made >/made && rm /etc/group\nCOPY hello /hello\n' >Dockerfile
	succeeds build "$kind" "$PROXY/app:1" --insecure-registry "$PROXY" --registry-mirror "docker.io=$PROXY"
	pushed "$REGISTRY/app:1"
	[ "$(requests '*' /v2/library/busybox/manifests/)" -ge 1 ]
}

@test "a base by digest, and a digest that is not there" {
	local kind digest
	kind=$(a_user)
	registry_start plain
	registry_put base/busybox busybox
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/base/busybox")
	sed -i "s,^FROM.*,FROM \$HOST/base/busybox@$digest," Dockerfile
	succeeds build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	pushed "$REGISTRY/app:1"
	sed -i "s,^FROM.*,FROM \$HOST/base/busybox@sha256:$(printf '0%.0s' {1..64})," Dockerfile
	fails 1 "not found" build "$kind" "$REGISTRY/app:2" --insecure-registry "$REGISTRY"
	says "Dockerfile:2"
}

@test "a Docker schema 2 base gives a clean OCI image, and --format docker a clean Docker one" {
	local kind
	kind=$(a_user)
	registry_start plain
	registry_put base/busybox busybox --format v2s2
	succeeds build "$kind" "$REGISTRY/app:oci" --insecure-registry "$REGISTRY"
	pushed "$REGISTRY/app:oci"
	says_not docker
	equals '["application/vnd.oci.image.layer.v1.tar+gzip"]' "$("$RIG_LIB/oci.py" layers \
		"$BATS_TEST_TMPDIR/got" | awk '{print $3}' | sort -u | jq -R . | jq -sc .)"
	succeeds build "$kind" "$REGISTRY/app:docker" --insecure-registry "$REGISTRY" --format docker
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:docker" >raw
	equals application/vnd.docker.distribution.manifest.v2+json "$(jq -r .mediaType raw)"
	equals '["application/vnd.docker.image.rootfs.diff.tar.gzip"]' "$(jq -c '[.layers[].mediaType] | unique' raw)"
}

@test "the right image of a manifest list is taken" {
	local kind dir
	kind=$(a_user)
	registry_start plain
	dir=$BATS_TEST_TMPDIR/list
	cp -r "$(image busybox)/oci" "$dir"
	# The same image again under a foreign platform, first in the index, with another config.
	python3 - "$dir" <<-'PYTHON'
		import hashlib, json, sys
		root = sys.argv[1]
		def put(document):
		    data = json.dumps(document).encode()
		    digest = hashlib.sha256(data).hexdigest()
		    open(f'{root}/blobs/sha256/{digest}', 'wb').write(data)
		    return {'digest': 'sha256:' + digest, 'size': len(data)}
		index = json.load(open(root + '/index.json'))
		ours = index['manifests'][0]
		manifest = json.load(open(f"{root}/blobs/sha256/{ours['digest'][7:]}"))
		config = json.load(open(f"{root}/blobs/sha256/{manifest['config']['digest'][7:]}"))
		config['architecture'], config['config'] = 'arm64', {'Env': ['WRONG=1']}
		manifest['config'].update(put(config))
		theirs = dict(put(manifest), mediaType=ours['mediaType'])
		theirs['platform'] = {'os': 'linux', 'architecture': 'arm64', 'variant': 'v8'}
		mine = dict(mediaType=ours['mediaType'], digest=ours['digest'], size=ours['size'],
		            platform={'os': 'linux', 'architecture': 'amd64'})
		kind = 'application/vnd.oci.image.index.v1+json'
		whole = dict(put({'schemaVersion': 2, 'mediaType': kind, 'manifests': [theirs, mine]}), mediaType=kind)
		whole['annotations'] = {'org.opencontainers.image.ref.name': 'latest'}
		json.dump({'schemaVersion': 2, 'manifests': [whole]}, open(root + '/index.json', 'w'))
	PYTHON
	skopeo --insecure-policy copy -q --all --dest-tls-verify=false "oci:$dir:latest" "docker://$REGISTRY/base/busybox"
	succeeds build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	pushed "$REGISTRY/app:1"
	equals '"amd64"' "$(config_of "$BATS_TEST_TMPDIR/got" .architecture)"
	equals null "$(config_of "$BATS_TEST_TMPDIR/got" '.config.Env | index("WRONG=1")')"
	sed -i 's/^FROM/FROM --platform=linux\/s390x/' Dockerfile
	fails 1 "s390x" build "$kind" "$REGISTRY/app:2" --insecure-registry "$REGISTRY"
}

@test "the base's layers are mounted, not sent again" {
	local kind
	kind=$(a_user)
	registry_start plain
	registry_put base/busybox busybox
	proxy_start "$REGISTRY"
	succeeds build "$kind" "$PROXY/app:1" --insecure-registry "$PROXY"
	pushed "$REGISTRY/app:1"
	[ "$(requests POST 'mount=sha256')" -ge 1 ]
	[ "$(awk -F 'in=' '/uploads/ {split($2, n, " "); sum += n[1]} END {print sum}' "$PROXY_LOG")" -lt 100000 ]
}

@test "push-by-digest: no tag stands for it, until an index is made of it" {
	local digest kind
	kind=$(a_user)
	registry_start plain
	registry_put base/busybox busybox
	fails 1 "'$REGISTRY/app:1' has a tag, and is to be pushed by its digest alone" \
		build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY" -o type=image,push-by-digest=true
	says_not 'RUN echo'
	succeeds build "$kind" "$REGISTRY/app" --insecure-registry "$REGISTRY" \
		-o type=image,push-by-digest=true,name-canonical=true --metadata-file "$(user_dir "$kind")/meta.json"
	digest=$(jq -r '."containerimage.digest"' "$(user_dir "$kind")/meta.json")
	equals "$REGISTRY/app" "$(jq -r '."image.name"' "$(user_dir "$kind")/meta.json")" "the image's name"
	says "pushed $REGISTRY/app@$digest"
	fails 1 'manifest unknown' skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:latest"
	succeeds kiln_as "$kind" manifest create --insecure-registry "$REGISTRY" list "$REGISTRY/app@$digest"
	succeeds kiln_as "$kind" manifest push --insecure-registry "$REGISTRY" --all list "docker://$REGISTRY/app:1"
	pushed "$REGISTRY/app:1"
}

@test "an unchanged image is pushed with at most 4 requests" {
	local kind
	kind=$(a_user)
	registry_start plain
	registry_put base/busybox busybox
	proxy_start "$REGISTRY"
	succeeds build "$kind" "$PROXY/app:1" --insecure-registry "$PROXY"
	requests_forget
	succeeds build "$kind" "$PROXY/app:1" --insecure-registry "$PROXY"
	[ "$(requests)" -le 4 ] || {
		cat "$PROXY_LOG"
		return 1
	}
	pushed "$REGISTRY/app:1"
}

@test "a layer that was damaged in the store is put away, and fetched anew" {
	local kind blob
	kind=$(a_user)
	export KILN_USERS_DIR=$BATS_TEST_TMPDIR/users # an empty store
	registry_start plain
	registry_put base/busybox busybox
	succeeds kiln_as "$kind" pull --insecure-registry "$REGISTRY" "$REGISTRY/base/busybox"
	blob=$(find "$KILN_USERS_DIR" -path '*/blobs/sha256/*' -size +100k)
	[ -n "$blob" ]
	# Near the beginning, where the decompressor notices and the rest is not looked at any more.
	printf x | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
	fails 1 "hint: try again: " build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	says "fetched anew"
	succeeds build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	pushed "$REGISTRY/app:1"
}

@test "a manifest that got lost is fetched by its digest: what its name means by now is another image" {
	local kind first store
	kind=$(a_user)
	export KILN_USERS_DIR=$BATS_TEST_TMPDIR/users # an empty store
	registry_start plain
	registry_put base/busybox busybox
	printf 'FROM %s/base/busybox\nLABEL from=first\n' "$REGISTRY" >Dockerfile
	succeeds build "$kind" "$REGISTRY/app:1" --insecure-registry "$REGISTRY"
	first=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/app:1")
	succeeds kiln_as "$kind" pull --insecure-registry "$REGISTRY" "$REGISTRY/app:1"
	registry_put app:1 busybox
	store=$(dirname "$(find "$KILN_USERS_DIR" -name store.db)")
	rm "$store/blobs/sha256/${first#sha256:}"
	printf 'FROM %s/app:1\nLABEL second=yes\n' "$REGISTRY" >Dockerfile
	succeeds build "$kind" "$REGISTRY/second:1" --insecure-registry "$REGISTRY"
	capture skopeo inspect --tls-verify=false --format '{{.Labels}}' "docker://$REGISTRY/second:1"
	says "from:first"
	# One that was never pushed is nobody else's of that name.
	printf 'FROM scratch\nLABEL mine=yes\n' >Dockerfile
	succeeds kiln_as "$kind" build -q -t "$REGISTRY/own:1" .
	rm "$store/blobs/$(tr : / <<<"$output")"
	registry_put own:1 busybox
	printf 'FROM %s/own:1\nLABEL third=yes\n' "$REGISTRY" >Dockerfile
	fails 1 "the store has lost some of '$REGISTRY/own:1'" build "$kind" "$REGISTRY/third:1" \
		--insecure-registry "$REGISTRY"
	succeeds build "$kind" "$REGISTRY/third:1" --insecure-registry "$REGISTRY" --pull
}

@test "pull, tag, push and rmi" {
	local kind
	kind=$(a_user)
	registry_start plain
	registry_put base/busybox busybox
	succeeds kiln_as "$kind" pull --insecure-registry "$REGISTRY" "$REGISTRY/base/busybox"
	succeeds kiln_as "$kind" tag "$REGISTRY/base/busybox" "$REGISTRY/copy/busybox:2"
	succeeds kiln_as "$kind" push --insecure-registry "$REGISTRY" "$REGISTRY/copy/busybox:2"
	registry_get "$REGISTRY/copy/busybox:2" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
	equals "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/base/busybox")" \
		"$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/copy/busybox:2")"
	succeeds kiln_as "$kind" rmi "$REGISTRY/copy/busybox:2"
	capture kiln_as "$kind" images
	says base/busybox
	says_not copy/busybox
}
