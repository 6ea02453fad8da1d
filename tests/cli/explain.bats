#!/usr/bin/env bats
# kiln explain: each cause, as real builds show it.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup() {
	context
	mkdir src
	echo a >src/a.c
	echo b >src/b.c
	cat >Dockerfile <<-END
		FROM $(image_ref busybox) AS build
		ARG V=1
		ENV E=1
		WORKDIR /src
		COPY src src
		RUN cat src/* >/out && echo \$V >>/out
		FROM $(image_ref busybox)
		COPY --from=build /out /out
		RUN cat /out
	END
	succeeds kiln build -q -t app .
}

# cause NAME: how the step whose name starts so is explained, in the last build.
cause() {
	kiln explain --format json | jq -r --arg name "$1" '.steps[] | select(.name | startswith($name)) | .cause // .state'
}

changes() {
	kiln explain --format json | jq -rc --arg name "$1" '.steps[] | select(.name | startswith($name)) |
		.changes[] | [.kind, .file // .what, .before // "", .after // ""] | join(" ")'
}

@test "a first build, a cached one, and the list of both" {
	succeeds kiln explain
	says "0 of 5 steps cached, 5 ran"
	says "no earlier run of this step is known"
	succeeds kiln build -q -t app .
	succeeds kiln explain
	says "5 of 5 steps cached"
	succeeds kiln explain --list
	equals 3 "$(wc -l <<<"$output")"
	id=$(sed -n 3p <<<"$output" | cut -d' ' -f1)
	succeeds kiln explain "${id:0:6}"
	says "build $id of app"
	says "0 of 5 steps cached"
	fails 1 "no build 'nothing'" kiln explain nothing
	says "kiln explain --list"
	fails 2 "lists all builds" kiln explain --list "$id"
}

@test "files are named, with sizes, and what follows from them" {
	echo longer >src/a.c
	rm src/b.c
	echo c >src/c.c
	succeeds kiln build -q -t app --explain .
	says "changed  src/a.c (2B -> 7B)"
	says "removed  src/b.c (2B)"
	says "added    src/c.c (2B)"
	says "because [build 3/4] COPY src src ran"
	says "changed  out"
	says "these are there after [build 4/4]"
	equals "cached" "$(cause WORKDIR)"
	equals "changed" "$(cause 'COPY src')"
	equals "parent" "$(cause 'RUN cat src')"
	equals "changed src/a.c content content
removed src/b.c file 
added src/c.c  file" "$(changes 'COPY src')"
	# All that ran did so because of that COPY.
	equals 1 "$(kiln explain --format json | jq '[.steps[] | select(.costMs > 0)] | length')"
	chmod 0600 src/a.c
	succeeds kiln build -q --explain .
	says "changed  src/a.c (mode 0644 -> mode 0600)"
}

@test "many files: the first are named, the rest counted" {
	for i in $(seq 30); do echo "$i" >"src/f$i"; done
	succeeds kiln build -q .
	succeeds kiln explain --files 2
	equals 2 "$(grep -c 'added    src/f' <<<"$output")"
	says "and 28 more files"
	equals 30 "$(changes 'COPY src' | wc -l)"
}

@test "arguments, variables, commands and flags are told apart" {
	succeeds kiln build -q --build-arg V=2 --explain .
	says "ARG V went from '1' to '2'"
	equals "value ARG V 1 2" "$(changes 'RUN cat src')"
	sed -i 's/ENV E=1/ENV E=x/' Dockerfile
	succeeds kiln build -q --build-arg V=2 --explain .
	says "ENV E went from '1' to 'x'"
	sed -i 's/COPY src src/COPY --chown=0:0 src src/' Dockerfile
	succeeds kiln build -q --build-arg V=2 --explain .
	says "--chown went from unset to '0:0'"
	sed -i 's/RUN cat .out/RUN wc \/out/' Dockerfile
	succeeds kiln build -q --build-arg V=2 --explain .
	says "the command went from '/bin/sh -c cat /out' to '/bin/sh -c wc /out'"
	succeeds kiln build -q --build-arg V=2 --network none --explain .
	says "--network went from"
}

@test "another base, no cache, a pruned record and a failure are causes" {
	other=$BATS_TEST_TMPDIR/other.tar
	cp "$(image busybox)/rootfs.tar" "$other"
	tar -rf "$other" Dockerfile
	sed -i "s#FROM .*busybox.* AS build#FROM rootfs:$other AS build#" Dockerfile
	succeeds kiln build -q .
	equals "base" "$(cause WORKDIR)"
	succeeds kiln explain
	says "the base image 'rootfs:$other' has other layers: it went from sha256:"
	succeeds kiln build -q --no-cache .
	equals "forced" "$(cause WORKDIR)"
	succeeds kiln prune --all -q
	succeeds kiln build -q -o type=local,dest="$BATS_TEST_TMPDIR/out" .
	equals "lost" "$(cause WORKDIR)"
	succeeds kiln explain
	says "not in the store any more"
	echo 'RUN test -e /nothing' >>Dockerfile
	fails 1 "" kiln build -q --explain .
	says "failed      [stage-1 4/4] RUN test -e /nothing"
	fails 1 "" kiln build -q .
	equals "failed" "$(cause 'RUN test')"
}

@test "the tree shows what a stage stands on and copies from" {
	succeeds kiln explain --tree app
	says "├─ ran [stage-1 2/3] COPY --from=build /out /out"
	says "│  build: FROM"
	says "│  └─ ran [build 4/4]"
}

@test "history goes by age, and not by prune --all" {
	succeeds kiln prune --all -q
	succeeds kiln explain
	touch -d '3 days ago' "$BATS_TEST_TMPDIR"/store/history/*/*
	succeeds kiln prune --older-than 48h
	says "history of builds"
	fails 1 "no build is in the history" kiln explain
	succeeds kiln build -q .
	succeeds kiln explain
}

@test "a damaged history is no reason to fail" {
	for file in "$BATS_TEST_TMPDIR"/store/history/files/*; do echo damage >"$file"; done
	echo c >src/a.c
	succeeds kiln build -q --explain .
	says "the files went from 'sha256:"
	for file in "$BATS_TEST_TMPDIR"/store/history/builds/*; do echo damage >"$file"; done
	succeeds kiln build -q --explain .
	says "5 of 5 steps cached"
}

@test "mounts are ingredients: their files and their flags" {
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		RUN --mount=type=tmpfs,target=/a --mount=type=bind,source=src,target=/b cat /b/*
	END
	succeeds kiln build -q .
	echo longer >src/a.c
	succeeds kiln build -q --explain .
	says "changed  src/a.c (2B -> 7B)"
	sed -i 's#target=/a#target=/c#' Dockerfile
	succeeds kiln build -q --explain .
	says "--mount went from 'type=tmpfs,target=/a' to 'type=tmpfs,target=/c'"
	sed -i 's#target=/c#&,size=1m#; s#target=/b#&,rw --mount=type=cache,target=/d,mode=700#' Dockerfile
	succeeds kiln build -q --explain .
	says "--mount went from 'type=tmpfs,target=/c' to 'type=tmpfs,target=/c,size=1048576'"
	says "--mount went from 'type=bind,target=/b' to 'type=bind,target=/b,rw'"
	says "--mount 'type=cache,target=/d,mode=0700' was added"
}

@test "names of one file, an unpacked archive and what lies below a COPY --link are told" {
	ln src/a.c src/c.c
	ln src/a.c src/d.c
	tar -cf t.tar src
	printf 'FROM scratch\nADD t.tar src /x/\nCOPY --link src/a.c /l\nCOPY src/b.c /b\n' >Dockerfile
	succeeds kiln build -q .
	rm src/c.c
	cp src/a.c src/c.c
	succeeds kiln build -q --explain .
	equals "changed src/c.c hard link file" "$(changes ADD)"
	says "changed  src/c.c (hard link -> file)"
	says "because [stage-0 1/3] ADD t.tar src /x/ ran"
	equals "parent" "$(cause 'COPY src/b.c')"
	says_not 'stands on another result'
	sed -i 's/ADD/ADD --unpack=true/' Dockerfile
	succeeds kiln build -q --explain .
	says "--unpack went from unset to 'true'"
}

@test "a step from another home says which" {
	succeeds kiln build -q --cache-to type=local,dest="$BATS_TEST_TMPDIR/cache",mode=max .
	KILN_ROOT=$BATS_TEST_TMPDIR/other succeeds kiln build -q --explain \
		--cache-from type=local,src="$BATS_TEST_TMPDIR/cache" .
	says "5 of 5 steps cached"
	says "RUN cat /out  from local cache"
}
