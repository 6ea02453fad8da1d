#!/usr/bin/env bats
# Working containers: from, run, copy, add, config, commit, mount, containers, rename, rm.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # what lib/kiln.bash sets; text for the shell in a container
bats_require_minimum_version 1.5.0

load ../lib/kiln
load ../lib/busybox

teardown() {
	[ -z "${HOLDER-}" ] || kill "$HOLDER" 2>/dev/null || true
}

@test "two commits of one container at once come one after the other" {
	local i pids=() ids=()
	from
	succeeds kiln run "$c" -- sh -c 'dd if=/dev/urandom of=/big bs=1M count=8 2>/dev/null'
	for i in 1 2 3; do
		kiln commit -q --timestamp 0 "$c" "at-once:$i" >"commit-$i" &
		pids+=($!)
	done
	# And one for a name that another of them takes.
	kiln commit -q --timestamp 0 "$c" at-once:1 >commit-4 &
	pids+=($!)
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in 1 2 3 4; do
		ids+=("$(cat "commit-$i")")
	done
	for i in 1 2 3; do
		equals "${ids[0]}" "${ids[i]}"
		succeeds kiln from -q --name "of-$i" "at-once:$i"
		succeeds kiln run "of-$i" -- sh -c 'wc -c </big'
		equals 8388608 "$output"
	done
	succeeds kiln run "$c" -- test -s /big
	succeeds kiln rm "$c" of-1 of-2 of-3
}

@test "a script of all steps, as every kind of user" {
	local kind
	echo data >file
	chmod 0644 file
	chmod 1777 "$BATS_TEST_TMPDIR"
	for kind in $(each_user); do
		succeeds kiln_as "$kind" from -q "$img"
		equals oci-working-container "$output"
		succeeds kiln_as "$kind" run oci-working-container -- \
			sh -c 'echo made >/made && chown app:staff /made && rm /etc/group'
		succeeds kiln_as "$kind" copy -q --chown 1000:50 oci-working-container file /in/
		succeeds kiln_as "$kind" run oci-working-container stat -c '%u:%g %n' /made /in/file /in
		equals "1000:50 /made
1000:50 /in/file
1000:50 /in" "$output" "$kind"
		succeeds kiln_as "$kind" config --env A=b --cmd "/made" -u app oci-working-container
		succeeds kiln_as "$kind" commit -q oci-working-container "oci:$BATS_TEST_TMPDIR/out-$kind:x"
		grep -qx '[0-9a-f]\{64\}' <<<"$output"
		succeeds kiln_as "$kind" rm oci-working-container
		valid_image "$BATS_TEST_TMPDIR/out-$kind"
		tree_of "$BATS_TEST_TMPDIR/out-$kind" >"$BATS_TEST_TMPDIR/tree-$kind"
		grep -q 'in/file' "$BATS_TEST_TMPDIR/tree-$kind"
		run ! grep -q 'etc/group' "$BATS_TEST_TMPDIR/tree-$kind"
		equals '["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=b"] ["/made"] "app"' \
			"$(config_of "$BATS_TEST_TMPDIR/out-$kind" '.config | .Env, .Cmd, .User' | paste -sd' ')" "$kind"
	done
}

@test "run: stdin, streams, exit status, variables, user, directory" {
	from
	equals "in" "$(echo in | kiln run "$c" cat)"
	succeeds kiln run "$c" sh -c 'echo out; echo err >&2'
	equals out "$output"
	equals err "$stderr"
	fails 3 "exit status 3" kiln run "$c" sh -c 'exit 3'
	succeeds kiln run --valid-exit-codes 2,3 "$c" sh -c 'exit 3'
	fails 127 "run 'nosuch'" kiln run "$c" nosuch
	succeeds kiln run -e X=1 --user app --workingdir /new/dir --hostname box "$c" \
		sh -c 'echo $X $(id -un) $PWD $(hostname) $HOSTNAME'
	equals "1 app /new/dir box box" "$output"
	succeeds kiln run "$c" sh -c 'echo ${X:-unset} $PWD'
	equals "unset /" "$output"
	fails 2 "command must be specified" kiln run "$c"
	fails 1 'reading build container "nosuch": container not known' kiln run nosuch ls
}

@test "run: what from was told is remembered, capabilities, volumes, mounts, hosts" {
	mkdir shared
	chmod 0777 shared
	echo there >shared/f
	from -v "$PWD/shared:/shared" --add-host peer:10.1.2.3
	succeeds kiln run "$c" sh -c 'cat /shared/f; echo back >/shared/g; grep peer /etc/hosts'
	says there
	says 10.1.2.3
	equals back "$(cat shared/g)"
	succeeds kiln run -v "$PWD/shared:/ro:ro" --mount type=tmpfs,target=/t "$c" \
		sh -c '! touch /ro/x 2>/dev/null && touch /t/x && grep -c " /t " /proc/mounts'
	equals 1 "$output"
	fails 1 "" kiln run --cap-drop all "$c" chown 1:1 /etc
	succeeds kiln run --cap-drop all --cap-add chown "$c" chown 1:1 /etc
	succeeds kiln run "$c" grep CapEff /proc/self/status
	local normal=$output
	succeeds kiln run --cap-add sys_admin "$c" grep CapEff /proc/self/status
	[ "$output" != "$normal" ]
	succeeds kiln run --security-opt no-new-privileges "$c" grep NoNewPrivs /proc/self/status
	says "1"
	fails 2 "unknown capability 'frob'" kiln run --cap-add frob "$c" true
	# Nothing of it is in the image.
	succeeds kiln commit -q "$c" "oci:$BATS_TEST_TMPDIR/out"
	run ! grep -e shared -e ' ro' <(tree_of "$BATS_TEST_TMPDIR/out" | cut -d' ' -f1)
}

@test "run -v :O throws away what is written; --device shows a device as far as its mode allows" {
	local kind data
	for kind in $(each_user); do
		[ "$kind" != plain ] || continue
		data=$(user_dir "$kind")/home/data
		as_user "$kind" sh -c "mkdir $data && echo low >$data/f"
		succeeds kiln_as "$kind" from -q "$img"
		c=$output
		succeeds kiln_as "$kind" run -v "$data:/mnt:O" "$c" \
			sh -c 'echo over >/mnt/f; mkdir /mnt/d; cat /mnt/f; ls /mnt'
		equals "$(printf 'over\nd\nf')" "$output" "$kind"
		equals low "$(cat "$data/f")"
		equals f "$(ls "$data")"
		fails 1 "with 'O' is not a directory" kiln_as "$kind" run -v "$data/f:/x:O" "$c" true
		succeeds kiln_as "$kind" run --device /dev/zero:/dev/other "$c" sh -c 'head -c 3 /dev/other | wc -c'
		equals 3 "$output" "$kind"
		fails 1 "is not a device" kiln_as "$kind" run --device /etc/passwd "$c" true
		fails 2 "not a device's path" kiln_as "$kind" run --device vendor.com/gpu=1 "$c" true
		fails 2 "rights 'r' are not supported" kiln_as "$kind" run --device /dev/zero:/dev/z:r "$c" true
		succeeds kiln_as "$kind" rm "$c"
	done
}

@test "diff: what was added, changed and deleted, with layers and without" {
	local flag
	for flag in --layers=false --layers; do
		succeeds kiln from -q "$img"
		c=$output
		succeeds kiln diff "$c"
		equals '' "$output"
		succeeds kiln run "$flag" "$c" sh -c 'mkdir -p /new/dir && echo 1 >/new/f && chmod 0600 /etc/passwd'
		succeeds kiln run "$flag" "$c" sh -c 'rm /etc/group /new/f; rm -r /home && mkdir /home; touch -c /etc/passwd; : >"$(printf "/new/\033[2J")"'
		succeeds kiln diff "$c"
		grep -qx 'A /new/dir' <<<"$output"
		grep -qxF 'A /new/\x1b[2J' <<<"$output"
		grep -qx 'A /new' <<<"$output"
		grep -qx 'C /etc/passwd' <<<"$output"
		grep -qx 'C /etc' <<<"$output"
		grep -qx 'D /etc/group' <<<"$output"
		run ! grep -q '/new/f' <<<"$output"
		succeeds kiln diff --format json "$c"
		equals '["/etc/group"]' "$(jq -c '.deleted | map(select(startswith("/etc")))' <<<"$output")"
		equals true "$(jq '.added | index("/new/dir") != null' <<<"$output")"
		succeeds kiln rm "$c"
	done
	fails 1 'container not known' kiln diff nothere
	fails 2 "is not json" kiln diff --format x y
}

@test "run: proxies of the caller are seen, and what is set wins over them" {
	from
	export http_proxy=http://proxy:1
	succeeds kiln run "$c" sh -c 'echo $http_proxy'
	equals http://proxy:1 "$output"
	succeeds kiln run -e http_proxy=mine "$c" sh -c 'echo $http_proxy'
	equals mine "$output"
	succeeds kiln run --http-proxy=false "$c" sh -c 'echo $http_proxy'
	equals '' "$output"
	succeeds kiln config --env http_proxy=config "$c"
	succeeds kiln run "$c" sh -c 'echo $http_proxy'
	equals config "$output"
}

@test "run --no-hosts, --no-hostname, --contextdir" {
	mkdir -p here/in && echo data >here/in/f
	from
	succeeds kiln run "$c" sh -c 'echo mine >/etc/hosts; echo name >/etc/hostname'
	succeeds kiln run --no-hosts "$c" sh -c 'echo "1.2.3.4 kept" >/etc/hosts'
	succeeds kiln run --no-hosts --no-hostname "$c" sh -c 'cat /etc/hosts /etc/hostname 2>/dev/null; :'
	[[ $output == '1.2.3.4 kept'* ]]
	[[ $output != *name* ]]
	succeeds kiln run "$c" cat /etc/hosts
	[[ $output == *localhost* ]]
	succeeds kiln run --contextdir here --mount type=bind,src=in,dst=/mnt "$c" cat /mnt/f
	equals data "$output"
}

@test "run -t gives a terminal" {
	from
	succeeds kiln run "$c" sh -c 'test -t 0 || test -t 1 || echo none'
	equals none "$output"
	succeeds kiln run -t "$c" sh -c 'test -t 0 && test -t 1 && tty && ps -o pid,tty | grep -c "0,"; echo end'
	says end
	says_not none
}

@test "copy and add: destinations, wildcards, ignore file, from another container or image" {
	mkdir -p dir/sub
	echo 1 >dir/a
	echo 2 >dir/sub/b
	tar -cf arch.tar -C dir .
	from
	succeeds kiln copy "$c" dir /d
	grep -qx '[0-9a-f]\{64\}' <<<"$output"
	succeeds kiln copy -q "$c" "$PWD/dir/a" /x/
	equals "" "$output"
	succeeds kiln copy -q "$c" dir/a arch.tar /many
	mkdir several
	touch several/1.jar several/2.jar
	succeeds kiln copy -q "$c" 'several/*.jar' /jars
	succeeds kiln add -q "$c" arch.tar /unpacked
	succeeds kiln copy -q --contextdir dir "$c" . /ctx
	echo sub >ignore
	succeeds kiln copy -q --contextdir dir --ignorefile ignore "$c" . /ignored
	succeeds kiln copy -q --exclude a "$c" dir /excluded
	succeeds kiln config --workingdir /work "$c"
	succeeds kiln copy -q "$c" dir/a
	succeeds kiln copy -q --chmod 600 "$c" dir/a rel/
	succeeds kiln run "$c" find /d /x /many /jars /unpacked /ctx /ignored /excluded /work -type f
	equals "/ctx/a
/ctx/sub/b
/d/a
/d/sub/b
/excluded/sub/b
/ignored/a
/jars/1.jar
/jars/2.jar
/many/a
/many/arch.tar
/unpacked/a
/unpacked/sub/b
/work/a
/work/rel/a
/x/a" "$(sort <<<"$output")"
	local first=$c
	from
	succeeds kiln copy -q --from "$first" "$c" /d /copied
	succeeds kiln run "$c" cat /copied/sub/b
	equals 2 "$output"
	succeeds kiln copy -q --from "$img" "$c" /etc/passwd /p
	fails 1 '"/nofile": not found in the host' kiln copy "$c" "$PWD/../../../../../../../nofile" /
	fails 2 "src must be specified" kiln copy "$c"
	fails 2 "requires that you specify a context dir" kiln copy --ignorefile ignore "$c" dir /
}

@test "config sets and clears, commit writes it" {
	from
	succeeds kiln config --annotation a=1 --author me --comment note --domainname dom --hostname host \
		--entrypoint '["/e"]' --cmd 'x "y z"' --env A=1 --env B=2 --label l=1 --label m=2 \
		--onbuild 'RUN true' --port 80 --port 90/udp --volume /v --shell '/bin/bash -c' \
		--stop-signal INT --user app:staff --workingdir /w --healthcheck 'CMD true' \
		--healthcheck-interval 30s --healthcheck-retries 2 --arch arm64 --variant v8 \
		--created-by tool --history-comment why "$c"
	succeeds kiln commit -q "$c" "oci:$BATS_TEST_TMPDIR/one"
	equals '{"author":"me","arch":"arm64","Entrypoint":["/e"],"Cmd":["x","y z"],"Env":["A=1","B=2"]}' \
		"$(config_of "$BATS_TEST_TMPDIR/one" '{author, arch: .architecture, Entrypoint: .config.Entrypoint,
			Cmd: .config.Cmd, Env: .config.Env[1:]}')"
	equals '[{"30":"x"},["80","90/udp"],["/v"],"INT","app:staff","/w","host","dom"]' \
		"$(config_of "$BATS_TEST_TMPDIR/one" '.config | [{"30": "x"}, (.ExposedPorts | keys), (.Volumes | keys),
			.StopSignal, .User, .WorkingDir, .Hostname, .Domainname]')"
	equals '["tool","why"]' "$(config_of "$BATS_TEST_TMPDIR/one" '.history[-1] | [.created_by, .comment]')"
	succeeds kiln config --env A- --label - --port 80- --volume - --entrypoint '' --annotation - \
		--onbuild - --user '' --healthcheck '' --author - "$c"
	succeeds kiln commit -q "$c" "oci:$BATS_TEST_TMPDIR/two"
	equals '[["B=2"],null,["90/udp"],null,null,null,null,null]' \
		"$(config_of "$BATS_TEST_TMPDIR/two" '[.config.Env[1:], .config.Labels, (.config.ExposedPorts | keys),
			.config.Volumes, .config.Entrypoint, .config.OnBuild, .config.User, .author]')"
}

@test "commit --add-file: the image has it, the container has not" {
	from
	echo first >one && echo second >two && chmod 0700 two && chmod 0600 one
	succeeds kiln config --comment note "$c"
	succeeds kiln run "$c" -- sh -c 'mkdir /d && echo old >/d/two' </dev/null
	succeeds kiln commit -q --timestamp 5000 --add-file one --add-file two:/d/two "$c" "oci:$BATS_TEST_TMPDIR/added"
	layers=$(find "$BATS_TEST_TMPDIR/added/blobs/sha256" -type f -exec sh -c 'tar -tf "$1" >/dev/null 2>&1 && echo "$1"' _ {} \;)
	equals "-rw-r--r-- 0/0 1970-01-01 d/two -rw-r--r-- 0/0 1970-01-01 one" \
		"$(for layer in $layers; do tar -tf "$layer" | grep -qx one && tar -tvf "$layer" --numeric-owner; done | awk '{ print $1, $2, $4, $6 }' | xargs)"
	equals '["commit --add-file",null]' "$(config_of "$BATS_TEST_TMPDIR/added" '.history[-1] | [.created_by, .empty_layer]')"
	equals null "$(config_of "$BATS_TEST_TMPDIR/added" .comment)" "OCI has none"
	valid_image "$BATS_TEST_TMPDIR/added"
	succeeds kiln from -q "oci:$BATS_TEST_TMPDIR/added"
	succeeds kiln run "$output" -- cat /one /d/two
	equals "first"$'\n'"second" "$output"
	succeeds kiln run "$c" -- sh -c 'cat /d/two; [ ! -e /one ]'
	equals old "$output"
	fails 1 "add 'nothere' as '/x'" kiln commit -q --add-file nothere:/x "$c" none
	fails 1 "is no regular file" kiln commit -q --add-file .:/x "$c" none
	fails 1 "two files are added as '/x'" kiln commit -q --add-file one:/x --add-file two:x "$c" none
	fails 2 "is not FILE[:PATH]" kiln commit -q --add-file one:/ "$c" none
	# With --squash they are in the one layer, and nothing is there twice.
	succeeds kiln run "$c" -- sh -c 'mkdir -p /d/dir && echo gone >/d/dir/f && ln /d/two /d/link' </dev/null
	fails 1 "hard link to what it replaces" kiln commit -q --squash --add-file two:/d/link "$c" none
	succeeds kiln run "$c" -- rm /d/link </dev/null
	succeeds kiln commit -q --timestamp 5000 --squash --add-file one --add-file two:/d/two --add-file one:/d/dir "$c" "oci:$BATS_TEST_TMPDIR/whole"
	equals '1 1' "$(config_of "$BATS_TEST_TMPDIR/whole" '"\(.rootfs.diff_ids | length) \(.history | length)"' | tr -d '"')"
	layers=$(find "$BATS_TEST_TMPDIR/whole/blobs/sha256" -type f -exec sh -c 'tar -tf "$1" >/dev/null 2>&1 && echo "$1"' _ {} \;)
	equals '' "$(tar -tf "$layers" | sed 's,/$,,' | sort | uniq -d)"
	succeeds kiln from -q "oci:$BATS_TEST_TMPDIR/whole"
	succeeds kiln run "$output" -- cat /one /d/two /d/dir
	equals $'first\nsecond\nfirst' "$output"
	fails 2 "can only be used with --encryption-key" kiln commit -q --encrypt-layer 0 "$c" none
}

@test "commit: squash, history, changes, times, destinations, rm" {
	echo x >f
	from
	succeeds kiln copy -q "$c" f /f
	succeeds kiln commit -q --timestamp 0 --squash "$c" "oci:$BATS_TEST_TMPDIR/squashed"
	equals 1 "$(config_of "$BATS_TEST_TMPDIR/squashed" '.rootfs.diff_ids | length')"
	equals '"1970-01-01T00:00:00Z"' "$(config_of "$BATS_TEST_TMPDIR/squashed" .created)"
	tree_of "$BATS_TEST_TMPDIR/squashed" | grep -q 'bin/busybox'
	succeeds kiln commit -q --omit-history --change 'CMD ["a"]' --change 'ENV Q=$PATH' --unsetenv PATH \
		--iidfile iid "$c" app
	equals "" "$output"
	equals "$(cat iid)" "$(kiln images -q --no-trunc app)"
	succeeds kiln commit -q --format docker "$c" "docker-archive:$BATS_TEST_TMPDIR/a.tar:app:1"
	valid_image "$BATS_TEST_TMPDIR/a.tar"
	fails 1 "changes files" kiln commit -q --change 'RUN true' "$c" app
	fails 2 "sbom" kiln commit --sbom syft "$c" app
	fails 1 "no daemon" kiln commit "$c" docker-daemon:x
	succeeds kiln commit -q --timestamp 5 "$c"
	local id=$output
	succeeds kiln commit -q --timestamp 5 --rm "$c" again
	equals "$id" "$output"
	succeeds kiln containers -q
	equals "" "$output"
}

@test "containers lists, filters and prints by template" {
	from --name one
	from --name two
	succeeds kiln rename two three
	succeeds kiln containers --format '{{.ContainerName}}'
	equals "one
three" "$output"
	succeeds kiln containers -q --filter name=three
	local id=$output
	equals "$id" "$(kiln containers --json | jq -r '.[1].id')"
	succeeds kiln run "${id:0:6}" true
	succeeds kiln containers -n --filter "ancestor=$(kiln images -q | head -n 1)"
	equals 2 "$(wc -l <<<"$output")"
	fails 1 "already in use by $id" kiln rename one three
	fails 1 "already in use by $id" kiln from -q --name three "$img"
	fails 1 "is not a name" kiln from -q --name a/b "$img"
	# Of seventeen IDs two begin with the same digit.
	local i
	for i in {1..15}; do kiln from -q "$img" >/dev/null; done
	fails 1 "several containers begin" kiln rm "$(kiln containers -q | cut -c1 | sort | uniq -d | head -n 1)"
	succeeds kiln rm -a
	fails 1 'removing container "one": container not known' kiln rm one
}

@test "mount: its user's changes are the container's, and the other way round" {
	need_root
	from
	succeeds kiln mount "$c"
	local m=$output
	equals "0 0" "$(stat -c '%u %g' "$m/bin/busybox")"
	echo host >"$m/h"
	succeeds kiln run "$c" sh -c 'cat /h; stat -c %u /h; echo step >/s; rm /h'
	equals "host
0" "$output"
	equals step "$(cat "$m/s")"
	[ ! -e "$m/h" ]
	succeeds kiln mount
	equals "$c $m" "$output"
	succeeds kiln umount "$c"
	[ ! -e "$m" ]
	fails 1 "container is not mounted" kiln umount "$c"
	succeeds kiln mount "$c"
	# Removed while it is mounted.
	succeeds kiln rm "$c"
	run ! grep -F "$m" /proc/self/mountinfo
	succeeds kiln prune
	equals "" "$(ls "$BATS_TEST_TMPDIR/store/containers")"
}

@test "mount for ordinary users is in unshare" {
	need_user sub
	succeeds kiln_as sub from -q "$img"
	fails 1 "unshare" kiln_as sub mount oci-working-container
	succeeds kiln_as sub unshare --mount "M=oci-working-container" sh -c 'echo "$(id -u)"; echo x >"$M/x"; chown 1000 "$M/x"'
	equals 0 "$output"
	succeeds kiln_as sub run oci-working-container stat -c %u /x
	equals 1000 "$output"
	# shellcheck disable=SC2016 # for the shell in there
	succeeds kiln_as sub unshare sh -c 'm=$("$0" mount oci-working-container) && cat "$m/x"' "$(kiln_for_all)"
	equals x "$output"
	fails 7 "exit status 7" kiln_as sub unshare sh -c 'exit 7'
	succeeds kiln_as sub rm -a
}

@test "an image in use stays, prune leaves what containers stand on" {
	from
	local id
	id=$(kiln images -q --no-trunc)
	fails 1 "image is in use by a container" kiln rmi "$id"
	succeeds kiln prune --all
	succeeds kiln run "$c" true
	succeeds kiln rm "$c"
	succeeds kiln rmi "$id"
}

@test "scratch, and containers that a killed command leaves" {
	succeeds kiln from -q scratch
	c=$output
	equals working-container "$c"
	succeeds kiln add -q "$c" "$(image busybox)/rootfs.tar" /
	succeeds kiln run "$c" sh -c 'echo ok'
	equals ok "$output"
	mkfifo ready
	KILN_ROOT=$BATS_TEST_TMPDIR/store "$KILN" run "$c" \
		sh -c 'echo half >/half; echo ready; sleep 1000' >ready 2>&1 3>&- &
	local pid=$!
	grep -qm1 ready ready
	kill -KILL "$pid"
	wait "$pid" || true
	succeeds kiln run "$c" cat /half
	equals half "$output"
	succeeds kiln fsck
	succeeds kiln commit -q "$c" "oci:$BATS_TEST_TMPDIR/out"
	valid_image "$BATS_TEST_TMPDIR/out"
}

@test "from does what the image's ONBUILD says, once, in the current folder" {
	local kind
	echo data >file
	echo file >.dockerignore
	printf '%s\n' "FROM $img" 'ONBUILD RUN id -u >/ran' 'ONBUILD COPY file /in/' 'ONBUILD ENV A=b' \
		'ONBUILD WORKDIR /wd' 'ONBUILD CMD ["x"]' >Dockerfile
	printf '%s\n' "FROM $img" 'ONBUILD RUN exit 7' >failing
	chmod 0644 file .dockerignore Dockerfile failing
	for kind in $(each_user); do
		succeeds kiln_as "$kind" build -q -t parent .
		succeeds kiln_as "$kind" from -q --name "of-$kind" parent
		succeeds kiln_as "$kind" run "of-$kind" -- sh -c 'cat /ran /in/file; pwd; echo "$A"'
		equals $'0\ndata\n/wd\nb' "$output" "$kind"
		succeeds kiln_as "$kind" buildah inspect --format \
			'{{.FromImage}} {{.OCIv1.Config.Cmd}} {{.Docker.Config.OnBuild}}' "of-$kind"
		equals 'docker.io/library/parent:latest [x] []' "$output" "$kind"
		succeeds kiln_as "$kind" commit -q "of-$kind" child
		succeeds kiln_as "$kind" from -q --name "again-$kind" child
		equals "again-$kind" "$output"
		succeeds kiln_as "$kind" build -q -t failing -f failing .
		fails 7 'RUN exit 7' kiln_as "$kind" from -q --name "failed-$kind" failing
		succeeds kiln_as "$kind" containers
		says_not "failed-$kind"
		succeeds kiln_as "$kind" rm "of-$kind" "again-$kind"
	done
}

@test "Ctrl-C ends a step that waits for its program" {
	local leased line pid got=0
	# Longer than a step has to end by itself.
	[ "$(cat /proc/sys/fs/lease-break-time)" -ge 30 ] || skip 'leases are taken away too soon here'
	mkdir d && printf '#!/bin/sh\n' >d/program && chmod 0755 d d/program
	mkfifo said
	python3 -c 'import fcntl, os, signal, time
fd = os.open("d/program", os.O_RDWR)
signal.signal(signal.SIGIO, lambda *_: print("wanted", flush=True))
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
while True:
    time.sleep(1000)' >said 3>&- 4>&- &
	HOLDER=$!
	exec {leased}<said
	read -r -t 20 line <&"$leased"
	equals leased "$line"
	from
	# A shell's background command ignores SIGINT, unless it is in a session of its own.
	KILN_ROOT=$BATS_TEST_TMPDIR/store setsid timeout -s KILL 100 "$KILN" run -v "$PWD/d:/d" "$c" -- /d/program 3>&- 4>&- </dev/null >run.log 2>&1 &
	pid=$!
	read -r -t 20 line <&"$leased" || explain "nobody wants the program: $(cat run.log)"
	equals wanted "$line"
	pkill -INT -P "$pid"
	wait "$pid" || got=$?
	equals 130 "$got"
	grep -q "LEASE  *BREAKING .* $HOLDER " /proc/locks || explain 'the lease is over'
}

@test "run: who is killed takes the command along, and is in nobody's way" {
	local kind number=$((200000 + $$)) signal root
	for kind in $(each_user); do
		root=$(user_dir "$kind")/data/kiln
		succeeds kiln_as "$kind" from -q --name killed "$img"
		for signal in KILL TERM KILL; do
			as_user "$kind" sh -c 'echo $$ >"$0"; exec "$@"' "$root.pid" "$(kiln_for_all)" \
				run killed -- sh -c "echo $signal >>/said; (setsid sleep $number &); sleep $number" 3>&- &
			await sleepers_are "$number" 2
			kill "-$signal" "$(cat "$root.pid")"
			wait $! || true
			await sleepers_are "$number" 0
		done
		# The work directory of the one before is set aside, and then gone.
		succeeds kiln_as "$kind" run killed -- cat /said
		equals "KILL
TERM
KILL" "$output" "$kind"
		equals "" "$(find "$root/containers" -maxdepth 2 -name '*.old')" "$kind"
		succeeds kiln_as "$kind" rm killed
	done
}
