#!/usr/bin/env bats
# What Buildah's own test-suite asks for, and other files here do not look at.
# shellcheck disable=SC2154,SC2016 # what lib/kiln.bash sets; text for the shell in a container
load ../lib/kiln

setup_file() {
	image busybox >/dev/null
}

setup() {
	context
	img=$(image_ref busybox)
}

buildah() {
	kiln buildah "$@"
}

@test "build: COPY --from and from= of a mount take ARGs" {
	printf '%s\n' 'ARG which=a' "FROM $img AS part_a" 'RUN echo of a >/f' "FROM $img AS part_b" \
		'RUN echo of b >/f' "FROM $img" 'ENV other=a' 'COPY --from=part_${which} /f /1' \
		'ARG other=b' 'COPY --from=part_${other} /f /2' 'ARG other=a' \
		'RUN --mount=type=bind,from=part_$other,target=/m cat /m/f >/3' \
		'COPY --from=part_${none:-b} /f /4' >Dockerfile
	succeeds buildah build -o files .
	equals 'of a|of b|of a|of b' "$(cat files/1 files/2 files/3 files/4 | paste -sd'|')"
	succeeds buildah build --build-arg which=b --build-arg other=a -o more .
	equals 'of b|of a|of a|of b' "$(cat more/1 more/2 more/3 more/4 | paste -sd'|')"
	printf 'FROM scratch\nCOPY --from=$none /f /\n' >Dockerfile
	fails 125 "--from '\$none' is empty once expanded" buildah build .
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	fails 125 "from takes no variables: '\$x'" buildah build --mount 'type=bind,from=$x,target=/m' .
}

@test "build: a named context has a .containerignore" {
	mkdir one
	echo 1 >one/kept
	echo 2 >one/left
	echo left >one/.containerignore
	printf 'FROM scratch\nCOPY --from=one kept /\n' >Dockerfile
	succeeds buildah build --build-context one=one .
	printf 'FROM scratch\nCOPY --from=one left /\n' >Dockerfile
	fails 125 "'.containerignore' leaves it out" buildah build --build-context one=one .
}
