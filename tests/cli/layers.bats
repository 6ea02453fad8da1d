#!/usr/bin/env bats
# --layers of run, copy and add: steps of working containers in the cache.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # what lib/kiln.bash sets; text for the shell in a container
bats_require_minimum_version 1.5.0

load ../lib/kiln
load ../lib/busybox

@test "a script run again takes what did not change, and runs what did" {
	export KILN_LAYERS=1
	mkdir dir
	script() {
		from
		succeeds kiln run "$c" sh -c 'echo one >>/log; echo ran one'
		says "$1"
		succeeds kiln copy "$c" dir /in/
		succeeds kiln config --env "A=$2" --workingdir /w "$c"
		succeeds kiln run "$c" sh -c 'cp -r /in /out; echo $A >a; echo ran two'
		says "$3"
		succeeds kiln run "$c" sh -c 'cat /log /w/a /out/f'
		says "${4:-}"
		succeeds kiln rm "$c"
	}
	says() {
		if [ -n "$1" ]; then [[ $output == *"$1"* ]] || explain "should say $1"; else equals '' "$output"; fi
	}
	echo file >dir/f
	script 'ran one' v 'ran two' file
	script '' v '' ''
	# Another variable: what stands behind it runs.
	script '' w 'ran two' w
	# Another file: what stands on it. The name of the folder that it lies in is no matter.
	echo other >dir/f
	script '' w 'ran two' other
	mkdir -p elsewhere && mv dir elsewhere/ && cd elsewhere
	touch -d 2001-01-01 dir/f
	script '' w '' ''
	# A cache record does not outlive its layer.
	succeeds kiln prune -af
	script 'ran one' w 'ran two' other
}

@test "a script with --layers makes what it makes without, for every user" {
	local kind seed kept
	chmod 1777 "$BATS_TEST_TMPDIR"
	mkdir -p src/sub && echo a >src/a && echo b >src/sub/b && ln -s a src/link && chmod 4755 src/a
	chmod -R a+rX .
	script() { # KIND SEED DEST
		local op last='' RANDOM=$2
		succeeds kiln_as "$1" from -q "$img"
		c=$output
		for _ in 1 2 3 4 5 6 7 8; do
			case $((RANDOM % 12)) in
			0) op=(run "$c" sh -c 'mkdir -p /d/e && echo x >/d/e/f && chown app:staff /d/e/f') ;;
			1) op=(run "$c" sh -c 'rm -rf /d') ;;
			2) op=(run "$c" sh -c 'rm -rf /in /etc/group') ;;
			3) op=(run "$c" sh -c 'mkdir -p /d && echo y >/d/new && ln -f /d/new /d/hard') ;;
			4) op=(run "$c" chmod "7$((RANDOM % 8))5" /) ;;
			5) op=(run "$c" true) ;;
			6) op=(run --workingdir "/w/$((RANDOM % 3))" "$c" touch here) ;;
			7) op=(copy -q --chown 7:8 "$c" src /in/) ;;
			8) op=(copy -q --chmod 0700 "$c" src/a "/made/$((RANDOM % 2))/") ;;
			9) op=(config --env "A=$RANDOM" --user "$((RANDOM % 2))" "$c") ;;
			10) op=(run --user 0 "$c" sh -c 'mv /in /d 2>/dev/null; ln -sf /etc /in; :') ;;
			11) op=(run --user 0 "$c" sh -c 'rm -rf /in; mkdir /in; echo z >/in/z; echo $A >/a') ;;
			esac
			kiln_as "$1" "${op[@]}" </dev/null >/dev/null 2>&1 || last="$last ${op[*]}: $?"
			last="$last."
		done
		succeeds kiln_as "$1" commit -q "${@:4}" "$c" "oci:$3:x"
		succeeds kiln_as "$1" rm "$c"
		{ echo "$last"; config_of "$3" .config; "$RIG_LIB/oci.py" list "$3" | sed -E 's/ mtime=[^ ]*//'; } >"$3.told"
	}
	keep_env KILN_LAYERS
	for kind in $(each_user); do
		for seed in 11 12 13; do
			kept=$BATS_TEST_TMPDIR/$kind-$seed
			unset KILN_LAYERS
			script "$kind" "$seed" "$kept-without" --squash
			export KILN_LAYERS=1
			script "$kind" "$seed" "$kept-with" --squash
			script "$kind" "$seed" "$kept-layers"
			valid_image "$kept-layers"
			diff "$kept-without.told" "$kept-with.told"
			diff "$kept-without.told" "$kept-layers.told"
		done
	done
}

@test "commit: a layer for each step that made one, its history, and once more the same" {
	export KILN_LAYERS=1
	from
	succeeds kiln run "$c" sh -c 'echo 1 >/1'
	succeeds kiln run "$c" true
	succeeds kiln run "$c" sh -c 'echo 2 >/2'
	succeeds kiln commit -q --timestamp 5 "$c" oci:a:x
	valid_image a
	equals 3 "$(config_of a '.rootfs.diff_ids | length')"
	equals '[false,false,true,false,true]' "$(config_of a '[.history[].empty_layer == true]')"
	succeeds kiln commit -q "$c" oci:b:x
	valid_image b
	succeeds kiln commit -q --squash "$c" oci:c:x
	valid_image c
	equals 1 "$(config_of c '.rootfs.diff_ids | length')"
	equals "$(tree_of a | sed -E 's/ mtime=[^ ]*//')" "$(tree_of c | sed -E 's/ mtime=[^ ]*//')"
	# What is written without --layers on top of them is one more.
	succeeds env KILN_LAYERS=0 "$KILN" --root "$BATS_TEST_TMPDIR/store" run "$c" sh -c 'echo 3 >/3'
	succeeds kiln commit -q "$c" oci:d:x
	equals 4 "$(config_of d '.rootfs.diff_ids | length')"
	# The image that the container became is what it says.
	succeeds kiln commit -q "$c" kept
	succeeds kiln from -q --name again kept
	equals 123 "$(kiln run again sh -c 'cat /1 /2 /3' | tr -d '\n')"
}

@test "what no key can see is done each time, and said" {
	export KILN_LAYERS=1
	echo given >given
	kiln_given() { kiln "$@" <given; }
	from
	equals given "$(kiln run "$c" cat <given 2>said)"
	grep -q 'not cached: standard input may bring something' said
	# It changed nothing, so what stands on it has a key; behind one that did it has none.
	succeeds kiln run "$c" true
	equals '' "$stderr"
	fails 0 'not cached: standard' kiln_given run "$c" sh -c 'cat >/x'
	fails 0 'not cached: the container was changed without --layers' kiln run "$c" cat /x
	equals given "$output"
	succeeds kiln rm "$c"
	from
	fails 0 'not cached: it sees files of the host' kiln run -v "$PWD:/mnt" "$c" cat /mnt/given
	succeeds kiln rm "$c"
	for _ in 1 2; do
		from
		succeeds kiln run -v "$PWD:/mnt" --layers-key v1 "$c" sh -c 'cp /mnt/given /got; echo ran'
		equals '' "$stderr"
		succeeds kiln rm "$c"
	done
	from
	succeeds kiln run -v "$PWD:/mnt" --layers-key v1 "$c" sh -c 'cp /mnt/given /got; echo ran'
	equals '' "$output"
	succeeds kiln run "$c" cat /got
	equals given "$output"
	succeeds kiln run --no-cache "$c" sh -c 'cat /got; echo again'
	succeeds kiln rm "$c"
	from
	succeeds kiln run -v "$PWD:/mnt" --layers-key v2 "$c" sh -c 'cp /mnt/given /got; echo ran'
	equals ran "$output"
}

@test "a command that fails is not remembered, and what it wrote is there" {
	export KILN_LAYERS=1
	for _ in 1 2; do
		from
		fails 3 '' kiln run "$c" sh -c 'echo half >/half; exit 3'
		fails 0 'not cached' kiln run "$c" cat /half
		equals half "$output"
		succeeds kiln rm "$c"
	done
	# A status that is allowed is a failure to the cache.
	for _ in 1 2; do
		from
		succeeds kiln run --valid-exit-codes 3 "$c" sh -c 'echo ran; exit 3'
		equals ran "$output"
		succeeds kiln rm "$c"
	done
}

@test "what the key has: user, directory, capabilities, hosts, names" {
	local flags
	export KILN_LAYERS=1
	for flags in '' '--user 1' '--workingdir /tmp' '--cap-drop chown' '--add-host a:1.2.3.4' \
		'--hostname here' '-e B=c' '--network none' '--shm-size 1m' '--ulimit nofile=99' \
		'--dns 1.2.3.4' '--mount type=tmpfs,dst=/t' '--security-opt no-new-privileges'; do
		from
		# shellcheck disable=SC2086
		succeeds kiln run $flags "$c" echo ran
		equals ran "$output" "$flags"
		succeeds kiln rm "$c"
		from
		# shellcheck disable=SC2086
		succeeds kiln run $flags "$c" echo ran
		equals '' "$output" "$flags"
		succeeds kiln rm "$c"
	done
}

@test "a Dockerfile that says the same takes a script's results, and the other way round" {
	printf 'FROM base\nENV A=b\nRUN ["sh","-c","echo $A >/made"]\nCOPY f /in/\nRUN ["sh","-c","echo 2 >/two; echo ran"]\n' >Dockerfile
	echo f >f
	from
	succeeds kiln config --env A=b "$c"
	succeeds kiln run --layers "$c" sh -c 'echo $A >/made'
	succeeds kiln copy --layers "$c" f /in/
	succeeds kiln build --progress plain --build-context "base=oci-layout://${img#oci:}" .
	equals 2 "$(grep -A1 '^#.*\] [RC]' <<<"$stderr" | grep -c CACHED)"
	succeeds kiln rm "$c"
	from
	succeeds kiln config --env A=b "$c"
	succeeds kiln run --layers "$c" sh -c 'echo $A >/made'
	succeeds kiln copy --layers "$c" f /in/
	succeeds kiln run --layers "$c" sh -c 'echo 2 >/two; echo ran'
	equals '' "$output"
	succeeds kiln commit -q "$c" oci:made:x
	equals 4 "$(config_of made '.rootfs.diff_ids | length')"
}

with_secret=(--secret "id=t,src=token" --mount "type=secret,id=t")

no_secret_in_container() {
	! grep -rqa hidden-token "$BATS_TEST_TMPDIR/store/containers" || explain "it is in the container"
	succeeds kiln run "$c" sh -c '! test -e /left && cat /before'
	equals before "$output"
}

@test "a step with secrets that is not known to be clean leaves nothing in the container" {
	local flags signal got pid
	echo hidden-token >token
	for flags in '' --layers; do
		from
		# shellcheck disable=SC2086 # none or one
		succeeds kiln run $flags "$c" sh -c 'echo before >/before'
		# shellcheck disable=SC2086
		fails 1 "secret 't'" kiln run $flags "${with_secret[@]}" "$c" \
			sh -c 'cp /run/secrets/t /left; rm /before'
		no_secret_in_container
		# Its own exit status is no reason to keep it.
		# shellcheck disable=SC2086
		fails 1 "secret 't'" kiln run $flags "${with_secret[@]}" "$c" \
			sh -c 'cp /run/secrets/t /left; exit 3'
		no_secret_in_container
		for signal in INT KILL; do
			rm -f ready && mkfifo ready
			# A shell's background command ignores SIGINT, unless it is in a session of its own.
			# shellcheck disable=SC2086
			KILN_ROOT=$BATS_TEST_TMPDIR/store setsid "$KILN" run $flags "${with_secret[@]}" "$c" \
				sh -c 'cp /run/secrets/t /left; echo ready; sleep 1000' >ready 2>&1 3>&- 4>&- </dev/null &
			pid=$!
			grep -qm1 ready ready
			kill -$signal "$pid"
			got=0
			wait "$pid" || got=$?
			[ "$got" -ge 130 ] || explain "$signal: ended with $got"
			no_secret_in_container
		done
		succeeds kiln commit -q "$c" "oci:$BATS_TEST_TMPDIR/out${flags}"
		succeeds kiln rm "$c"
	done
}

@test "a step with secrets keeps what it and what others wrote, for every user" {
	local kind before look='ls -lnR --full-time /d; ls -nd /; ls /etc'
	echo hidden-token >token
	chmod 1777 "$BATS_TEST_TMPDIR"
	chmod a+r token
	for kind in $(each_user); do
		succeeds kiln_as "$kind" from -q "$img"
		c=$output
		succeeds kiln_as "$kind" run "$c" sh -c 'mkdir -p /d/e && echo a >/d/a && ln /d/a /d/b &&
			ln -s a /d/l && rm /etc/passwd && chmod 1750 /d/e && chown 3:4 /d/a && chmod 711 / &&
			touch -d @1000000000 /d/a'
		succeeds kiln_as "$kind" run "$c" sh -c "$look"
		before=$output
		succeeds kiln_as "$kind" run "${with_secret[@]}" "$c" cat /run/secrets/t
		equals hidden-token "$output"
		succeeds kiln_as "$kind" run "$c" sh -c "$look"
		equals "$before" "$output" "$kind"
		fails 3 '' kiln_as "$kind" run "${with_secret[@]}" "$c" sh -c 'echo c >/c; rm -r /d; exit 3'
		succeeds kiln_as "$kind" run "$c" sh -c 'cat /c; ls -d /d 2>/dev/null || ls -nd / | cut -c1-10'
		equals $'c\ndrwx--x--x' "$output" "$kind"
		succeeds kiln_as "$kind" rm "$c"
	done
	# Without layers below.
	succeeds kiln from -q scratch
	c=$output
	succeeds kiln add -q "$c" "$(image busybox)/rootfs.tar" /
	succeeds kiln run "${with_secret[@]}" "$c" sh -c 'echo 1 >/one'
	succeeds kiln run "$c" cat /one
	equals 1 "$output"
	# Its upper is another one then: what is mounted must show that.
	if [ "$(id -u)" = 0 ]; then
		succeeds kiln mount "$c"
		local point=$output
		succeeds kiln run "${with_secret[@]}" "$c" sh -c 'echo 2 >/two'
		equals $'1\n2' "$(cat "$point/one" "$point/two")"
		echo 3 >"$point/three"
		succeeds kiln run "$c" cat /three
		equals 3 "$output"
		succeeds kiln umount "$c"
	fi
}

@test "--no-hosts and --no-hostname are in the key" {
	local flag
	from
	succeeds kiln run --layers "$c" sh -c 'cp /etc/hosts /h; echo ran'
	succeeds kiln rm "$c"
	for flag in --no-hosts --no-hostname; do
		from
		succeeds kiln run --layers $flag "$c" sh -c 'cp /etc/hosts /h; echo ran'
		equals ran "$output" "$flag"
		succeeds kiln rm "$c"
	done
}

@test "run --mount: caches stay, secrets are seen and reach no layer" {
	echo hidden-token >token
	from
	succeeds kiln run --mount type=cache,target=/c "$c" sh -c 'echo kept >/c/x'
	succeeds kiln rm "$c"
	from
	succeeds kiln run --mount type=cache,target=/c "$c" cat /c/x
	equals kept "$output"
	succeeds kiln run --secret id=t,src=token --mount type=secret,id=t "$c" cat /run/secrets/t
	equals hidden-token "$output"
	succeeds kiln run --secret id=t,src=token --mount type=secret,id=t,env=T "$c" sh -c 'echo $T'
	equals hidden-token "$output"
	fails 1 "secret required but no secret with id" kiln run --mount type=secret,id=u,required "$c" true
	fails 1 "secret 't'" kiln run --secret id=t,src=token --mount type=secret,id=t "$c" cp /run/secrets/t /left
	fails 1 '' kiln run "$c" test -e /left
	succeeds kiln rm "$c"
	from
	fails 1 "secret 't'" kiln run --layers --secret id=t,src=token --mount type=secret,id=t "$c" cp /run/secrets/t /left
	fails 1 '' kiln run "$c" test -e /left
	fails 2 'from is not supported with type cache' kiln run --mount type=cache,target=/c,from=x "$c" true
	fails 2 '--mount' kiln run --mount type=frob,target=/c "$c" true
	succeeds kiln run "$c" ls /
	[[ $output != *run/secrets* ]]
	# With --layers the key has what the flag says, and not what the secret is.
	succeeds kiln rm "$c"
	for _ in 1 2; do
		from
		succeeds kiln run --layers --secret id=t,src=token --mount type=secret,id=t "$c" echo ran
		ran=$output
		succeeds kiln rm "$c"
		echo another >token
	done
	equals '' "$ran"
}
