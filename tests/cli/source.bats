#!/usr/bin/env bats
# kiln source: images of sources, beside Debian's Buildah, which reads what kiln writes and the other way round.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs tests in subshells; lib/kiln.bash sets output
load ../lib/kiln

setup_file() {
	registry_start plain
	export REGISTRY
}

teardown_file() {
	registries_stop
}

setup() {
	context
	mkdir -p tree/sub tree/empty
	echo a >tree/a && ln tree/a tree/hard && ln -s a tree/soft && echo b >tree/sub/b && echo f >file
	chmod 4755 tree/sub/b
	touch -h -d @1000000000 tree/sub/b tree/sub tree/empty tree/a tree/soft tree file
	export KILN_ROOT=$BATS_TEST_TMPDIR/root
}

peer() {
	/usr/bin/buildah --storage-driver vfs --root "$BATS_TEST_TMPDIR/peer" --runroot "$BATS_TEST_TMPDIR/peer-run" "$@"
}

manifest_of() { # LAYOUT: its manifest's file
	jq -r '.manifests[0].digest | sub("sha256:"; "'"$1"'/blobs/sha256/")' "$1/index.json"
}

layer_of() { # LAYOUT N: a layer's file
	jq -r ".layers[$2].digest | sub(\"sha256:\"; \"$1/blobs/sha256/\")" "$(manifest_of "$1")"
}

# What two layouts have in common: all but the digests of compressed bytes.
facts() { # LAYOUT
	jq -cS 'del(.manifests[].digest, .manifests[].size, .mediaType)' "$1/index.json"
	jq -cS 'del(.layers[].digest, .layers[].size)' "$(manifest_of "$1")"
	jq -c . "$1/oci-layout"
	for layer in 0 1; do
		tar -tvzf "$(layer_of "$1" $layer)" --full-time --numeric-owner
	done
	find "$1" -type f | sed 's/[0-9a-f]\{64\}/BLOB/' | sort
}

@test "create and add write what Buildah writes" {
	succeeds kiln source create --author me --time-stamp=false ours
	equals "" "$output"
	succeeds kiln source add --annotation a=b --annotation c=d=e ours tree
	succeeds kiln source add ours file
	equals '{"author":"me"}' "$(cat "ours/blobs/sha256/$(jq -r '.config.digest[7:]' "$(manifest_of ours)")")"
	tar -tvzf "$(layer_of ours 0)" | grep -q '^h.* hard link to a$'
	[ "$(id -u)" = 0 ] && [ -x /usr/bin/buildah ] || skip "Buildah's half needs root"
	peer source create --author me --time-stamp=false theirs
	peer source add --annotation a=b --annotation c=d=e theirs tree
	peer source add theirs file
	equals "$(facts theirs | sed 's,theirs,ours,')" "$(facts ours)"
	# Each goes on with the other's.
	peer source add ours file
	succeeds kiln source add theirs file
	equals "3 3" "$(jq '.layers | length' "$(manifest_of ours)") $(jq '.layers | length' "$(manifest_of theirs)")"
}

@test "one of several in a layout is added to alone" {
	succeeds kiln source create layout:one
	succeeds kiln source create layout:two
	succeeds kiln source add layout:two file
	equals "one two" "$(jq -r '[.manifests[].annotations["org.opencontainers.image.ref.name"]] | join(" ")' layout/index.json)"
	equals "0 1" "$(for i in 0 1; do jq '.layers | length' "layout/blobs/sha256/$(jq -r ".manifests[$i].digest[7:]" layout/index.json)"; done | xargs)"
	created=$(jq -r .created "layout/blobs/sha256/$(jq -r '.config.digest[7:]' "$(manifest_of layout)")")
	[[ $created == 20*T*Z ]]
}

@test "push and pull keep the digest, and Buildah reads it" {
	succeeds kiln source create ours
	succeeds kiln source add ours tree
	succeeds kiln source push -q --tls-verify=false --digestfile digest ours "$REGISTRY/src:1"
	equals "sha256:$(basename "$(manifest_of ours)")" "$(cat digest)"
	succeeds kiln source pull -q --tls-verify=false "$REGISTRY/src:1" back
	diff -r ours back
	[ "$(id -u)" = 0 ] && [ -x /usr/bin/buildah ] || skip "Buildah's half needs root"
	peer source pull -q --tls-verify=false "$REGISTRY/src:1" theirs
	equals "$(basename "$(manifest_of ours)")" "$(basename "$(manifest_of theirs)")"
	peer source push -q --tls-verify=false theirs "$REGISTRY/src:2"
	succeeds kiln source pull -q --tls-verify=false "$REGISTRY/src:2" again
	equals "$(basename "$(manifest_of ours)")" "$(basename "$(manifest_of again)")"
}

@test "what is wrong is said, and nothing is left half done" {
	succeeds kiln source create ours
	cp -r ours before
	fails 1 'creating source image: "ours" already exists' kiln source create ours
	fails 2 'invalid annotation "a" (expected format is "key=value")' kiln source add --annotation a ours file
	fails 2 'annotation "a" specified more than once' kiln source add --annotation a=1 --annotation a=2 ours file
	fails 1 "source artifact 'nothere': No such file or directory" kiln source add ours nothere
	fails 1 "OCI layout 'nothere'" kiln source add nothere file
	fails 2 'by short name ("short") is not supported' kiln source push ours short
	fails 1 '"ours" already exists' kiln source pull "$REGISTRY/x" ours
	mkdir bad && touch bad/.wh.x
	fails 1 ".wh.x" kiln source add ours bad
	diff -r before ours
	# An ordinary image is none.
	printf 'FROM scratch\nCOPY file /\n' >Dockerfile
	succeeds kiln build -q -t "$REGISTRY/app" --push --insecure-registry "$REGISTRY" .
	fails 1 'invalid media type of image config "application/vnd.oci.image.config.v1+json"' \
		kiln source pull --tls-verify=false "$REGISTRY/app" app
	[ ! -e app ]
	succeeds kiln build -q -o type=oci,tar=false,dest=layout .
	fails 1 'invalid media type of image config' kiln source add layout file
}
