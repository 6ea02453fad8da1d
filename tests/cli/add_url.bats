#!/usr/bin/env bats
# ADD of http(s) addresses, and contexts behind them.
# Spec: Dockerfile reference, "Adding files from a URL" and "ADD --checksum"; RFC 9110.
# shellcheck disable=SC2154,SC2016 # status, output and stderr are the helpers'; dollars the Dockerfile's
load ../lib/kiln

setup_file() {
	export ROOT=$BATS_FILE_TMPDIR/root
	mkdir -p "$ROOT/c/sub"
	echo hello >"$ROOT/hello.txt"
	touch -d '2020-02-02 02:02:02 UTC' "$ROOT/hello.txt"
	head -c 3000000 /dev/urandom >"$ROOT/big"
	echo in >"$ROOT/c/sub/in.txt"
	printf 'FROM scratch\nCOPY sub /got\n' >"$ROOT/c/Dockerfile"
	tar czf "$ROOT/c.tgz" -C "$ROOT/c" .
	cp "$ROOT/c/Dockerfile" "$ROOT/alone"
	printf 'FROM scratch\nCOPPY a b\n' >"$ROOT/wrong"
}

setup() {
	W=$BATS_TEST_TMPDIR
	context
	: >"$W/log"
	server_start files "$RIG_LIB/file_server.py" --root "$ROOT" --log "$W/log"
	U=http://$SERVER_ADDRESS
}

teardown() {
	kiln_teardown
}

add() { # LINE [ARGS...]: builds "ADD LINE" into $W/out
	printf 'FROM scratch\nADD %s\n' "$1" >Dockerfile
	rm -rf "$W/out"
	kiln build --progress plain -o "type=local,dest=$W/out" "${@:2}" .
}

asked() { # REGEX
	grep -cE "$1" "$W/log" || true
}

@test "a file from a URL: name, mode, time, owner" {
	succeeds add "$U/files/hello.txt?x=y /d/"
	equals "600 1580608922 hello" "$(stat -c '%a %Y' "$W/out/d/hello.txt") $(cat "$W/out/d/hello.txt")"
	succeeds add "$U/files/hello.txt /as"
	equals hello "$(cat "$W/out/as")"
	succeeds add "--chmod=644 $U/plain/hello.txt $U/files/alone /d/"
	equals "644 0" "$(stat -c '%a %Y' "$W/out/d/hello.txt")"
	[ -e "$W/out/d/alone" ]
	succeeds add "$U/files/hello.txt Dockerfile /mixed/"
	[ -e "$W/out/mixed/Dockerfile" ] && [ -e "$W/out/mixed/hello.txt" ]
	[ -z "$(leftovers "$W/store")" ]
}

@test "the name comes from the server where the address has none" {
	printf x >"$ROOT/index"
	succeeds add "$U/hop/0/named/index/real%20name /d/"
	equals "real name" "$(ls "$W/out/d")"
	succeeds add "$U/named/index/..%2F..%2Fup/ /d/"
	equals "up" "$(ls "$W/out/d")"
	succeeds add "$U/named/index/ /d/"
	equals "__unnamed__" "$(ls "$W/out/d")"
	succeeds add "$U/named/index/ /d"
	equals x "$(cat "$W/out/d")"
}

@test "an archive from a URL stays packed, and --unpack unpacks it" {
	succeeds add "$U/files/c.tgz /d/"
	equals c.tgz "$(ls "$W/out/d")"
	succeeds add "--unpack=true $U/files/c.tgz /d/"
	equals in "$(cat "$W/out/d/sub/in.txt")"
	# As in BuildKit, --chmod is for the directories on the way; the archive has its own modes.
	succeeds add "--unpack=true --chmod=711 $U/files/c.tgz /d/"
	equals "711 755 644" "$(stat -c %a "$W/out/d" "$W/out/d/sub" "$W/out/d/sub/in.txt" | xargs)"
	succeeds add "--unpack=false $U/files/c.tgz /d/"
	equals c.tgz "$(ls "$W/out/d")"
}

@test "--checksum: the right one, a wrong one, and no question once it is built" {
	local sum
	sum=sha256:$(sha256sum "$ROOT/hello.txt" | cut -d' ' -f1)
	succeeds add "--checksum=$sum $U/files/hello.txt /d/"
	: >"$W/log"
	succeeds add "--checksum=$sum $U/files/hello.txt /d/"
	equals 0 "$(asked .)" "requests for a known checksum"
	fails 1 "digest mismatch $sum: sha256:0000" add "--checksum=sha256:$(printf '0%.0s' {1..64}) $U/files/hello.txt /d/"
	[ ! -e "$W/out" ]
	fails 1 "Dockerfile:2:5" add "--checksum=md5:x $U/files/hello.txt /d/"
	fails 1 "checksum can't be specified for multiple sources" add "--checksum=$sum $U/files/hello.txt $U/files/big /d/"
	fails 1 "checksum requires HTTP(S) or Git sources" add "--checksum=$sum Dockerfile /d/"
	[ -z "$(leftovers "$W/store")" ]
}

@test "what did not change is not sent again; what did is" {
	echo one >"$ROOT/moving"
	succeeds add "$U/files/moving /d/"
	succeeds add "$U/files/moving /d/"
	says CACHED
	equals "1 1" "$(asked 'moving 200') $(asked 'moving 304')"
	equals one "$(cat "$W/out/d/moving")"
	echo other >"$ROOT/moving"
	succeeds add "$U/files/moving /d/"
	equals other "$(cat "$W/out/d/moving")"
	succeeds add "$U/files/moving /e/"
	equals other "$(cat "$W/out/e/moving")"
	touch -d '2021-01-01' "$ROOT/moving"
	succeeds add "$U/files/moving /d/"
	says CACHED
	succeeds add "$U/files/moving /d/" --no-cache
	says_not CACHED
}

@test "redirects are followed, not for ever and not from https down" {
	succeeds add "$U/hop/3/files/hello.txt /d/"
	equals hello "$(cat "$W/out/d/hello.txt")"
	fails 1 "more than 10 redirects" add "$U/hop/20/files/hello.txt /d/"
	fails 1 "ftp" add "$U/to/ftp/host/x /d/"
	fails 1 "file" add "$U/to/file/host/etc/passwd /d/"
	[ -z "$(leftovers "$W/store")" ]
}

@test "broken transfers are resumed, or begun again, or end the build" {
	succeeds add "$U/cut/1000000/big /d/"
	cmp "$ROOT/big" "$W/out/d/big"
	equals "1 1" "$(asked 'big 206 bytes=1000000-') $(asked 'big 206 bytes=2000000-')"
	succeeds add "$U/cutonce/1000/big /d/"
	cmp "$ROOT/big" "$W/out/d/big"
	equals 2 "$(asked '/cutonce/.* 200')"
	fails 1 "another range than asked for" add "$U/badrange/1000/big /d/"
	says "/badrange/1000/big"
	[ ! -e "$W/out" ]
	succeeds add "$U/busy/1/hello.txt /d/"
	[ -z "$(leftovers "$W/store")" ]
}

@test "statuses and servers that are not there are said with the address and the line" {
	fails 1 "/status/404': not found" add "$U/status/404 /d"
	says "Dockerfile:2"
	fails 1 "refuses it (status 403)" add "$U/status/403 /d"
	fails 1 "status 418" add "$U/status/418 /d"
	fails 1 "127.0.0.1:1" add "http://127.0.0.1:1/x /d"
	fails 1 "ADD does not speak ftp" add "ftp://host/x /d"
	fails 1 "use ADD for URLs" bash -c "printf 'FROM scratch\nCOPY $U/files/big /\n' | '$KILN' --root '$W/store' build -f - ."
	fails 1 "has a user name or password" add "http://me:secret@127.0.0.1/x /d"
	says "Dockerfile:2:5"
}

@test "contexts behind addresses: a tar, a Dockerfile, and what is neither" {
	succeeds kiln build --progress plain -o "type=local,dest=$W/out" "$U/files/c.tgz"
	equals in "$(cat "$W/out/got/in.txt")"
	fails 1 '"/sub": not found in the build context' kiln build "$U/files/alone"
	fails 1 "2 | COPPY a b" kiln build "$U/files/wrong"
	fails 1 "not found" kiln build "$U/files/none?token=hidden"
	says_not hidden
	fails 1 '"/sub": not found in the build context' kiln build -f x "$U/files/alone"
	fails 1 "-f names another" kiln build -f - "$U/files/alone"
	printf 'FROM scratch\nCOPY --from=far sub /far\n' >Dockerfile
	succeeds kiln build --progress plain -o "type=local,dest=$W/out2" --build-context "far=$U/files/c.tgz" .
	equals in "$(cat "$W/out2/far/in.txt")"
	fails 1 "no directory and no tar archive" kiln build --build-context "far=$U/files/alone" .
	[ -z "$(leftovers "$W/store")" ]
}

@test "secrets HTTP_AUTH_TOKEN_host and HTTP_AUTH_HEADER_host go to that host and no further" {
	local other
	printf 'token\n' >"$W/token"
	printf 'Basic dTpw' >"$W/header"
	fails 1 "refuses it (status 401)" add "$U/auth/hello.txt /d/"
	succeeds add "$U/auth/hello.txt /d/" --secret "id=HTTP_AUTH_TOKEN_${U#http://},src=$W/token"
	succeeds add "$U/auth/hello.txt /e/" --secret "id=HTTP_AUTH_HEADER_127.0.0.1,src=$W/header"
	succeeds add "$U/hop/1/auth/hello.txt /f/" --secret "id=HTTP_AUTH_TOKEN_127.0.0.1,src=$W/token"
	succeeds kiln build -q -o "type=local,dest=$W/out2" --secret "id=HTTP_AUTH_TOKEN_127.0.0.1,src=$W/token" "$U/auth/c.tgz"
	: >"$W/log"
	cp "$W/log" "$W/log2"
	server_start files2 "$RIG_LIB/file_server.py" --root "$ROOT" --log "$W/log2"
	other=$SERVER_ADDRESS
	fails 1 "status 401" add "$U/to/http/$other/auth/hello.txt /d/" --secret "id=HTTP_AUTH_TOKEN_127.0.0.1,src=$W/token"
	equals "1 1" "$(grep -c 'Bearer token$' "$W/log") $(grep -c '/auth/hello.txt 401 - -$' "$W/log2")"
	equals "" "$(grep -rla 'Bearer token' "$W/store")"
}

@test "copy and add of addresses into a working container" {
	local sum c
	sum=sha256:$(sha256sum <"$ROOT/hello.txt" | cut -d' ' -f1)
	succeeds kiln from -q "$(image_ref busybox)"
	c=$output
	echo here >beside
	succeeds kiln add -q "$c" "$U/files/hello.txt?x=y" /d/
	succeeds kiln add -q --checksum "$sum" --chmod 644 --chown 3:4 "$c" "$U/files/hello.txt" /as
	succeeds kiln copy -q "$c" "$U/files/hello.txt" beside /mixed/
	succeeds kiln add -q "$c" "$U/files/c.tgz" /d/
	succeeds kiln run "$c" -- stat -c '%n %a %u:%g %Y' /d/hello.txt /as /mixed/hello.txt
	equals "/d/hello.txt 600 0:0 1580608922
/as 644 3:4 1580608922
/mixed/hello.txt 600 0:0 1580608922" "$output"
	succeeds kiln run "$c" -- sh -c 'cat /mixed/beside /as; ls /d'
	equals "here
hello
c.tgz
hello.txt" "$output"
	fails 1 ": sha256:0000" kiln add -q --checksum "sha256:$(printf '0%.0s' {1..64})" "$c" "$U/files/hello.txt" /bad
	fails 1 "404" kiln add -q "$c" "$U/files/nothere" /bad
	fails 2 "not supported for local sources" kiln add -q --checksum "$sum" "$c" beside /bad
	fails 2 "goes with one source" kiln add -q --checksum "$sum" "$c" "$U/files/hello.txt" "$U/files/c.tgz" /bad/
	fails 2 "takes no git repository" kiln copy -q "$c" git@example.invalid:a/b.git /bad
	fails 1 "" kiln run "$c" -- ls /bad
	succeeds kiln rm "$c"
	[ -z "$(leftovers "$W/store")" ]
}
