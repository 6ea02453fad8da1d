#!/usr/bin/env bats
# Sources behind the servers that people run: git http-backend behind lighttpd with TLS and a
# password, git daemon, sshd; files over https with redirects, ranges and breaks. What needs a server
# that misbehaves is in git.bats and add_url.bats.
# Spec: Dockerfile reference, "Adding files from a Git repository", "Adding files from a URL".
# shellcheck disable=SC2154 # status, output and stderr are the helpers'
load ../lib/kiln
load ../lib/servers

g() {
	git -c user.name=t -c user.email=t@t -c init.defaultBranch=main "$@"
}

setup_file() {
	export ROOT=$BATS_FILE_TMPDIR/root HOME=$BATS_FILE_TMPDIR/home GIT_CONFIG_NOSYSTEM=1
	mkdir -p "$ROOT" "$HOME"
	g init -q "$BATS_FILE_TMPDIR/lib"
	cd "$BATS_FILE_TMPDIR/lib" || return 1
	echo lib >lib.txt
	g add .
	g commit -qm lib
	g clone -q --bare . "$ROOT/lib.git"
	g init -q "$BATS_FILE_TMPDIR/app"
	cd "$BATS_FILE_TMPDIR/app" || return 1
	mkdir sub
	printf 'FROM scratch\nCOPY . /\n' >Dockerfile
	echo one >file
	echo below >sub/below
	g add .
	g commit -qm one
	FIRST=$(g rev-parse HEAD)
	g tag v1
	g -c protocol.file.allow=always submodule --quiet add "$ROOT/lib.git" lib
	g config -f .gitmodules submodule.lib.url ../lib.git
	echo two >file
	g add .
	g commit -qm two
	SECOND=$(g rev-parse HEAD)
	export FIRST SECOND
	g clone -q --bare . "$ROOT/app.git"
	head -c 3000000 /dev/urandom >"$ROOT/big"
	echo hello >"$ROOT/hello.txt"
	touch -d '2020-02-02 02:02:02 UTC' "$ROOT/hello.txt"
	printf 'FROM scratch\nCOPY hello.txt /from-tar\n' >"$ROOT/Dockerfile"
	tar czf "$ROOT/c.tgz" -C "$ROOT" Dockerfile hello.txt
}

setup() {
	W=$BATS_TEST_TMPDIR
	context
}

teardown() {
	kiln_teardown
}

built() { # CONTEXT [ARGS...]: builds into $W/out
	rm -rf "$W/out"
	kiln build --progress plain -o "type=local,dest=$W/out" "${@:2}" "$1"
}

add() { # LINE [ARGS...]
	printf 'FROM scratch\nADD %s\n' "$1" >Dockerfile
	built . "${@:2}"
}

@test "git http-backend behind lighttpd: TLS, a password, submodules, a commit" {
	web_start tls "$ROOT"
	fails 1 "certificate" built "$WEB/git/app.git"
	says "${WEB#https://}"
	# As every program has it that is not git.
	local variable
	unset GIT_SSL_CAINFO SSL_CERT_FILE SSL_CERT_DIR
	for variable in "SSL_CERT_FILE=$WEB_CA" "SSL_CERT_DIR=$(dirname "$WEB_CA")"; do
		export "${variable?}"
		succeeds built "$WEB/git/app.git"
		unset SSL_CERT_FILE SSL_CERT_DIR
	done
	export GIT_SSL_CAINFO=$WEB_CA
	succeeds built "$WEB/git/app.git"
	equals "two lib" "$(cat "$W/out/file" "$W/out/lib/lib.txt" | xargs)"
	succeeds add "$WEB/git/app.git#$FIRST:sub /d/"
	equals "below 0" "$(cat "$W/out/d/below") $(find "$W/out/d" -name file | wc -l)"
	succeeds add "--checksum=${FIRST:0:12} $WEB/git/app.git#v1 /d/"
	equals one "$(cat "$W/out/d/file")"
	fails 1 "git's own credentials" built "$WEB/private/app.git"
	fails 1 "git ls-remote" built "https://user:not-it@${WEB#https://}/private/app.git"
	says_not not-it
	succeeds built "https://user:p%40ss@${WEB#https://}/private/app.git#v1"
	equals one "$(cat "$W/out/file")"
	printf 'machine 127.0.0.1\nlogin user\npassword p@ss\n' >"$HOME/.netrc"
	# The submodule's relative address is a private one as well.
	succeeds add "$WEB/private/app.git /d/"
	equals lib "$(cat "$W/out/d/lib/lib.txt")"
	rm "$HOME/.netrc"
	equals "" "$(grep -rla -e 'p%40ss' -e 'p@ss' "$W/store" || true)" "files with the password"
	equals "" "$(leftovers "$W/store")"
}

@test "git daemon: a branch, a folder, and one that goes away" {
	local pid
	git_daemon_start "$ROOT"
	pid=${SERVER_PIDS[-1]}
	succeeds built "$GIT_DAEMON/app.git#main"
	equals "two lib" "$(cat "$W/out/file" "$W/out/lib/lib.txt" | xargs)"
	succeeds add "$GIT_DAEMON/app.git#v1:sub /d/"
	equals below "$(cat "$W/out/d/below")"
	fails 1 "git ls-remote" built "$GIT_DAEMON/none.git"
	kill "$pid"
	wait "$pid" || true
	fails 1 "git ls-remote" built "$GIT_DAEMON/app.git"
	says "${GIT_DAEMON#git://}"
	equals "" "$(leftovers "$W/store")"
}

@test "sshd: a key of ~/.ssh, an agent's key, a host that is not known, as every kind of user" {
	local kind home homes=() agent said
	export KILN_USERS_DIR=$W/users
	for kind in $(each_user); do
		homes+=("$(user_dir "$kind")/home")
	done
	sshd_start "${homes[@]}"
	for kind in $(each_user); do
		home=$(user_dir "$kind")/home
		[ "$(id -u)" != 0 ] || chown -R "$(user_account "$kind"):" "$home/.ssh"
		mkdir -m 0777 "$W/to.$kind"
		printf 'FROM scratch\nADD ssh://%s@127.0.0.1:%s%s/app.git#v1 /d/\n' \
			"$SSH_USER" "$SSH_PORT" "$ROOT" >Dockerfile
		fails 1 "Host key verification failed" kiln_as "$kind" build -q -o "type=tar,dest=$W/to.$kind/o.tar" .
		as_user "$kind" tee "$home/.ssh/known_hosts" <<<"$SSH_HOST_KEY" >/dev/null
		succeeds kiln_as "$kind" build -q -o "type=tar,dest=$W/to.$kind/o.tar" .
		equals one "$(tar xOf "$W/to.$kind/o.tar" d/file)" "$kind"
		# As a context, with a submodule next to it, by the name that the user's config gives.
		as_user "$kind" tee "$home/.ssh/config" >/dev/null <<-END
			Host box
			  HostName 127.0.0.1
			  Port $SSH_PORT
			  User $SSH_USER
		END
		succeeds kiln_as "$kind" build -q -o "type=tar,dest=$W/to.$kind/o.tar" "$SSH_USER@box:$ROOT/app.git"
		equals lib "$(tar xOf "$W/to.$kind/o.tar" lib/lib.txt)" "$kind"
	done
	# The key in an agent alone.
	home=$(user_dir "$kind")/home
	keep_env SSH_AUTH_SOCK
	export SSH_AUTH_SOCK=$W/to.$kind/agent
	said=$(as_user "$kind" ssh-agent -s -a "$SSH_AUTH_SOCK" 2>/dev/null 3>&- 4>&-)
	agent=${said#*SSH_AGENT_PID=}
	SERVER_PIDS+=("${agent%%;*}")
	fails 1 "" kiln_as "$kind" build --no-cache -q -o "type=tar,dest=$W/to.$kind/o.tar" "$SSH_USER@box:$ROOT/none.git"
	as_user "$kind" ssh-add -q "$home/.ssh/id_ed25519"
	mv "$home/.ssh/id_ed25519" "$W/to.$kind/key"
	succeeds kiln_as "$kind" build -q -o "type=tar,dest=$W/to.$kind/o.tar" "$SSH_USER@box:$ROOT/app.git#v1"
	equals one "$(tar xOf "$W/to.$kind/o.tar" file)"
	as_user "$kind" ssh-add -q -D
	fails 1 "Permission denied" kiln_as "$kind" build -q -o "type=tar,dest=$W/to.$kind/o.tar" "$SSH_USER@box:$ROOT/app.git#v1"
}

@test "files over https: an authority of one's own, redirects, checksums, a tar as context" {
	local sum
	web_start tls "$ROOT"
	sum=sha256:$(sha256sum "$ROOT/hello.txt" | cut -d' ' -f1)
	fails 1 "certificate" add "$WEB/files/hello.txt /d/"
	says "Dockerfile:2"
	export SSL_CERT_FILE=$WEB_CA
	succeeds add "--checksum=$sum $WEB/moved/hello.txt /d/"
	equals "600 1580608922 hello" "$(stat -c '%a %Y' "$W/out/d/hello.txt") $(cat "$W/out/d/hello.txt")"
	fails 1 "more than 10 redirects" add "$WEB/round/ /d"
	fails 1 "$sum" add "--checksum=$sum $WEB/files/big /d/"
	[ ! -e "$W/out" ]
	fails 1 "not found" add "$WEB/files/none /d/"
	succeeds built "$WEB/files/c.tgz"
	equals hello "$(cat "$W/out/from-tar")"
	succeeds add "--unpack=true $WEB/files/c.tgz /d/"
	equals hello "$(cat "$W/out/d/hello.txt")"
	equals "" "$(leftovers "$W/store")"
}

@test "a server that dies in the middle of a file leaves nothing, and the next build has it whole" {
	local build
	web_start plain "$ROOT"
	printf 'FROM scratch\nADD %s/slow/big /d/\n' "$WEB" >Dockerfile
	kiln build --progress plain -o "type=local,dest=$W/out" . >"$W/said" 2>&1 </dev/null 3>&- 4>&- &
	build=$!
	until [ -n "$(find "$W/store" -size +100k -newer Dockerfile 2>/dev/null)" ]; do
		kill -0 "$build"
		sleep 0.02
	done
	kill "$WEB_PID"
	status=0
	wait "$build" || status=$?
	equals 1 "$status"
	grep -q "/slow/big" "$W/said"
	[ ! -e "$W/out" ]
	equals "" "$(leftovers "$W/store")"
	web_start plain "$ROOT"
	succeeds add "$WEB/files/big /d/"
	cmp "$ROOT/big" "$W/out/d/big"
}
