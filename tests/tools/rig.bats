#!/usr/bin/env bats
# The helpers that other tests trust: watch.py sees what stays behind, stores are what they say,
# users are who they say, tests/run counts.
# shellcheck disable=SC2016,SC2154 # dollars are for the shells below; stderr is set by lib/kiln
load ../lib/kiln

teardown() {
	kiln_teardown
}

watch() {
	"$RIG_LIB/watch.py" "$@"
}

@test "watch.py passes on the status and sees orphans in other sessions" {
	fails 3 hi watch -- sh -c 'echo hi; exit 3'
	fails 70 "process left behind" watch --grace 0.3 -- sh -c 'setsid sleep 100 >/dev/null & echo started'
	says "sleep 100"
	equals "" "$(pgrep -x -f 'sleep 100' || true)"
	succeeds watch --grace 5 -- sh -c 'setsid sh -c "kill -0 $$; exit" & echo started'
}

@test "watch.py ends a command at a time or at a word" {
	fails 137 "" watch --after 0.1 -- sleep 100
	fails 9 got watch --when ready --signal SIGTERM -- \
		sh -c 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.1; done'
}

@test "watch.py names a mount that stays" {
	need_root
	mkdir "$BATS_TEST_TMPDIR/m"
	fails 70 "mount left behind: '$BATS_TEST_TMPDIR/m'" watch -- mount -t tmpfs none "$BATS_TEST_TMPDIR/m"
	umount "$BATS_TEST_TMPDIR/m"
}

@test "a store on ext4 has a journal, and goes away" {
	need_root
	local store
	store=$(store_ext4 64M) || skip "no loop mounts here"
	compgen -G "/proc/fs/jbd2/loop*"
	touch "$store/file"
	stores_unmount
	[ ! -e "$store" ]
}

@test "a small tmpfs is full when it is full" {
	need_root
	local store
	store=$(store_tmpfs 1M)
	fails 1 "No space left" dd if=/dev/zero of="$store/file" bs=1M count=2
	stores_unmount
	[ ! -e "$store" ]
}

@test "each kind of user is that kind, at home" {
	local kind
	for kind in $(each_user); do
		succeeds as_user "$kind" sh -c 'id -un; echo "$HOME"; touch "$HOME/x" "$XDG_RUNTIME_DIR/y"; echo "${SECRET:-unset}"'
		says "$(user_account "$kind")"
		says "/$kind/home"
		says unset
		case $kind in
		sub) grep -q "^$(user_account sub):" /etc/subuid ;;
		plain) ! grep -q "^$(user_account plain):" /etc/subuid ;;
		esac
	done
}

@test "tests/run counts, and a skip that nobody expects fails in CI" {
	local copy=$BATS_TEST_TMPDIR/repo
	mkdir -p "$copy/tests/tools"
	cp "$REPO/tests/run" "$copy/tests/"
	echo "needs a moon" >"$copy/tests/expected-skips"
	printf '@test "%s" { %s; }\n' good true bad false moon 'skip "needs a moon"' tide 'skip "needs a tide"' \
		>"$copy/tests/tools/x.bats"
	fails 1 "1 passed, 1 failed, 2 skipped" env -u CI -u T BUILD="$BATS_TEST_TMPDIR/b" "$copy/tests/run" tools
	equals "1 passed, 1 failed, 2 skipped" "$(tail -n 1 <<<"$output")"
	says "not ok 2 bad"
	fails 1 "1 passed, 2 failed, 1 skipped" env -u T CI=true BUILD="$BATS_TEST_TMPDIR/b" "$copy/tests/run" tools
	says "unexpected skip"
	says "tide"
	printf '@test "good" { true; }\n' >"$copy/tests/tools/x.bats"
	succeeds env -u T CI=true BUILD="$BATS_TEST_TMPDIR/b" "$copy/tests/run" tools
	printf 'not bats at all\n' >"$copy/tests/tools/x.bats"
	fails 1 " failed, " env -u T BUILD="$BATS_TEST_TMPDIR/b" "$copy/tests/run" tools
}

@test "tools/setup is silent and quick when all is there" {
	succeeds "$REPO/tools/setup" build test
	equals "" "$output$stderr"
	fails 1 "unknown task 'moon'" "$REPO/tools/setup" moon
}

@test "the executable has less than 3 MB" {
	[ -z "${ASAN_OPTIONS-}${TSAN_OPTIONS-}" ] || skip "a sanitizer's is larger"
	strip -o "$BATS_TEST_TMPDIR/kiln" "$KILN"
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/kiln")" -lt 3000000 ]
}

@test "a start of kiln loads no library that it can do without" {
	succeeds ldd "$KILN"
	says libc.so
	says_not libcurl
	says_not libcrypto
	says_not libseccomp
	says_not libcap-ng
	says_not libisal
	says_not libz
}
