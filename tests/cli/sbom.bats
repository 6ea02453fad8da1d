#!/usr/bin/env bats
# --sbom: a generator of somebody's looks through the result, and what it writes goes with it.
# Spec: BuildKit, "SBOM Scanning Protocol".
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

# generator NAME SCRIPT-LINES...: an image whose entrypoint is that script, in the store.
generator() {
	mkdir -p "../$1"
	{
		echo '#!/bin/sh'
		echo 'set -e'
		printf '%s\n' "${@:2}"
	} >"../$1/scan"
	printf '%s\n' "FROM $(image_ref busybox)" 'COPY --chmod=755 scan /scan' 'ENTRYPOINT ["/scan"]' >"../$1/Dockerfile"
	succeeds kiln build -q -t "$1" "../$1"
}

LISTS='one() {
	printf "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicateType\":\"https://spdx.dev/Document\",\"subject\":[]," >$BUILDKIT_SCAN_DESTINATION/$(basename $1).spdx.json
	printf "\"predicate\":{\"files\":\"%s\",\"depth\":\"%s\",\"who\":\"%s\"}}" "$(cd $1 && find . -type f | sort | xargs)" "$BUILDKIT_SCAN_depth" "$(id -u)" >>$BUILDKIT_SCAN_DESTINATION/$(basename $1).spdx.json
}
! touch $BUILDKIT_SCAN_SOURCE/x 2>/dev/null
one $BUILDKIT_SCAN_SOURCE
[ -z "$BUILDKIT_SCAN_SOURCE_EXTRAS" ] || for at in $BUILDKIT_SCAN_SOURCE_EXTRAS*; do one $at; done'

setup() {
	context
	echo one >file
	printf '%s\n' 'FROM scratch AS made' 'COPY file /made' 'FROM scratch' 'COPY --from=made /made /out/file' >Dockerfile
}

teardown() {
	kiln_teardown
}

statements() { # LAYOUT: the statements of the first image, one a line
	local index at digest
	index=$(jq -r '.manifests[0].digest' "$1/index.json")
	at=$(jq -r '.manifests[] | select(.platform.os == "unknown") | .digest' "$1/blobs/${index/://}" | head -n 1)
	for digest in $(jq -r '.layers[].digest' "$1/blobs/${at/://}"); do
		jq -c . "$1/blobs/${digest/://}"
	done
}

@test "the result is looked through, by every kind of user" {
	local kind work
	generator lists "$LISTS"
	for kind in $(each_user); do
		work=$(user_dir "$kind")/work-$BATS_TEST_NUMBER
		as_user "$kind" mkdir -p "$work"
		cp "$BATS_TEST_TMPDIR/context/file" "$BATS_TEST_TMPDIR"/lists/* "$work"
		chmod -R a+rX "$work"
		cd "$work" || return 1
		succeeds kiln_as "$kind" build -q -t lists .
		as_user "$kind" sh -c "printf '%s\n' 'FROM scratch' 'COPY file /out/file' >two.Dockerfile"
		succeeds kiln_as "$kind" build -q --sbom=generator=lists,depth=7 -t r.example/app:1 -f two.Dockerfile \
			-o type=oci,dest=layout,tar=false .
		statements layout >"$BATS_TEST_TMPDIR/all"
		cd "$BATS_TEST_TMPDIR"
		equals 1 "$(wc -l <all)" "$kind"
		equals https://spdx.dev/Document "$(jq -r .predicateType all)" "$kind"
		equals https://in-toto.io/Statement/v1 "$(jq -r ._type all)" "$kind"
		equals "pkg:docker/r.example/app@1?platform=linux%2Famd64" "$(jq -r '.subject[].name' all)" "$kind"
		equals "./out/file 7 0" "$(jq -r '.predicate | .files, .depth, .who' all | xargs)" "$kind"
	done
}

@test "it is done again only for another result, and leaves the image as it is" {
	generator lists "$LISTS"
	succeeds kiln build -q -o type=oci,dest=../plain,tar=false .
	local alone index
	alone=$(jq -r '.manifests[0].digest' ../plain/index.json)
	succeeds kiln build --progress plain --sbom=generator=lists -o type=oci,dest=../layout,tar=false .
	index=$(jq -r '.manifests[0].digest' ../layout/index.json)
	equals "$alone" "$(jq -r '.manifests[0].digest' "../layout/blobs/${index/://}")"
	succeeds kiln build --progress plain --sbom=generator=lists -o type=oci,dest=../again,tar=false .
	equals 1 "$(grep -A1 'generating sbom using lists' <<<"$stderr" | grep -c CACHED)"
	equals "$(statements ../layout)" "$(statements ../again)"
	echo two >file
	succeeds kiln build --progress plain --sbom=generator=lists -o type=oci,dest=../other,tar=false .
	equals 0 "$(grep -A1 'generating sbom using lists' <<<"$stderr" | grep -c CACHED)"
}

@test "stages and the context are looked through where ARGs ask for it" {
	generator lists "$LISTS"
	cat >Dockerfile <<-'END'
		ARG BUILDKIT_SBOM_SCAN_STAGE=deps
		FROM scratch AS deps
		COPY file /dep
		FROM scratch AS other
		COPY file /other
		FROM scratch AS unbuilt
		COPY file /unbuilt
		FROM scratch
		ARG BUILDKIT_SBOM_SCAN_CONTEXT=true
		COPY --from=deps /dep /out/dep
		COPY --from=other /other /out/other
	END
	succeeds kiln build -q --sbom=generator=lists --provenance=mode=min -o type=oci,dest=layout,tar=false -o type=local,dest=files .
	statements layout >all
	equals "./out/dep ./out/other" "$(jq -r '.predicate.files? // empty' all | head -n 1)"
	equals "./Dockerfile ./file" "$(jq -r '.predicate.files? // empty' all | sed -n 2p)"
	equals "./dep" "$(jq -r '.predicate.files? // empty' all | sed -n 3p)"
	equals https://slsa.dev/provenance/v1 "$(tail -n 1 all | jq -r .predicateType)"
	# The generator is something that the build stands on.
	equals true "$(tail -n 1 all | jq '[.predicate.buildDefinition.resolvedDependencies[].uri] | index("pkg:docker/lists@latest?platform=linux%2Famd64") != null')"
	for name in provenance.json sbom.spdx.json sbom-context.spdx.json sbom-deps.spdx.json; do
		[ -e "files/$name" ]
	done
	succeeds kiln build -q --sbom=generator=lists --build-arg BUILDKIT_SBOM_SCAN_STAGE=true \
		--build-arg BUILDKIT_SBOM_SCAN_CONTEXT=false -o type=oci,dest=more,tar=false .
	equals "./dep ./other ./out/dep ./out/other" "$(statements more | jq -r .predicate.files | xargs -n 1 | sort | xargs)"
}

@test "each platform's files are looked through on the machine that there is" {
	generator lists "$LISTS"
	printf '%s\n' 'FROM scratch' 'ARG TARGETARCH' 'COPY file /for-$TARGETARCH' >Dockerfile
	succeeds kiln build -q --sbom=generator=lists --platform linux/amd64,linux/arm64 -o type=local,dest=files .
	equals ./for-amd64 "$(jq -r .predicate.files files/linux_amd64/sbom.spdx.json)"
	equals ./for-arm64 "$(jq -r .predicate.files files/linux_arm64/sbom.spdx.json)"
}

@test "without namespaces it is done as steps are" {
	generator lists "$LISTS"
	# There it sees a copy, and may write to that.
	succeeds kiln build --isolation chroot -q --sbom=generator=lists -o type=local,dest=../files .
	equals "./out/file ./x" "$(jq -r .predicate.files ../files/sbom.spdx.json)"
	[ -e ../files/out/file ] && [ ! -e ../files/x ]
}

@test "no statement takes the place of another, or of something of the result" {
	local spdx='{"predicateType":"https://spdx.dev/Document","predicate":{}}'
	generator clash "echo '$spdx' >\$BUILDKIT_SCAN_DESTINATION/provenance.json"
	fails 1 "two statements about the files are called 'provenance.json'" \
		kiln build -q --sbom=generator=clash --provenance=true -o type=local,dest=../files .
	[ ! -e ../files/out ]
	succeeds kiln build -q --sbom=generator=clash --attest type=provenance,filename=p.json -o type=local,dest=../files .
	equals "out p.json provenance.json" "$(printf "%s " ../files/* | sed "s,../files/,,g; s, \$,,")"
	ln -s file provenance.json
	mkdir -p folder/provenance.json
	printf '%s\n' 'FROM scratch' 'COPY folder /' >folder.Dockerfile
	printf '%s\n' 'FROM scratch' 'COPY file provenance.json /' >link.Dockerfile
	for file in folder link; do
		fails 1 "the files have a 'provenance.json' of their own" \
			kiln build -q --provenance=true -f "$file.Dockerfile" -o type=tar,dest=../taken.tar .
	done
	# In one folder with those of another platform.
	printf '%s\n' 'FROM scratch' 'ARG TARGETARCH' 'COPY file /file.$TARGETARCH' 'FROM scratch AS for-amd64' \
		'COPY file /a' 'FROM scratch AS for-arm64' 'COPY file /provenance.linux_amd64.json' \
		'FROM for-$TARGETARCH' >two.Dockerfile
	fails 1 "provenance.linux_amd64.json'" kiln build -q --provenance=true --platform linux/amd64,linux/arm64 \
		-f two.Dockerfile -o type=tar,dest=../taken.tar,platform-split=false .
	[ ! -e ../taken.tar ]
}

@test "a generator that fails, writes nonsense or nothing, or speaks for kiln ends the build" {
	local out='$BUILDKIT_SCAN_DESTINATION'
	generator fails 'echo no database >&2' 'exit 3'
	fails 3 'no database' kiln build --progress plain --sbom=generator=fails -t x .
	generator silent 'true'
	fails 1 "the SBOM generator 'silent' wrote nothing" kiln build -q --sbom=generator=silent -t x .
	generator garbage "echo '{' >$out/a.json"
	fails 1 "read what 'garbage' wrote as SBOM: the statement 'a.json'" kiln build -q --sbom=generator=garbage -t x .
	generator other "echo '{\"predicateType\":\"https://spdx.dev/Document\",\"predicate\":[]}' >$out/a.json"
	fails 1 "'predicate'" kiln build -q --sbom=generator=other -t x .
	generator liar "echo '{\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{}}' >$out/a.json"
	fails 1 "not the generator's to say" kiln build -q --sbom=generator=liar -t x .
	generator wordy "echo '{\"predicateType\":\"'\$(head -c 2000 /dev/zero | tr '\\0' x)'\",\"predicate\":{}}' >$out/a.json"
	fails 1 "its predicateType is longer than 1024 bytes" kiln build -q --sbom=generator=wordy -t x .
	generator bomb "{ printf '{\"predicateType\":\"x\",\"predicate\":{\"a\":['; yes '[],' | head -n 4000000 | tr -d '\\n'; printf '[]]}}'; } >$out/a.json"
	fails 1 "it has more than 4000000 values" kiln build -q --sbom=generator=bomb -t x .
	generator many "i=0; while [ \$i -lt 500 ]; do : >$out/\$i; i=\$((i + 1)); done"
	fails 1 "500 files in /run/out; at most 499 are read" kiln build -q --sbom=generator=many -t x .
	generator pipe "mkfifo $out/a.json"
	fails 1 "the statement 'a.json'" kiln build -q --sbom=generator=pipe -t x .
	generator link "ln -s /scan $out/a.json"
	fails 1 "the statement 'a.json'" kiln build -q --sbom=generator=link -t x .
	printf 'FROM scratch\nCOPY file /\n' >../none.Dockerfile
	succeeds kiln build -q -t none -f ../none.Dockerfile .
	fails 1 "the SBOM generator 'none' has no command to run" kiln build -q --sbom=generator=none -t x .
	fails 1 "image '127.0.0.1:1/x'" kiln build -q --sbom=generator=127.0.0.1:1/x -t x .
	fails 1 "" kiln inspect x
	succeeds kiln build -q --sbom=false -t x .
}
