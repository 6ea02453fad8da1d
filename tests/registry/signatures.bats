#!/usr/bin/env bats
# policy.json and sigstore signatures: what openssl and python signed is verified by kiln, what kiln
# signed by openssl. (Debian's skopeo and podman have sigstore switched off.) Simple signatures by GPG are in
# simple_signing.bats.
# shellcheck disable=SC2030,SC2031 # bats runs tests in subshells
load ../lib/kiln

keep_env KILN_INSECURE_REGISTRY KILN_SIGNATURE_POLICY

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	chmod 0755 .
	registry_start plain
	registry_put base/busybox:1 busybox
	REPO=$REGISTRY/base/busybox
	DIGEST=$(sign digest "$REPO" 1)
	make_key one
	make_key two
	mkdir context
	printf 'FROM %s:1\nRUN echo made >/made\n' "$REPO" >context/Dockerfile
	export KILN_INSECURE_REGISTRY=$REGISTRY KILN_SIGNATURE_POLICY=$PWD/policy.json
}

teardown() {
	kiln_teardown
}

sign() {
	"$RIG_LIB/sign.py" "$@"
}

make_key() { # NAME [openssl genpkey option...]
	local name=$1
	shift
	[ $# -gt 0 ] || set -- -algorithm EC -pkeyopt ec_paramgen_curve:P-256
	openssl genpkey "$@" -out "$name.key" 2>/dev/null
	openssl pkey -in "$name.key" -pubout -out "$name.pub" 2>/dev/null
	chmod a+r "$name.key" "$name.pub"
}

# What must hold of images of the registry; everything else is rejected.
require() { # JSON-of-requirements
	printf '{"default": [{"type": "reject"}], "transports": {"docker": {"%s": %s}}}\n' "$REGISTRY" "$1" \
		>policy.json
	chmod a+r policy.json
}

by_key() { # NAME [IDENTITY]
	printf '[{"type": "sigstoreSigned", "keyPath": "%s/%s.pub", "signedIdentity": {"type": "%s"}}]' \
		"$PWD" "$1" "${2:-matchRepoDigestOrExact}"
}

build() { # KIND [option...]
	kiln_as "$1" build --progress plain "${@:2}" context
}

@test "every kind of user builds on a base that openssl signed, and on no other" {
	local kind
	require "$(by_key one)"
	for kind in $(each_user); do
		fails 1 'it asks for a sigstore signature, and there is none' build "$kind"
	done
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1"
	for kind in $(each_user); do
		succeeds build "$kind"
	done
	require "$(by_key two)"
	for kind in $(each_user); do
		fails 1 'not by a key of the policy' build "$kind" --no-cache
	done
}

@test "nothing of a base that is not allowed is fetched" {
	local kind
	kind=$(a_user)
	proxy_start "$REGISTRY"
	printf 'FROM %s/base/busybox:1\nRUN true\n' "$PROXY" >context/Dockerfile
	KILN_INSECURE_REGISTRY=$PROXY
	REGISTRY=$PROXY require '[{"type": "reject"}]'
	fails 1 'it rejects it' build "$kind"
	equals 0 "$(requests GET /blobs/)"
	says "$PROXY/base/busybox:1"
	says 'policy.json'
}

@test "a verdict is kept: the next build asks for no signature, another policy does" {
	local kind
	kind=$(a_user)
	proxy_start "$REGISTRY"
	printf 'FROM %s/base/busybox:1\nRUN true\n' "$PROXY" >context/Dockerfile
	KILN_INSECURE_REGISTRY=$PROXY
	REGISTRY=$PROXY require "$(by_key one matchRepository)"
	sign attach "$REPO" "$DIGEST" one.key "$PROXY/base/busybox"
	succeeds build "$kind"
	requests_forget
	succeeds build "$kind"
	equals 0 "$(requests '*' '[.]sig')"
	REGISTRY=$PROXY require "$(by_key two matchRepository)"
	fails 1 'not by a key of the policy' build "$kind"
}

@test "what was pulled under another policy is asked about again; what was made here is not" {
	require '[{"type": "insecureAcceptAnything"}]'
	succeeds kiln pull "$REPO:1"
	printf 'FROM scratch\nCOPY Dockerfile /\n' >own
	succeeds kiln build --progress plain -t made/here:1 -f own context
	require "$(by_key one)"
	fails 1 'there is none' kiln from "$REPO:1"
	says 'was fetched before this policy'
	fails 1 'there is none' kiln build --progress plain context
	fails 1 'there is none' kiln image copy "$REPO:1" oci:out:1
	fails 1 'there is none' kiln image copy --all "$REPO:1" oci:out:1
	succeeds kiln manifest create list
	fails 1 'there is none' kiln manifest add list "$REPO:1"
	succeeds kiln from --pull=never made/here:1
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1"
	succeeds kiln from "$REPO:1"
}

@test "every door: from, pull, COPY --from, image copy, warm, manifest add, kaniko" {
	require '[{"type": "reject"}]'
	fails 1 'it rejects it' kiln pull "$REPO:1"
	fails 1 'it rejects it' kiln from "docker://$REPO:1"
	fails 125 'it rejects it: Source image rejected: Running image is rejected by policy.' kiln buildah from "$REPO:1"
	fails 125 'it rejects it' kiln buildah pull "$REPO:1"
	printf 'FROM scratch\nCOPY --from=%s:1 /bin/busybox /\n' "$REPO" >context/Dockerfile
	fails 1 'it rejects it' kiln build --progress plain context
	printf 'FROM scratch\nRUN --mount=type=bind,from=%s:1,target=/b true\n' "$REPO" >context/Dockerfile
	fails 1 'it rejects it' kiln build --progress plain context
	fails 1 'it rejects it' kiln image copy "docker://$REPO:1" oci:out:1
	[ ! -e out/blobs ] || [ -z "$(ls -A out/blobs/sha256)" ]
	fails 1 'it rejects it' kiln image copy --all "docker://$REPO:1" oci:out:1
	fails 1 'it rejects it' kiln manifest create list "$REPO:1"
	fails 1 'it rejects it' kiln warm --dir "$PWD/lower" "$REPO:1"
	fails 1 'it rejects it' kiln kaniko --context context --no-push --insecure-pull
	fails 1 'it rejects it' kiln image copy "oci:$(image busybox)/oci:latest" dir:out2
	fails 1 'it rejects it' kiln image copy "docker-archive:$(image busybox)/docker.tar" dir:out3
	[ -z "$(find store/blobs -type f -size +500k)" ]
	echo 'FROM b' >context/Dockerfile
	fails 1 'it rejects it' kiln build --progress plain --build-context "b=docker-image://$REPO:1" context
	succeeds kiln build --progress plain --signature-policy /etc/containers/policy.json \
		--build-context "b=docker-image://$REPO:1" context
}

@test "the signature's name must fit: exact, repository, mapped, digest" {
	sign attach "$REPO" "$DIGEST" one.key "$REPO:2"
	require "$(by_key one)"
	fails 1 "it is signed as '$REPO:2', not as '$REPO:1'" kiln pull "$REPO:1"
	succeeds kiln pull "$REPO@$DIGEST"
	require "$(by_key one matchExact)"
	fails 1 'it is signed as' kiln pull "$REPO@$DIGEST"
	require "$(by_key one matchRepository)"
	succeeds kiln pull "$REPO:1"
	require "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"$PWD/one.pub\", \"signedIdentity\":
		{\"type\": \"exactReference\", \"dockerReference\": \"$REPO:2\"}}]"
	succeeds kiln pull "$REPO:1"
	sign attach "$REPO" "$DIGEST" one.key vendor.example/base/busybox:1
	require "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"$PWD/one.pub\", \"signedIdentity\":
		{\"type\": \"remapIdentity\", \"prefix\": \"$REGISTRY\", \"signedPrefix\": \"vendor.example\"}}]"
	succeeds kiln pull "$REPO:1"
	require "[{\"type\": \"sigstoreSigned\", \"keyPath\": \"$PWD/one.pub\", \"signedIdentity\":
		{\"type\": \"exactRepository\", \"dockerRepository\": \"other.example/base/busybox\"}}]"
	fails 1 'it is signed as' kiln pull "$REPO:1"
}

@test "signatures that do not count: damaged, of another image, of another type, no JSON" {
	require "$(by_key one)"
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1" --bad
	fails 1 'not by a key of the policy' kiln pull "$REPO:1"
	printf '{"critical": {"identity": {"docker-reference": "%s:1"}, "image": {"docker-manifest-digest":
		"sha256:%064d"}, "type": "cosign container image signature"}, "optional": {}}' "$REPO" 7 >payload
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1" --payload payload
	fails 1 'it is of manifest sha256:0000' kiln pull "$REPO:1"
	printf '{"critical": {"identity": {"docker-reference": "%s:1"}, "image": {"docker-manifest-digest":
		"%s"}, "type": "atomic container signature"}, "optional": {}}' "$REPO" "$DIGEST" >payload
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1" --payload payload
	fails 1 "its type is 'atomic container signature'" kiln pull "$REPO:1"
	printf 'no JSON' >payload
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1" --payload payload
	fails 1 'signature' kiln pull "$REPO:1"
	succeeds test ! -e store/blobs/sha256/made
}

@test "a signature that is a referrer alone counts, where the registry has only the tag" {
	require "$(by_key one)"
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1" --no-tag
	succeeds kiln pull "$REPO:1"
}

@test "RSA and Ed25519 keys, in files and in the policy itself" {
	make_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
	make_key ed -algorithm ED25519
	for kind in rsa ed; do
		sign attach "$REPO" "$DIGEST" "$kind.key" "$REPO:1"
		require "[{\"type\": \"sigstoreSigned\", \"keyData\": \"$(base64 -w0 "$kind.pub")\"}]"
		KILN_ROOT=$PWD/store.$kind succeeds kiln pull "$REPO:1"
	done
}

@test "a policy that is wrong says what, where, and nothing is used" {
	local bad
	while IFS='|' read -r bad text; do
		printf '%s\n' "$bad" >policy.json
		fails 1 "$text" kiln pull "$REPO:1"
		says 'signature policy'
	done <<-'END'
		{}|'default' is missing
		{"default": []}|is an empty list
		{"default": [{"type": "acceptAll"}]}|'default[0].type' is none of
		{"default": [{"type": "reject"}], "transport": {}}|'transport' is no key that belongs there
		{"default": [{"type": "reject", "keyPath": "/x"}]}|'default[0].keyPath' is no key
		{"default": [{"type": "signedBy", "keyType": "GPGKeys"}]}|needs exactly one of keyPath
		{"default": [{"type": "signedBy", "keyType": "PGP", "keyPath": "/x"}]}|'default[0].keyType' is not GPGKeys
		{"default": [{"type": "sigstoreSigned", "keyPath": "/x", "signedIdentity": {"type": "near"}}]}|signedIdentity.type' is none of
		{"default": [{"type": "reject"}], "transports": {"dir": {"a/b": [{"type": "reject"}]}}}|is no absolute path
		{"default": [{"type": "reject"}], "default": []}|line 1
		{"default": [{"type": "sigstoreSigned", "fulcio": {}}]}|sigstoreSigned with 'fulcio', which kiln does not verify
		{"default": [{"type": "sigstoreSigned", "keyPath": "/nowhere/key.pub"}]}|/nowhere/key.pub
	END
	rm policy.json
	fails 1 "signature policy '$PWD/policy.json'" kiln pull "$REPO:1"
	KILN_SIGNATURE_POLICY='' succeeds kiln pull "$REPO:1"
}

@test "kiln signs what it pushes; openssl verifies it" {
	succeeds kiln build --progress plain -t "$REGISTRY/app:1" --signature-policy /etc/containers/policy.json \
		--push --sign-by-sigstore-private-key one.key context
	digest=$(sign digest "$REGISTRY/app" 1)
	equals "good $REGISTRY/app:1 same" "$(sign check "$REGISTRY/app" "$digest" one.pub)"
	require "$(by_key one)"
	succeeds kiln pull "$REGISTRY/app:1"
	require "$(by_key two)"
	fails 1 'not by a key of the policy' kiln pull "$REGISTRY/app:1"
}

@test "cosign's encrypted keys sign, with their passphrase and no other" {
	printf 'kiln test\n' >pass
	printf 'wrong\n' >other
	sign cosign-key one.key 'kiln test' cosign.key
	require '[{"type": "insecureAcceptAnything"}]'
	succeeds kiln pull "$REPO:1"
	fails 1 'the passphrase does not open the key' kiln push --sign-by-sigstore-private-key cosign.key \
		--sign-passphrase-file other "$REPO:1" "$REGISTRY/app:1"
	fails 1 'the passphrase does not open the key' kiln push --sign-by-sigstore-private-key cosign.key \
		"$REPO:1" "$REGISTRY/app:1"
	succeeds kiln push --sign-by-sigstore-private-key cosign.key --sign-passphrase-file pass \
		"$REPO:1" "$REGISTRY/app:1"
	equals "good $REGISTRY/app:1 same" "$(sign check "$REGISTRY/app" "$DIGEST" one.pub)"
}

@test "pushing again adds no signature; another key adds one and keeps the first" {
	require '[{"type": "insecureAcceptAnything"}]'
	succeeds kiln pull "$REPO:1"
	succeeds kiln push --sign-by-sigstore-private-key one.key "$REPO:1" "$REGISTRY/app:1"
	succeeds kiln push --sign-by-sigstore-private-key one.key "$REPO:1" "$REGISTRY/app:1"
	equals 1 "$(sign check "$REGISTRY/app" "$DIGEST" one.pub | wc -l)"
	succeeds kiln push --sign-by-sigstore-private-key two.key "$REPO:1" "$REGISTRY/app:1"
	equals "$(printf 'good\nbad')" "$(sign check "$REGISTRY/app" "$DIGEST" one.pub | cut -d' ' -f1)"
	sign manifest "$REGISTRY/app" "sha256-${DIGEST#sha256:}" >index
	equals 1 "$(jq '.manifests | length' index)"
	equals application/vnd.dev.cosign.artifact.sig.v1+json "$(jq -r '.manifests[0].artifactType' index)"
	sig=$(sign digest "$REGISTRY/app" "sha256-${DIGEST#sha256:}.sig")
	equals "$sig" "$(jq -r '.manifests[0].digest' index)"
	equals "$DIGEST" "$(sign manifest "$REGISTRY/app" "$sig" | jq -r .subject.digest)"
}

@test "an index that is signed speaks for its images; signed images speak for themselves" {
	succeeds kiln manifest create --signature-policy /etc/containers/policy.json list "$REPO:1"
	succeeds kiln manifest push --sign-by-sigstore-private-key one.key list "docker://$REGISTRY/list:1"
	require "$(by_key one)"
	succeeds kiln pull "$REGISTRY/list:1"
	succeeds kiln image copy --all "docker://$REGISTRY/list:1" oci:out:1
	index=$(sign digest "$REGISTRY/list" 1)
	for digest in "$index" "$(sign manifest "$REGISTRY/list" 1 | jq -r '.manifests[0].digest')"; do
		equals "good $REGISTRY/list:1 same" "$(sign check "$REGISTRY/list" "$digest" one.pub)"
	done
	succeeds kiln manifest push list "docker://$REGISTRY/bare:1"
	fails 1 'there is none' kiln image copy --all "docker://$REGISTRY/bare:1" oci:out2:1
	sign attach "$REGISTRY/bare" "$(sign digest "$REGISTRY/bare" 1)" one.key "$REGISTRY/bare:1"
	succeeds kiln image copy --all "docker://$REGISTRY/bare:1" oci:out2:1
	succeeds kiln pull "$REGISTRY/bare:1"
	# Another policy asks again, and which index it was from is remembered.
	require "$(by_key one matchRepository)"
	succeeds kiln from --pull=never "$REGISTRY/bare:1"
	require "$(by_key two)"
	fails 1 'was fetched before this policy' kiln from --pull=never "$REGISTRY/bare:1"
}

@test "a wrong key, a wrong passphrase: told before any work" {
	fails 1 "nowhere.key" kiln build --progress plain --push -t "$REGISTRY/app:1" \
		--sign-by-sigstore-private-key nowhere.key context
	echo hello >no.key
	fails 1 'no private key in PEM form' kiln build --progress plain --push -t "$REGISTRY/app:1" \
		--sign-by-sigstore-private-key no.key context
	printf 'secret words\n' >pass
	openssl pkcs8 -topk8 -in one.key -passout pass:'secret words' -out locked.key
	require '[{"type": "insecureAcceptAnything"}]'
	succeeds kiln pull "$REPO:1"
	fails 1 'the key is encrypted' kiln push --sign-by-sigstore-private-key locked.key "$REPO:1" "$REGISTRY/app:1"
	echo wrong >other
	fails 1 'the passphrase does not open the key' kiln push --sign-by-sigstore-private-key locked.key \
		--sign-passphrase-file other "$REPO:1" "$REGISTRY/app:1"
	succeeds kiln push --sign-by-sigstore-private-key locked.key --sign-passphrase-file pass "$REPO:1" \
		"$REGISTRY/app:1"
	equals "good $REGISTRY/app:1 same" "$(sign check "$REGISTRY/app" "$DIGEST" one.pub)"
}

@test "a mirror that is behind does not cost others' signatures" {
	require '[{"type": "insecureAcceptAnything"}]'
	succeeds kiln pull "$REPO:1"
	succeeds kiln push --sign-by-sigstore-private-key one.key "$REPO:1" "$REGISTRY/app:1"
	local main=$REGISTRY
	registry_start plain
	export KILN_REGISTRY_MIRROR=$main=$REGISTRY
	registry_put app:1 busybox
	sign attach "$REGISTRY/app" "$DIGEST" two.key "$main/app:0"
	succeeds kiln push --sign-by-sigstore-private-key two.key "$REPO:1" "$main/app:1"
	equals "$(printf 'good\nbad')" "$(sign check "$main/app" "$DIGEST" one.pub | cut -d' ' -f1)"
}

@test "what goes to no registry is not signed, and that is said" {
	require '[{"type": "insecureAcceptAnything"}]'
	fails 2 "option '--sign-by' signs what goes to a registry" kiln build --progress plain --sign-by me context
	fails 125 "option '--sign-by-sigstore-private-key' signs what goes to a registry" \
		kiln buildah build --sign-by-sigstore-private-key one.key context
	fails 2 'signs what goes to a registry' kiln image copy --sign-by-sigstore-private-key one.key "docker://$REPO:1" \
		oci:out:1
	KILN_SIGN_BY_SIGSTORE_PRIVATE_KEY=one.key succeeds kiln image copy "docker://$REPO:1" oci:out:1
}

@test "a manifest with ten thousand bad signatures costs a bounded number of requests" {
	require "$(by_key one)"
	proxy_start "$REGISTRY"
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1"
	sign flood "$REPO" "$DIGEST"
	KILN_INSECURE_REGISTRY=$PROXY
	REGISTRY=$PROXY require "$(by_key one matchRepository)"
	fails 1 'it asks for a sigstore signature' kiln pull "$PROXY/base/busybox:1"
	[ "$(requests GET)" -lt 400 ]
}

@test "commit and image copy sign, under buildah's name too" {
	require '[{"type": "insecureAcceptAnything"}]'
	ctr=$(kiln buildah from "$REPO:1")
	succeeds kiln buildah commit -q --sign-by-sigstore-private-key one.key "$ctr" "docker://$REGISTRY/made:1"
	equals "good $REGISTRY/made:1 same" \
		"$(sign check "$REGISTRY/made" "$(sign digest "$REGISTRY/made" 1)" one.pub)"
	succeeds kiln image copy --sign-by-sigstore-private-key one.key "docker://$REPO:1" "docker://$REGISTRY/copied:1"
	equals "good $REGISTRY/copied:1 same" "$(sign check "$REGISTRY/copied" "$DIGEST" one.pub)"
}

@test "the executor and the warmer: a policy is met, and what is pushed is signed" {
	require "$(by_key one)"
	export KILN_SIGN_BY_SIGSTORE_PRIVATE_KEY=$PWD/two.key
	fails 1 'there is none' kiln kaniko --context "$PWD/context" --destination "$REGISTRY/made:1" --insecure
	fails 1 'there is none' kiln warmer --image "$REPO:1" --cache-dir "$PWD/cache" --insecure-pull
	sign attach "$REPO" "$DIGEST" one.key "$REPO:1"
	succeeds kiln kaniko --context "$PWD/context" --destination "$REGISTRY/made:1" --insecure
	equals "good $REGISTRY/made:1 same" "$(sign check "$REGISTRY/made" "$(sign digest "$REGISTRY/made" 1)" two.pub)"
	succeeds kiln warmer --image "$REPO:1" --cache-dir "$PWD/cache" --insecure-pull
}
