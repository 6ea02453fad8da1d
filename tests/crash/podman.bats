#!/usr/bin/env bats
# Podman's store after kiln was killed while it wrote there.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # Dockerfiles have variables; bats runs tests in subshells; what lib/kiln.bash sets
load ../lib/kiln
load ../lib/podman

setup_file() {
	image busybox >/dev/null
}

teardown() {
	podman_teardown
}

# Every file, name and list of the store is accounted for.
sound() { # KIND
	local id
	# Podman takes away what is half there when it next writes.
	podman_as "$1" tag busybox busybox:again
	podman_as "$1" untag busybox busybox:again
	jq -e 'all(.[]; .flags.incomplete | not)' "$GRAPH/overlay-layers/layers.json" >/dev/null
	for id in $(jq -r '.[].id' "$GRAPH/overlay-layers/layers.json"); do
		[ -d "$GRAPH/overlay/$id/diff" ]
		[ -s "$GRAPH/overlay-layers/$id.tar-split.gz" ]
		equals "../$id/diff" "$(readlink "$GRAPH/overlay/l/$(<"$GRAPH/overlay/$id/link")")"
	done
}

@test "kill -9 at each step of writing leaves what Podman and kiln go on with" {
	local call n
	command -v strace >/dev/null || skip "needs strace"
	need_root
	podman_store root
	skopeo_as root copy -q "oci:$(image busybox)/oci:latest" containers-storage:localhost/busybox:latest
	# What skopeo leaves there is in nobody's way.
	grep -q " $GRAPH/overlay " /proc/self/mountinfo
	rich_dockerfile
	succeeds kiln_as root build --progress quiet -t app .
	succeeds kiln_as root push -q app containers-storage:app
	succeeds podman_as root rmi app
	cp -a graph before
	for call in renameat pwrite64 symlinkat mkdirat; do
		for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
			umount -l graph/overlay 2>/dev/null || true
			rm -rf graph
			cp -a before graph
			capture as_user root strace -f -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
				-P / -P "$GRAPH" -P /overlay-layers/layers.lock -P /overlay-images/images.lock \
				"$(kiln_for_all)" push -q app containers-storage:app
			[ "$status" -ne 0 ] || break
			equals 137 "$status" "$call $n"
			sound root
			succeeds kiln_as root push -q app containers-storage:app
			equals '' "$(ls "$GRAPH/tmp")"
			sound root
			mounted root app >files
			grep -q ' d/one ' files
			[ ! -e ours ] || diff -u ours files
			cp files ours
		done
		# The last one went through; each was there.
		echo "$call: $n" >>calls
	done
	# Each kind was reached several times.
	awk '{ exit $2 < 4 }' calls
	equals 4 "$(wc -l <calls)"
	# What another left in the middle of a layer.
	list_edit overlay-layers/layers.json '.[-1].flags = {incomplete: true}'
	succeeds podman_as root rmi -f app
	succeeds kiln_as root push -q app containers-storage:app
	list_edit overlay-layers/layers.json '.[-1].flags = {incomplete: true}'
	printf 'FROM %s\nRUN echo other >/o\n' "$(image_ref busybox)" >Dockerfile
	succeeds kiln_as root build --progress quiet -t app2 .
	succeeds kiln_as root push -q app containers-storage:app
	mounted root app >files
	diff -u ours files
}

@test "kill -9 while a list is written: it is there with all of its images, or not at all" {
	local call n
	command -v strace >/dev/null || skip "needs strace"
	need_root
	podman_store root
	skopeo_as root copy -q "oci:$(image busybox)/oci:latest" containers-storage:localhost/busybox:latest
	printf 'FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /$TARGETARCH\n' >Dockerfile
	succeeds kiln_as root build -q --platform linux/amd64,linux/arm64 -t both .
	cp -a graph before
	for call in renameat pwrite64 mkdirat; do
		for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28; do
			umount -l graph/overlay 2>/dev/null || true
			rm -rf graph out
			cp -a before graph
			capture as_user root strace -f -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
				-P / -P "$GRAPH" -P /overlay-layers/layers.lock -P /overlay-images/images.lock \
				"$(kiln_for_all)" image copy -q --all both containers-storage:both
			[ "$status" -ne 0 ] || break
			equals 137 "$status" "$call $n"
			sound root
			if podman_as root manifest exists both; then
				succeeds kiln_as root image copy -q --all containers-storage:both "oci:$PWD/out"
			fi
			succeeds kiln_as root image copy -q --all both containers-storage:both
			equals 4 "$(jq length "$GRAPH/overlay-images/images.json")"
			equals 4 "$(find "$GRAPH/overlay-images" -mindepth 1 -type d | wc -l)"
			succeeds podman_as root manifest inspect both
			sound root
		done
		equals 0 "$status" "$call: the last one went through"
		echo "$call: $n" >>calls
	done
	# Each kind was reached several times.
	awk '{ exit $2 < 4 }' calls
	equals 3 "$(wc -l <calls)"
}
