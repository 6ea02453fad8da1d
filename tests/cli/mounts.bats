#!/usr/bin/env bats
# RUN --mount: bind and tmpfs, for every kind of user. Caches, secrets and agents have files of
# their own.
# shellcheck disable=SC2016 # dollars are the Dockerfile's
load ../lib/kiln

setup_file() {
	BASE=$(image_ref busybox)
	export BASE
}

teardown() {
	kiln_teardown
}

# A context with files of several kinds, in the folder of the user KIND; enters it.
enter_context() {
	WORK=$(user_dir "$1")/work-$BATS_TEST_NUMBER
	as_user "$1" mkdir -p "$WORK/src/sub"
	cd "$WORK" || return 1
	as_user "$1" sh -c 'echo hello >src/a; echo left >src/ignored; echo deep >src/sub/b
		ln -s a src/link; chmod 0600 src/a; chmod 0710 src/sub'
}

dockerfile() { # KIND: standard input becomes the Dockerfile
	as_user "$1" tee Dockerfile >/dev/null
}

build() { # KIND OPTION...
	local kind=$1
	shift
	kiln_as "$kind" build --progress plain --build-arg BASE="$BASE" "$@" .
}

# build, which must work and say TEXT
builds() { # KIND TEXT OPTION...
	local kind=$1 text=$2
	shift 2
	succeeds build "$kind" "$@"
	says "$text"
}

@test "a bind shows context, stage and image, and what is written to it is thrown away" {
	for kind in $(each_user); do
		enter_context "$kind"
		dockerfile "$kind" <<-'END'
			ARG BASE
			FROM $BASE AS files
			RUN mkdir -p /d/e && echo stage >/d/e/f && chmod 0700 /d && chown 3:4 /d/e/f
			FROM $BASE
			WORKDIR /w
			RUN --mount=source=src,target=src \
				set -e; test "$(echo $(cat src/a src/link))" = "hello hello"; \
				test "$(echo $(stat -c %u:%g:%a src/a src/sub))" = "0:0:600 0:0:710"; ! touch src/new; ! mkdir src/sub/new
			RUN --mount=source=src,target=src,rw \
				set -e; echo changed >src/a; rm -r src/sub; echo new >src/new; test "$(cat src/a)" = changed
			RUN --mount=source=src/a,target=one,rw echo more >>one && test "$(echo $(cat one))" = "hello more"
			RUN --mount=source=src/a,target=one ! echo more >>one && test "$(cat one)" = hello
			RUN --mount=from=files,source=d,target=d set -e; test "$(cat d/e/f)" = stage; ! touch d/x; \
				test "$(echo $(stat -c %u:%g:%a d d/e/f))" = "0:0:700 3:4:644"
			RUN --mount=from=files,source=d,target=d,rw rm d/e/f && echo x >d/y
			RUN --mount=from=files,target=/all --mount=from=scratch,target=/none \
				test -d /all/bin && test -z "$(ls /none)"
			RUN --mount=type=tmpfs,target=t/t,size=64k touch t/t/x && ! dd if=/dev/zero of=t/t/x bs=1k count=100 2>/dev/null
			RUN --mount=target=/o/u/t,type=tmpfs --mount=target=/o,type=tmpfs touch /o/u/t/x
			RUN --mount=target=/etc/one,source=src/a --mount=target=/usr/local/new/deep,source=src test -d /usr/local/new/deep/sub
			RUN test -z "$(ls -A /w)" && test ! -e /o -a ! -e /all -a ! -e /none -a ! -e /etc/one -a ! -e /usr/local/new
		END
		succeeds build "$kind" -o type=oci,dest=image,tar=false
		[ "$(cat src/a)" = hello ]
		[ -e src/sub/b ] && [ ! -e src/new ]
		valid_image image
		# What the mounts needed is in no layer: the user, the directory of WORKDIR, nothing else.
		tree_of image >with
		equals "" "$(grep -E '/(src|one|d|t|o|all|none|new)(/|$| )' with || true)" "mount points"
		equals "" "$(kiln_as "$kind" fsck | grep -v sound || true)"
	done
}

@test "several mounts of one step show each its own" {
	local kind
	for kind in $(each_user); do
		enter_context "$kind"
		dockerfile "$kind" <<-'END'
			ARG BASE
			FROM $BASE AS files
			RUN mkdir /d && echo stage >/d/f
			FROM scratch AS more
			COPY src/sub /sub
			FROM $BASE
			WORKDIR /w
			RUN --mount=type=cache,target=/c1 --mount=type=cache,target=/c2 --mount=type=cache,target=/c3,sharing=locked \
				echo 1 >/c1/one; echo 2 >/c2/two; echo 3 >/c3/three
			RUN --mount=target=. --mount=type=cache,target=/c1 --mount=source=src/a,target=/file \
				--mount=type=cache,target=/c2 --mount=from=files,source=d,target=/d --mount=type=tmpfs,target=/t \
				--mount=from=more,target=/more --mount=source=src/sub,target=/sub,rw --mount=type=cache,target=/c3 \
				set -e; for d in . /c1 /c2 /c3 /d /t /more /sub; do echo $d: $(ls $d); done >/seen; cat /file >>/seen
			RUN --mount=type=cache,target=/c1/below --mount=type=cache,target=/c1 ls /c1 /c1/below >>/seen
		END
		succeeds build "$kind" -o type=local,dest=out
		equals ".: Dockerfile src
/c1: one
/c2: two
/c3: three
/d: f
/t:
/more: sub
/sub: b
hello
/c1:
below
one

/c1/below:" "$(cat out/seen)" "$kind"
	done
}

@test "a bind of the context shows what COPY would bring" {
	local kind
	kind=$(a_user)
	enter_context "$kind"
	as_user "$kind" sh -c 'echo "**/ignored" >.dockerignore; mkfifo src/pipe'
	dockerfile "$kind" <<-'END'
		ARG BASE
		FROM $BASE
		RUN --mount=target=/c,rw test ! -e /c/src/ignored && test -e /c/src/a && touch /c/src/new
		RUN --mount=target=/c test -z "$(find /c -type s)" && test ! -e /c/src/new
	END
	succeeds build "$kind"
	dockerfile "$kind" <<-'END'
		ARG BASE
		FROM $BASE
		RUN --mount=target=/c,source=src/ignored true
	END
	fails 1 "leaves it out" build "$kind"
	says "Dockerfile:3"
}

@test "what a bind shows decides whether the step runs again" {
	local kind
	kind=$(a_user)
	enter_context "$kind"
	dockerfile "$kind" <<-'END'
		ARG BASE
		FROM $BASE AS made
		ARG V=1
		RUN echo $V >/version; mkdir /out; echo same >/out/file; touch -d @0 /out /out/file
		FROM $BASE
		RUN --mount=source=src/sub,target=/s echo one; cat /s/* >/one
		RUN --mount=from=made,source=out,target=/o --mount=source=src/sub,target=/s echo two; cat /o/* /s/* >/two
	END
	builds "$kind" " one"
	build "$kind" >log 2>&1
	equals 0 "$(grep -cE '[0-9] (one|two)$' log || true)" "nothing changed"
	# Other files and other times are nothing to it.
	as_user "$kind" sh -c 'echo other >src/a; touch -d @1 src/sub/b'
	build "$kind" >log 2>&1
	equals 0 "$(grep -cE '[0-9] (one|two)$' log || true)" "other files"
	# A stage that was made again with the same result.
	build "$kind" --build-arg V=2 >log 2>&1
	equals 0 "$(grep -cE '[0-9] (one|two)$' log || true)" "same result"
	as_user "$kind" sh -c 'echo new >src/sub/b'
	build "$kind" >log 2>&1
	equals 2 "$(grep -cE '[0-9] (one|two)$' log || true)" "changed content"
	as_user "$kind" sh -c 'chmod 0755 src/sub/b'
	build "$kind" >log 2>&1
	equals 2 "$(grep -cE '[0-9] (one|two)$' log || true)" "changed mode"
	sed -i 's/echo same/echo other/' Dockerfile
	build "$kind" >log 2>&1
	equals 1 "$(grep -cE '[0-9] (one|two)$' log || true)" "changed stage"
}

@test "only what a target's mounts need is built" {
	local kind
	kind=$(a_user)
	enter_context "$kind"
	dockerfile "$kind" <<-'END'
		ARG BASE
		FROM $BASE AS unused
		RUN false
		FROM scratch AS files
		COPY src/a /a
		FROM $BASE AS streamed
		RUN --mount=from=files,target=/f test "$(cat /f/a)" = hello
		FROM $BASE AS later
		RUN --mount=from=unused,target=/f true
	END
	succeeds build "$kind" --target streamed
	fails 1 "exit code: 1" build "$kind" --target later
}

@test "a mount that cannot be is refused with its place" {
	local kind
	kind=$(a_user)
	enter_context "$kind"
	while IFS='|' read -r flags text; do
		printf 'ARG BASE\nFROM $BASE AS here\nRUN %s true\n' "$flags" | dockerfile "$kind"
		fails 1 "$text" build "$kind"
		says "Dockerfile:"
	done <<-'END'
		--mount=target=/|it cannot be mounted on '/'
		--mount=source=src|it cannot be mounted on '.'
		--mount=target=/x,source=nowhere|"/nowhere": not found in the build context
		--mount=target=/x,source=../../etc|"/etc": not found in the build context
		--mount=target=/x,from=here|cannot mount from stage 'here'
		--mount=target=/x,from=$BASE|'from' doesn't support variable expansion, define alias stage instead
		--mount=target=/x,size=1k|size is for tmpfs only
		--mount=target=/x,sorce=a|did you mean source?
		--mount=target=/bin/busybox,source=src|mount on '/bin/busybox'
	END
}

# The build runs alone until its step says so; then the command, then the rest.
build_while() { # KIND COMMAND...
	local kind=$1
	shift
	as_user "$kind" sh -c "echo >src/flag"
	build "$kind" -o type=local,dest=out >../log 2>&1 &
	await grep -q waiting ../log
	as_user "$kind" "$@"
	as_user "$kind" sh -c "echo go >src/flag"
	status=0
	wait $! || status=$?
	equals 0 "$status" "status of the build: $(cat ../log)"
}

@test "a step whose context changes under it runs once more on a copy, and is kept as that" {
	local kind
	for kind in $(each_user); do
		enter_context "$kind"
		dockerfile "$kind" <<-'END'
			ARG BASE
			FROM $BASE
			RUN --mount=target=/c,source=src echo wait""ing; cat /c/a >/seen; until grep -q go /c/flag; do sleep 0.02; done; cat /c/a >>/seen
			RUN --mount=target=/c,source=src cat /c/a >>/seen
		END
		build_while "$kind" sh -c 'echo other >src/a'
		equals 1 "$(grep -c "of the build context changed while .* once more, on a copy" ../log || true)" "told once"
		equals 2 "$(grep -c 'waiting$' ../log || true)" "runs"
		equals "other other other" "$(paste -sd' ' out/seen)" "$kind"
		# It has the key of what it saw, and of nothing else.
		build "$kind" -o type=local,dest=out >../log 2>&1
		equals 0 "$(grep -c 'waiting$' ../log || true)" "the same context again"
		as_user "$kind" sh -c 'echo hello >src/a'
		build "$kind" -o type=local,dest=out >../log 2>&1
		equals 1 "$(grep -c 'waiting$' ../log || true)" "the context as it was at first"
		equals "hello hello hello" "$(paste -sd' ' out/seen)" "$kind"
	done
}

@test "the context itself shows what a copy of it would, and nothing reaches it" {
	local kind
	for kind in $(each_user); do
		enter_context "$kind"
		as_user "$kind" sh -c 'ln src/a src/a2; chmod 4755 src/sub/b; chmod 1777 src/sub; touch -d @7 src/a src/sub
			setfattr -n user.kept -v yes src/sub/b; ln -s /nowhere src/dangling; chmod 0711 src'
		# Of root's steps it may be anybody's.
		[ "$kind" != root ] || chown -hR 1234:4321 .
		dockerfile "$kind" <<-'END'
			ARG BASE
			FROM $BASE
			RUN --mount=source=src,target=/c find /c | sort | xargs stat -c '%n %F %u:%g %a %h %s' >/seen; find /c ! -name c | sort | xargs stat -c '%n %Y' >>/seen; \
				cat /c/a2 /c/sub/b >>/seen; ! touch /c/a 2>/dev/null; grep -c " /c .*overlay" /proc/self/mountinfo >/how || true
			RUN --mount=target=/c,rw echo x >/c/src/a; rm -r /c/src/sub; echo x >/c/new
			RUN --security=insecure --mount=source=src,target=/c mount -o remount,rw,bind /c; mount -o remount,rw /c; \
				rm -rf /c/*; echo x >/c/a; echo x >/c/new; true
		END
		as_user "$kind" sh -c 'ls -lRi --time-style=full-iso . ; cat src/a' >../before
		succeeds build "$kind" --allow security.insecure -o type=local,dest=../out
		as_user "$kind" sh -c 'ls -lRi --time-style=full-iso . ; cat src/a' >../after
		equals "$(cat ../before)" "$(cat ../after)" "the context of $kind"
		# Something is left out, so the same is a copy.
		as_user "$kind" sh -c 'echo "**/ignored" >.dockerignore; echo x >src/sub/ignored; touch -d @7 src/sub'
		as_user "$kind" rm src/ignored
		succeeds build "$kind" --allow security.insecure -o type=local,dest=../copied
		equals "$(grep -v ignored ../out/seen)" "$(cat ../copied/seen)" "a copy of $kind"
	done
}

@test "a step that may mount cannot write to a stage's layer" {
	local kind
	for kind in $(each_user); do
		enter_context "$kind"
		dockerfile "$kind" <<-'END'
			ARG BASE
			FROM scratch AS files
			COPY src /
			FROM $BASE
			RUN --security=insecure --mount=from=files,target=/c mount -o remount,rw,bind /c; echo changed >/c/a; true
			COPY --from=files a /a
		END
		succeeds build "$kind" --allow security.insecure -o type=local,dest=../out
		equals hello "$(cat ../out/a)" "$kind"
	done
}

@test "a log in the context does not make steps run twice" {
	local kind
	for kind in $(each_user); do
		enter_context "$kind"
		dockerfile "$kind" <<-'END'
			ARG BASE
			FROM $BASE
			RUN --mount=target=/c set -e; test -e /c/log; for i in 1 2 3; do echo line $i; sleep 0.05; done
			RUN --mount=target=/c,rw echo last ""line
			COPY . /all
		END
		as_user "$kind" touch log
		build "$kind" >log 2>&1
		equals 3 "$(grep -c 'line [0-9]$' log || true)" "$kind"
		equals 1 "$(grep -c '[0-9] last line$' log || true)" "$kind"
		equals 0 "$(grep -c 'once more' log || true)" "$kind"
	done
}

@test "files that grow while they are copied are copied" {
	local kind
	kind=$(a_user)
	enter_context "$kind"
	echo '**/ignored' | as_user "$kind" tee .dockerignore >/dev/null
	dockerfile "$kind" <<-'END'
		ARG BASE
		FROM $BASE
		COPY src /src
		RUN --mount=source=src,target=/c cmp -n 100 /c/log /src/log && test -s /c/log && ! test -e /c/ignored
	END
	# It ends by itself, too, when the build fails.
	as_user "$kind" sh -c 'i=0; while [ -d src ] && [ $((i += 1)) -lt 3000000 ]; do echo line >>src/log; done' 2>/dev/null 3>&- &
	await test -s src/log
	succeeds build "$kind"
	succeeds build "$kind"
	as_user "$kind" mv src gone
	wait $! || true
}

@test "Buildah's options of mounts have their effect" {
	for kind in $(each_user); do
		enter_context "$kind"
		dockerfile "$kind" <<-'END'
			ARG BASE
			FROM $BASE AS files
			RUN mkdir -p /d/e && echo stage >/d/e/f && chown -R 3:4 /d
			FROM $BASE
			RUN printf '#!/bin/sh\necho ran\n' >/s && chmod 755 /s && printf '%s\n' \
				'has() { grep " $1 " /proc/self/mountinfo | tail -n 1 | grep -qE "$2"; }' >/has
			RUN --mount=type=tmpfs,target=/t,noexec cp /s /t/s && ! /t/s 2>/dev/null && . /has && has /t noexec
			RUN --mount=type=tmpfs,target=/t,exec cp /s /t/s && test "$(/t/s)" = ran && . /has && ! has /t noexec && has /t nosuid
			RUN --mount=type=tmpfs,target=/t,suid,nodev . /has && ! has /t nosuid && has /t nodev
			RUN --mount=type=tmpfs,target=/t,tmpfs-size=64k,tmpfs-mode=0750,notmpcopyup \
				test "$(stat -c %a /t)" = 750 && ! dd if=/dev/zero of=/t/x bs=1k count=100 2>/dev/null
			RUN --mount=type=bind,source=src,target=/b,noexec,z,Z,relabel=private,bind-nonrecursive . /has && has /b noexec
			RUN --mount=type=bind,source=src,target=/b,rw,bind-propagation=rshared . /has && has /b shared:
			RUN --mount=type=bind,source=src,target=/b,unbindable . /has && has /b unbindable
			RUN --mount=type=cache,target=/c,noexec,Z . /has && has /c noexec && rm -rf /c/* && mkdir /c/sub && touch /c/sub/f
			USER 7:8
			RUN --mount=type=bind,source=src,target=/b,U=true test "$(echo $(stat -c %u:%g /b /b/a /b/sub/b))" = "7:8 7:8 7:8"
			RUN --mount=type=bind,from=files,source=d,target=/b,U,rw echo more >>/b/e/f && test "$(stat -c %u:%g /b/e/f)" = 7:8
			RUN --mount=type=cache,target=/c,U test "$(echo $(stat -c %u:%g /c /c/sub/f))" = "7:8 7:8" && rm -r /c/sub
			RUN --mount=type=tmpfs,target=/t,U test "$(stat -c %u:%g /t)" = 7:8
			RUN --mount=type=secret,id=key,U cat /run/secrets/key >/dev/null
			RUN --mount=type=bind,source=src,target=/b,U=false test "$(stat -c %u:%g /b/a)" = 0:0
		END
		echo a-secret | as_user "$kind" tee key >/dev/null
		succeeds build "$kind" --secret id=key,src=key
		[ "$(cat src/a)" = hello ]
	done
}

@test "an option of a mount that kiln has not is refused at its place, with the reason" {
	local kind options text
	kind=$(a_user)
	enter_context "$kind"
	while IFS='|' read -r options text; do
		printf 'FROM scratch\nRUN --mount=target=/a,%s true\n' "$options" | dockerfile "$kind"
		fails 1 "$text" build "$kind"
		says 'Dockerfile:2:5'
	done <<-'END'
		dev|device nodes in mounts never open
		type=tmpfs,tmpcopyup|a tmpfs begins empty
		no-dereference|a link cannot be mounted
		bind-propagation=rshraed|invalid value for bind-propagation: rshraed
		type=cache,shared|write sharing=shared
		type=tmpfs,rslave|propagation is for bind only
		tmpfs-mode=0700|tmpfs-mode is for tmpfs only
		nosiud|did you mean nosuid?
		U=perhaps|invalid value for u: perhaps
	END
}
