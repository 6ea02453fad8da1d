#!/usr/bin/env bats
# Where the files of a build come from: directories, tars, standard input, named contexts.
# shellcheck disable=SC2154,SC2016 # status, output and stderr are the helpers'; dollars the Dockerfile's
load ../lib/kiln

setup() {
	context
	echo a >a.txt
	mkdir sub
	echo b >sub/b.txt
	printf 'FROM scratch\nCOPY . /\n' >Dockerfile
	printf 'ignored\nDockerfile\n.dockerignore\n' >.dockerignore
	echo no >ignored
	W=$BATS_TEST_TMPDIR
}

teardown() {
	kiln_teardown
}

built() { # ARGS...: builds into $W/out and lists the files
	rm -rf "$W/out"
	succeeds kiln build --progress plain -o "type=local,dest=$W/out" "$@"
	(cd "$W/out" && find . -type f | sort | xargs)
}

@test "a tar as context: plain and compressed, from a file and from standard input" {
	local form
	tar cf "$W/c.tar" .
	gzip -kc "$W/c.tar" >"$W/c.tgz"
	xz -kc "$W/c.tar" >"$W/c.txz"
	bzip2 -kc "$W/c.tar" >"$W/c.tbz"
	zstd -qc "$W/c.tar" >"$W/c.tzst"
	cd "$W"
	for form in c.tar c.tgz c.txz c.tbz c.tzst; do
		equals "./a.txt ./sub/b.txt" "$(built "$form")" "$form"
		rm -rf "$W/out"
		kiln build --progress quiet -o "type=local,dest=$W/out" - <"$form"
		equals "./a.txt ./sub/b.txt" "$(cd "$W/out" && find . -type f | sort | xargs)" "- < $form"
	done
	[ -z "$(leftovers "$W/store")" ]
}

@test "SOURCE_DATE_EPOCH=context: Last-Modified, else the newest entry of a tar; a directory has none" {
	local tar=${W}/served/c.tar
	mkdir "$W/served"
	printf '%s\n' 'FROM scratch' 'ARG SOURCE_DATE_EPOCH' 'LABEL epoch=${SOURCE_DATE_EPOCH:-unset}' 'COPY a.txt /' >Dockerfile
	touch -d @1700000302 a.txt
	touch -d @1700000202 Dockerfile
	tar cf "$tar" Dockerfile a.txt
	touch -d @1700000401 "$tar"
	server_start files "$RIG_LIB/file_server.py" --root "$W/served" --log "$W/log"
	timed() { # TIME CREATED ARGS...
		succeeds kiln build -q -t local/timed "${@:3}"
		succeeds kiln inspect --config local/timed
		[[ $(jq -r '.config.Labels.epoch + " " + .created' <<<"$output") == "$1 "$2 ]] || explain "wanted: $1 $2"
	}
	timed 1700000401 2023-11-14T22:20:01Z --build-arg SOURCE_DATE_EPOCH=context "http://$SERVER_ADDRESS/files/c.tar"
	timed 1700000302 2023-11-14T22:18:22Z --build-arg SOURCE_DATE_EPOCH=context "http://$SERVER_ADDRESS/plain/c.tar"
	timed 1700000302 2023-11-14T22:18:22Z --build-arg SOURCE_DATE_EPOCH=context "$tar"
	# A directory is as old as nothing, whatever the Dockerfile says.
	sed -i '1i ARG SOURCE_DATE_EPOCH=1500000000' Dockerfile
	timed unset '20[2-9][0-9]-*' --build-arg SOURCE_DATE_EPOCH=context .
	sed -i '1s/=.*/=context/' Dockerfile
	timed unset '20[2-9][0-9]-*' .
	tar cf "$tar" --mtime @1600000000 Dockerfile a.txt
	timed 1600000000 2020-09-13T12:26:40Z "$tar"
	timed 5 1970-01-01T00:00:05Z --build-arg SOURCE_DATE_EPOCH=5 "$tar"
}

@test "SOURCE_DATE_EPOCH=NAME: the time of a named context, or of what a stage adds" {
	local tar=$W/served/c.tar
	mkdir "$W/served"
	touch -d @1700000302 a.txt
	tar cf "$tar" a.txt
	touch -d @1700000401 "$tar" a.txt
	cp -p a.txt "$W/served/plain.txt"
	server_start files "$RIG_LIB/file_server.py" --root "$W/served" --log "$W/log"
	U=http://$SERVER_ADDRESS
	timed() { # TIME CREATED ARGS...
		succeeds kiln build -q -t local/timed "${@:3}" .
		succeeds kiln inspect --config local/timed
		[[ $(jq -r '.config.Labels.epoch + " " + .created' <<<"$output") == "$1 "$2 ]] || explain "wanted: $1 $2"
	}
	printf '%s\n' 'ARG SOURCE_DATE_EPOCH=src' 'FROM scratch' 'ARG SOURCE_DATE_EPOCH' 'LABEL epoch=${SOURCE_DATE_EPOCH:-unset}' >Dockerfile
	fails 1 "invalid SOURCE_DATE_EPOCH: src" kiln build .
	timed 1700000401 2023-11-14T22:20:01Z --build-context "src=$U/files/c.tar"
	timed 1700000302 2023-11-14T22:18:22Z --build-context "SRC=$U/plain/c.tar"
	timed unset '20[2-9][0-9]-*' --build-context src=.
	timed 5 1970-01-01T00:00:05Z --build-context "src=$U/files/c.tar" --build-arg SOURCE_DATE_EPOCH=5

	stage() { # LINES... : of the stage src
		printf '%s\n' "ARG HOST=$SERVER_ADDRESS SOURCE_DATE_EPOCH=src" 'FROM scratch AS src' "$@" 'FROM scratch' \
			'ARG SOURCE_DATE_EPOCH' 'LABEL epoch=${SOURCE_DATE_EPOCH:-unset}' >Dockerfile
	}
	stage 'ARG KIND=files' 'ADD http://$HOST/$KIND/c.tar /'
	timed 1700000401 2023-11-14T22:20:01Z
	timed 1700000302 2023-11-14T22:18:22Z --build-arg KIND=plain
	# Two images have one time, whoever of them asked.
	succeeds kiln build -o "type=oci,tar=false,dest=$W/both" --platform linux/amd64,linux/arm64 .
	equals 2 "$(grep -l '"epoch": *"1700000401"' -r "$W/both/blobs" | wc -l)"
	stage 'ADD http://$HOST/plain/plain.txt /'
	timed unset '20[2-9][0-9]-*'
	stage 'ADD http://$HOST/files/c.tar /' 'COPY a.txt /'
	fails 1 "does not meet source-only requirements: unsupported COPY" kiln build .
	says "Dockerfile:2:1"
	stage
	fails 1 "must contain exactly one remote ADD" kiln build .
	stage 'ADD a.txt /'
	fails 1 "must be a single HTTP(S) or Git ADD" kiln build .
	sed -i 's/FROM scratch AS/FROM other AS/' Dockerfile
	fails 1 "stage must use FROM scratch" kiln build .
	[ -z "$(leftovers "$W/store")" ]
}

@test "-f names a file of a tar, and NAME.dockerignore beside it counts" {
	mkdir docker
	printf 'FROM scratch\nCOPY . /x/\n' >docker/other
	printf '*\n!sub\n' >docker/other.dockerignore
	tar cf "$W/c.tar" .
	equals "./x/sub/b.txt" "$(built -f docker/other "$W/c.tar")"
	fails 1 "failed to read dockerfile: context '$W/c.tar': open 'docker/none'" kiln build -f docker/none "$W/c.tar"
	tar cf "$W/empty.tar" -T /dev/null
	fails 1 "there is no Dockerfile" kiln build "$W/empty.tar"
}

@test "a Dockerfile on standard input is a context without files, and errors show its line" {
	printf 'FROM scratch\nCOPY <<x /x\nhello\nx\n' >"$W/df"
	kiln build --progress quiet -o "type=local,dest=$W/out" - <"$W/df"
	equals hello "$(cat "$W/out/x")"
	printf 'FROM scratch\nCOPPY a b\n' >"$W/bad"
	run kiln build - <"$W/bad"
	[ "$status" -eq 1 ]
	[[ $output == *"2 | COPPY a b"* ]]
	printf 'FROM scratch\nCOPY a.txt /\n' >"$W/df"
	run kiln build - <"$W/df"
	[ "$status" -eq 1 ]
	[[ $output == *'"/a.txt": not found in the build context'* ]]
	fails 1 "it is empty" kiln build -
	fails 1 "cannot be the context and the Dockerfile" kiln build -f - -
}

@test "what a tar should not hold leaves nothing outside and nothing behind" {
	printf 'FROM scratch\nCOPY . /\n' >Dockerfile
	python3 - "$W" <<-'EOF2'
		import io, sys, tarfile
		def make(name, *members):
		    with tarfile.open(f"{sys.argv[1]}/{name}", "w") as tar:
		        tar.add("Dockerfile")
		        for path, kind, link, data in members:
		            info = tarfile.TarInfo(path)
		            info.type, info.linkname, info.size = kind, link, len(data)
		            tar.addfile(info, io.BytesIO(data))
		make("climb.tar", ("../../climbed", tarfile.REGTYPE, "", b"x"), ("/abs", tarfile.REGTYPE, "", b"x"))
		make("link.tar", ("l", tarfile.SYMTYPE, "../../../../../../../../tmp", b""), ("l/through-%d" % 1, tarfile.REGTYPE, "", b"x"))
		make("hard.tar", ("h", tarfile.LNKTYPE, "/etc/passwd", b""))
		make("dev.tar", ("null", tarfile.CHRTYPE, "", b""))
	EOF2
	equals "./Dockerfile ./abs ./climbed" "$(built "$W/climb.tar")"
	[ ! -e "$W/climbed" ] && [ ! -e "$W/../climbed" ] && [ ! -e /abs ]
	succeeds kiln build "$W/link.tar"
	[ ! -e /tmp/through-1 ]
	fails 1 "hard.tar" kiln build "$W/hard.tar"
	fails 1 "'null' is a device" kiln build "$W/dev.tar"
	head -c 700 "$W/climb.tar" >"$W/short.tar"
	fails 1 "short.tar" kiln build "$W/short.tar"
	[ -z "$(leftovers "$W/store")" ]
}

@test "a context that is small and unpacks to more than there is room for leaves the room free" {
	local room
	[ "$(id -u)" = 0 ] || skip "needs root"
	room=$(store_tmpfs 12M) || skip "no tmpfs here"
	yes x | head -c 20000000 >big
	tar -czf "$W/bomb.tgz" Dockerfile big
	KILN_ROOT=$room/store fails 1 "unpack 'big': write: No space left on device" kiln build "$W/bomb.tgz"
	equals "" "$(leftovers "$room/store")"
	[ "$(du -sk "$room" | cut -f1)" -lt 4000 ]
}

@test "what is no context is refused by name" {
	fails 1 "'$W/nowhere'" kiln build "$W/nowhere"
	fails 1 "name the Dockerfile with -f" kiln build Dockerfile
	fails 2 "is not NAME=SOURCE" kiln build --build-context x .
	fails 2 "standard input" kiln build --build-context x=- .
}

@test "named directories and tars serve COPY --from, FROM and RUN --mount, with their own ignore rules" {
	mkdir "$W/extra"
	echo e >"$W/extra/e.txt"
	echo s >"$W/extra/secret"
	echo secret >"$W/extra/.dockerignore"
	tar czf "$W/extra.tgz" -C "$W/extra" e.txt
	printf 'FROM scratch\nCOPY --from=extra . /dir/\nCOPY --from=packed . /tar/\n' >Dockerfile
	equals "./dir/.dockerignore ./dir/e.txt ./tar/e.txt" \
		"$(built --build-context "extra=$W/extra" --build-context "packed=$W/extra.tgz" .)"
	printf 'FROM extra\nCOPY a.txt /\n' >Dockerfile
	equals "./.dockerignore ./a.txt ./e.txt" "$(built --build-context "extra=$W/extra" .)"
	printf 'FROM %s\nRUN --mount=from=extra,target=/m cp /m/e.txt /copied\n' "$(image_ref busybox)" >Dockerfile
	[[ $(built --build-context "extra=$W/extra" .) == *"./copied"* ]]
	[[ $(built --build-context "extra=$W/extra.tgz" .) == *"./copied"* ]]
	fails 1 "the context 'extra'" kiln build --build-context "extra=$W/gone" .
	says "Dockerfile:2"
	fails 1 "no directory and no tar archive" kiln build --build-context "extra=$W/extra/e.txt" .
}

@test "a named context beats a stage, and a stage an image" {
	mkdir "$W/mine"
	echo mine >"$W/mine/made"
	printf 'FROM scratch AS made\nCOPY a.txt /made\nFROM scratch\nCOPY --from=made /made /one\nCOPY --from=0 /made /two\n' >Dockerfile
	built . >/dev/null
	equals "a a" "$(cat "$W/out/one" "$W/out/two" | xargs)"
	built --build-context "MADE=$W/mine" . >/dev/null
	equals "mine mine" "$(cat "$W/out/one" "$W/out/two" | xargs)"
	equals "./made" "$(built --build-context "made=$W/mine" --target made .)"
}

@test "named images: a reference, an OCI layout, in every spelling of the name" {
	local layout
	layout=$(image busybox)/oci
	printf 'FROM alpine\nRUN echo ran >/ran\n' >Dockerfile
	[[ $(built --build-context "docker.io/library/alpine:latest=oci-layout://$layout:latest" .) == *"./ran"* ]]
	printf 'FROM docker.io/library/alpine\nCOPY --from=tool /bin/busybox /tool\n' >Dockerfile
	printf 'FROM %s\n' "$(image_ref busybox)" >base
	succeeds kiln build -q -t local/box -f base .
	[[ $(built --build-context "alpine=docker-image://local/box" --build-context "tool=container-image://local/box" .) == *"./tool"* ]]
	fails 1 "no/such" kiln build --pull=never --build-context "alpine=docker-image://no/such:1" .
}

@test "a changed named context runs what reads it again, an unchanged one does not" {
	mkdir "$W/extra"
	echo 1 >"$W/extra/f"
	printf 'FROM scratch\nCOPY --from=extra f /f\n' >Dockerfile
	built --build-context "extra=$W/extra" . >/dev/null
	built --build-context "extra=$W/extra" . >/dev/null
	says "CACHED"
	tar cf "$W/same.tar" -C "$W/extra" f
	built --build-context "extra=$W/same.tar" . >/dev/null
	says "CACHED"
	echo 2 >"$W/extra/f"
	built --build-context "extra=$W/extra" . >/dev/null
	equals 2 "$(cat "$W/out/f")"
}

@test "for every kind of user the files of a tar are root's, with the modes of the tar" {
	local kind
	export KILN_USERS_DIR=$W/users KILN_ROOT=$W/store
	chmod 0600 a.txt
	chmod 0750 sub
	chmod 4755 sub/b.txt
	printf 'FROM scratch\nCOPY a.txt sub/ /\n' >Dockerfile
	tar cf "$W/c.tar" --owner=1234 --group=99 .
	chmod 0644 "$W/c.tar"
	for kind in $(each_user); do
		mkdir -m 0777 "$W/to.$kind"
		succeeds kiln_as "$kind" build -q -o "type=tar,dest=$W/to.$kind/out.tar" "$W/c.tar"
		equals "-rw------- 0/0 a.txt -rwsr-xr-x 0/0 b.txt" \
			"$(tar tvf "$W/to.$kind/out.tar" --numeric-owner | awk '{print $1, $2, $6}' | xargs)" "$kind"
	done
}
