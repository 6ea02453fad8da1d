#!/usr/bin/env bats
# The same build gives the same bytes: another directory, umask, locale, time zone, order of
# directory entries, number of cores, and other CPUs. (qemu-user has none of the mount calls that RUN
# needs: what runs is left out there. Every level of compression: tests/unit/stream/test_codec_cpu.c.)
# shellcheck disable=SC2016,SC2030,SC2031 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	gcc -shared -fPIC -O1 -o "$BATS_FILE_TMPDIR/reverse.so" "$RIG_LIB/reverse_readdir.c" -ldl
	BASE=$(image_ref busybox)
	export BASE
	make_context "$BATS_FILE_TMPDIR/first"
	first_build >"$BATS_FILE_TMPDIR/wanted" 2>&1 3>&-
}

make_context() {
	mkdir -p "$1"
	"$REPO/tests/diff/context.sh" "$1/all"
	cat >"$1/Dockerfile" <<-'END'
		ARG BASE
		FROM $BASE AS made
		RUN mkdir /m && for i in $(seq 300); do echo $i >/m/$i; done && ln /m/1 /m/link && rm /etc/group
		COPY all /all
		RUN head -c 300000 /bin/busybox >/m/third && chown -R 5:6 /m
		FROM $BASE
		COPY --from=made /m /all /
		ADD all/archive.tar.gz /added/
		COPY all /again
		RUN find / -xdev >/tmp/all && sort /tmp/all | md5sum >/sum && rm /tmp/all
		LABEL a=1 b=2
		ENV C=3
	END
	chmod -R u+rX "$1"
}

# Digests of the manifest, the config and each layer of a fresh build of the context in DIR.
digests() { # DIR [COMMAND before kiln...]
	local dir=$1 store
	shift
	store=$(mktemp -d "$BATS_FILE_TMPDIR/store.XXXXXX")
	SOURCE_DATE_EPOCH=1700000000 KILN_ROOT=$store/root "$@" "$KILN" build --quiet \
		--build-arg BASE="$BASE" --output "type=oci,tar=false,dest=$store/image" "$dir" >/dev/null || return 1
	jq -r '.manifests[0].digest' "$store/image/index.json"
	"$RIG_LIB/oci.py" layers "$store/image"
}

first_build() {
	digests "$BATS_FILE_TMPDIR/first"
}

same() { # what COMMAND...
	equals "$(cat "$BATS_FILE_TMPDIR/wanted")" "$(digests "$BATS_FILE_TMPDIR/first" "${@:2}")" "$1"
}

@test "the same again in a fresh store, a second later" {
	[ "$(wc -l <"$BATS_FILE_TMPDIR/wanted")" -ge 4 ] || cat "$BATS_FILE_TMPDIR/wanted"
	# mtimes have whole seconds in a tar: cross one.
	sleep 1.1
	same "again" env
}

@test "another directory, with other times" {
	make_context "$BATS_TEST_TMPDIR/some/where/else"
	find "$BATS_TEST_TMPDIR/some" -exec touch -h -d '2025-02-03 04:05:06' {} +
	equals "$(cat "$BATS_FILE_TMPDIR/wanted")" "$(digests "$BATS_TEST_TMPDIR/some/where/else")"
}

@test "another umask" {
	same "umask 077" sh -c 'umask 077; exec "$@"' sh
	same "umask 000" sh -c 'umask 000; exec "$@"' sh
}

@test "another locale and time zone" {
	same "C" env LC_ALL=C TZ=Asia/Kathmandu
	same "UTF-8" env LC_ALL=C.UTF-8 LANG=de_DE.UTF-8 TZ=America/St_Johns
}

@test "directories that read in another order" {
	! grep -q __asan_init "$KILN" || skip "a sanitizer's runtime wants to be the first library"
	same "reversed" env LD_PRELOAD="$BATS_FILE_TMPDIR/reverse.so"
}

@test "one core" {
	same "one core" taskset -c 0
}

@test "on older CPUs" {
	! grep -q __asan_init "$KILN" || skip "a sanitizer does not run under qemu"
	local cpu wanted dir=$BATS_TEST_TMPDIR/copies
	make_context "$dir"
	cat >"$dir/Dockerfile" <<-'END'
		FROM scratch AS files
		COPY all /all
		FROM scratch
		WORKDIR /work
		COPY all /all
		COPY --chmod=640 --chown=7:8 all/archive.tar.gz .
		COPY --from=files /all /work/again
		ADD all/archive.tar.gz /added/
		ENV C=3
	END
	wanted=$(digests "$dir")
	[ "$(wc -l <<<"$wanted")" -ge 5 ]
	for cpu in Nehalem Haswell; do
		# It warns of each feature that it cannot pretend to have.
		equals "$wanted" "$(digests "$dir" qemu-x86_64 -cpu "$cpu" 2>/dev/null)" "$cpu"
	done
}

@test "as an ordinary user, with and without subordinate ids" {
	local kind dir
	for kind in sub plain; do
		user_account "$kind" >/dev/null || continue
		dir=$(user_dir "$kind")
		export SOURCE_DATE_EPOCH=1700000000
		# The context is the user's own: some of its folders are private.
		as_user "$kind" sh -s "$dir/tmp/first/all" <"$REPO/tests/diff/context.sh"
		cp "$BATS_FILE_TMPDIR/first/Dockerfile" "$dir/tmp/first/"
		succeeds kiln_as "$kind" build --quiet --build-arg BASE="$BASE" \
			--output "type=oci,tar=false,dest=$dir/image" "$dir/tmp/first"
		equals "$(cat "$BATS_FILE_TMPDIR/wanted")" "$(jq -r '.manifests[0].digest' "$dir/image/index.json"
			"$RIG_LIB/oci.py" layers "$dir/image")" "as $kind"
	done
}
