#!/usr/bin/env bats
# What happens when things end badly: kill -9, Ctrl-C, two builds at once, a full disk, a store
# that cannot be written. KILLS sets how many builds are killed (200).
# shellcheck disable=SC2016,SC2030,SC2031 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	BASE=$(image_ref busybox)
	export BASE
}

teardown() {
	kiln_teardown
}

# A copy of a helper where every account can run it.
for_all() {
	local copy=${KILN_USERS_DIR:-$BATS_FILE_TMPDIR}/bin/${1##*/}
	mkdir -p "${copy%/*}"
	install -m 0755 "$1" "$copy"
	echo "$copy"
}

# The folder of the user KIND for this test.
work_of() {
	local dir
	dir=$(user_dir "$1")/work-$BATS_TEST_NUMBER
	as_user "$1" mkdir -p "$dir"
	echo "$dir"
}

killed_builds() { # KIND KILLS
	need_user "$1"
	local work store
	work=$(work_of "$1")
	succeeds as_user "$1" python3 "$(for_all "$REPO/tests/crash/kill_loop.py")" \
		--kiln "$(kiln_for_all)" --watch "$(for_all "$RIG_LIB/watch.py")" --base "$BASE" \
		--work "$work" --kills "$2"
	echo "$output"
	valid_image "$work/after"
	succeeds "$REPO/tests/diff/compare.py" "$work/after" "$work/fresh-image"
	as_user "$1" test -e "$work/store/oci-layout"
	[ "$(id -u)" != 0 ] || valid_image "$work/store"
}

@test "an ordinary user's store survives kill -9 at random moments" {
	killed_builds sub "${KILLS:-200}"
}

@test "the store of a user without subordinate ids survives kill -9" {
	killed_builds plain $((${KILLS:-200} / 5))
}

@test "root's store survives kill -9" {
	killed_builds root $((${KILLS:-200} / 5))
}

# A build that says 'ready' from a RUN and then would run for minutes.
long_build() {
	cat >"$1/Dockerfile" <<-'END'
		ARG BASE
		FROM $BASE
		RUN echo first >/first
		RUN sleep 300 & echo rea""dy; sleep 600
	END
}

interrupted() { # KIND SIGNAL STATUS
	need_user "$1"
	local work store
	work=$(work_of "$1")
	long_build "$work"
	capture as_user "$1" "$(for_all "$RIG_LIB/watch.py")" --signal "$2" --when ready -- \
		env KILN_ROOT="$work/store" "$(kiln_for_all)" build --progress plain --build-arg BASE="$BASE" \
		-t crash/long "$work"
	[ "$status" -eq "$3" ] || explain "should exit with $3 after $2"
	says ready
	equals "" "$(find "$work/store/tmp" -mindepth 1)" "left in tmp/ after $2"
	# The store goes on, and the step that was whole is still there.
	sed -i '$d' "$work/Dockerfile"
	succeeds as_user "$1" env KILN_ROOT="$work/store" "$(kiln_for_all)" build --progress plain \
		--build-arg BASE="$BASE" -t crash/long "$work"
	says CACHED
}

@test "Ctrl-C leaves no process, mount or temporary file, as an ordinary user" {
	interrupted sub SIGINT 130
}

@test "Ctrl-C leaves nothing without subordinate ids" {
	interrupted plain SIGINT 130
}

@test "Ctrl-C leaves nothing as root" {
	interrupted root SIGINT 130
}

@test "SIGTERM leaves no process, mount or temporary file" {
	interrupted sub SIGTERM 130
}

@test "two builds of the same Dockerfile at once both succeed" {
	need_user sub
	local work i pids=() kiln
	work=$(work_of sub)
	kiln=$(kiln_for_all)
	registry_start plain
	registry_put base/busybox busybox
	proxy_start "$REGISTRY"
	mkdir -p "$work/files"
	seq 20000 >"$work/files/numbers"
	cat >"$work/Dockerfile" <<-'END'
		ARG PROXY
		FROM $PROXY/base/busybox
		COPY files /files
		RUN md5sum /files/* >/sums
	END
	for i in 1 2 3 4; do
		as_user sub env KILN_ROOT="$work/store" "$kiln" build --progress plain --build-arg PROXY="$PROXY" \
			--insecure-registry "$PROXY" -t "crash/n$i" --iidfile "$work/id$i" "$work" \
			>"$BATS_TEST_TMPDIR/out$i" 2>&1 &
		pids+=($!)
	done
	for i in 1 2 3 4; do
		wait "${pids[$((i - 1))]}" || {
			cat "$BATS_TEST_TMPDIR/out$i"
			return 1
		}
	done
	# Two that need the same layer fetch it once.
	local layer
	layer=$("$RIG_LIB/oci.py" layers "$(image busybox)/oci" | awk '{print $2; exit}')
	equals 1 "$(requests GET "/blobs/$layer")" "the base's layer was fetched more than once"
	equals "" "$(find "$work/store/tmp" -mindepth 1)" "left in tmp/"
	succeeds as_user sub env KILN_ROOT="$work/store" "$kiln" images
	for i in 1 2 3 4; do
		says "crash/n$i"
	done
}

full_disk() { # KIND
	need_root
	need_user "$1"
	local work store
	work=$(work_of "$1")
	store=$(store_tmpfs 12M)
	chown "$(user_account "$1"):" "$store"
	mkdir "$work/small"
	dd if=/dev/urandom of="$work/big" bs=1M count=40 status=none
	printf 'ARG BASE\nFROM $BASE\nRUN echo hi >/hi\n' >"$work/small/Dockerfile"
	printf 'ARG BASE\nFROM $BASE\nRUN echo hi >/hi\nCOPY big /big\n' >"$work/Dockerfile"
	fails 1 "No space left on device" as_user "$1" env KILN_ROOT="$store/root" "$(kiln_for_all)" build \
		--progress plain --build-arg BASE="$BASE" -t crash/full "$work"
	equals "" "$(find "$store/root/tmp" -mindepth 1)" "left in tmp/ of the full store"
	succeeds as_user "$1" env KILN_ROOT="$store/root" "$(kiln_for_all)" build --progress plain \
		--build-arg BASE="$BASE" -t crash/small "$work/small"
}

@test "a full disk is said, and the store works when there is room again" {
	full_disk root
	stores_unmount
	full_disk sub
}

@test "a RUN that fills the disk fails as that RUN" {
	need_root
	local work store
	work=$(work_of root)
	store=$(store_tmpfs 24M)
	printf 'ARG BASE\nFROM $BASE\nRUN dd if=/dev/urandom of=/big bs=1M count=60\n' >"$work/Dockerfile"
	fails 1 "No space left on device" as_user root env KILN_ROOT="$store/root" "$(kiln_for_all)" build \
		--progress plain --build-arg BASE="$BASE" -t crash/full "$work"
	equals "" "$(find "$store/root/tmp" -mindepth 1)" "left in tmp/"
}

@test "a read-only store is said by name" {
	need_root
	local work store
	work=$(work_of root)
	store=$(store_tmpfs 64M)
	printf 'ARG BASE\nFROM $BASE\nRUN echo hi >/hi\n' >"$work/Dockerfile"
	succeeds as_user root env KILN_ROOT="$store/root" "$(kiln_for_all)" build --progress plain \
		--build-arg BASE="$BASE" -t crash/one "$work"
	mount -o remount,ro "$store"
	printf 'RUN echo more >/more\n' >>"$work/Dockerfile"
	fails 1 "Read-only file system" as_user root env KILN_ROOT="$store/root" "$(kiln_for_all)" build \
		--progress plain --build-arg BASE="$BASE" -t crash/two "$work"
	says "$store/root"
}

@test "a store that belongs to someone else is said by name" {
	need_user sub
	need_root
	local work store
	work=$(work_of sub)
	mkdir "$work/theirs"
	chmod 0755 "$work/theirs"
	printf 'ARG BASE\nFROM $BASE\n' >"$work/Dockerfile"
	fails 1 "$work/theirs" as_user sub env KILN_ROOT="$work/theirs" "$(kiln_for_all)" build \
		--progress plain --build-arg BASE="$BASE" -t crash/three "$work"
}
