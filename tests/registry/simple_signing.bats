#!/usr/bin/env bats
# Simple signatures (GPG): what skopeo signed is verified by kiln, what kiln signed by skopeo, in a
# lookaside that is a folder and in one that is a web server.
# shellcheck disable=SC2030,SC2031 # bats runs tests in subshells
load ../lib/kiln
keep_env KILN_INSECURE_REGISTRY KILN_SIGNATURE_POLICY KILN_REGISTRIES_D

setup() {
	command -v gpg >/dev/null || skip 'needs gpg'
	cd "$BATS_TEST_TMPDIR" || return 1
	chmod 0755 .
	registry_start plain
	registry_put base/busybox:1 busybox
	REPO=$REGISTRY/base/busybox
	DIGEST=$("$RIG_LIB/sign.py" digest "$REPO" 1)
	# The path of an agent's socket must be short.
	GNUPGHOME=$(mktemp -d /tmp/kgpg.XXXXXX)
	export GNUPGHOME
	make_key one@kiln.example
	make_key two@kiln.example
	mkdir registries.d sigs context
	lookaside "file://$PWD/sigs"
	printf 'FROM %s:1\nRUN echo made >/made\n' "$REPO" >context/Dockerfile
	export KILN_INSECURE_REGISTRY=$REGISTRY KILN_SIGNATURE_POLICY=$PWD/policy.json KILN_REGISTRIES_D=$PWD/registries.d
}

teardown() {
	[ -z "${GNUPGHOME:-}" ] || {
		gpgconf --kill all 2>/dev/null || true
		rm -rf "$GNUPGHOME"
	}
	kiln_teardown
}

make_key() { # MAIL [EXPIRES]
	gpg -q --batch --pinentry-mode loopback --passphrase '' --quick-generate-key "$1" default default "${2:-never}" \
		3>&- 4>&- 2>/dev/null
	gpg -q --armor --export "$1" >"${1%@*}.asc" 3>&- 4>&-
	chmod a+r "${1%@*}.asc"
}

lookaside() { # URL
	printf 'docker:\n  %s:\n    lookaside: %s\n    lookaside-staging: file://%s/sigs\n' "$REGISTRY" "$1" "$PWD" \
		>registries.d/kiln.yaml
	# skopeo 1.9 knows only the older words.
	mkdir -p skopeo.d
	printf 'docker:\n  %s:\n    sigstore: %s\n    sigstore-staging: file://%s/sigs\n' "$REGISTRY" "$1" "$PWD" \
		>skopeo.d/r.yaml
	chmod a+r registries.d/kiln.yaml
}

require() { # KEYFILE [IDENTITY]
	printf '{"default": [{"type": "reject"}], "transports": {"docker": {"%s": [{"type": "signedBy",
		"keyType": "GPGKeys", "keyPath": "%s", "signedIdentity": {"type": "%s"}}]}}}\n' \
		"$REGISTRY" "$PWD/$1" "${2:-matchRepoDigestOrExact}" >policy.json
	chmod a+r policy.json
}

# As skopeo: from the registry into it again, under another name, signed.
skopeo_sign() { # MAIL NAME
	skopeo --insecure-policy --registries.d skopeo.d copy -q --src-tls-verify=false --dest-tls-verify=false \
		--sign-by "$1" "docker://$REPO:1" "docker://$REGISTRY/$2" 3>&- 4>&-
}

@test "skopeo signs, kiln verifies, as every kind of user" {
	local kind
	skopeo_sign one@kiln.example app:1
	chmod -R a+rX sigs
	require one.asc
	sed -i "s,base/busybox,app," context/Dockerfile
	for kind in $(each_user); do
		succeeds kiln_as "$kind" build --progress plain context
	done
	fails 1 'it asks for a GPG signature, and there is none' kiln pull "$REPO:1"
	require two.asc
	fails 1 'gpgv says' kiln pull "$REGISTRY/app:1"
}

@test "kiln signs, skopeo verifies" {
	require one.asc
	printf '{"default": [{"type": "insecureAcceptAnything"}]}' >any.json
	succeeds kiln pull --signature-policy any.json "$REPO:1"
	succeeds kiln push --sign-by one@kiln.example "$REPO:1" "$REGISTRY/app:1" 3>&- 4>&-
	skopeo --policy policy.json --registries.d skopeo.d copy -q --src-tls-verify=false "docker://$REGISTRY/app:1" dir:got
	fpr=$(gpg --with-colons --fingerprint one@kiln.example | awk -F: '/^fpr/ {print $10; exit}')
	skopeo standalone-verify got/manifest.json "$REGISTRY/app:1" "$fpr" \
		"sigs/app@sha256=${DIGEST#sha256:}/signature-1" 3>&- 4>&-
	succeeds kiln image copy "docker://$REGISTRY/app:1" dir:got2
	require two.asc
	! skopeo --policy policy.json --registries.d skopeo.d copy -q --src-tls-verify=false \
		"docker://$REGISTRY/app:1" dir:got3 || false
	succeeds kiln push --sign-by two@kiln.example "$REPO:1" "$REGISTRY/app:1" 3>&- 4>&-
	[ -e "sigs/app@sha256=${DIGEST#sha256:}/signature-2" ]
	succeeds kiln image copy "docker://$REGISTRY/app:1" dir:got4
	KILN_ROOT=$PWD/other succeeds kiln pull "$REGISTRY/app:1"
}

@test "a signature made by skopeo standalone-sign, named by its policy" {
	local place
	skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REPO:1" dir:image
	fpr=$(gpg --with-colons --fingerprint one@kiln.example | awk -F: '/^fpr/ {print $10; exit}')
	place="sigs/base/busybox@sha256=${DIGEST#sha256:}"
	mkdir -p "$place"
	skopeo standalone-sign image/manifest.json vendor.example/busybox:1 "$fpr" -o "$place/signature-1" 3>&- 4>&-
	require one.asc
	fails 1 "it is signed as 'vendor.example/busybox:1', not as '$REPO:1'" kiln pull "$REPO:1"
	require one.asc matchExact
	sed -i 's,"matchExact","remapIdentity"\, "prefix": "'"$REGISTRY/base"'"\, "signedPrefix": "vendor.example",' policy.json
	succeeds kiln pull "$REPO:1"
}

@test "a lookaside on a web server, and a dir: image with its signatures" {
	skopeo_sign one@kiln.example app:1
	mkdir web
	mv sigs web/
	server_start web "$RIG_LIB/file_server.py" --root web --log web.log
	lookaside "http://$SERVER_ADDRESS/files/sigs"
	require one.asc
	succeeds kiln pull "$REGISTRY/app:1"
	skopeo --policy policy.json --registries.d skopeo.d copy -q --src-tls-verify=false "docker://$REGISTRY/app:1" dir:kept
	printf '{"default": [{"type": "reject"}], "transports": {"dir": {"%s": [{"type": "signedBy", "keyType": "GPGKeys",
		"keyPath": "%s", "signedIdentity": {"type": "exactReference", "dockerReference": "%s"}}]}}}' \
		"$PWD/kept" "$PWD/one.asc" "$REGISTRY/app:1" >policy.json
	succeeds kiln image copy dir:kept oci:out:1
	rm kept/signature-1
	KILN_ROOT=$PWD/other fails 1 'there is none' kiln image copy dir:kept oci:out2:1
}

@test "without registries.d an ordinary user's signatures are below the own data folder" {
	local kind dir
	skopeo_sign one@kiln.example base/busybox:1
	require one.asc
	export KILN_REGISTRIES_D=$PWD/none
	for kind in $(each_user); do
		[ "$kind" != root ] || continue
		fails 1 'it asks for a GPG signature' kiln_as "$kind" build --progress plain context
		dir=$(user_dir "$kind")/data/containers/sigstore
		mkdir -p "$dir"
		cp -r sigs/. "$dir"
		chmod -R a+rX "${dir%/*}"
		succeeds kiln_as "$kind" build --progress plain context
	done
}

@test "messages that do not count: changed, of another manifest, no signature at all, an expired key" {
	local place="sigs/base/busybox@sha256=${DIGEST#sha256:}"
	skopeo_sign one@kiln.example base/busybox:1
	require one.asc
	cp "$place/signature-1" good
	python3 - "$place/signature-1" <<-'END'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		data[len(data) // 2] ^= 1
		open(sys.argv[1], "wb").write(data)
	END
	fails 1 'no GPG signature of it counts' kiln pull "$REPO:1"
	echo '{"critical": {}}' >"$place/signature-1"
	fails 1 'gpgv says NODATA' kiln pull "$REPO:1"
	gpg -q --batch --local-user one@kiln.example --output - --sign <<<'{"critical": {}}' >"$place/signature-1" 3>&- 4>&-
	fails 1 "'critical.type' is missing" kiln pull "$REPO:1"
	cp good "$place/signature-2"
	succeeds kiln pull "$REPO:1"
	mv "$place" "sigs/base/busybox@sha256=$(printf %064d 1)"
	registry_put other:1 busybox
	mkdir -p "sigs/other@sha256=${DIGEST#sha256:}"
	make_key old@kiln.example seconds=1
	gpg -q --batch --local-user old@kiln.example --output - --sign <good >"sigs/other@sha256=${DIGEST#sha256:}/signature-1" \
		3>&- 4>&- || true
	require old.asc
	fails 1 'GPG signature' kiln pull "$REGISTRY/other:1"
}

@test "registries.d that is wrong says where" {
	require one.asc
	printf 'docker:\n  r.example:\n    lookaside: /no/address\n' >registries.d/kiln.yaml
	fails 1 "registries.d/kiln.yaml:3: 'lookaside'" kiln pull "$REPO:1"
	printf 'docker:\n  - list\n' >registries.d/kiln.yaml
	fails 1 'registries.d/kiln.yaml:2: lists and aliases' kiln pull "$REPO:1"
	printf 'docker: {\n' >registries.d/kiln.yaml
	fails 1 'registries.d/kiln.yaml:' kiln pull "$REPO:1"
	printf 'default-docker:\n  lookaside: file:///a\n' | tee registries.d/kiln.yaml >registries.d/second.yaml
	fails 1 "'default-docker' is in" kiln pull "$REPO:1"
}

@test "a GPG key that is not there, and one with a passphrase" {
	printf '{"default": [{"type": "insecureAcceptAnything"}]}' >policy.json
	succeeds kiln pull "$REPO:1"
	fails 1 "gpg cannot sign with the key 'nobody@kiln.example'" kiln push --sign-by nobody@kiln.example "$REPO:1" \
		"$REGISTRY/app:1"
	fails 1 'is no GPG key' kiln push --sign-by=--version "$REPO:1" "$REGISTRY/app:1"
	gpg -q --batch --pinentry-mode loopback --passphrase 'secret words' --quick-generate-key locked@kiln.example \
		default default never 3>&- 4>&- 2>/dev/null
	gpgconf --kill all
	printf 'secret words\n' >pass
	succeeds kiln push --sign-by locked@kiln.example --sign-passphrase-file pass "$REPO:1" "$REGISTRY/app:1" 3>&- 4>&-
	gpg -q --export locked@kiln.example >locked.gpg
	require locked.gpg
	KILN_ROOT=$PWD/other succeeds kiln pull "$REGISTRY/app:1"
}
