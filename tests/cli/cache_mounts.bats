#!/usr/bin/env bats
# RUN --mount=type=cache: what it keeps, for whom, who waits for whom, and how it is given back.
# shellcheck disable=SC2016,SC2030,SC2031 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	BASE=$(image_ref busybox)
	export BASE
}

setup() {
	KIND=$(a_user)
	WORK=$(user_dir "$KIND")/work-$BATS_TEST_NUMBER
	as_user "$KIND" mkdir -p "$WORK"
	cd "$WORK" || return 1
}

teardown() {
	kiln_teardown
}

# dockerfile [FILE]: standard input, with its base in front
dockerfile() {
	{
		printf 'ARG BASE\nFROM $BASE\n'
		cat
	} | as_user "$KIND" tee "${1:-Dockerfile}" >/dev/null
}

build() {
	kiln_as "$KIND" build --progress plain --root "$WORK/store" --build-arg BASE="$BASE" "$@" .
}

run_kiln() {
	kiln_as "$KIND" "$@" --root "$WORK/store"
}

@test "a cache is kept from step to step and build to build, and no layer has it" {
	local kind
	for kind in $(each_user); do
		KIND=$kind WORK=$(user_dir "$kind")/keeps
		as_user "$kind" mkdir -p "$WORK"
		cd "$WORK"
		dockerfile <<-'END'
			ARG N
			RUN --mount=type=cache,target=/c,uid=3,gid=4,mode=0750 set -e; \
				test "$(stat -c %u:%g:%a /c)" = 3:4:750; echo $N >>/c/all; chown 5:6 /c/all; chmod 0604 /c/all
			USER 3
			RUN --mount=type=cache,target=c,id=/c,uid=3,gid=4,mode=0750,ro set -e; \
				test "$(stat -c %u:%g:%a /c/all)" = 5:6:604; ! touch /c/x; echo had: $(cat /c/all)
			USER 0
			RUN --mount=type=cache,target=/c test ! -e /c/all && touch /c/other && test "$(stat -c %u:%g:%a /c)" = 0:0:755
		END
		succeeds build --build-arg N=1
		says 'had: 1'
		succeeds build --build-arg N=2 -o type=oci,dest=image,tar=false
		says 'had: 1 2'
		tree_of image >with
		equals "" "$(grep -E '/(c|all|other)(/|$| )' with || true)" "traces of the cache"
	done
}

@test "a cache starts with what from and source say, and a new start is a new cache" {
	as_user "$KIND" tee Dockerfile >/dev/null <<-'END'
		ARG BASE
		FROM $BASE AS seed
		ARG SEED
		RUN mkdir -p /s/d && echo $SEED >/s/d/f && chown 7:8 /s/d/f && echo no >/file
		FROM $BASE
		ARG N
		RUN --mount=type=cache,target=/c,from=seed,source=s echo $N >>/c/n; echo $N has $(cat /c/d/f) $(stat -c %u:%g /c/d/f) $(cat /c/n)
		RUN --mount=type=cache,target=/c/../c,source=../sub/x test ! -e /c/d && touch /c/y
		RUN --mount=type=cache,target=/other,id=c test -e /other/sub/x/y
	END
	succeeds build --build-arg SEED=a --build-arg N=1
	says '1 has a 7:8 1'
	succeeds build --build-arg SEED=a --build-arg N=2
	says '2 has a 7:8 1 2'
	succeeds build --build-arg SEED=b --build-arg N=3
	says '3 has b 7:8 3'
	sed -i '/^RUN --mount/d' Dockerfile
	echo 'RUN --mount=type=cache,target=/c,from=seed,source=file true' >>Dockerfile
	fails 1 "a cache mount is a directory, and '/file' is none" build
	says 'Dockerfile:'
}

@test "BUILDKIT_CACHE_MOUNT_NS keeps projects apart" {
	dockerfile <<-'END'
		ARG N
		RUN --mount=type=cache,target=/c echo $N >>/c/n; echo has $(cat /c/n)
	END
	succeeds build --build-arg N=1
	succeeds build --build-arg N=2 --build-arg BUILDKIT_CACHE_MOUNT_NS=other
	says 'has 2'
	succeeds build --build-arg N=3
	says 'has 1 3'
}

# What two builds at once do with a cache of that sharing: the second begins once the first is in.
# The first waits for it: long where it comes, a second where it must not.
both() { # OPTIONS TWENTIETHS
	local status=0
	dockerfile first <<-END
		RUN --mount=type=cache,target=/c,id=one,$1 echo first >/c/in; echo is""in; \
			i=0; while [ ! -e /c/second ] && [ \$i -lt $2 ]; do sleep 0.05; i=\$((i+1)); done; \
			rm /c/in; echo saw: \$(ls /c)
	END
	dockerfile second <<-END
		RUN --mount=type=cache,target=/c,id=one,$1 x=\$(ls /c); touch /c/second; echo found: \$x second
	END
	rm -f first.log second.log
	build -f first >first.log 2>&1 &
	until grep -q isin first.log || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
	build -f second >second.log 2>&1 || status=$?
	wait $! || status=$?
	equals 0 "$status" "status of both: $(cat first.log second.log)"
}

@test "shared is used by two builds at once, locked makes them take turns, private parts them" {
	both sharing=shared 600
	grep 'found: in second' second.log
	grep 'saw: second' first.log
	run_kiln prune --all --quiet
	both sharing=locked 20
	grep "waiting for the cache mount '/one'" second.log
	grep 'found: second$' second.log
	grep 'saw:$' first.log
	run_kiln prune --all --quiet
	both sharing=private 20
	grep 'found: second$' second.log
	grep 'saw:$' first.log
}

@test "two locked caches in two orders end" {
	as_user "$KIND" tee Dockerfile >/dev/null <<-'END'
		ARG BASE
		FROM $BASE AS one
		RUN --mount=type=cache,target=/a,sharing=locked --mount=type=cache,target=/b,sharing=locked --mount=type=cache,target=/a2,id=a sleep 0.1
		FROM $BASE AS two
		RUN --mount=type=cache,target=/b,sharing=locked --mount=type=cache,target=/a,sharing=locked --mount=type=cache,target=/p,id=a,sharing=private sleep 0.1
		FROM scratch
		COPY --from=one /etc/passwd /one
		COPY --from=two /etc/passwd /two
	END
	succeeds build
}

@test "info lists caches, prune gives back those that no step has" {
	dockerfile <<-'END'
		RUN --mount=type=cache,target=/idle touch /idle/x
		RUN --mount=type=cache,target=/busy dd if=/dev/zero of=/busy/big bs=1k count=100 2>/dev/null
	END
	succeeds build
	succeeds run_kiln info --disk
	says '/idle'
	says '/busy'
	succeeds run_kiln prune
	says_not 'cache mounts'
	dockerfile <<-'END'
		RUN --mount=type=cache,target=/busy echo is""in; until [ -e /busy/go ]; do sleep 0.05; done
	END
	build >log 2>&1 &
	await grep -q isin log
	succeeds run_kiln prune --all --dry-run
	says '1   cache mounts'
	succeeds run_kiln prune --all
	says '1   cache mounts'
	succeeds run_kiln info --disk
	says_not '/idle'
	says '/busy'
	as_user "$KIND" sh -c 'for d in store/mounts/*/tree; do touch "$d/go"; done'
	wait $!
	succeeds run_kiln prune --older-than 1h
	says_not 'cache mounts'
	succeeds run_kiln prune --all
	says '1   cache mounts'
	succeeds run_kiln fsck
	equals "" "$(ls store/mounts)" 'caches'
}

@test "a build that is killed leaves the lock of its cache" {
	dockerfile <<-'END'
		RUN --mount=type=cache,target=/c,sharing=locked echo is""in; sleep 600
	END
	build >log 2>&1 &
	await grep -q isin log
	pid=$!
	until [ "$(cat "/proc/$pid/comm")" = kiln ]; do pid=$(pgrep -o -P "$pid"); done
	kill -KILL "$pid"
	wait $! || true
	dockerfile <<-'END'
		RUN --mount=type=cache,target=/c,sharing=locked true
	END
	succeeds build
}
