#!/usr/bin/env bats
# Which stages of a Dockerfile are built, and what one waits for.
# shellcheck disable=SC2154,SC2016 # what lib/busybox.bash sets; text for the shell in a container
load ../lib/kiln
load ../lib/busybox

teardown() {
	kiln_teardown
}

buildah() {
	kiln buildah "$@"
}

@test "--skip-unused-stages=false: all stages down to the target are built, under both names" {
	printf 'FROM %s AS one\nRUN echo run-one | tee /one\nFROM %s AS two\nRUN echo run-two\nFROM %s AS three\nRUN echo run-three | tee /three\n' \
		"$img" "$img" "$img" >Dockerfile
	succeeds buildah build --no-cache --target two .
	says run-two
	says_not run-one
	succeeds buildah build --no-cache --skip-unused-stages=false --target two .
	says run-one
	says run-two
	says_not run-three
	succeeds kiln build --no-cache --progress plain .
	says_not run-one
	succeeds kiln build --no-cache --progress plain --skip-unused-stages=false .
	says run-one
	says run-two
	says run-three
	# What they make is no part of the image.
	succeeds buildah build -q -t app --skip-unused-stages=false .
	succeeds buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' app
	equals 2 "$output"
	# One that fails is an error.
	printf 'FROM %s AS one\nRUN exit 3\nFROM %s\n' "$img" "$img" >Dockerfile
	succeeds buildah build -q .
	fails 3 'building at STEP "RUN exit 3"' buildah build -q --skip-unused-stages=false .
}

# WORD: a layout in $PWD/in, of an image that has WORD as LATE and says it when something stands on it.
layout_of() {
	rm -rf in
	mkdir -p made
	printf 'FROM %s\nENV LATE=%s\nONBUILD RUN echo "$LATE triggered" >/trigger\n' "$img" "$1" >made/Dockerfile
	succeeds buildah build -q -t below made
	succeeds buildah push -q below "oci:$PWD/in"
}

# FLAGS...: a build whose stages see in and out, without knowing what was there.
sees() {
	rm -rf out
	mkdir out
	"$@" -v "$PWD/in:/in:ro" -v "$PWD/out:/out" .
}

@test "FROM --after: a stage stands on what another stage makes, whoever comes first" {
	local word
	printf 'ARG maker=maker\nFROM %s AS maker\nRUN cp -a /in/. /out/made\n' "$img" >Dockerfile
	printf 'FROM --after=$maker oci:out/made\nRUN echo "$LATE" >/late\nCMD ["own"]\n' >>Dockerfile
	# It need not be there when the build begins, and is not what an earlier build has left.
	for word in first second; do
		layout_of "$word"
		succeeds sees buildah build --jobs 4 -o files
		equals "$word" "$(cat files/late)"
		equals "$word triggered" "$(cat files/trigger)"
		says '[1/2] STEP 2/2: RUN cp -a /in/. /out/made'
		says '[2/2] STEP 2/4: RUN echo "$LATE triggered" >/trigger'
		equals 1 "$(grep -c 'STEP 2/2: RUN cp' <<<"$output")"
		rm -r files
	done
	succeeds sees buildah build -q -t app
	succeeds buildah inspect --type image --format '{{.OCIv1.Config.Env}} {{.OCIv1.Config.Cmd}} {{len .OCIv1.RootFS.DiffIDs}}' app
	says 'LATE=second'
	says '[own] 3'
	# The names of other stages, numbers, and chains.
	printf 'FROM %s\nRUN cp -a /in/. /out/a\nFROM --after=0 oci:out/a AS middle\nRUN echo middle >/m && cp -a /in/. /out/b\n' "$img" >Dockerfile
	printf 'FROM --after=middle oci:out/b AS last\nRUN echo last >/l\nFROM scratch\nCOPY --from=middle /m /\nCOPY --from=last /l /\n' >>Dockerfile
	succeeds sees buildah build -q -o files
	equals $'l\nm' "$(ls files)"
	# A stage in between is a base like any other; it only comes later.
	printf 'FROM %s AS a\nRUN touch /out/one\nFROM --after=a %s\nRUN ls /out >/seen\n' "$img" "$img" >Dockerfile
	rm -r files
	succeeds sees buildah build -q --jobs 4 -o files
	equals one "$(cat files/seen)"
}

@test "FROM --after: what the base triggers reads a stage, and a context, that nobody else does" {
	mkdir made more
	echo more >more/f
	printf 'FROM %s\nONBUILD COPY --from=extra /e /e\nONBUILD COPY --from=more /f /f\n' "$img" >made/Dockerfile
	succeeds buildah build -q -t below made
	succeeds buildah push -q below "oci:$PWD/in"
	printf 'FROM %s AS maker\nRUN cp -a /in/. /out/made\nFROM %s AS extra\nRUN echo extra >/e\n' "$img" "$img" >Dockerfile
	printf 'FROM --after=maker oci:out/made\nRUN cat /e /f >/both\n' >>Dockerfile
	succeeds sees buildah build -q --build-context "more=$PWD/more" -o files
	equals $'extra\nmore' "$(cat files/both)"
	fails 125 'more: image not known' sees buildah build -q --pull=never
}

@test "FROM of a file waits for the stages above it, as they come in turn for Buildah" {
	layout_of word
	printf 'FROM %s AS maker\nRUN sleep 0.2; cp -a /in/. /out/made\nFROM oci:out/made\nRUN echo "$LATE" >/late\n' "$img" >Dockerfile
	succeeds sees buildah build -q --jobs 4 --skip-unused-stages=false -o files
	equals word "$(cat files/late)"
	# Without what is said, nobody needs the stage that makes it.
	fails 125 "image 'oci:out/made'" sees buildah build -q -o files
	printf 'COPY --from=maker /etc/passwd /\n' >>Dockerfile
	succeeds sees buildah build -q -o files
}

@test "a volume covers a --mount in the same place, so that a step writes to its context" {
	layout_of word
	mkdir ctx && mv in ctx/in && cd ctx
	printf 'FROM %s AS writer\nRUN --mount=type=bind,target=/run/src,rw cp -a /run/src/in /run/src/made\nFROM oci:made\nRUN echo "$LATE" >/late\n' "$img" >Containerfile
	succeeds buildah build -q --skip-unused-stages=false -v "$PWD:/run/src" --security-opt label=disable -o ../files .
	equals word "$(cat ../files/late)"
	[ -e made/index.json ]
	# Without one, what is written goes away.
	rm -r made
	fails 125 "image 'oci:made'" buildah build -q --skip-unused-stages=false .
	[ ! -e made ]
}

@test "FROM --after: what is wrong with it" {
	printf 'FROM %s AS made\nRUN true\nFROM --after=mode oci:out/made\n' "$img" >Dockerfile
	fails 125 "FROM --after: stage 'mode' not found" buildah build -q .
	says "did you mean 'made'?"
	printf 'FROM --after=late oci:out/made AS a\nFROM %s AS late\nRUN true\nFROM a\n' "$img" >Dockerfile
	fails 125 "FROM --after: cannot depend on later stage 'late'" buildah build -q .
	says "Dockerfile:1:6"
	# Found out when it is its turn; what ran before is in the history, and in the cache.
	printf 'FROM %s AS a\nRUN echo ran >/ran\nFROM --after=a oci:out/made\nRUN true\n' "$img" >Dockerfile
	fails 125 "image 'oci:out/made'" buildah build .
	says "STEP 2/2: RUN echo ran"
	says "Dockerfile:3:16"
	succeeds kiln explain
	says "RUN echo ran"
	fails 125 "image 'oci:out/made'" buildah build .
	says "--> Using cache"
	fails 1 "image 'oci:out/made'" kiln build .
	# Looking is no building.
	succeeds kiln build --dry-run .
	says "after: stage a"
	succeeds kiln check .
}
