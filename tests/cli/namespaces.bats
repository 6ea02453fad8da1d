#!/usr/bin/env bats
# --ipc, --pid, --uts, --cgroupns and --network=ns:PATH: what commands of working containers, and of builds under
# Buildah's name, share with the host, or with what is there already.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the container's; bats runs tests in subshells
load ../lib/kiln
load ../lib/busybox

SHOW='for n in ipc pid uts cgroup net; do readlink /proc/self/ns/$n; done'

setup() {
	busybox_context
	chmod 1777 "$BATS_TEST_TMPDIR"
}

teardown() {
	local file
	for file in "$BATS_TEST_TMPDIR"/*-{TERM,KILL}.pid; do
		[ ! -e "$file" ] || kill -KILL "$(cat "$file")" 2>/dev/null || true
	done
	[ -z "${HOLDER-}" ] || kill -KILL "$HOLDER" 2>/dev/null || true
}

# Where we are: lines as SHOW has them, or those of process $1.
ours() {
	local n
	for n in ipc pid uts cgroup net; do
		readlink "/proc/${1-self}/ns/$n"
	done
}

# Namespaces of root's, held by process $HOLDER.
hold_namespaces() {
	need_root
	rm -f pid
	unshare --net --pid --fork --ipc --uts --cgroup --kill-child sh -c 'hostname held
		read -r pid rest </proc/self/stat; echo "$pid" >pid.new; mv pid.new pid; exec sleep 100000' 3>&- &
	await test -s pid
	HOLDER=$(cat pid)
}

# LINES N: which of the five are, line by line, those of LINES.
same_as() {
	paste -d' ' - <(echo "$1") | awk '{print $1 == $2 ? "same" : "other"}' | paste -sd' '
}

@test "a command has namespaces of its own, or the host's where it was asked for" {
	local kind c
	for kind in $(each_user); do
		succeeds kiln_as "$kind" from -q "$img"
		c=$output
		succeeds kiln_as "$kind" run "$c" -- sh -c "$SHOW"
		equals 'other other other other same' "$(same_as "$(ours)" <<<"$output")" "$kind"
		succeeds kiln_as "$kind" run --ipc host --cgroupns=host "$c" -- sh -c "$SHOW"
		equals 'same other other same same' "$(same_as "$(ours)" <<<"$output")" "$kind"
		succeeds kiln_as "$kind" run --pid=host --uts=host "$c" -- sh -c "$SHOW"
		equals 'other same same other same' "$(same_as "$(ours)" <<<"$output")" "$kind"
		# Remembered, and overruled. A file that is our own namespace's is the host's.
		succeeds kiln_as "$kind" from -q --ipc=host --pid host --uts "ns:/proc/self/ns/uts" \
			--cgroupns /proc/self/ns/cgroup --net /proc/self/ns/net "$img"
		c=$output
		succeeds kiln_as "$kind" run "$c" -- sh -c "$SHOW"
		equals 'same same same same same' "$(same_as "$(ours)" <<<"$output")" "$kind"
		succeeds kiln_as "$kind" run --ipc= --pid private --uts container --cgroupns= "$c" -- sh -c "$SHOW"
		equals 'other other other other same' "$(same_as "$(ours)" <<<"$output")" "$kind"
	done
}

@test "what belongs to a shared namespace is seen as it is there" {
	local kind c shm
	for kind in $(each_user); do
		succeeds kiln_as "$kind" from -q "$img"
		c=$output
		# The name that the host has, which is not the command's to change.
		succeeds kiln_as "$kind" run --uts=host --hostname ignored "$c" -- sh -c 'hostname; cat /etc/hostname; echo $HOSTNAME
			! hostname changed 2>&1'
		equals "$(uname -n)
$(uname -n)
$(uname -n)
hostname: sethostname: Operation not permitted" "$output" "$kind"
		# /proc shows us, with what is hidden of every /proc, unless that is unmasked.
		succeeds kiln_as "$kind" run --pid=host "$c" -- sh -c "[ -d /proc/$$ ] && readlink /proc/self/ns/pid && ! cat /proc/sys/vm/drop_caches 2>/dev/null
			wc -c </proc/keys"
		equals "$(readlink /proc/self/ns/pid)
0" "$output" "$kind"
		succeeds kiln_as "$kind" run --pid=host --security-opt unmask=/proc/keys "$c" -- test -d "/proc/$$"
		# Of others it learns no more than anybody.
		fails 1 'Permission denied' kiln_as "$kind" run --pid=host "$c" -- cat "/proc/$$/environ"
		[ -d /dev/shm ] || continue
		shm=$(stat -c %d /dev/shm)
		succeeds kiln_as "$kind" run --ipc=host --shm-size 1m "$c" -- stat -c %d /dev/shm
		equals "$shm" "$output" "$kind"
		succeeds kiln_as "$kind" run "$c" -- sh -c 'stat -c %d /dev/shm'
		[ "$output" != "$shm" ] || explain "$kind: /dev/shm is the host's"
	done
}

@test "nothing of a command outlives it, whose process numbers it has" {
	local kind c number=$((100000 + $$)) signal
	for kind in $(each_user); do
		succeeds kiln_as "$kind" from -q "$img"
		c=$output
		succeeds kiln_as "$kind" run --pid=host "$c" -- sh -c "(setsid sh -c 'sleep $number & sleep $number &' &)
			sleep $number &"
		equals 0 "$(sleepers "$number")" "$kind: after its end"
		# It may end who watches over it: its user asked for that.
		fails 1 'the sandbox was killed' kiln_as "$kind" run --pid=host "$c" -- sh -c "
			setsid sleep $number & kill -9 \$PPID; sleep $number"
		await sleepers_are "$number" 0
		for signal in TERM KILL; do
			as_user "$kind" sh -c 'echo $$ >"$0"; exec "$@"' "$BATS_TEST_TMPDIR/$kind-$signal.pid" "$(kiln_for_all)" \
				run --pid=host "$c" -- sh -c "(setsid sleep $number &); sleep $number" 3>&- &
			await sleepers_are "$number" 2
			kill "-$signal" "$(cat "$BATS_TEST_TMPDIR/$kind-$signal.pid")"
			wait $! || true
			await sleepers_are "$number" 0
		done
	done
}

@test "namespaces that are there are joined, as root" {
	hold_namespaces
	local n option
	succeeds kiln_as root from -q --name usual "$img"
	for n in ipc pid uts cgroup net; do
		option=${n/cgroup/cgroupns}
		succeeds kiln_as root run "--$option=ns:/proc/$HOLDER/ns/$n" usual -- readlink "/proc/self/ns/$n"
		equals "$(readlink "/proc/$HOLDER/ns/$n")" "$output" "$n"
	done
	# All at once, with ids of its own; /proc, /sys and the name are those of the place.
	succeeds kiln_as root from -q --name joins --userns-uid-map 0:200000:3000 --ipc "/proc/$HOLDER/ns/ipc" \
		--pid "/proc/$HOLDER/ns/pid" --uts "ns:/proc/$HOLDER/ns/uts" --network "ns:/proc/$HOLDER/ns/net" "$img"
	succeeds kiln_as root run joins -- sh -c "$SHOW"
	equals 'same same same other same' "$(same_as "$(ours "$HOLDER")" <<<"$output")"
	succeeds kiln_as root run joins -- sh -c 'cat /etc/hostname; ls /sys/class/net; cat /proc/1/comm
		awk "{print \$2}" /proc/self/uid_map; stat -f -c %T /dev/mqueue'
	equals 'held
lo
sleep
200000
mqueue' "$(head -4 <<<"$output"; mountpoint -q /dev/mqueue 2>/dev/null && tail -1 <<<"$output" || echo mqueue)"
	succeeds kiln_as root run --network=none joins -- ls /sys/class/net
	equals lo "$output"
	# Processes of ours end with the command there, too.
	succeeds kiln_as root run joins -- sh -c '(setsid sleep 100001 &); sleep 0.1'
	equals 0 "$(sleepers 100001)"
	fails 1 "'/etc/passwd' is no ipc namespace" kiln_as root run --ipc /etc/passwd usual -- true
	fails 2 'checking pid namespace: stat bogus: No such file' kiln_as root from --pid bogus "$img"
	fails 125 'checking uts namespace: stat /bogus: No such file' kiln_as root buildah from --uts ns:/bogus "$img"
	fails 125 'network with name or ID ns:bogus' kiln_as root buildah from --net ns:bogus "$img"
	mkfifo pipe
	fails 1 'is no network namespace' kiln_as root run "--net=$PWD/pipe" usual -- true
	# What is remembered may be gone.
	kill -KILL "$HOLDER"
	wait || true
	fails 2 'checking ipc namespace: stat' kiln_as root run joins -- true
}

@test "a build under Buildah's name shares them, and its steps are keyed by it" {
	hold_namespaces
	printf 'FROM %s\nRUN sh -c "%s" >/out\n' "$img" "${SHOW//\$/\\\$}" >Dockerfile
	build() {
		rm -rf out
		succeeds kiln_as root buildah bud -o "$PWD/out" "$@" .
		cat out/out
	}
	equals 'other other other other same' "$(build | same_as "$(ours)")"
	equals 'other same other other same' "$(build --pid host | same_as "$(ours)")"
	equals 'same other other other same' "$(build --ipc host | same_as "$(ours)")"
	equals 'same same same same same' "$(build --ipc "/proc/$HOLDER/ns/ipc" --pid "ns:/proc/$HOLDER/ns/pid" \
		--uts "/proc/$HOLDER/ns/uts" --cgroupns "/proc/$HOLDER/ns/cgroup" --network "ns:/proc/$HOLDER/ns/net" |
		same_as "$(ours "$HOLDER")")"
	succeeds kiln_as root buildah bud --pid host .
	says 'Using cache'
	succeeds kiln_as root buildah bud --pid host --uts host .
	says_not 'Using cache'
	printf 'FROM %s\nRUN --network=host true\n' "$img" >Dockerfile
	fails 125 'RUN --network=host in a build that has joined another network' \
		kiln_as root buildah bud --network "/proc/$HOLDER/ns/net" .
	# ONBUILD runs where the container's commands will.
	printf 'FROM %s\nONBUILD RUN hostname >/name\n' "$img" >Dockerfile
	succeeds kiln_as root buildah bud --format docker -t triggers .
	succeeds kiln_as root buildah from -q --name triggered --uts "/proc/$HOLDER/ns/uts" triggers
	succeeds kiln_as root buildah run --uts private triggered cat /name
	equals held "$output"
}

@test "a namespace that is not ours to join is an error that says so" {
	local kind c
	hold_namespaces
	touch net
	for kind in $(each_user | grep -v root); do
		succeeds kiln_as "$kind" from -q "$img"
		c=$output
		fails 1 "the network namespace '$PWD/net' cannot be joined: it belongs to a user namespace that is not below ours" \
			unshare -m bash -c 'mount --bind "/proc/$1/ns/net" net; source "$2/users.bash"; as_user "$3" "${@:4}"' - \
			"$HOLDER" "$RIG_LIB" "$kind" "$(kiln_for_all)" run "--net=ns:$PWD/net" "$c" -- true
		says 'hint: run kiln as root'
		fails 2 'checking network namespace: stat' kiln_as "$kind" run "--net=ns:/proc/$HOLDER/ns/net" "$c" -- true
	done
}

@test "an ordinary user joins what was made in their own user namespace" {
	local kiln
	need_user sub
	kiln=$(kiln_for_all)
	succeeds kiln_as sub from -q --name mine "$img"
	succeeds as_user sub "$kiln" unshare sh -c 'unshare --net --uts --ipc --pid --fork --kill-child sh -c "
			hostname held; exec sleep 100000" 3>&- & holder=$!
		while [ -z "$(pgrep -P $holder -x sleep)" ]; do sleep 0.02; done
		pid=$(pgrep -P $holder -x sleep)
		"$0" run --net "ns:/proc/$pid/ns/net" --uts "/proc/$pid/ns/uts" --ipc "/proc/$pid/ns/ipc" --pid "/proc/$pid/ns/pid" \
			mine -- sh -c "hostname; ls /sys/class/net; cat /proc/1/comm"
		kill -KILL $holder' "$kiln"
	equals 'held
lo
sleep' "$output"
}

@test "where steps have no namespaces, the host's are shared and none is joined" {
	need_root
	hold_namespaces
	keep_env KILN_ISOLATION
	export KILN_ISOLATION=chroot
	printf 'FROM %s\nRUN hostname >&2\n' "$img" >Dockerfile
	succeeds kiln_as root buildah bud --ipc=host --uts=host .
	says "$(uname -n)"
	fails 125 "the ipc namespace '/proc/$HOLDER/ns/ipc' cannot be joined with isolation 'chroot': its steps have none" \
		kiln_as root buildah bud "--ipc=/proc/$HOLDER/ns/ipc" .
}

@test "containers.conf says which are the host's, where the command line does not" {
	local c
	command -v slirp4netns >/dev/null || skip 'needs slirp4netns'
	as_user root test -w /dev/net/tun || skip 'needs /dev/net/tun'
	need_root
	keep_env CONTAINERS_CONF KILN_NETWORK
	export CONTAINERS_CONF=$PWD/containers.conf
	conf() {
		printf '[containers]\n%s = "'"$1"'"\n' cgroupns ipcns netns pidns utsns | paste -d'\n' - |
			awk 'NR == 1 || !/^\[/' >containers.conf
	}
	conf host
	succeeds kiln_as root buildah from -q --pid= "$img"
	c=$output
	succeeds kiln_as root from -q "$img"
	succeeds kiln_as root run "$output" -- sh -c "$SHOW"
	equals 'other other other other same' "$(same_as "$(ours)" <<<"$output")"
	conf private
	# 'run' has what 'from' remembered.
	succeeds kiln_as root buildah run "$c" -- sh -c "$SHOW"
	equals 'same other same same same' "$(same_as "$(ours)" <<<"$output")"
	succeeds kiln_as root buildah from -q "$img"
	c=$output
	succeeds kiln_as root buildah run "$c" -- sh -c "$SHOW"
	equals 'other other other other other' "$(same_as "$(ours)" <<<"$output")"
	# A network that kiln's own setting names is nearer.
	KILN_NETWORK=host succeeds kiln_as root buildah from -q "$img"
	KILN_NETWORK=host succeeds kiln_as root buildah run "$output" -- readlink /proc/self/ns/net
	equals "$(readlink /proc/self/ns/net)" "$output"
}
