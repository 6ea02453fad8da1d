#!/usr/bin/env bats
# kiln image copy: from every home to every other, digests kept; skopeo reads what we write.
# shellcheck disable=SC2030,SC2031 # bats runs tests in subshells
load ../lib/kiln

setup_file() {
	registry_start plain
	registry_put base/busybox busybox
	LAYOUT=$(image busybox)/oci
	DIGEST=$(jq -r '.manifests[0].digest' "$LAYOUT/index.json")
	export REGISTRY LAYOUT DIGEST
	make_index >"$BATS_FILE_TMPDIR/index-digest"
}

teardown_file() {
	registries_stop
}

teardown() {
	kiln_teardown
}

# An index of two platforms in the layout $BATS_FILE_TMPDIR/many: the same image under two names.
make_index() {
	local many=$BATS_FILE_TMPDIR/many manifest size index
	cp -r "$LAYOUT" "$many"
	chmod -R u+w,a+rX "$many"
	manifest=$DIGEST
	size=$(jq -r '.manifests[0].size' "$LAYOUT/index.json")
	index=$(jq -nc --arg d "$manifest" --argjson s "$size" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.index.v1+json",
		manifests: [["amd64", "arm64"][] as $a | {mediaType: "application/vnd.oci.image.manifest.v1+json",
			digest: $d, size: $s, platform: {architecture: $a, os: "linux"}}]}')
	printf '%s' "$index" >"$many/new"
	set -- "$(sha256sum <"$many/new" | cut -d' ' -f1)"
	mv "$many/new" "$many/blobs/sha256/$1"
	jq -c --arg d "sha256:$1" --argjson s "${#index}" '.manifests = [{
		mediaType: "application/vnd.oci.image.index.v1+json", digest: $d, size: $s,
		annotations: {"org.opencontainers.image.ref.name": "latest"}}]' "$LAYOUT/index.json" >"$many/index.json"
	echo "sha256:$1"
}

# The last layer of a layout's only image, in hex.
layer_of() {
	local manifest
	manifest=$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' "$1/index.json")
	jq -r '.layers[-1].digest | ltrimstr("sha256:")' "$1/blobs/sha256/$manifest"
}

copy() {
	succeeds kiln image copy --insecure-registry "$REGISTRY" -q "$@"
}

@test "around all homes and back, the digest stays" {
	local dir=$BATS_TEST_TMPDIR
	copy "docker://$REGISTRY/base/busybox" "oci:$dir/layout:one"
	equals "$DIGEST" "$output"
	copy "oci:$dir/layout:one" "dir:$dir/dir"
	equals "$DIGEST" "$output"
	copy "dir:$dir/dir" "oci-archive:$dir/archive.tar:two"
	equals "$DIGEST" "$output"
	copy "oci-archive:$dir/archive.tar" stored:three
	equals "$DIGEST" "$output"
	copy stored:three "docker://$REGISTRY/copied:four"
	equals "$DIGEST" "$output"
	copy "docker://$REGISTRY/copied:four" "docker-archive:$dir/docker.tar:five"
	equals "$DIGEST" "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/copied:four")"
	equals "$DIGEST" "$(skopeo inspect --format '{{.Digest}}' "dir:$dir/dir")"
	valid_image "$dir/layout"
	succeeds skopeo inspect "docker-archive:$dir/docker.tar"
	# What is no file stays what it is.
	mkfifo "$dir/pipe"
	cat "$dir/pipe" >"$dir/piped.tar" &
	copy "oci:$dir/layout:one" "oci-archive:$dir/pipe"
	wait
	[ -p "$dir/pipe" ]
	succeeds skopeo inspect "oci-archive:$dir/piped.tar"
}

@test "what skopeo writes as dir: is a base and a source" {
	succeeds skopeo --insecure-policy copy -q "oci:$LAYOUT:latest" "dir:$BATS_TEST_TMPDIR/dir"
	copy "dir:$BATS_TEST_TMPDIR/dir" "oci:$BATS_TEST_TMPDIR/out:x"
	equals "$DIGEST" "$output"
	context
	printf 'FROM dir:%s\nRUN echo hi >/hi\n' "$BATS_TEST_TMPDIR/dir" >Dockerfile
	succeeds kiln build -q -t from-dir .
}

@test "--all copies an index with every manifest, without it the host's image" {
	local index many=$BATS_FILE_TMPDIR/many dir=$BATS_TEST_TMPDIR
	index=$(cat "$BATS_FILE_TMPDIR/index-digest")
	copy "oci:$many:latest" "dir:$dir/one"
	equals "$DIGEST" "$output"
	copy --all "oci:$many:latest" "docker://$REGISTRY/many:1"
	equals "$index" "$output"
	equals "$index" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/many:1" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	copy --all "docker://$REGISTRY/many:1" "oci:$dir/layout:x"
	equals "$index" "$(jq -r '.manifests[0].digest' "$dir/layout/index.json")"
	copy --all "docker://$REGISTRY/many:1" "dir:$dir/all"
	equals "$index" "$output"
	copy --all "docker://$REGISTRY/many:1" many:1
	copy --all "dir:$dir/all" "docker://$REGISTRY/again:1"
	equals "$index" "$output"
	copy --all "oci:$many:latest" "oci-archive:$dir/all.tar:x"
	for to in "docker://$REGISTRY/archived:1" "oci:$dir/from-archive:x" "dir:$dir/from-archive-all" "oci-archive:$dir/again.tar:x" archived:1; do
		copy --all "oci-archive:$dir/all.tar:x" "$to"
		equals "$index" "$output" "the index from an archive to $to"
	done
	equals "$index" "$(skopeo inspect --raw "oci-archive:$dir/again.tar:x" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	equals "$index" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/archived:1" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	copy "oci-archive:$dir/all.tar:x" "dir:$dir/one-of-archive"
	equals "$DIGEST" "$output"
	copy --all "docker-archive:$(image busybox)/docker.tar" "oci:$dir/one-of-docker:x"
	rm "$dir/all.tar"
	fails 1 "$dir/all.tar" kiln image copy --all "oci-archive:$dir/all.tar:x" "oci:$dir/never:x"
}

@test "a layer of docker save is compressed while it is read, and never written as it was" {
	local dir=$BATS_TEST_TMPDIR
	context
	truncate -s 64M big
	printf 'FROM scratch\nCOPY big /\n' >Dockerfile
	succeeds kiln build -q -o "type=oci,tar=false,dest=$dir/layout" .
	succeeds skopeo --insecure-policy copy -q "oci:$dir/layout" "docker-archive:$dir/saved.tar:saved:1"
	[ "$(stat -c %s "$dir/saved.tar")" -gt 64000000 ]
	# No file of 8 MiB can be made.
	(ulimit -S -f 8192 && copy "docker-archive:$dir/saved.tar" "oci:$dir/again:x")
	cmp "$dir/layout/blobs/sha256/$(layer_of "$dir/layout")" "$dir/again/blobs/sha256/$(layer_of "$dir/again")"
	# A tar in the place of JSON is told of.
	mkdir "$dir/odd"
	tar -C "$dir/odd" -cf "$dir/inner.tar" .
	cp "$dir/inner.tar" "$dir/odd/manifest.json"
	tar -C "$dir/odd" -cf "$dir/odd.tar" manifest.json
	fails 1 "'manifest.json' is a tar, not JSON" kiln image copy "docker-archive:$dir/odd.tar" "oci:$dir/never:x"
}

@test "what cannot be copied is said, and nothing is half there" {
	fails 1 "no/such" kiln image copy "dir:/no/such" "oci:$BATS_TEST_TMPDIR/out"
	[ ! -e "$BATS_TEST_TMPDIR/out" ]
	mkdir "$BATS_TEST_TMPDIR/full"
	echo '{}' >"$BATS_TEST_TMPDIR/full/manifest.json"
	fails 1 "holds something else" kiln image copy "oci:$LAYOUT:latest" "dir:$BATS_TEST_TMPDIR/full"
	fails 1 "one image" kiln image copy --all "oci:$BATS_FILE_TMPDIR/many:latest" "docker-archive:$BATS_TEST_TMPDIR/a.tar"
	fails 2 "there are: copy" kiln image move a b
	# A blob that is not what its name says.
	succeeds skopeo --insecure-policy copy -q "oci:$LAYOUT:latest" "dir:$BATS_TEST_TMPDIR/bad"
	local blob
	blob=$(jq -r '.layers[0].digest | ltrimstr("sha256:")' "$BATS_TEST_TMPDIR/bad/manifest.json")
	printf X | dd of="$BATS_TEST_TMPDIR/bad/$blob" bs=1 seek=100 conv=notrunc status=none
	fails 1 "$blob" kiln image copy "dir:$BATS_TEST_TMPDIR/bad" "oci:$BATS_TEST_TMPDIR/never"
	[ ! -e "$BATS_TEST_TMPDIR/never/index.json" ]
	# Nor one that is a pipe, which nobody writes: it is not waited for.
	rm "$BATS_TEST_TMPDIR/bad/$blob"
	mkfifo "$BATS_TEST_TMPDIR/bad/$blob"
	fails 1 "'$blob' is not a regular file" kiln image copy "dir:$BATS_TEST_TMPDIR/bad" "oci:$BATS_TEST_TMPDIR/never"
	succeeds skopeo --insecure-policy copy -q "oci:$LAYOUT:latest" "oci:$BATS_TEST_TMPDIR/piped:x"
	rm "$BATS_TEST_TMPDIR/piped/blobs/sha256/$blob"
	mkfifo "$BATS_TEST_TMPDIR/piped/blobs/sha256/$blob"
	fails 1 "$blob' is not a regular file" kiln image copy "oci:$BATS_TEST_TMPDIR/piped:x" "oci:$BATS_TEST_TMPDIR/never"
}

@test "a layer that is not the config's is not compressed anew, nor remembered as it" {
	local config wrong
	copy "oci:$LAYOUT:latest" "dir:$BATS_TEST_TMPDIR/lying"
	cd "$BATS_TEST_TMPDIR/lying"
	config=$(jq -r '.config.digest | ltrimstr("sha256:")' manifest.json)
	jq -jc '.rootfs.diff_ids[0] |= "sha256:" + (. | ltrimstr("sha256:") | explode | reverse | implode)' "$config" >new
	wrong=$(sha256sum <new | cut -d' ' -f1)
	jq -c --arg d "sha256:$wrong" --argjson s "$(stat -c %s new)" '.config.digest = $d | .config.size = $s' manifest.json >again
	mv new "$wrong" && mv again manifest.json
	cd "$BATS_TEST_TMPDIR"
	copy dir:lying lying
	fails 125 "hashes to" kiln buildah push -q --compression-format zstd --force-compression lying oci:never:x
	[ ! -e never/index.json ]
	copy "oci:$LAYOUT:latest" honest
	succeeds kiln buildah push -q --compression-format zstd --force-compression honest oci:some:x
}
