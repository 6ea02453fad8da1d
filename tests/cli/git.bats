#!/usr/bin/env bats
# Git repositories as contexts, as named contexts and by ADD.
# Spec: Dockerfile reference, "Adding files from a Git repository"; docs.docker.com, "Git contexts".
# shellcheck disable=SC2154,SC2016 # status, output and stderr are the helpers'; dollars the Dockerfile's
load ../lib/kiln

g() {
	git -c user.name=t -c user.email=t@t -c protocol.file.allow=always -c init.defaultBranch=main "$@"
}

setup_file() {
	export ROOT=$BATS_FILE_TMPDIR/root GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
	export HOME=$BATS_FILE_TMPDIR/home GIT_CONFIG_NOSYSTEM=1
	mkdir -p "$ROOT" "$HOME" "$BATS_FILE_TMPDIR/w"
	cd "$BATS_FILE_TMPDIR/w" || return 1
	g init -q lib
	echo lib >lib/lib.txt
	g -C lib add .
	g -C lib commit -qm lib
	g clone -q --bare lib "$ROOT/lib.git"
	g init -q app
	cd app || return 1
	mkdir -p docker sub
	printf 'FROM scratch\nCOPY . /\n' >Dockerfile
	printf 'FROM scratch\nCOPY here /sub/\n' >sub/Dockerfile
	echo here >sub/here
	echo Dockerfile >.dockerignore
	printf '#!/bin/sh\n' >run.sh
	chmod 0700 run.sh
	ln -s / out
	echo one >file
	g add .
	g commit -qm one
	FIRST=$(g rev-parse HEAD)
	g tag -am v1 v1
	g checkout -qb dev
	echo dev >file
	g commit -qam dev
	g checkout -q main
	g submodule --quiet add "$ROOT/lib.git" lib
	g config -f .gitmodules submodule.lib.url ../lib.git
	echo two >file
	g add .
	g commit -qm two
	SECOND=$(g rev-parse HEAD)
	export FIRST SECOND
	g clone -q --bare . "$ROOT/app.git"
	g -C "$ROOT/app.git" update-server-info
	g -C "$ROOT/lib.git" update-server-info
	unset GIT_AUTHOR_DATE GIT_COMMITTER_DATE
}

setup() {
	W=$BATS_TEST_TMPDIR
	context
	: >"$W/log"
	server_start git "$RIG_LIB/git_server.py" --root "$ROOT" --log "$W/log"
	U=http://$SERVER_ADDRESS
	GITD=git://$(sed -n 's/^git on //p' "$SERVER_LOG")
	rm -rf "$HOME"
	mkdir -p "$HOME"
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

files() {
	(cd "$W/out" && find . -mindepth 1 -not -path '*/.git/*' | sort | xargs)
}

@test "a context: default branch, branch, tag, commit, pull ref, folder; over http, git and ssh" {
	local ref
	succeeds built "$U/open/app.git" --metadata-file "$W/meta"
	equals "two ./.dockerignore ./.gitmodules ./file ./lib ./lib/lib.txt ./out ./run.sh ./sub ./sub/Dockerfile ./sub/here" \
		"$(cat "$W/out/file") $(files)"
	equals "\"$U/open/app.git\" \"$SECOND\"" "$(jq -c .vcs.source,.vcs.revision "$W/meta" | xargs -d'\n')"
	for ref in v1 "$FIRST" refs/tags/v1; do
		succeeds built "$U/open/app.git#$ref"
		equals one "$(cat "$W/out/file")" "$ref"
	done
	succeeds built "$U/open/app.git?branch=dev"
	equals dev "$(cat "$W/out/file")"
	succeeds built "$U/open/app.git?tag=v1&subdir=sub"
	equals "./sub ./sub/here" "$(files)"
	succeeds built "$GITD/app.git#dev"
	equals dev "$(cat "$W/out/file")"
	printf '#!/bin/sh\nfor a; do :; done\nexec sh -c "git-upload-pack %s/$(echo "$a" | sed "s,.*/,,;s,.$,,")"\n' "$ROOT" >"$W/ssh"
	chmod +x "$W/ssh"
	GIT_SSH_COMMAND=$W/ssh succeeds built "ssh://git@host/app.git#v1"
	equals one "$(cat "$W/out/file")"
	GIT_SSH_COMMAND=$W/ssh succeeds built "git@host:x/app.git#dev"
	equals dev "$(cat "$W/out/file")"
	[ -z "$(leftovers "$W/store")" ]
}

@test "repositories whose objects have SHA-256 names" {
	local from commit
	g init -q --object-format=sha256 "$W/new"
	printf 'FROM scratch\nCOPY file /\n' >"$W/new/Dockerfile"
	echo new >"$W/new/file"
	g -C "$W/new" add .
	g -C "$W/new" commit -qm new
	commit=$(g -C "$W/new" rev-parse HEAD)
	g clone -q --bare "$W/new" "$ROOT/new.git"
	g -C "$ROOT/new.git" update-server-info
	for from in "$U/open/new.git" "$U/dumb/new.git" "$GITD/new.git#main" "$U/open/new.git#$commit"; do
		succeeds built "$from"
		equals new "$(cat "$W/out/file")" "$from"
	done
	succeeds add "--keep-git-dir --checksum=${commit:0:50} $U/open/new.git /d/"
	equals "$commit" "$(g -C "$W/out/d" -c "safe.directory=$W/out/d" rev-parse HEAD)"
}

@test "SOURCE_DATE_EPOCH=context is the time of the commit" {
	succeeds kiln build -q --build-arg SOURCE_DATE_EPOCH=context -t local/timed "$U/open/app.git#v1"
	succeeds kiln inspect -f '{{.Created}}' local/timed
	equals 2020-09-13T12:26:40Z "$output"
}

@test "modes are 0644 and 0755 whatever the umask, times are the commit's, links stay inside" {
	umask 077
	succeeds built "$U/open/app.git#v1"
	umask 022
	equals "644 755 755 1600000000" "$(stat -c %a "$W/out/file") $(stat -c %a "$W/out/run.sh") $(stat -c %a "$W/out/sub") $(stat -c %Y "$W/out/file")"
	fails 1 "no directory 'none'" built "$U/open/app.git#v1:none"
	fails 1 "not inside the repository" built "$U/open/app.git#v1:../x"
	fails 1 "no directory 'out/etc'" built "$U/open/app.git#v1:out/etc"
}

@test "servers that give no parts, or no commits by name" {
	succeeds built "$U/dumb/app.git#dev"
	equals dev "$(cat "$W/out/file")"
	succeeds built "$U/dumb/app.git#$FIRST"
	equals one "$(cat "$W/out/file")"
	g -C "$ROOT/app.git" config uploadpack.allowAnySHA1InWant false
	succeeds built "$GITD/app.git#$FIRST"
	equals one "$(cat "$W/out/file")"
	succeeds built "$U/moved/app.git#v1"
}

@test "ADD: a repository, its folder, .git kept, submodules left out" {
	succeeds add "$U/open/app.git#dev /d/"
	equals dev "$(cat "$W/out/d/file")"
	[ ! -e "$W/out/d/.git" ]
	succeeds add "--exclude=*.sh $U/open/app.git?subdir=sub&ref=v1 /d/"
	equals "./d ./d/Dockerfile ./d/here" "$(files)"
	succeeds add "--keep-git-dir=true $U/open/app.git#v1 /d/"
	equals "$FIRST" "$(git -c safe.directory='*' -C "$W/out/d" rev-parse HEAD)"
	equals "" "$(git -c safe.directory='*' -C "$W/out/d" status --short)"
	succeeds add "$U/open/app.git?submodules=false /d/"
	[ ! -e "$W/out/d/lib/lib.txt" ]
	succeeds add "$U/open/app.git /d/"
	equals lib "$(cat "$W/out/d/lib/lib.txt")"
	[ ! -e "$W/out/d/lib/.git" ]
}

@test "ADD --keep-git-dir says that an address is a repository, whatever it is called" {
	cp -a "$ROOT/app.git" "$ROOT/plain"
	succeeds add "--keep-git-dir $U/open/plain#v1 /d/"
	equals one "$(cat "$W/out/d/file")"
	[ -d "$W/out/d/.git" ]
	succeeds add "--keep-git-dir=false $U/open/plain#dev /d/"
	equals dev "$(cat "$W/out/d/file")"
	[ ! -e "$W/out/d/.git" ]
	rm -rf "$ROOT/plain"
}

@test "ADD: the cache goes by the commit, and a whole commit is not asked for" {
	succeeds add "$U/open/app.git#$FIRST /d/"
	: >"$W/log"
	succeeds add "$U/open/app.git#$FIRST /d/"
	says CACHED
	equals 0 "$(wc -l <"$W/log")" "requests"
	succeeds add "$U/open/app.git#main /d/"
	: >"$W/log"
	succeeds add "$U/open/app.git#main /d/"
	says CACHED
	equals 0 "$(grep -c '^POST.*git-upload-pack 200 - .*pack' "$W/log" || true)"
	g -C "$ROOT/app.git" branch moving "$FIRST"
	succeeds add "$U/open/app.git#moving /d/"
	g -C "$ROOT/app.git" branch -f moving dev
	succeeds add "$U/open/app.git#moving /d/"
	equals dev "$(cat "$W/out/d/file")"
}

@test "--checksum is the commit or how it begins" {
	succeeds add "--checksum=${FIRST:0:8} $U/open/app.git#v1 /d/"
	succeeds add "$U/open/app.git?checksum=$FIRST /d/"
	equals one "$(cat "$W/out/d/file")"
	# An annotated tag is an object of its own.
	local tag
	tag=$(g -C "$ROOT/app.git" rev-parse v1)
	[ "$tag" != "$FIRST" ]
	succeeds add "--checksum=$tag $U/open/app.git?tag=v1&commit=${tag:0:8} /d/"
	equals one "$(cat "$W/out/d/file")"
	# The beginning of a commit names none by itself: it is what the default branch must be at.
	succeeds add "$U/open/app.git?commit=${SECOND:0:8} /d/"
	fails 1 "is commit $SECOND: expected checksum to match ${FIRST:0:8}" \
		add "$U/open/app.git?commit=${FIRST:0:8} /d/"
	fails 1 "is commit $SECOND: expected checksum to match ${FIRST:0:8}" add "--checksum=${FIRST:0:8} $U/open/app.git#main /d/"
	fails 1 "Dockerfile:2:5" add "--checksum=xyz $U/open/app.git /d/"
}

@test "credentials: of the address, of the user's helper and .netrc; none in messages or argv" {
	fails 1 "git's own credentials are used" built "$U/private/app.git"
	fails 1 "git ls-remote" built "http://user:wrong-secret@${U#http://}/private/app.git"
	says_not wrong-secret
	succeeds built "http://user:p%40ss@${U#http://}/private/app.git#v1"
	says_not p%40ss
	says_not p@ss
	printf '%s\n' "http://user:p%40ss@${U#http://}" >"$HOME/.git-credentials"
	printf '[credential]\n\thelper = store\n[core]\n\thooksPath = /nonexistent\n[alias]\n\tfetch = !false\n' >"$HOME/.gitconfig"
	succeeds built "$U/private/app.git#v1"
	rm "$HOME/.gitconfig" "$HOME/.git-credentials"
	printf 'machine 127.0.0.1\nlogin user\npassword p@ss\n' >"$HOME/.netrc"
	succeeds built "$U/private/app.git#v1"
	rm "$HOME/.netrc"
	GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/x GIT_CONFIG_KEY_1="url.http://user:p%40ss@${U#http://}.insteadOf" \
		GIT_CONFIG_VALUE_1=http://host.invalid succeeds built "http://host.invalid/private/app.git#v1"
	says_not p%40ss
	succeeds add "http://user:p%40ss@${U#http://}/private/app.git#v1 /d/" -t local/added -o type=image
	succeeds kiln history local/added
	says_not p%40ss
	equals "" "$(grep -rla -e 'p%40ss' -e 'p@ss' "$W/store")" "files of the store with the password"
	mkdir "$W/bin"
	printf '#!/bin/sh\necho "$@" >>%s\nexec %s "$@"\n' "$W/argv" "$(type -P git)" >"$W/bin/git"
	chmod +x "$W/bin/git"
	PATH=$W/bin:$PATH succeeds built "http://user:p%40ss@${U#http://}/private/app.git#dev"
	grep -q fetch "$W/argv"
	equals "" "$(grep -e 'p@ss' -e 'p%40ss' "$W/argv")" "arguments with the password"
}

@test "what a repository asks for and does not get" {
	local sub
	for sub in "file://$ROOT/lib.git" "ext::sh -c touch% /tmp/kiln-git-ext" "$ROOT/lib.git"; do
		rm -rf "$W/evil"
		g clone -q "$ROOT/app.git" "$W/evil"
		g -C "$W/evil" config -f .gitmodules submodule.lib.url "$sub"
		printf '* filter=evil\n' >"$W/evil/.gitattributes"
		g -C "$W/evil" add .
		g -C "$W/evil" commit -qm evil
		g -C "$W/evil" push -q origin HEAD:refs/heads/evil --force
		fails 1 "fetch the submodules" built "$U/open/app.git#evil"
		[ ! -e /tmp/kiln-git-ext ]
	done
	succeeds built "$U/open/app.git?ref=evil&submodules=0"
	equals two "$(cat "$W/out/file")"
	fails 1 'repository does not contain ref nope: ' built "$U/open/app.git#nope"
	fails 1 'repository does not contain ref refs/heads/v1: ' built "$U/open/app.git?branch=v1"
	fails 1 "repository does not contain ref ${FIRST:0:10}: " built "$U/open/app.git#${FIRST:0:10}"
	says "all of its 40 (or 64) digits"
	fails 1 "git ls-remote" built "$U/open/none.git"
	fails 1 "git fetch" built "$U/cut/app.git#v1"
	fails 1 "no branch, tag or commit" built "$U/open/app.git#--upload-pack=x"
	fails 1 "did you mean 'branch'?" built "$U/open/app.git?brunch=x"
	fails 1 "Dockerfile:2:5" add "$U/open/app.git#a..b /d/"
	[ -z "$(leftovers "$W/store")" ]
}

@test "named contexts may be repositories, for every kind of user" {
	local kind
	export KILN_USERS_DIR=$W/users KILN_ROOT=$W/store
	printf 'FROM scratch\nCOPY --from=code file /file\n' >Dockerfile
	for kind in $(each_user); do
		mkdir -m 0777 "$W/to.$kind"
		succeeds kiln_as "$kind" build -q -o "type=tar,dest=$W/to.$kind/o.tar" --build-context "code=$U/open/app.git#dev" .
		equals "dev -rw-r--r-- 0/0" "$(tar xOf "$W/to.$kind/o.tar" file) $(tar tvf "$W/to.$kind/o.tar" --numeric-owner | awk '{print $1, $2}')" "$kind"
	done
}

@test "secrets GIT_AUTH_TOKEN and GIT_AUTH_HEADER go to their host" {
	printf 'tok\n' >"$W/token"
	printf 'Bearer tok' >"$W/header"
	succeeds built "$U/private/app.git#v1" --secret "id=GIT_AUTH_TOKEN,src=$W/token"
	succeeds add "$U/private/app.git#v1 /d/" --secret "id=GIT_AUTH_HEADER.127.0.0.1,src=$W/header"
	succeeds add "$U/private/app.git#dev /d/" --secret "id=GIT_AUTH_TOKEN.${U#http://},src=$W/token"
	: >"$W/log"
	fails 1 "git's own credentials" built "$U/private/app.git#v1" --secret "id=GIT_AUTH_TOKEN.elsewhere,src=$W/token"
	equals 0 "$(grep -vc -e ' -$' "$W/log")" "requests with an authorization"
}

@test "add of a repository into a working container" {
	local c
	succeeds kiln from -q "$(image_ref busybox)"
	c=$output
	succeeds kiln add -q --checksum "$FIRST" "$c" "$U/open/app.git#v1" /src
	succeeds kiln run "$c" -- sh -c 'cat /src/file; ls -A /src'
	says 'one'
	says 'run.sh'
	fails 1 "" kiln add -q --checksum "$SECOND" "$c" "$U/open/app.git#v1" /bad
	fails 1 "" kiln run "$c" -- ls /bad
	succeeds kiln rm "$c"
	[ -z "$(leftovers "$W/store")" ]
}

@test "kiln check and --call look at a context that is elsewhere" {
	mkdir ctx
	printf '%s\n' 'FROM debian:12 AS Build' 'COPY file /' >ctx/Dockerfile
	echo x >ctx/file
	tar -C ctx -cf "$ROOT/ctx.tar" .
	git -C ctx init -q -b main
	git -C ctx add .
	git -C ctx -c user.name=a -c user.email=a@b commit -qm one
	git clone -q --bare ctx "$ROOT/check.git"
	git -C "$ROOT/check.git" update-server-info
	local place
	for place in "$U/open/check.git" "$U/open/check.git#main" "$U/dumb/ctx.tar"; do
		fails 1 'StageNameCasing' kiln check "$place"
		says 'Dockerfile:1'
		fails 1 'StageNameCasing' kiln build --check "$place"
		succeeds kiln build --call targets "$place"
		[[ $output == *Build* || $output == *build* ]]
	done
	fails 1 'StageNameCasing' kiln check -f Dockerfile "$ROOT/ctx.tar"
	fails 1 "no-such.git" kiln check "$U/open/no-such.git"
	# Nothing is left in the store.
	equals "" "$(find "$BATS_TEST_TMPDIR/store/tmp" -name Dockerfile 2>/dev/null || true)"
}
