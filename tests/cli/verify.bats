#!/usr/bin/env bats
# kiln build --cache=verify: cached steps are run again and compared.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup() {
	context
	echo a >a
}

layers() {
	find "$BATS_TEST_TMPDIR/store/layers" -mindepth 1 -maxdepth 1 | sort
}

@test "a build whose steps make the same again" {
	cat >Dockerfile <<-END
		FROM $(image_ref busybox) AS build
		WORKDIR /src
		COPY a .
		RUN cat a >out && rm a && ln out hard && ln -s out soft && mkdir d && chmod 700 d
		RUN true
		FROM $(image_ref busybox)
		COPY --from=build /src /src
		RUN --mount=type=bind,source=a,target=/m cat /m >/n
	END
	succeeds kiln build -q -t app .
	id=$output
	succeeds kiln build -q -t app .
	before=$(layers)
	succeeds kiln build -q -t app --cache=verify .
	equals "$id" "$output"
	says "6 cached steps were run again: 6 make the same files"
	says ", 0 do not"
	equals "$before" "$(layers)"
	succeeds kiln build -q -t app --cache=verify --progress plain .
	says_not "not reproducible"
}

@test "each kind of difference is told, and the image is the cached one" {
	mkdir "$BATS_TEST_TMPDIR/outside"
	# What a step cannot repeat: it asks the clock and the kernel.
	cat >Dockerfile <<-'END'
		FROM BASE
		RUN mkdir /d && r=$(cat /proc/sys/kernel/random/uuid) && echo $r >/d/random && touch "/d/$r" && \
			ln -s $r /d/link && seq $((0x$(printf %.2s $r) + 1)) >/d/length
		RUN echo same >/same
		RUN n=$(grep -c . /d/length); true
	END
	sed -i "s#BASE#$(image_ref busybox)#" Dockerfile
	succeeds kiln build -q -t app .
	id=$output
	fails 3 "1 step is not reproducible" kiln build -q -t app --cache=verify .
	equals "$id" "$output"
	says "/d/random: content (37 bytes)"
	says "a file, only before"
	says "a file, only now"
	says "/d/link: to '"
	says "3 cached steps were run again: 2 make the same files"
	succeeds kiln build -q -t app .
	equals "$id" "$output"
}

@test "modes, owners and failures; times are told apart" {
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		RUN u=\$(cat /proc/sys/kernel/random/uuid) && touch /f && chmod 0\$((\$(printf %d 0x\${u%%-*}) % 7))00 /f && touch -d @\$(cut -d. -f1 /proc/uptime) /f
	END
	# One of seven modes: often enough another one in a few tries.
	succeeds kiln build -q .
	for _ in $(seq 12); do
		capture kiln build -q --cache=verify .
		[ "$status" -eq 0 ] || break
	done
	equals 3 "$status"
	says "/f: mode 0"
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		RUN echo a >/f && touch -d @\$(tr -d . </proc/uptime | cut -d' ' -f1) /f
	END
	succeeds kiln build -q .
	succeeds kiln build -q --cache=verify .
	says "(1 with other times)"
}

@test "a step that fails now is told, and contradictions are refused" {
	# It fails every other time.
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		RUN case \$(cat /proc/sys/kernel/random/uuid) in [0-7]*) ;; *) exit 9;; esac
	END
	for _ in $(seq 20); do
		capture kiln build -q .
		[ "$status" -ne 0 ] || break
	done
	equals 0 "$status"
	for _ in $(seq 20); do
		capture kiln build -q --cache=verify .
		[ "$status" -eq 0 ] || break
	done
	equals 3 "$status"
	says "did not complete successfully: exit code: 9"
	fails 2 "contradict each other" kiln build --no-cache --cache=verify .
	fails 2 "on|off|verify" kiln build --cache=maybe .
	sed -i 's/^RUN.*/RUN true/' Dockerfile
	succeeds kiln build -q .
	succeeds kiln build -q --cache=off --explain .
	says "because --no-cache"
}
