#!/usr/bin/env bats
# kiln manifest: a list of images for several platforms, made by hand and pushed.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	registry_start plain
	context
	printf 'FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /\nLABEL arch=$TARGETARCH\n' >Dockerfile
	export KILN_ROOT=$BATS_FILE_TMPDIR/root REGISTRY
	"$KILN" build -q --platform linux/amd64 -t app:amd64 .
	"$KILN" build -q --platform linux/arm64 -t app:arm64 .
	AMD=$("$KILN" inspect -f '{{.Digest}}' app:amd64)
	ARM=$("$KILN" inspect -f '{{.Digest}}' app:arm64)
	export AMD ARM
}

setup() {
	context
}

teardown_file() {
	registries_stop
}

teardown() {
	"$KILN" manifest rm list:1 >/dev/null 2>&1 || true
	kiln_teardown
}

listed() { # what the list says, a line an image
	"$KILN" manifest inspect list:1 | jq -r '.manifests[] | "\(.digest) \(.platform.os)/\(.platform.architecture)\(.platform.variant // "" | if . == "" then . else "/" + . end)"'
}

@test "create, add, annotate and remove change what is listed" {
	succeeds kiln manifest create list:1
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	equals "" "$(listed)"
	succeeds kiln manifest add list:1 app:amd64
	[[ $output == *": $AMD" ]]
	succeeds kiln manifest add list:1 app:arm64
	equals "$AMD linux/amd64"$'\n'"$ARM linux/arm64" "$(listed)"
	succeeds kiln manifest add list:1 app:arm64
	equals 2 "$(listed | wc -l)" "an image is listed once"
	succeeds kiln manifest annotate --variant v9 --annotation a=b list:1 "$ARM"
	equals "$ARM linux/arm64/v9" "$(listed | tail -n 1)"
	equals b "$("$KILN" manifest inspect list:1 | jq -r '.manifests[1].annotations.a')"
	succeeds kiln manifest annotate --index --annotation c=d list:1
	equals d "$("$KILN" manifest inspect list:1 | jq -r .annotations.c)"
	succeeds kiln manifest remove list:1 "$AMD"
	equals 1 "$(listed | wc -l)"
	succeeds kiln fsck
}

@test "os-features of an entry: told, its config's, and kept when something else changes" {
	features() {
		kiln manifest inspect "$1" | jq -c '[.manifests[].platform["os.features"]]'
	}
	succeeds kiln manifest create features:1
	succeeds kiln manifest add --os-features a,b --os-features c features:1 app:arm64
	equals '[["a","b","c"]]' "$(features features:1)"
	succeeds kiln manifest annotate --variant v8 features:1 "$ARM"
	equals '[["a","b","c"]]' "$(features features:1)"
	succeeds kiln manifest annotate --os-features win32k features:1 "$ARM"
	equals '[["win32k"]]' "$(features features:1)"
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	succeeds kiln buildah build -q --os-feature own -t featured .
	succeeds kiln manifest add features:1 featured
	equals '[["win32k"],["own"]]' "$(features features:1)"
	# And of the processor.
	succeeds kiln manifest annotate --features sse4,avx features:1 "$ARM"
	succeeds kiln manifest annotate --variant v7 features:1 "$ARM"
	equals '[["sse4","avx"],null]' "$(kiln manifest inspect features:1 | jq -c '[.manifests[].platform.features]')"
	succeeds kiln manifest push features:1 "oci:$PWD/features"
	grep -rq '"features":\["sse4","avx"\]' features/blobs
}

@test "a list is pushed with its images, and read by others" {
	succeeds kiln manifest create list:1 app:amd64 app:arm64
	succeeds kiln manifest push --insecure-registry "$REGISTRY" --digestfile digest list:1 "docker://$REGISTRY/list:1"
	equals "$(cat digest)" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/list:1" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	equals arm64 "$(skopeo --override-arch arm64 inspect --tls-verify=false --format '{{.Labels.arch}}' "docker://$REGISTRY/list:1")"
	succeeds kiln manifest inspect --insecure-registry "$REGISTRY" "$REGISTRY/list:1"
	equals 2 "$(jq '.manifests | length' <<<"$output")"
	# From the registry into another list.
	succeeds kiln manifest rm list:1
	succeeds kiln manifest create --insecure-registry "$REGISTRY" --all list:1 "docker://$REGISTRY/list:1"
	equals "$AMD linux/amd64"$'\n'"$ARM linux/arm64" "$(listed)"
	succeeds kiln manifest push --rm list:1 "oci:$BATS_TEST_TMPDIR/layout:x"
	valid_image "$BATS_TEST_TMPDIR/layout"
	fails 1 "there is no manifest list" kiln manifest exists list:1
}

@test "what is there, what is not, and what is no list" {
	succeeds kiln manifest create list:1
	succeeds kiln manifest exists list:1
	fails 1 "already in use" kiln manifest create list:1
	succeeds kiln manifest create --amend list:1 app:amd64
	equals 1 "$(listed | wc -l)"
	succeeds kiln manifest create --replace list:1
	equals 0 "$(listed | wc -l)"
	fails 1 "is an image, not a manifest list" kiln manifest add app:amd64 app:arm64
	fails 1 "image not known" kiln manifest add no/such:list app:amd64
	fails 1 "there is no 'sha256:" kiln manifest remove list:1 "$AMD"
	fails 1 "" kiln manifest add list:1 oci:/no/such
	fails 2 "there are: add, annotate, create" kiln manifest make list:1
}

entry() { # N: the manifest of an entry of the list in the layout
	jq -r ".manifests[$1].digest[7:]" <<<"$INDEX" | sed "s,^,layout/blobs/sha256/,"
}

@test "files become an artifact of the list, about an image, and arrive whole" {
	echo '{"a": 1}' >sbom.json
	printf '\037\213\010 and more' >blob
	echo text >notes
	echo '{"c": 1}' >config
	succeeds kiln manifest create list:1 app:amd64
	succeeds kiln manifest add --artifact --artifact-type application/vnd.test+json --artifact-subject app:amd64 \
		--artifact-annotation x=y --annotation of=entry list:1 sbom.json blob notes
	digest=${output#*: }
	succeeds kiln manifest add --artifact --artifact-config config --artifact-config-type application/vnd.test.config \
		--artifact-layer-type text/markdown --artifact-exclude-titles --os linux --arch riscv64 list:1 notes
	succeeds kiln manifest add --artifact --artifact-type application/vnd.nothing list:1
	succeeds kiln fsck
	succeeds kiln manifest push list:1 oci:layout:x
	INDEX=$(skopeo inspect --raw oci:layout:x)
	equals "$digest application/vnd.test+json entry null" \
		"$(jq -r '.manifests[1] | "\(.digest) \(.artifactType) \(.annotations.of) \(.platform)"' <<<"$INDEX")"
	equals "linux/riscv64" "$(jq -r '.manifests[2].platform | "\(.os)/\(.architecture)"' <<<"$INDEX")"
	equals "application/vnd.test+json application/vnd.oci.empty.v1+json y $AMD" \
		"$(jq -r '"\(.artifactType) \(.config.mediaType) \(.annotations.x) \(.subject.digest)"' "$(entry 1)")"
	equals "application/json sbom.json application/x-gzip blob text/plain notes" \
		"$(jq -r '.layers[] | .mediaType, .annotations["org.opencontainers.image.title"]' "$(entry 1)" | xargs)"
	cmp blob "layout/blobs/sha256/$(jq -r '.layers[1].digest[7:]' "$(entry 1)")"
	equals "application/vnd.unknown.artifact.v1 application/vnd.test.config text/markdown null" \
		"$(jq -r '"\(.artifactType) \(.config.mediaType) \(.layers[0].mediaType) \(.layers[0].annotations)"' "$(entry 2)")"
	equals "application/vnd.oci.empty.v1+json 2" "$(jq -r '.layers[] | "\(.mediaType) \(.size)"' "$(entry 3)")"
	# The image is still what a run or a copy picks.
	equals amd64 "$(skopeo inspect --format '{{.Labels.arch}}' oci:layout:x)"
	succeeds kiln manifest push --insecure-registry "$REGISTRY" list:1 "docker://$REGISTRY/artifacts:1"
	# What is wrong changes nothing.
	"$KILN" manifest inspect list:1 >before
	fails 2 "are for '--artifact'" kiln manifest add --artifact-type x/y list:1 app:arm64
	fails 1 "artifact 'nothere'" kiln manifest add --artifact list:1 nothere
	fails 1 "is no regular file" kiln manifest add --artifact list:1 layout
	fails 1 "which is no layer" kiln manifest add --artifact --artifact-layer-type application/vnd.oci.image.config.v1+json list:1 notes
	fails 1 "subject 'oci:no/such'" kiln manifest add --artifact --artifact-subject oci:no/such list:1 notes
	fails 2 'no value given for annotation' kiln manifest add --artifact --artifact-annotation x list:1 notes
	"$KILN" manifest inspect list:1 | cmp - before
}

@test "a list has a subject, and entries are named by their images" {
	succeeds kiln manifest create list:1 app:amd64 app:arm64
	succeeds kiln manifest annotate --subject app:arm64 --annotation of=list list:1
	equals "$ARM list" "$("$KILN" manifest inspect list:1 | jq -r '"\(.subject.digest) \(.annotations.of)"')"
	succeeds kiln manifest annotate --variant v9 list:1 app:arm64
	equals "$ARM linux/arm64/v9" "$(listed | tail -n 1)"
	succeeds kiln manifest remove list:1 app:arm64
	equals "$AMD linux/amd64" "$(listed)"
	equals "$ARM" "$("$KILN" manifest inspect list:1 | jq -r .subject.digest)" "it stays"
}

@test "a list goes out in another form, and is not changed by that" {
	succeeds kiln manifest create --annotation of=list list:1 app:amd64 app:arm64
	"$KILN" manifest inspect list:1 >before
	succeeds kiln manifest push --add-compression zstd list:1 oci:layout:x
	INDEX=$(skopeo inspect --raw oci:layout:x)
	equals "amd64 null arm64 null amd64 true arm64 true" "$(jq -r '.manifests[] | .platform.architecture,
		.annotations["io.github.containers.compression.zstd"]' <<<"$INDEX" | xargs)"
	equals "$AMD list" "$(jq -r '"\(.manifests[0].digest) \(.annotations.of)"' <<<"$INDEX")"
	equals "$(jq -r .config.digest "$(entry 0)")" "$(jq -r .config.digest "$(entry 2)")"
	equals application/vnd.oci.image.layer.v1.tar+zstd "$(jq -r '.layers[].mediaType' "$(entry 3)")"
	# Again from there: each has both already.
	succeeds kiln manifest create --all more:1 oci:layout:x
	succeeds kiln manifest push --add-compression gzip --add-compression zstd more:1 oci:again:x
	equals 4 "$(skopeo inspect --raw oci:again:x | jq '.manifests | length')"
	succeeds kiln manifest rm more:1
	succeeds kiln manifest push --compression-format zstd list:1 oci:layout:z
	INDEX=$(skopeo inspect --raw oci:layout:z)
	equals "2 application/vnd.oci.image.layer.v1.tar+zstd" "$(jq '.manifests | length' <<<"$INDEX") $(jq -r '.layers[].mediaType' "$(entry 1)")"
	succeeds kiln manifest push --format v2s2 --insecure-registry "$REGISTRY" list:1 "docker://$REGISTRY/v2s2:1"
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/v2s2:1" >docker
	equals "application/vnd.docker.distribution.manifest.list.v2+json application/vnd.docker.distribution.manifest.v2+json" \
		"$(jq -r '"\(.mediaType) \(.manifests[0].mediaType)"' docker)"
	"$KILN" manifest inspect list:1 | cmp - before
	fails 2 "unknown compression \"lzma\"" kiln manifest push --add-compression lzma list:1 oci:layout:y
	fails 1 "Docker's format has no zstd layers" kiln manifest push --format v2s2 --compression-format zstd list:1 oci:layout:y
	echo x >file
	succeeds kiln manifest add --artifact list:1 file
	fails 1 "Docker's format has no place for it" kiln manifest push --format v2s2 list:1 oci:layout:y
}
