#!/usr/bin/env bats
# kiln shell: into the steps of a build, those that failed first of all.
# shellcheck disable=SC2154,SC2016 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup() {
	context
	echo a >a
	cat >Dockerfile <<-END
		FROM $(image_ref busybox) AS build
		ARG V=1
		ENV E=hello
		WORKDIR /src
		COPY a .
		RUN echo dev:x:7777:7777::/home/dev:/bin/sh >>/etc/passwd && mkdir -p /home/dev && chown 7777:7777 /home/dev && echo one >/one
		USER dev
		RUN echo half >/tmp/half; mkdir /tmp/d; rm /src/none 2>/dev/null; exit 5
		FROM $(image_ref busybox)
		COPY --from=build /one /one
	END
}

@test "the step that failed: its files, user, folder and environment" {
	fails 5 "'kiln shell --failed' opens a shell where it failed" kiln build -q -t app --build-arg V=2 .
	succeeds kiln shell --failed -c 'pwd; id -un; echo $E$V; cat /tmp/half /src/a; ls -d /tmp/d; echo $HOME'
	equals $'/src\ndev\nhello2\nhalf\na\n/tmp/d\n/home/dev' "$output"
	says "where it failed: [build 5/5] RUN echo half"
	says "changes are thrown away"
	# The same by the build's name, and by its id; nothing stays.
	succeeds kiln shell app -q -c 'touch /tmp/new'
	equals "" "$output$stderr"
	id=$(kiln explain --format json | jq -r .id)
	succeeds kiln shell "${id:0:8}" -c 'ls /tmp'
	equals $'d\nhalf' "$output"
	# Before it, and after it.
	succeeds kiln shell --step build:5 -c 'ls /tmp'
	equals "" "$output"
	succeeds kiln shell --step build:5 --after -c 'cat /tmp/half'
	equals "half" "$output"
	fails 3 "failed with exit code 3" kiln shell -c 'exit 3'
}

@test "any step, before and after it, and the end" {
	sed -i 's/exit 5/true/' Dockerfile
	succeeds kiln build -q -t app .
	succeeds kiln build -q -t app .
	succeeds kiln shell -c 'cat /one'
	says "after [stage-1 2/2] COPY"
	equals one "$output"
	fails 1 "" kiln shell --step 2 -c 'cat /one'
	succeeds kiln shell --step build:3 -c 'ls /src'
	equals "" "$output"
	succeeds kiln shell --step build:3 --after -c 'ls /src'
	equals "a" "$output"
	succeeds kiln shell --step build -c 'cat /tmp/half'
	equals "half" "$output"
	fails 1 "no step 9" kiln shell --step 9
	fails 1 "has no stage 'nope'" kiln shell --step nope:2
	says "it has stage-1, build"
	fails 2 "is not [STAGE:]N" kiln shell --step ''
	fails 2 "'--after' wants" kiln shell --after
	fails 2 "contradict" kiln shell --failed --step 2
	fails 1 "no build that failed" kiln shell --failed
	fails 1 "no build of nothing" kiln shell nothing
}

@test "bases that are no registry's" {
	local base
	succeeds kiln image copy -q "$(image_ref busybox)" "dir:$PWD/base"
	succeeds kiln pull -q "$(image_ref busybox)"
	succeeds kiln tag "$output" localhost/own:1
	for base in "$(image_ref busybox)" "dir:$PWD/base" store:localhost/own:1; do
		printf 'FROM %s\nRUN echo "$0" >/made\n' "$base" >Dockerfile
		succeeds kiln build -q .
		succeeds kiln shell -c 'cat /made'
		equals "/bin/sh" "$output" "on $base"
	done
}

@test "one failed step is kept, and any prune takes it" {
	fails 5 "" kiln build -q --keep-failed=false .
	says_not "kiln shell"
	succeeds kiln shell -c 'ls /tmp'
	equals "" "$output"
	says "was not kept"
	fails 5 "" kiln build -q .
	before=$(find "$BATS_TEST_TMPDIR/store/layers" -mindepth 1 -maxdepth 1 | wc -l)
	sed -i 's/echo half/echo more/' Dockerfile
	fails 5 "" kiln build -q .
	equals "$before" "$(find "$BATS_TEST_TMPDIR/store/layers" -mindepth 1 -maxdepth 1 | wc -l)"
	succeeds kiln shell --failed -c 'cat /tmp/half'
	equals "more" "$output"
	succeeds kiln prune
	succeeds kiln shell --failed -c 'ls /tmp'
	says "was not kept"
	succeeds kiln fsck
	# Without the cache there is nothing to enter.
	succeeds kiln prune --all
	fails 1 "made is not in the store" kiln shell --failed
	says "build again"
}

@test "standard input is the command's" {
	printf 'FROM %s\nRUN false\n' "$(image_ref busybox)" >Dockerfile
	fails 1 "" kiln build -q .
	equals "typed" "$(echo typed | kiln shell -q -c cat)"
	equals "42" "$(echo 'echo $((6*7)); exit' | kiln shell -q)"
}

# Mounts of every type on a step that fails.
mounted() {
	mkdir -p sub
	echo live >sub/file
	cat >Dockerfile <<-END
		FROM $(image_ref busybox) AS other
		RUN mkdir /made && echo made >/made/it && ln -s made /link
		FROM $(image_ref busybox)
		RUN --mount=type=cache,target=/c,id=c echo old >/c/f
		RUN --mount=type=bind,target=/ctx --mount=type=bind,source=sub,target=/ctx/sub,rw \
			--mount=type=bind,from=other,source=link,target=/o --mount=type=bind,from=$(image_ref busybox),target=/img \
			--mount=type=tmpfs,target=/t,size=64k --mount=type=cache,target=/c,id=c \
			--mount=type=secret,id=s,env=S --mount=type=secret,id=t,target=/t/secret,required=true \
			echo new >/c/f; false
	END
}

@test "mounts of the step are there, and what is written to them is thrown away" {
	mounted
	printf hush >"$BATS_TEST_TMPDIR/secret"
	fails 1 "" kiln build -q --secret "id=s,src=$BATS_TEST_TMPDIR/secret" --secret "id=t,src=$BATS_TEST_TMPDIR/secret" .
	echo newer >sub/file
	succeeds kiln shell -c 'cat /ctx/a /ctx/sub/file /o/it /c/f; df -k /t | awk "/t$/{print \$2}"; ls -d /img/bin; echo "[$S]"; ls /t'
	equals $'a\nnewer\nmade\nnew\n64\n/img/bin\n[]' "$output"
	says "'/ctx' is the context as it is now"
	says "without its secret 's', which --secret gives"
	says "without its secret 't'"
	says_not hush
	# Given anew; writes.
	succeeds kiln shell -q --secret "id=s,src=$BATS_TEST_TMPDIR/secret" --secret "id=t,src=$BATS_TEST_TMPDIR/secret" -c \
		'echo "$S"; cat /t/secret; echo; echo x >/c/f; echo x >/c/more; echo x >/ctx/sub/file; touch /o/no || touch /ctx/no || echo refused'
	equals $'hush\nhush\nrefused' "$output"
	equals newer "$(cat sub/file)"
	succeeds kiln shell -q -c 'cat /c/*'
	equals new "$output"
	# A build that wants the cache for itself has it while somebody is inside.
	mkfifo "$BATS_TEST_TMPDIR/hold"
	kiln shell -q -c 'echo here; read line' <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/inside" 3>&- &
	exec 5>"$BATS_TEST_TMPDIR/hold"
	until grep -q here "$BATS_TEST_TMPDIR/inside"; do kill -0 $!; done
	sed -i 's/id=c echo old/id=c,sharing=locked echo older/' Dockerfile
	fails 1 "echo new >/c/f; false" kiln build --progress plain --secret id=t,src=a .
	says_not 'waiting for the cache mount'
	exec 5>&-
	wait
	# What is gone.
	mkdir "$BATS_TEST_TMPDIR/gone"
	mv a sub Dockerfile "$BATS_TEST_TMPDIR/gone"
	cd /
	rmdir "$BATS_TEST_TMPDIR/context"
	succeeds kiln prune --filter type=mounts --older-than 0s
	succeeds kiln shell -c 'ls /c; ls -d /ctx || cat /o/it'
	says "its cache mount at '/c' is not there any more: empty"
	says "without its mount at '/ctx'"
	says "No such file or directory"
}

@test "an agent is there when it is given" {
	command -v ssh-agent >/dev/null || skip "needs ssh-agent"
	printf 'FROM %s\nRUN --mount=type=ssh false\n' "$(image_ref busybox)" >Dockerfile
	fails 1 "" kiln build -q .
	ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/key"
	succeeds kiln shell -c 'echo "[$SSH_AUTH_SOCK]"'
	equals "[]" "$output"
	says "without its agent 'default', which --ssh gives"
	succeeds kiln shell -q --ssh "default=$BATS_TEST_TMPDIR/key" -c 'ls -l $SSH_AUTH_SOCK'
	[[ $output == srw* ]]
	fails 2 "there is no" kiln shell -q --ssh "default=$BATS_TEST_TMPDIR/none" -c true
}

@test "a history of an earlier kiln has the targets alone, and one that was edited harms nothing" {
	mounted
	fails 1 "" kiln build -q --secret "id=t,src=a" .
	builds=$BATS_TEST_TMPDIR/store/history/builds
	set -- "$builds"/*
	for edit in '"/c"' '{"type":"cache","target":"/c","source":"","cache":"../../blobs"}' '{"type":"nothing","target":"/c"}' \
		'{"type":"bind","source":"","target":"/c","origin":{"kind":"stage","name":"nope"}}' '7' '{"type":"bind"}' \
		'{"type":"bind","source":"../..","target":"/c","origin":{"kind":"context","name":"/proc/none"}}'; do
		jq -c --argjson m "$edit" '.stages[-1].steps[-1].mounts = [$m]' "$1" >"$BATS_TEST_TMPDIR/edited"
		cp "$BATS_TEST_TMPDIR/edited" "$1"
		succeeds kiln shell -c 'ls -d /c || true'
		says "without its mount at '"
	done
}

@test "a terminal: size, interrupts, and a shell of its own" {
	fails 5 "" kiln build -q .
	cat >"$BATS_TEST_TMPDIR/type.py" <<-'END'
		import fcntl, os, pty, select, struct, sys, termios
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp(sys.argv[1], [sys.argv[1], "shell", "--failed"])
		fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
		seen = b""
		def sees(what, seconds):
		    global seen
		    while what not in seen:
		        if not select.select([fd], [], [], seconds)[0]:
		            return False
		        seen += os.read(fd, 4096)
		    seen = seen[seen.index(what) + len(what):]
		    return True
		def until(what):
		    if not sees(what, 30):
		        sys.exit("never saw %r in %r" % (what, seen))
		until(b"$ ")
		os.write(fd, b"stty size; cat /tmp/half\n")
		until(b"33 101\r\nhalf\r\n")
		os.write(fd, b"echo beg''in; sleep 1000\n")
		until(b"begin\r\n")
		# A shell between two commands may lose an interrupt, and throws away what was typed behind it.
		for _ in range(20):
		    os.write(fd, b"\x03")
		    if sees(b"$ ", 1):
		        break
		os.write(fd, b"echo st''atus $?\n")
		until(b"status 130")
		fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 55, 0, 0))
		os.write(fd, b"until stty size | grep '44 55'; do :; done; exit 9\n")
		until(b"\n44 55\r\n")
		sys.exit(os.waitpid(pid, 0)[1])
	END
	KILN_ROOT=$BATS_TEST_TMPDIR/store succeeds python3 "$BATS_TEST_TMPDIR/type.py" "$KILN"
}

@test "as each kind of user" {
	chmod -R go+rX .
	for kind in $(each_user | grep -v root); do
		fails 5 "" kiln_as "$kind" build -q .
		succeeds kiln_as "$kind" shell --failed -c 'id -un; cat /tmp/half'
		equals $'dev\nhalf' "$output" "$kind"
	done
	mounted
	chmod -R go+rX .
	for kind in $(each_user); do
		fails 1 "" kiln_as "$kind" build -q --secret id=t,src=a .
		succeeds kiln_as "$kind" shell --secret id=t,src=a -c \
			'cat /ctx/a /ctx/sub/file /o/it /c/f /t/secret; echo x >/c/f; echo x >/ctx/sub/file; stat -c %u:%g /c /o /t'
		equals $'a\nlive\nmade\nnew\na\n0:0\n0:0\n0:0' "$output" "$kind"
		says_not "without its mount"
	done
}

@test "what the step was told of rights, names and limits holds in the shell, too" {
	printf 'FROM %s\nRUN exit 1\n' "$(image_ref busybox)" >Dockerfile
	echo '{"defaultAction":"SCMP_ACT_ALLOW"}' >open.json
	# The machine's own may name other capabilities.
	export CONTAINERS_CONF=/dev/null
	fails 1 "" kiln buildah build -q --cap-add net_admin --cap-drop chown --dns 192.0.2.7 --add-host there:192.0.2.8 \
		--ulimit nofile=99:100 --group-add 77 --security-opt no-new-privileges --security-opt mask=/home \
		--security-opt "seccomp=$PWD/open.json" -v "$PWD:/here" .
	succeeds kiln shell --failed -c 'awk "/CapBnd|NoNewPrivs/ { print \$2 }" /proc/self/status; cat /etc/resolv.conf; grep -c there /etc/hosts; ulimit -n; id -G; ls /home'
	equals $'00000000a80435fa\n1\nnameserver 192.0.2.7\n1\n99\n0 77' "$output"
	says "without its seccomp profile"
	says "without its volumes and devices"
}
