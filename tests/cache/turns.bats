#!/usr/bin/env bats
# Builds that need the same step at the same time.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup() {
	context
	BASE=$(image_ref busybox)
}

teardown() {
	kiln_teardown
}

@test "four builds at once run each step once" {
	local i
	cat >Dockerfile <<-END
		FROM $BASE
		RUN head -c 100000000 /dev/zero | sha256sum >/one
		RUN head -c 50000000 /dev/zero | sha256sum >/two
		RUN cat /one /two >/three
	END
	for i in 1 2 3 4; do
		kiln build --progress plain -t "app$i" . >"$BATS_TEST_TMPDIR/id$i" 2>"$BATS_TEST_TMPDIR/log$i" &
	done
	wait
	# Every build tells of three steps and a FROM; those that it did not run say CACHED.
	equals 12 "$(cat "$BATS_TEST_TMPDIR"/log? | grep -c '\] RUN')" "steps told"
	equals 12 "$(cat "$BATS_TEST_TMPDIR"/log? | awk '$2 == "CACHED"' | grep -c .)" "hits"
	cmp "$BATS_TEST_TMPDIR/id1" "$BATS_TEST_TMPDIR/id4"
}

@test "who waits for a build that is killed runs the step itself" {
	local first
	# The first who comes is kept waiting, the second is answered.
	server_start gate python3 -u -c '
import socket
server = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % server.getsockname()[1])
first, _ = server.accept()
print("came")
second, _ = server.accept()
second.sendall(b"go\n")
second.close()
'
	printf 'FROM %s\nRUN nc 127.0.0.1 %s </dev/null >/answer; test -s /answer\n' "$BASE" "${SERVER_ADDRESS##*:}" >Dockerfile
	KILN_ROOT=$BATS_TEST_TMPDIR/store "$KILN" build --progress plain -t one . >/dev/null 2>&1 3>&- &
	first=$!
	timeout 60 grep -q -m1 came < <(exec tail -n +1 -s 0.05 -f --pid="$first" "$SERVER_LOG" 3>&-)
	kiln build --progress plain -t two . >/dev/null 2>"$BATS_TEST_TMPDIR/log" 3>&- &
	timeout 60 grep -q -m1 'waiting for another build' < <(exec tail -n +1 -s 0.05 -F --pid=$! "$BATS_TEST_TMPDIR/log" 2>/dev/null 3>&-)
	kill -9 "$first"
	wait $!
	equals 0 "$(grep -c CACHED "$BATS_TEST_TMPDIR/log" || true)" "hits"
}
