#!/usr/bin/env bats
# --userns-uid-map and its kin: whose ids the files and commands of a working container, or of a build under
# Buildah's name, have on the host. As root these are the host's; an ordinary user's count in their own
# namespace. The last test has Debian's Buildah beside it.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the container's; bats runs tests in subshells
load ../lib/kiln
load ../lib/busybox

setup() {
	busybox_context
	chmod 1777 "$BATS_TEST_TMPDIR"
	MAPPERS=$(each_user | grep -v plain) || skip 'needs root or a range in /etc/subuid'
}

teardown() {
	[ -z "${HOLDER-}" ] || kill "$HOLDER" 2>/dev/null || true
}

# Where a kind's maps lead to: FIRST_UID FIRST_GID.
outside() {
	[ "$1" = root ] && echo 200000 300000 || echo 1 2
}

# KIND [ARGS]: a container with both maps; its name in $c.
mapped() {
	local kind=$1 uid gid
	shift
	read -r uid gid < <(outside "$kind")
	succeeds kiln_as "$kind" from -q --userns-uid-map "0:$uid:2000" --userns-gid-map "0:$gid:2000" "$@" "$img"
	c=$output
}

# Lines of a map file as three numbers.
plain_lines() {
	sed -E 's/^ +//; s/ +/ /g' <<<"$output"
}

@test "commands are in the namespace that was asked for, and files keep their ids" {
	local kind uid gid
	for kind in $MAPPERS; do
		read -r uid gid < <(outside "$kind")
		mapped "$kind"
		succeeds kiln_as "$kind" run "$c" -- sh -c 'cat /proc/self/uid_map /proc/self/gid_map
			id -u; stat -c %u:%g /bin; touch /new && chown 5:6 /new && stat -c %u:%g /new'
		equals "0 $uid 2000
0 $gid 2000
0
0:0
5:6" "$(plain_lines)" "$kind"
		succeeds kiln_as "$kind" run --user 7:8 "$c" -- id
		says 'uid=7 gid=8'
		succeeds kiln_as "$kind" copy --chown 3:4 "$c" /etc/hostname /copied
		succeeds kiln_as "$kind" run "$c" -- stat -c %u:%g /copied
		equals 3:4 "$output" "$kind"
		fails 1 'owner 2000:0 is not among the ids we have' \
			kiln_as "$kind" copy --chown 2000:0 "$c" /etc/hostname /foreign
		says 'map that id, too'
		succeeds kiln_as "$kind" run "$c" -- test ! -e /foreign
		# Into the image go the container's ids, also as one layer.
		for how in --squash --quiet; do
			rm -rf "$BATS_TEST_TMPDIR/out"
			succeeds kiln_as "$kind" commit -q "$how" "$c" "oci:$BATS_TEST_TMPDIR/out:x"
			valid_image "$BATS_TEST_TMPDIR/out"
			tree_of "$BATS_TEST_TMPDIR/out" >tree
			equals '5:6 3:4' "$(grep -E ' /(new|copied)( |$)' tree | grep -oE '[0-9]+:[0-9]+' |
				sort -r | paste -sd' ')" "$kind"
		done
		succeeds kiln_as "$kind" rm "$c"
	done
}

@test "what is shown of the host has the ids that the map gives it" {
	local kind uid gid dir
	for kind in $MAPPERS; do
		read -r uid gid < <(outside "$kind")
		mapped "$kind"
		dir=$BATS_TEST_TMPDIR/of-$kind
		as_user "$kind" mkdir "$dir"
		as_user "$kind" touch "$dir/mine"
		# Whoever is not in the map is nobody; U gives it to the command's own user.
		succeeds kiln_as "$kind" run -v "$dir:/h" "$c" -- stat -c %u:%g /h/mine
		equals 65534:65534 "$output" "$kind"
		succeeds kiln_as "$kind" run -v "$dir:/h:U" --user 3:4 "$c" -- sh -c 'stat -c %u:%g /h/mine; echo w >/h/mine'
		equals 3:4 "$output" "$kind"
		[ "$kind" != root ] || equals "$((uid + 3)):$((gid + 4))" "$(stat -c %u:%g "$dir/mine")"
		succeeds kiln_as "$kind" run -v "$dir:/h:O" --user 3:4 "$c" -- sh -c 'rm /h/mine; ls /h'
		equals '' "$output" "$kind"
		succeeds kiln_as "$kind" run --mount type=cache,target=/k "$c" -- sh -c 'echo kept >/k/f; stat -c %u:%g /k/f'
		equals 0:0 "$output" "$kind"
		succeeds kiln_as "$kind" run --mount type=cache,target=/k "$c" -- cat /k/f
		equals kept "$output" "$kind"
		succeeds kiln_as "$kind" run --mount "type=bind,from=$img,target=/b" "$c" -- stat -c %u:%g /b/bin
		equals 0:0 "$output" "$kind"
		# A container of other ids cannot be shown beside.
		succeeds kiln_as "$kind" from -q --name other "$img"
		fails 1 'container "other" has other ids' kiln_as "$kind" run --mount type=bind,from=other,target=/b "$c" -- true
		says "use 'copy --from'"
		# Copied from, its files have in the one the ids that they have in the other, and the other way round.
		succeeds kiln_as "$kind" run other -- sh -c 'mkdir -p /d/sub && echo x >/d/f && chown 5:6 /d/f && chown 7 /d/sub && ln -s f /d/l'
		for to in "$c" "other $c"; do
			read -r to from <<<"$to"
			succeeds kiln_as "$kind" copy --from "${from:-other}" "$to" /d /copied-d
			succeeds kiln_as "$kind" run "$to" -- sh -c 'cd /copied-d && stat -c "%n %u:%g" f sub l; stat -c %u:%g /bin'
			equals $'f 5:6\nsub 7:0\nl 0:0\n0:0' "$output" "$kind"
			succeeds kiln_as "$kind" run "$to" -- rm -r /d /copied-d -f
			[ "$to" = other ] || succeeds kiln_as "$kind" run "$c" -- sh -c 'mkdir -p /d/sub && echo x >/d/f && chown 5:6 /d/f && chown 7 /d/sub && ln -s f /d/l'
		done
		# A number that has no place there is told, with its file.
		succeeds kiln_as "$kind" run other -- sh -c 'mkdir -p /e && echo x >/e/far && chown 3000 /e/far'
		fails 1 'owner 3000:0 is not among the ids we have' kiln_as "$kind" copy --from other "$c" /e /e
		says e/far
		succeeds kiln_as "$kind" run "$c" -- test ! -e /e/far
		succeeds kiln_as "$kind" rm other "$c"
	done
}

@test "build: every step is in it, keyed by it, and the image is the same without" {
	local kind uid gid
	echo text >f
	chmod 0644 f
	printf 'FROM %s\n' "$img" >Dockerfile
	cat >>Dockerfile <<-'END'
		RUN cat /proc/self/uid_map /proc/self/gid_map >&2; touch /a && chown 5:6 /a
		COPY --chown=7:8 f /f
		RUN --mount=type=bind,target=/ctx --mount=type=secret,id=s,required=true \
			[ "$(stat -c %u:%g /a /f /ctx/f /run/secrets/s | paste -sd' ')" = '5:6 7:8 0:0 0:0' ] && cat /ctx/f
	END
	echo hidden >s
	chmod 0644 s Dockerfile
	for kind in $MAPPERS; do
		read -r uid gid < <(outside "$kind")
		capture kiln_as "$kind" buildah bud --userns-uid-map "0:$uid:2000" --userns-gid-map "0:$gid:2000" \
			--secret id=s,src=s --timestamp 0 -t mapped .
		[ "$status" = 0 ] || explain "$kind"
		equals "0 $uid 2000
0 $gid 2000" "$(plain_lines | grep -E '^[0-9]+ [0-9]+ [0-9]+$')" "$kind"
		succeeds kiln_as "$kind" buildah bud --userns-uid-map "0:$uid:2000" --userns-gid-map "0:$gid:2000" \
			--secret id=s,src=s --timestamp 0 .
		equals 2 "$(grep -c 'RUN' <<<"$output")"
		says_not "$uid 2000"
		# Another map is another step, of the same result.
		succeeds kiln_as "$kind" buildah bud --secret id=s,src=s --timestamp 0 -t plain .
		says 'STEP 2/4'
		says_not "$uid 2000"
		equals "$(kiln_as "$kind" image inspect --format '{{json .RootFS}}' localhost/mapped)" \
			"$(kiln_as "$kind" image inspect --format '{{json .RootFS}}' localhost/plain)" "$kind"
	done
}

@test "what is wrong is told with its reason, before anything is made" {
	local kind before
	buildah_from() {
		kiln_as "$kind" buildah from -q "$@" "$img"
	}
	for kind in $MAPPERS; do
		succeeds kiln_as "$kind" containers -q
		before=$output
		for wrong in 0:1 a:b:c 0:5000000000:3 ''; do
			fails 125 'initializing ID mappings: userns-uid-map setting is malformed' buildah_from --userns-uid-map "$wrong"
		done
		fails 125 'mapping 5:300:10 conflicts with other mappings' buildah_from --userns-uid-map 0:100:10,5:300:10
		fails 125 'mapping 0:100:0 has no ids' buildah_from --userns-gid-map 0:100:0
		fails 125 'container ID 0 cannot be mapped to a host ID' buildah_from --userns-uid-map 5:100:10
		fails 125 'no subuid ranges found for user "nosuchuser" in /etc/subuid' buildah_from --userns-uid-map-user nosuchuser
		fails 125 'no subgid ranges found for group "nosuchuser"' \
			buildah_from --userns-uid-map 0:1:1 --userns-gid-map-group nosuchuser --userns-uid-map-user "$(head -1 /etc/subuid | cut -d: -f1)"
		fails 125 "can not specify ID mappings while using host's user namespace" \
			buildah_from --userns host --userns-uid-map 0:1:1000
		succeeds kiln_as "$kind" containers -q
		equals "$before" "$output"
	done
	kind=sub
	succeeds buildah_from --userns auto:size=30000
	fails 125 '70000 ids are more than there are' buildah_from --userns auto:size=70000
	fails 125 "'auto:uidmapping=0:1:1' is not supported" buildah_from --userns auto:uidmapping=0:1:1
	fails 1 'is not among the ids we have' kiln_as sub from -q --userns-uid-map 0:1:70000 "$img"
	says "'unshare cat /proc/self/uid_map' tells"
	succeeds kiln_as sub from -q --userns host "$img"
	fails 2 'are not for a container that is there' kiln_as sub run --userns-uid-map 0:1:2 "$output" -- true
}

@test "a namespace that is there is joined, as root" {
	local pid path
	need_root
	chmod 1777 .
	unshare --user sh -c 'echo $$ >pid.new; mv pid.new pid; exec sleep 100000' 3>&- &
	HOLDER=$!
	await test -s pid
	pid=$(cat pid)
	echo '0 210000 3000' >"/proc/$pid/uid_map"
	echo '0 310000 3000' >"/proc/$pid/gid_map"
	path=/proc/$pid/ns/user
	succeeds kiln_as root from -q --name joins "--userns=$path" "$img"
	succeeds kiln_as root run joins -- sh -c 'cat /proc/self/uid_map /proc/self/gid_map; readlink /proc/self/ns/user
		touch /n && chown 5:6 /n && stat -c %u:%g /n'
	equals "0 210000 3000
0 310000 3000
$(readlink "$path")
5:6" "$(plain_lines)"
	succeeds kiln_as root mount joins
	equals 210005:310006 "$(stat -c %u:%g "$output/n")"
	succeeds kiln_as root umount joins
	printf 'FROM %s\nRUN readlink /proc/self/ns/user >&2\n' "$img" >Dockerfile
	succeeds kiln_as root buildah bud "--userns=ns:$path" .
	says "$(readlink "$path")"
	# Our own is the host's.
	succeeds kiln_as root from -q --userns "/proc/$$/ns/user" "$img"
	fails 2 'exclude each other' kiln_as root from "--userns=$path" --userns-uid-map 0:1:1 "$img"
	fails 1 'is no user namespace' kiln_as root from --userns /etc/passwd "$img"
	fails 2 'checking user namespace: stat bogus: No such file' kiln_as root from --userns bogus "$img"
	kill "$HOLDER"
	wait "$HOLDER" || true
	# What is left of the container can still be had.
	fails 1 "open '$path'" kiln_as root run joins -- true
	succeeds kiln_as root diff joins
	says 'A /n'
	# Several containers of several maps at once.
	succeeds kiln_as root from -q --name usual "$img"
	succeeds kiln_as root mount joins usual
	succeeds kiln_as root umount joins usual
	succeeds kiln_as root rm joins usual
}

# LINE COMMAND..: with that line more in /etc/subuid and /etc/subgid, as root.
with_range() {
	local line=$1 file
	shift
	for file in subuid subgid; do
		{ cat "/etc/$file" && echo "$line"; } >"$BATS_TEST_TMPDIR/$file"
	done
	unshare -m sh -c 'mount --bind "$0/subuid" /etc/subuid && mount --bind "$0/subgid" /etc/subgid && exec "$@"' \
		"$BATS_TEST_TMPDIR" "$@"
}

@test "root's own range may be anywhere, and with it a high id has no place" {
	need_root
	[ "$(awk '{print $3; exit}' /proc/self/uid_map)" = 4294967295 ] || skip 'the namespace we run in has no such ids'
	printf 'FROM %s\nRUN cat /proc/self/uid_map && touch /x && chown 7 /x\n' "$img" >Dockerfile
	succeeds with_range root:3000000000:65536 "$(kiln_for_all)" build --progress plain --no-cache .
	says '0 3000000000      65536'
	echo 'RUN chown 70000 /x' >>Dockerfile
	fails 1 'Invalid argument' with_range root:3000000000:65536 "$(kiln_for_all)" build .
}

@test "a user who gets another range keeps what is there" {
	local dir
	need_root
	need_user sub
	dir=$(user_dir sub)
	grown() {
		with_range kilnsub:3100000000:65536 setpriv --reuid=kilnsub --regid=kilnsub --init-groups --reset-env \
			env -i PATH="$PATH" HOME="$dir/home" XDG_DATA_HOME="$dir/data" XDG_CONFIG_HOME="$dir/config" \
			XDG_CACHE_HOME="$dir/cache" XDG_RUNTIME_DIR="$dir/run" TMPDIR="$dir/tmp" "$(kiln_for_all)" "$@"
	}
	succeeds kiln_as sub from -q "$img"
	c=$output
	succeeds kiln_as sub run "$c" -- sh -c 'touch /x && chown 65535:7 /x'
	succeeds grown run "$c" -- sh -c 'stat -c %u:%g /x && chown 100000 /x && stat -c %u:%g /x'
	equals '65535:7
100000:7' "$output"
	succeeds grown rm "$c"
}

@test "a folder of an id that has no place is root's below what a command writes" {
	need_root
	mkdir far
	touch far/theirs
	chown -R 3000000000:3000000000 far || skip 'the namespace we run in has no such ids'
	succeeds kiln_as root from -q "$img"
	c=$output
	succeeds kiln_as root run -v "$PWD/far:/far:O" "$c" -- sh -c 'stat -c %u:%g /far /far/theirs; echo w >/far/new'
	equals '0:0
65534:65534' "$output"
	equals theirs "$(ls far)"
	fails 1 'Value too large' kiln_as root run -v "$PWD/far:/far" "$c" -- chmod 600 /far/theirs
	succeeds kiln_as root rm "$c"
}

@test "a pipe is no namespace, and is not waited for" {
	need_root
	mkfifo pipe
	fails 125 "is no user namespace" kiln_as root buildah from --userns "$PWD/pipe" "$img"
}

@test "what cannot be given to its owner is not made" {
	local kind
	for kind in $MAPPERS; do
		succeeds kiln_as "$kind" from -q "$img"
		c=$output
		fails 1 'owner 2147483647:0 is not among the ids we have' \
			kiln_as "$kind" copy --chown 2147483647:0 "$c" /etc/hostname /foreign
		succeeds kiln_as "$kind" run "$c" -- test ! -e /foreign
		succeeds kiln_as "$kind" rm "$c"
	done
}

@test "why a map cannot be had is told by the step" {
	need_root
	succeeds kiln_as root from -q --userns-uid-map 0:0:1 "$img"
	fails 1 "map a step's users: write '/proc/" as_user root setpriv --bounding-set=-setfcap --inh-caps=-setfcap \
		"$(kiln_for_all)" run "$output" -- true
}

@test "without ids to give it is refused" {
	need_user plain
	fails 1 "ids cannot be mapped in mode 'recorded'" kiln_as plain from -q --userns-uid-map 0:1:1000 "$img"
	says '/etc/subuid'
}

@test "one map stands for both, names stand for ranges, the program's own for all commands" {
	local kind=sub first
	each_user | grep -q sub || skip 'needs a user with a range in /etc/subuid'
	maps() {
		succeeds kiln_as "$kind" buildah "$@"
		succeeds kiln_as "$kind" run "$output" -- cat /proc/self/uid_map /proc/self/gid_map
		plain_lines | paste -sd,
	}
	equals '0 1 900,0 1 900' "$(maps from -q --userns-uid-map 0:1:900 "$img")"
	equals '0 1 900,0 1 900' "$(maps from -q --userns-gid-map 0:1:900 "$img")"
	equals '0 5 900,0 7 900' "$(maps --userns-uid-map 0:5:900 --userns-gid-map 0:7:900 from -q "$img")"
	equals '0 9 900,0 7 900' "$(maps --userns-uid-map 0:5:900 --userns-gid-map 0:7:900 from -q --userns-uid-map 0:9:900 "$img")"
	# As the kernel has it, where a range goes over two lines of our own.
	equals '0 0 1,1 1 899,900 2000 5,0 0 1,1 1 899,900 2000 5' "$(maps from -q --userns-uid-map 0:0:900,900:2000:5 "$img")"
	need_root
	first=$(sed -n 's/^kilnsub:\([0-9]*\):.*/\1/p' /etc/subuid)
	kind=root
	equals "0 $first 65536,0 $first 65536" "$(maps from -q --userns-uid-map-user kilnsub "$img")"
	equals "0 $first 65536,0 $first 65536" "$(maps from -q --userns-gid-map-group kilnsub "$img")"
}

@test "inspect and mount, beside Debian's Buildah" {
	local wanted
	need_root
	[ -x /usr/bin/buildah ] || skip 'needs buildah'
	peer() {
		BUILDAH_ISOLATION=chroot /usr/bin/buildah --storage-driver vfs --root "$BATS_TEST_TMPDIR/peer/root" \
			--runroot "$BATS_TEST_TMPDIR/peer/run" "$@"
	}
	wanted=$(peer from -q --userns-uid-map 0:200000:2000 --userns-gid-map 0:300000:2000 "$img")
	mapped root
	equals "$(peer inspect --format '{{.IDMappingOptions.UIDMap}} {{.IDMappingOptions.HostUIDMapping}}' "$wanted")" \
		"[{0 200000 2000}] false"
	equals '0 200000 2000 false 300000' "$(kiln_as root buildah inspect \
		--format '{{range .IDMappingOptions.UIDMap}}{{.ContainerID}} {{.HostID}} {{.Size}} {{end}}{{.IDMappingOptions.HostUIDMapping}} {{range .IDMappingOptions.GIDMap}}{{.HostID}}{{end}}' "$c")"
	show() { stat -c '%u:%g %n' "$1/bin" "$1/etc/passwd" "$1/copied" | sed "s,$1,,"; }
	peer copy -q --chown 3:4 "$wanted" /etc/hostname /copied
	succeeds kiln_as root copy -q --chown 3:4 "$c" /etc/hostname /copied
	succeeds kiln_as root mount "$c"
	equals "$(show "$(peer mount "$wanted")")" "$(show "$output")"
	says_not '65534'
	succeeds kiln_as root umount "$c"
	peer rm -a
}
