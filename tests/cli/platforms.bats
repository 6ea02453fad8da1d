#!/usr/bin/env bats
# Builds for several platforms: an index, in every output.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	registry_start plain
	export REGISTRY KILN_ROOT=$BATS_FILE_TMPDIR/root
}

teardown_file() {
	registries_stop
}

setup() {
	context
	BOTH=linux/amd64,linux/arm64
	cat >Dockerfile <<-'END'
		FROM --platform=$BUILDPLATFORM scratch AS made
		COPY file /made
		FROM scratch
		ARG TARGETARCH
		COPY --from=made /made /for-$TARGETARCH
		LABEL arch=$TARGETARCH
	END
	date +%s%N >file
	touch -d @1000000000 file
}

listed() { # what the index on stdin says, a line an image
	jq -r '.manifests[] | .platform | [.os, .architecture, .variant // empty] | join("/")'
}

@test "several platforms are an index of images that are built alone as well" {
	succeeds kiln build --progress plain --platform "$BOTH" --platform linux/arm/v7,linux/arm64 -t app:1 \
		--metadata-file m.json --iidfile id --annotation index:a=b --annotation 'manifest[linux/arm64]:k=v' .
	equals "$(cat id)" "$output"
	equals "$(cat id)" "$(jq -r '."containerimage.digest"' m.json)"
	equals null "$(jq -r '."containerimage.config.digest"' m.json)"
	equals application/vnd.oci.image.index.v1+json "$(jq -r '."containerimage.descriptor".mediaType' m.json)"
	# What does not depend on the platform is done once.
	equals 2 "$(grep -A1 'made 1/1\] COPY' <<<"$stderr" | grep -c CACHED)"
	"$KILN" manifest inspect app:1 >index
	equals "linux/amd64 linux/arm64 linux/arm/v7" "$(listed <index | xargs)"
	equals b "$(jq -r .annotations.a index)"
	succeeds kiln build -q --platform linux/arm64 --metadata-file one.json --annotation k=v .
	equals "$(jq -r '.manifests[1].digest' index)" "$(jq -r '."containerimage.digest"' one.json)"
	succeeds kiln build -q --platform linux/amd64,linux/amd64 --metadata-file one.json .
	equals "$(jq -r '.manifests[0].digest' index)" "$(jq -r '."containerimage.digest"' one.json)"
	# An index of one.
	succeeds kiln build -q --build-arg BUILDKIT_MULTI_PLATFORM=1 --platform linux/arm/v7 -t one .
	equals "$(jq -r '.manifests[2].digest' index)" "$("$KILN" manifest inspect one | jq -r '.manifests[].digest')"
	succeeds kiln fsck
}

@test "it is pushed, built upon, and its cache serves a machine that has nothing" {
	local reach="--insecure-registry $REGISTRY"
	# shellcheck disable=SC2086 # two words
	succeeds kiln build -q $reach --platform "$BOTH" -t "$REGISTRY/app:1" --push \
		--cache-to "type=registry,ref=$REGISTRY/cache:x" --metadata-file m.json .
	equals "$(jq -r '."containerimage.digest"' m.json)" \
		"sha256:$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:1" | sha256sum | cut -c1-64)"
	equals arm64 "$(skopeo --override-arch arm64 inspect --tls-verify=false --format '{{.Labels.arch}}' "docker://$REGISTRY/app:1")"
	# The index has what the image of each is made of.
	equals 2 "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/cache:x" |
		jq '.annotations["dev.kiln.cache"] | fromjson | .steps | length')"
	# shellcheck disable=SC2086
	KILN_ROOT=$PWD/fresh succeeds kiln build --progress plain $reach --platform "$BOTH" -o type=oci,dest=a.tar \
		--cache-from "type=registry,ref=$REGISTRY/cache:x" .
	[ "$(grep -c CACHED <<<"$stderr")" = "$(grep -c '\[linux/' <<<"$stderr")" ]
	# The next Dockerfile stands on it: each platform on its own.
	printf 'FROM %s/app:1\nCOPY file /more\n' "$REGISTRY" >Dockerfile.next
	# shellcheck disable=SC2086
	KILN_ROOT=$PWD/fresh2 succeeds kiln build -q $reach -f Dockerfile.next --platform "$BOTH" -o type=local,dest=out .
	equals "for-amd64 more" "$(cd out/linux_amd64 && echo *)"
	equals "for-arm64 more" "$(cd out/linux_arm64 && echo *)"
	# shellcheck disable=SC2086
	fails 1 "linux/arm/v7: image '$REGISTRY/app:1'" kiln build -q $reach -f Dockerfile.next --platform "$BOTH,linux/arm/v7" -t none .
	fails 1 "" kiln manifest exists none
}

@test "the index of a cache home without a name is one for all of them" {
	succeeds kiln build -q --platform "$BOTH" --cache-to "type=local,dest=$PWD/home" .
	equals 1 "$(find home/index -type f | wc -l)"
	# It says all: nothing has to be asked for by its key.
	rm -r home/steps
	export KILN_ROOT=$BATS_TEST_TMPDIR/other
	succeeds kiln build --progress plain --platform "$BOTH" --cache-from "type=local,src=$PWD/home" .
	equals 2 "$(grep -A1 "stage-1 1/1\] COPY" <<<"$stderr" | grep -c CACHED)"
}

@test "--all-platforms is what the base images have in common" {
	fails 1 'no stage stands on an image' kiln build --all-platforms .
	fails 2 'exclude each other' kiln build --all-platforms --platform linux/arm64 .
	succeeds kiln build -q --platform "$BOTH,linux/s390x" -o type=oci,dest=three,tar=false,name=x:1 .
	succeeds kiln build -q --platform linux/s390x,linux/arm64,linux/arm/v7 -o type=oci,dest=other,tar=false,name=x:1 .
	succeeds kiln build -q --platform linux/ppc64le -o type=oci,dest=none,tar=false,name=x:1 .
	printf 'FROM oci:three:1 AS a\nFROM --platform=linux/amd64 oci:three:1 AS tool\nFROM oci:other:1\nCOPY --from=a / /a\nCOPY --from=tool / /tool\n' >Dockerfile
	succeeds kiln build -q --all-platforms -t common .
	"$KILN" manifest inspect common >index
	equals "linux/arm64 linux/s390x" "$(listed <index | sort | xargs)"
	printf 'FROM oci:three:1 AS a\nFROM oci:none:1\nCOPY --from=a / /a\n' >Dockerfile
	fails 1 'no platform in common' kiln build --all-platforms .
	printf 'FROM oci:three:1\n' >Dockerfile
	succeeds kiln buildah build -q --all-platforms --manifest all .
	equals 3 "$("$KILN" buildah manifest inspect all | listed | wc -l)"
}

@test "outputs: a layout, its tar, folders, a tar of folders" {
	succeeds kiln build -q --platform "$BOTH" -o type=oci,dest=a.tar,name=x:1 -o type=oci,dest=layout,tar=false,name=x:1 \
		-o type=local,dest=out -o type=tar,dest=files.tar --annotation index-descriptor:a=b .
	succeeds kiln build -q --platform "$BOTH" -o type=oci,dest=b.tar,name=x:1 --annotation index-descriptor:a=b .
	cmp a.tar b.tar
	mkdir unpacked && tar -xf a.tar -C unpacked
	diff -r unpacked layout
	equals b "$(jq -r '.manifests[0].annotations.a' layout/index.json)"
	equals "linux/amd64 linux/arm64" "$(skopeo inspect --raw oci:layout:1 | listed | xargs)"
	equals "linux_amd64/ linux_amd64/for-amd64 linux_arm64/ linux_arm64/for-arm64" "$(tar -tf files.tar | xargs)"
	cmp file out/linux_arm64/for-arm64
	succeeds kiln image copy --all oci:layout:1 "docker://$REGISTRY/copied" --insecure-registry "$REGISTRY"
	fails 1 'a docker archive takes one image' kiln build --platform "$BOTH" -o type=docker,dest=c.tar .
	[ ! -e c.tar ]
}

@test "push sends what is here: the index, or of one that was pulled the host's image" {
	succeeds kiln build -q --platform "$BOTH" -t both:1 .
	index=$output
	succeeds kiln push -q --insecure-registry "$REGISTRY" both:1 "$REGISTRY/pushed:1"
	equals "$index" "$output"
	equals "$index" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/pushed:1" | sha256sum | sed 's/^/sha256:/; s/ .*//')"
	succeeds kiln buildah push -q --tls-verify=false --digestfile digest docker.io/library/both:1 "docker://$REGISTRY/pushed:2"
	equals "$index" "$(cat digest)"
	succeeds kiln image copy -q --all both:1 oci-archive:all.tar:x/y:3
	equals "linux/amd64 linux/arm64" "$(skopeo inspect --raw oci-archive:all.tar:x/y:3 | listed | xargs)"
	fails 1 'a docker archive takes one image' kiln image copy -q --all both:1 docker-archive:one.tar
	succeeds kiln buildah pull -q -a --tls-verify=false "$REGISTRY/pushed"
	equals 2 "$(wc -l <<<"$output")"
	equals "1 2" "$("$KILN" buildah images -n --filter "reference=$REGISTRY/pushed*" --format '{{.Tag}}' | sort | xargs)"
	fails 125 "tag can't be used with --all-tags" kiln buildah pull -a "$REGISTRY/pushed:1"
	fails 125 "pulling all tags is not supported for oci-archive transport" kiln buildah pull -a oci-archive:/x.tar
	fails 125 "pulling all tags is not supported for containers-storage transport" kiln buildah pull -a containers-storage:x
	export KILN_ROOT=$PWD/fresh
	succeeds kiln pull -q --insecure-registry "$REGISTRY" "$REGISTRY/pushed:1"
	succeeds kiln push -q --insecure-registry "$REGISTRY" "$REGISTRY/pushed:1" "$REGISTRY/pushed:3"
	equals "application/vnd.oci.image.manifest.v1+json" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/pushed:3" | jq -r .mediaType)"
}

@test "formats, squash and an inline cache are each image's own" {
	succeeds kiln build -q --format docker --platform "$BOTH" -t docker:1 .
	"$KILN" manifest inspect docker:1 >index
	equals "application/vnd.docker.distribution.manifest.list.v2+json application/vnd.docker.distribution.manifest.v2+json" \
		"$(jq -r '"\(.mediaType) \(.manifests[1].mediaType)"' index)"
	printf 'COPY file /again\n' >>Dockerfile
	succeeds kiln build -q --squash --compression zstd --platform "$BOTH" -o type=oci,dest=small,tar=false,name=x:1 .
	skopeo inspect --raw oci:small:1 >index
	for i in 0 1; do
		equals '["application/vnd.oci.image.layer.v1.tar+zstd"]' \
			"$(jq -c '[.layers[].mediaType]' "small/blobs/sha256/$(jq -r ".manifests[$i].digest[7:]" index)")"
	done
	succeeds kiln build -q --insecure-registry "$REGISTRY" --platform "$BOTH" -t "$REGISTRY/inline:1" --push --cache-to type=inline .
	KILN_ROOT=$PWD/fresh succeeds kiln build --progress plain --insecure-registry "$REGISTRY" --platform "$BOTH" \
		-o type=oci,dest=a.tar --cache-from "$REGISTRY/inline:1" .
	equals "4 4" "$(grep -c 'stage-1 ./2\] COPY' <<<"$stderr") $(grep -A1 'stage-1 ./2\] COPY' <<<"$stderr" | grep -c CACHED)"
}

@test "a context from standard input serves every platform, and what fails says for which" {
	tar -c Dockerfile file | kiln build -q --platform "$BOTH" -t piped -
	equals 2 "$("$KILN" manifest inspect piped | listed | wc -l)"
	printf 'FROM scratch\nARG TARGETARCH\nCOPY file-$TARGETARCH /\n' >Dockerfile
	cp file file-amd64
	fails 1 'linux/arm64: ' kiln build --platform "$BOTH" -t broken .
	fails 1 "" kiln manifest exists broken
	succeeds kiln build --dry-run --platform "$BOTH" .
	equals "platform linux/amd64 platform linux/arm64" "$(grep ^platform <<<"$output" | xargs)"
	fails 2 "option '--platform'" kiln build --platform linux/amd64,,linux/arm64 .
}

@test "explain tells of each platform, or of the one whose id is given" {
	local arm
	export KILN_ROOT=$BATS_TEST_TMPDIR/root
	succeeds kiln build -q --platform "$BOTH" -t told --explain .
	says "of told for linux/amd64, "
	says "of told for linux/arm64, "
	# The other platform's step is no earlier run.
	equals 2 "$(grep -A2 '1 1/1\] COPY --from=made' <<<"$stderr" | grep -c 'no earlier run')"
	succeeds kiln build -q --platform "$BOTH" -t told --build-arg TARGETARCH=x .
	succeeds kiln explain told
	equals 2 "$(grep -c '^build .* of told for ' <<<"$output")"
	equals "linux/amd64 linux/arm64" "$(kiln explain --format json | jq -r .platform | xargs)"
	equals 1 "$(kiln explain --format json | jq -r .whole | sort -u | wc -l)"
	arm=$(kiln explain --format json | jq -r 'select(.platform == "linux/arm64").id')
	equals "$arm" "$(kiln explain --format json "$arm" | jq -r .id)"
	succeeds kiln build -q -t told .
	equals null "$(kiln explain --format json | jq -r .whole)"
}

@test "an index without the machine's platform: what it has is said" {
	succeeds kiln build -q --platform linux/arm64,linux/arm/v7 -t foreign:1 .
	fails 1 'no image found in manifest list for linux/amd64' kiln inspect foreign:1
	says 'there are: linux/arm64, linux/arm/v7'
	succeeds kiln inspect --platform linux/arm/v7 --format '{{.Platform}}' foreign:1
	equals linux/arm/v7 "$output"
	succeeds kiln history --platform linux/arm64 --no-trunc foreign:1
	says 'COPY'
	fails 1 'no image found in manifest list for linux/s390x' kiln history --platform linux/s390x foreign:1
	fails 2 "option '--platform'" kiln inspect --platform x/y/z/w foreign:1
}

blob_of() { # LAYOUT JSON: its digest and size, as members
	local digest
	digest=$(printf %s "$2" | sha256sum | cut -d' ' -f1)
	printf %s "$2" >"$1/blobs/sha256/$digest"
	printf '"digest":"sha256:%s","size":%s' "$digest" ${#2}
}

@test "a base that says no architecture: the result says the stage's" {
	local config manifest type=application/vnd.oci.image
	mkdir -p base/blobs/sha256
	echo '{"imageLayoutVersion":"1.0.0"}' >base/oci-layout
	config=$(blob_of base '{"config":{},"rootfs":{"type":"layers","diff_ids":[]}}')
	manifest=$(blob_of base "{\"schemaVersion\":2,\"mediaType\":\"$type.manifest.v1+json\",\"config\":{\"mediaType\":\"$type.config.v1+json\",$config},\"layers\":[]}")
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json",%s}]}' "$type" "$manifest" >base/index.json
	printf 'ARG WHICH=$TARGETPLATFORM\nFROM --platform=$WHICH b\nLABEL a=b\n' >Dockerfile
	said() { # [option...]: what the image says
		succeeds kiln build "$@" --build-context "b=oci-layout://$PWD/base" -t said .
		"$KILN" inspect --config said | jq -r '[.os, .architecture, .variant // empty] | join("/")'
	}
	equals linux/amd64 "$(said --build-arg WHICH=linux/amd64)"
	[[ $(said) == linux/?* ]]
	equals linux/arm64 "$(said --platform linux/arm64)"
	equals linux/arm/v7 "$(said --build-arg WHICH=linux/arm/v7)"
	succeeds kiln from --name working --arch arm64 "oci:$PWD/base"
	succeeds kiln commit working said
	equals arm64 "$("$KILN" inspect --config said | jq -r .architecture)"
}

@test "under Buildah's name --manifest takes all of them" {
	succeeds kiln buildah build --platform "$BOTH" --manifest both .
	says '[linux/amd64] [2/2] STEP 3/4: COPY'
	says '[linux/arm64] [2/2] STEP 3/4: COPY'
	succeeds kiln buildah build -q --platform linux/arm/v7 --manifest both .
	succeeds kiln buildah manifest inspect both
	equals "linux/amd64 linux/arm64 linux/arm/v7" "$(listed <<<"$output" | xargs)"
	succeeds kiln fsck
}

@test "platform-split says whether each platform's files have a folder" {
	printf '%s\n' 'FROM scratch' 'ARG TARGETARCH' 'COPY file /d/for-$TARGETARCH' >Dockerfile
	succeeds kiln build -q --platform "$BOTH" --provenance=mode=min -o type=local,dest=one,platform-split=false \
		-o type=tar,dest=one.tar,platform-split=false -o type=local,dest=two .
	local wanted="d/for-amd64 d/for-arm64 provenance.linux_amd64.json provenance.linux_arm64.json"
	equals "$wanted" "$(cd one && find . -type f | sed 's,^./,,' | LC_ALL=C sort | xargs)"
	equals "$wanted" "$(tar -tf one.tar | grep -v '/$' | LC_ALL=C sort | xargs)"
	equals "for-amd64" "$(ls two/linux_amd64/d)"
	equals d/for-arm64 "$(jq -r '.subject[].name' one/provenance.linux_arm64.json)"
	succeeds kiln build -q --platform linux/arm64 -o type=local,dest=three,platform-split=true .
	[ -e three/linux_arm64/d/for-arm64 ]
	# No platform's file takes the place of another's.
	printf '%s\n' 'FROM scratch' 'COPY file /d/same' >Dockerfile
	fails 1 "cannot overwrite '/d/same' of linux_amd64 with that of linux_arm64" \
		kiln build -q --platform "$BOTH" -o type=tar,dest=clash.tar,platform-split=false .
	[ ! -e clash.tar ]
}
