#!/usr/bin/env bats
# What a build shows: the renderers, results on stdout, files for scripts, exit statuses.
# shellcheck disable=SC2154,SC2016 # variables come from lib/kiln.bash; dollars are the Dockerfile's
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup() {
	context
	cat >Dockerfile <<-END
		FROM $(image_ref busybox) AS base
		RUN echo one; echo two >&2
	END
}

# COLUMNS ROWS COMMAND...: the command on a terminal; prints the bytes it sent there.
on_terminal() {
	python3 - "$@" <<-'PY'
		import fcntl, os, pty, struct, sys, termios
		columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
		pid, fd = pty.fork()
		if pid == 0:
		    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
		    os.environ["TERM"] = "xterm"
		    os.execvp(command[0], command)
		try:
		    while data := os.read(fd, 65536):
		        sys.stdout.buffer.write(data)
		except OSError:
		    pass
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	PY
}

@test "the first line names the Dockerfile as buildx does" {
	succeeds kiln build .
	grep -q '^#1 \[internal\] load build definition from Dockerfile$' <<<"$stderr"
	mkdir deploy
	mv Dockerfile deploy/app.Dockerfile
	succeeds kiln build -f deploy/app.Dockerfile .
	grep -q '^#1 \[internal\] load build definition from app.Dockerfile$' <<<"$stderr"
	succeeds bash -c "'$KILN' --root '$W/store' build -f - . <deploy/app.Dockerfile"
	grep -q '^#1 \[internal\] load build definition from Dockerfile$' <<<"$stderr"
}

@test "the image ID alone is on stdout, progress on stderr" {
	succeeds kiln build -t app .
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
	grep -q '^#[0-9]* \[base 2/2\] RUN echo one; echo two >&2$' <<<"$stderr"
	grep -q '^#[0-9]* [0-9]*\.[0-9]* one$' <<<"$stderr"
	grep -q '^#[0-9]* [0-9]*\.[0-9]* two$' <<<"$stderr"
	succeeds kiln build -t app .
	grep -q '^#[0-9]* CACHED$' <<<"$stderr"
	run ! grep -q '^#[0-9]* [0-9.]* one$' <<<"$stderr"
}

@test "-q and --progress quiet show nothing" {
	succeeds kiln build -q .
	equals "" "$stderr"
	succeeds kiln build --progress=quiet .
	equals "" "$stderr"
	KILN_PROGRESS=none succeeds kiln build .
	equals "" "$stderr"
}

@test "rawjson is one object a line, in BuildKit's form" {
	succeeds kiln build --progress rawjson .
	jq -se 'map(keys[]) | unique - ["vertexes", "statuses", "logs", "warnings"] == []' <<<"$stderr" >/dev/null
	equals one "$(jq -r '.logs[]? | select(.stream == 1).data | @base64d' <<<"$stderr")"
	equals two "$(jq -r '.logs[]? | select(.stream == 2).data | @base64d' <<<"$stderr")"
	jq -se '[.[].vertexes[]? | select(.name | startswith("[base 2/2]")) | select(.completed)] | length == 1' \
		<<<"$stderr" >/dev/null
}

@test "a terminal gets a picture that is redrawn, and a clean end" {
	capture on_terminal 60 20 env KILN_ROOT="$BATS_TEST_TMPDIR/store" "$KILN" build .
	equals 0 "$status"
	says '[+] Building'
	says 'FINISHED'
	says ' => [base 2/2] RUN echo one; echo two >&2'
	equals "" "$(tr -d '\r' <<<"$output" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g' | awk 'length > 72')"
}

@test "a terminal obeys nothing that a step prints" {
	printf '%s\n' 'RUN printf "\033]0;title\007\033[2J\033[31mred\033[0m\n"; false' >>Dockerfile
	capture on_terminal 60 20 env KILN_ROOT="$BATS_TEST_TMPDIR/store" "$KILN" build .
	equals 1 "$status"
	says 'FAILED'
	says $'\x1b[31mred'
	says_not $'\x1b]0;'
	says_not $'\x1b[2J'
}

@test "--progress tty wants a terminal" {
	fails 2 "needs a terminal" kiln build --progress tty .
}

@test "--debug draws no picture over its own lines" {
	capture on_terminal 60 20 env KILN_ROOT="$BATS_TEST_TMPDIR/store" "$KILN" build --debug .
	equals 0 "$status"
	says_not '[+] Building'
}

@test "a step's own status is kiln's; the message shows the line" {
	echo 'RUN echo before; exit 42' >>Dockerfile
	fails 42 "Dockerfile:3:1" kiln build .
	says '3 | RUN echo before; exit 42'
	says '  | ^^^^'
	equals "" "$output"
	fails 42 "before" kiln build -q .
	sed -i '$d' Dockerfile
	echo 'RUN ["/nothing/there"]' >>Dockerfile
	fails 127 "/nothing/there" kiln build .
	sed -i '$d' Dockerfile
	echo 'RUN ["/etc/passwd"]' >>Dockerfile
	fails 126 "/etc/passwd" kiln build .
}

@test "the failing line is shown whatever folder kiln is called from" {
	echo 'RUN exit 3' >>Dockerfile
	cd /
	fails 3 '3 | RUN exit 3' kiln build "$BATS_TEST_TMPDIR/context"
	fails 3 '3 | RUN exit 3' kiln build -f "$BATS_TEST_TMPDIR/context/Dockerfile" "$BATS_TEST_TMPDIR/context"
}

@test "the line of a Dockerfile from standard input is shown, too" {
	status=0
	printf 'FROM scratch\nRUM x\n' | kiln build -f - . 2>err || status=$?
	equals 1 "$status"
	grep -qx '2 | RUM x' err
	{
		cat Dockerfile
		echo 'RUN exit 5'
	} >stdin
	status=0
	kiln build -f - . <stdin 2>err || status=$?
	equals 5 "$status"
	grep -qx '3 | RUN exit 5' err
}

@test "iidfile and metadata-file say what stdout and the store say" {
	succeeds kiln build -q -t app -t other:2 --iidfile iid --metadata-file meta.json .
	equals "$output" "$(cat iid)"
	equals 71 "$(wc -c <iid)"
	equals "$output" "$(jq -r '."containerimage.config.digest"' meta.json)"
	equals "$(kiln inspect -f '{{.Digest}}' app)" "$(jq -r '."containerimage.digest"' meta.json)"
	equals "docker.io/library/app:latest,docker.io/library/other:2" "$(jq -r '."image.name"' meta.json)"
	[ "$(id -u)" = 0 ] || return 0
	: >mounted # as a pod's /dev/termination-log
	succeeds unshare -m sh -c 'mount --bind mounted mounted && exec "$0" "$@"' \
		env KILN_ROOT="$BATS_TEST_TMPDIR/store" "$KILN" build -q --iidfile mounted .
	equals "$(cat iid)" "$(cat mounted)"
	: >mounted
	succeeds unshare -m sh -c 'mount --bind mounted mounted && exec "$0" "$@"' \
		env KILN_ROOT="$BATS_TEST_TMPDIR/store" "$KILN" build -q -o type=tar,dest=mounted .
	tar -tf mounted | grep -q 'bin/busybox'
}

@test "an output goes into a file whose folder cannot be written" {
	local kind at
	for kind in $(each_user); do
		[ "$kind" != root ] || continue
		at=$BATS_TEST_TMPDIR/held.$kind
		mkdir "$at"
		: >"$at/out.tar"
		chown "$(user_account "$kind")" "$at/out.tar"
		chmod 0555 "$at"
		succeeds kiln_as "$kind" build -q -o "type=tar,dest=$at/out.tar" .
		tar -tf "$at/out.tar" | grep -q 'bin/busybox'
		fails 1 "make the output '$at/new.tar': '$at': Permission denied" \
			kiln_as "$kind" build -q -o "type=tar,dest=$at/new.tar" .
	done
}

@test "closed streams and a limit of file sizes are met, not stumbled over" {
	KILN_ROOT=$BATS_TEST_TMPDIR/store "$KILN" build --no-cache . 2>&-
	status=0
	kiln build -q . >&- 2>err || status=$?
	equals 125 "$status"
	grep -q 'write to standard output' err
	fails 1 'only 20 files' prlimit --nofile=20 "$KILN" --root "$BATS_TEST_TMPDIR/other" images
	fails 1 'store.db' prlimit --fsize=1024 "$KILN" --root "$BATS_TEST_TMPDIR/other" images
}

@test "an output on stdout is alone there" {
	status=0
	kiln build -q -o - . >out.tar || status=$?
	equals 0 "$status"
	tar -tf out.tar | grep -q 'bin/busybox'
	fails 2 "two outputs go to standard output" kiln build -o - -o type=oci .
}

@test "the dry run prints a plan and runs nothing" {
	succeeds kiln build --dry-run .
	says "echo one"
	[[ $stderr != *' one'$'\n'* ]]
	succeeds kiln images -q
	equals "" "$output"
}

@test "Ctrl-C ends the build with 130, and leaves nothing" {
	echo 'RUN echo begun; sleep 12345' >>Dockerfile
	mkfifo log
	KILN_ROOT=$BATS_TEST_TMPDIR/store setsid "$KILN" build --progress plain . 2>log &
	local pid=$!
	while IFS= read -r line; do
		[[ $line != *begun ]] || kill -INT "$pid"
		last=$line
	done <log
	local got=0
	wait "$pid" || got=$?
	equals 130 "$got"
	[[ $last == kiln:* ]]
	equals "" "$(leftovers "$BATS_TEST_TMPDIR/store")"
	equals "" "$(pgrep -f 'sleep 12345' || true)"
}

@test "a display that nobody reads does not stop the build" {
	echo 'RUN for i in 1 2 3 4 5 6 7 8 9; do echo $i; done; echo end >/end' >>Dockerfile
	kiln build -t app . 2> >(head -c 1 >/dev/null) || true
	succeeds kiln inspect -f '{{.ID}}' app
}
