#!/usr/bin/env bats
# Keys: what must not be taken for the same, and what must.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

teardown() {
	kiln_teardown
}

@test "what lies below a COPY --link counts for what stands on it" {
	local base what
	base=$(image_ref busybox)
	context
	echo x >x
	for what in A B A B; do
		cat >Dockerfile <<-END
			FROM $base AS a
			RUN echo $what >/who
			COPY --link x /x
			RUN cat /who >/result
			FROM scratch
			COPY --from=a /result /
		END
		succeeds kiln build --progress quiet -o out .
		equals "$what" "$(cat out/result)"
	done
}

# An intermediate stage is kept as directories, and becomes an image's layers later.
@test "the bytes of a COPY do not tell what was built before, nor by --link on what" {
	local base out=$BATS_TEST_TMPDIR/out
	mkdir "$out"
	base=$(image_ref busybox)
	context
	mkdir -p d/e
	echo a >a && echo b >b && ln a h && echo f >d/e/f && echo z >d/e.txt
	cat >Dockerfile <<-END
		FROM $base AS s0
		COPY a /x/
		COPY a /x/
		COPY b h a /x/
		WORKDIR /x/deep
		COPY . /usr/
		COPY --link b a /x/
		COPY --chown=5 . ? /
		FROM scratch
		COPY --from=s0 /x /y
	END
	export SOURCE_DATE_EPOCH=1000000000
	succeeds kiln build -q -o "type=oci,dest=$out/image.tar" .
	succeeds kiln build --progress plain --target s0 -o "type=oci,dest=$out/later.tar" --iidfile "$out/later" .
	[ "$(grep -c '^#[0-9]* CACHED' <<<"$stderr")" -ge 7 ]
	succeeds kiln build -q --no-cache --target s0 -o "type=oci,dest=$out/fresh.tar" --iidfile "$out/fresh" .
	equals "$(<"$out/fresh")" "$(<"$out/later")" "the image of a stage that was between"

	# Directories of a VOLUME, which Buildah's builds make.
	printf 'FROM %s AS s0\nVOLUME /w-a /w/b /w\nFROM scratch\nCOPY --from=s0 /w /y\n' "$base" >volume.Dockerfile
	succeeds kiln buildah build -q --timestamp 1000000000 -f volume.Dockerfile .
	succeeds kiln buildah build -q --timestamp 1000000000 -f volume.Dockerfile --target s0 --iidfile "$out/later" .
	succeeds kiln buildah build -q --timestamp 1000000000 -f volume.Dockerfile --target s0 --iidfile "$out/fresh" --no-cache .
	equals "$(<"$out/fresh")" "$(<"$out/later")" "the image of a stage with volumes"

	# The same layer of --link, made over other things.
	printf 'FROM %s\nCOPY --link --chown=5 a b a /x/\n' "$base" >Dockerfile
	succeeds kiln build -q --iidfile "$out/fresh" .
	printf 'FROM %s\nCOPY --chown=5 a /x/\nCOPY --link --chown=5 a b a /x/\n' "$base" >Dockerfile
	succeeds kiln build -q --iidfile "$out/later" .
	succeeds kiln build -q --iidfile "$out/fresh" --no-cache .
	equals "$(<"$out/fresh")" "$(<"$out/later")" "the image of a --link over what is the same"
}

@test "an attribute on a file that was known to have none" {
	local set
	context
	echo x >x
	printf 'FROM scratch\nCOPY x /x\n' >Dockerfile
	set='import os, sys; (os.setxattr if sys.argv[1:] else os.removexattr)("x", "user.kiln", *map(str.encode, sys.argv[1:]))'
	python3 -c "$set" '' 2>/dev/null || skip "needs attributes of users"
	python3 -c "$set"
	# What was written in the instant before it was read is not remembered; the second time it is.
	succeeds kiln build --progress plain -t x .
	succeeds kiln build --progress plain -t x .
	says CACHED
	python3 -c "$set" value
	succeeds kiln build --progress plain -t x .
	says_not CACHED
	python3 -c "$set" other
	succeeds kiln build --progress plain -t x .
	says_not CACHED
	python3 -c "$set"
	succeeds kiln build --progress plain -t x .
	says CACHED
}

# What changes between builds of one Dockerfile: COMMAND makes the context's next state, and the last stage's steps run again or not.
changes() { # hit|miss WHAT COMMAND...
	local wanted=$1 what=$2 cached
	shift 2
	"$@"
	succeeds kiln build --progress plain -o "type=local,dest=$BATS_TEST_TMPDIR/out" "${given[@]}" .
	cached=$(awk '/^#[0-9]+ \[stage-1 [1-9]\// { name[$1] = 1 } /^#[0-9]+ CACHED$/ { n += name[$1] } END { print n + 0 }' <<<"$stderr")
	case $wanted in
	hit) equals 5 "$cached" "$what" ;;
	miss) [ "$cached" -lt 5 ] || explain "a hit: $what" ;;
	esac
}

@test "one thing changes after the other: what is in a key, and what is not" {
	local given=()
	context
	mkdir tree
	echo same >tree/one
	echo f >f
	echo other >g
	echo ignored >tree/ignored
	printf 'tree/ignored\n' >.dockerignore
	cat >Dockerfile <<-END
		FROM $(image_ref busybox) AS base
		ENV SEEN=1
		FROM base
		ARG FILE=f DIR=/w
		WORKDIR \$DIR
		COPY \$FILE /var-of-copy
		COPY tree/o* /tree/
		COPY <<E /heredoc
		text
		E
		RUN <<E
		echo \$SEEN >/seen
		E
	END
	changes miss 'nothing is there yet' true
	changes hit 'nothing' true
	changes hit 'another time' touch -d @5 tree/one f
	changes hit 'a file that is ignored' cp f tree/ignored
	changes hit 'a label of the base stage' sed -i 's/^ENV SEEN=1$/&\nLABEL l=1/' Dockerfile
	changes miss 'a name that a pattern found' mv tree/one tree/other
	[ -e "$BATS_TEST_TMPDIR/out/tree/other" ]
	changes miss 'a variable of the base stage' sed -i 's/SEEN=1/SEEN=2/' Dockerfile
	equals 2 "$(cat "$BATS_TEST_TMPDIR/out/seen")"
	changes miss "a heredoc of COPY" sed -i 's/^text/words/' Dockerfile
	equals words "$(cat "$BATS_TEST_TMPDIR/out/heredoc")"
	changes miss "a heredoc of RUN" sed -i 's/^echo/echo more/' Dockerfile
	equals 'more 2' "$(cat "$BATS_TEST_TMPDIR/out/seen")"
	given=(--build-arg FILE=g)
	changes miss "a variable of COPY" true
	equals other "$(cat "$BATS_TEST_TMPDIR/out/var-of-copy")"
	given+=(--build-arg DIR=/v)
	changes miss "a variable of WORKDIR" true
	[ -d "$BATS_TEST_TMPDIR/out/v" ]
	chmod 755 tree/other
	changes miss 'a mode' true
	given=()
	chmod 644 tree/other
	changes hit "all as it was" true
}

@test "of two results of one key the newer one is taken" {
	local newer
	context
	printf 'FROM %s\nRUN cat /proc/sys/kernel/random/uuid >/id\n' "$(image_ref busybox)" >Dockerfile
	succeeds kiln build --progress quiet -t x .
	succeeds kiln build --progress quiet --no-cache -o newer .
	newer=$(cat newer/id)
	succeeds kiln build --progress quiet -o third .
	equals "$newer" "$(cat third/id)"
}

# Everything from the home, the last stage and by its key the one before: as KIND, its context in FOLDER, under a command that changes its surroundings.
hits() { # KIND FOLDER COMMAND...
	local kind=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	# Other times; modes are what counts.
	cp -r --preserve=mode,links "$MADE" "$dir/context"
	chmod a+rx "$dir" "$dir/context"
	capture as_user "$kind" "$@" "$(kiln_for_all)" build --progress plain --cache-from "type=local,src=$HOME_OF_CACHE" "$dir/context"
	[ "$status" -eq 0 ] || explain "$kind in $dir under $*: status $status"
	equals 4 "$(grep -c ' CACHED$' <<<"$stderr")" "cached, as $kind in $dir under $*"
}

@test "other users, umasks, locales, time zones and file systems have the same keys" {
	local kind upper
	export MADE=$BATS_TEST_TMPDIR/made HOME_OF_CACHE=$BATS_TEST_TMPDIR/home
	mkdir -p "$MADE/tree/Ä" "$MADE/tree/z"
	cd "$MADE"
	for kind in a B ä Z _ 1 10 2; do echo "$kind" >"tree/$kind"; done
	chmod 755 tree/a
	ln tree/a tree/z/hard
	ln -s ../a tree/z/link
	cat >Dockerfile <<-END
		FROM $(image_ref busybox) AS made
		WORKDIR /src/deep
		COPY tree tree
		RUN mkdir /out && cp -r tree /out && echo \$RANDOM >/out/random
		RUN --mount=type=bind,target=/context ls -l /context >/out/list
		FROM scratch
		COPY --from=made /out /out
		COPY --chmod=u=rw,go=r tree/[a-z]* /some/
		COPY --link tree /linked
	END
	succeeds kiln build -q --cache-to "type=local,dest=$HOME_OF_CACHE,mode=max" .
	chmod -R a+rX "$HOME_OF_CACHE" "$BATS_TEST_TMPDIR"
	for kind in $(each_user); do
		hits "$kind" "$(user_dir "$kind")/there" sh -c 'umask 077; exec "$@"' sh
	done
	hits "$(a_user)" "$(user_dir "$(a_user)")/german" env LC_ALL=C LANG=de_DE.UTF-8 TZ=Asia/Kathmandu
	[ "$(id -u)" = 0 ] || skip "the rest needs root"
	KILN_ROOT=$(store_tmpfs 64M)/root hits root "$(store_tmpfs 8M)/c" env TZ=America/St_Johns
	KILN_ROOT=$(store_ext4 256M)/root hits root "$(store_ext4 64M)/c" sh -c 'umask 000; exec "$@"' sh
	upper=$(store_tmpfs 64M)
	mkdir -p "$upper/upper" "$upper/work" "$upper/merged"
	unshare -m sh -c 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged" &&
		cd "$2/merged" && KILN_ROOT=$2/root exec "$3" build --progress plain --cache-from "type=local,src=$4" .' sh \
		"$MADE" "$upper" "$KILN" "$HOME_OF_CACHE" >"$BATS_TEST_TMPDIR/log" 2>&1
	equals 4 "$(grep -c ' CACHED$' "$BATS_TEST_TMPDIR/log")" "cached on an overlay"
}

@test "secrets, agents and what the network brings: a home knows steps by what counts in their keys" {
	local root=$BATS_TEST_TMPDIR/root hits n=0
	context
	mkdir "$root"
	echo one >"$root/file"
	server_start files "$RIG_LIB/file_server.py" --root "$root" --log "$BATS_TEST_TMPDIR/log"
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		RUN --mount=type=secret,id=s,required=true test -s /run/secrets/s && echo secret >/a
		RUN --mount=type=ssh,required=false echo agent >/b
		ADD http://$SERVER_ADDRESS/files/file /c
		RUN cat /c >/d
	END
	# build SECRET: on an empty disk each time; how many steps came from the home.
	build() {
		n=$((n + 1))
		printf %s "$1" >"$BATS_TEST_TMPDIR/secret"
		KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds kiln build --progress plain --secret "id=s,src=$BATS_TEST_TMPDIR/secret" \
			--cache-from "type=local,src=$BATS_TEST_TMPDIR/home" \
			--cache-to "type=local,dest=$BATS_TEST_TMPDIR/home,mode=max,ignore-error=false" -o "type=local,dest=$BATS_TEST_TMPDIR/out$n" .
		hits=$(awk '/ \[stage-0 [2-5]\/5\]/ { name[$1] = 1 } /^#[0-9]+ CACHED$/ { n += name[$1] } END { print n + 0 }' <<<"$stderr")
	}
	build hush-one
	equals 0 "$hits"
	# Another secret is no other step; the file is asked for, and is the same.
	build hush-two
	equals 4 "$hits"
	equals 2 "$(grep -c '^GET /files/file' "$BATS_TEST_TMPDIR/log")" "requests for the file"
	equals '' "$(grep -rla 'hush-' "$BATS_TEST_TMPDIR/home" || true)" "secrets in the home"
	# Other bytes under the same address.
	echo two >"$root/file"
	build hush-two
	equals 2 "$hits"
	equals two "$(cat "$BATS_TEST_TMPDIR/out$n/d")"
	# With a checksum nothing is asked.
	sed -i "s,^ADD ,ADD --checksum=sha256:$(sha256sum "$root/file" | cut -d' ' -f1) ," Dockerfile
	build hush-two
	: >"$BATS_TEST_TMPDIR/log"
	build hush-two
	equals 4 "$hits"
	equals '' "$(cat "$BATS_TEST_TMPDIR/log")" "requests"
}
