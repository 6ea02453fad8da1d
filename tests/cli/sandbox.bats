#!/usr/bin/env bats
# Running a step, without images: sandbox_try as root, as a user with subordinate ids and as one
# without (design: rows one to three). What every kind of user must get is looped over with
# each_user; what differs is said where it does.
# shellcheck disable=SC2016 # the scripts are the sandbox's
load ../lib/kiln

setup_file() {
	image busybox >/dev/null
}

setup() {
	[ -x "$BUILD/tests/unit/sandbox/sandbox_try" ] || skip "sandbox_try is not built"
	export KILN_USERS_DIR=$BATS_FILE_TMPDIR/users
}

teardown() {
	chmod -R u+rwx "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

# The program where every account reaches it.
try_for_all() {
	local copy=$KILN_USERS_DIR/bin/sandbox_try
	[ -e "$copy" ] || install -D -m 0755 "$BUILD/tests/unit/sandbox/sandbox_try" "$copy"
	chmod a+rx "$KILN_USERS_DIR" "$KILN_USERS_DIR/bin"
	echo "$copy"
}

# Unpacks the busybox root once per kind, owned as its row wants it; prints where.
root_of() {
	local kind=$1 dir base
	dir=$(user_dir "$kind")/root
	if [ ! -d "$dir" ]; then
		mkdir -p "$dir"
		tar -C "$dir" --no-same-owner -xf "$(image busybox)/rootfs.tar"
		[ "$(id -u)" != 0 ] || [ "$kind" = root ] || chown -Rh "$(user_account "$kind"):" "$dir"
		if [ "$kind" = root ]; then
			base=$(try_in root --layer "$dir" -- awk 'NR == 1 {print $2}' /proc/self/uid_map)
			chown -Rh "$base:$base" "$dir"
		fi
	fi
	echo "$dir"
}

# A fresh directory for upper and work; SCRATCH is the last one.
new_scratch() {
	SCRATCH=$(as_user "$1" mktemp -d "$(user_dir "$1")/tmp/scratch.XXXXXX")
	as_user "$1" chmod 0711 "$SCRATCH"
}

# try_in KIND OPTION... -- COMMAND...: over whatever layers the options name.
try_in() {
	local kind=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	new_scratch "$kind"
	as_user "$kind" timeout -s KILL 60 "$(try_for_all)" "${options[@]}" "$SCRATCH" "$@"
}

# step KIND OPTION... -- COMMAND...: over the busybox root.
step() {
	local kind=$1
	shift
	try_in "$kind" --layer "$(root_of "$kind")" "$@"
}

@test "a step is confined as Docker confines it" {
	for kind in $(each_user); do
		succeeds step "$kind" -- sh -c 'grep -E "^(Cap(Prm|Eff|Bnd|Inh)|Seccomp|Umask):" /proc/self/status'
		says 'CapPrm:	00000000a80425fb'
		says 'CapEff:	00000000a80425fb'
		says 'CapBnd:	00000000a80425fb'
		says 'CapInh:	0000000000000000'
		says 'Seccomp:	2'
		says 'Umask:	0022'
		succeeds step "$kind" --user app -- sh -c 'id; grep CapBnd /proc/self/status'
		says 'uid=1000(app) gid=1000(app)'
		says '50(staff)'
	done
}

@test "it cannot reach what is the host's" {
	for kind in $(each_user); do
		succeeds step "$kind" -- sh -c '
			mkdir /m
			mount -t tmpfs x /m && echo MOUNTED
			unshare -U true && echo UNSHARED
			hostname other && echo RENAMED
			echo other >/proc/sys/kernel/hostname && echo RENAMED
			touch /sys/x && echo SYS
			dmesg && echo DMESG
			mknod /disk b 8 0 && head -c 1 /disk | grep -q . && echo DISK
			cat /proc/1/environ && echo ENVIRON
			ls /proc/1/fd/ && echo FDS
			tr "\0" " " </proc/1/cmdline | grep -q . && tr "\0" " " </proc/1/cmdline | grep sandbox_try && echo CMDLINE
			[ -s /proc/keys ] && echo KEYS
			[ -s /proc/kcore ] && echo KCORE
			[ -s /proc/timer_list ] && echo TIMERS
			[ -z "$(ls -A /sys/firmware 2>/dev/null)" ] || echo FIRMWARE
			exit 0' 2>/dev/null
		[ -z "$output" ] || {
			echo "$kind: $output"
			return 1
		}
	done
}

@test "root outside is not root inside" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir "$BATS_TEST_TMPDIR/host"
	echo secret >"$BATS_TEST_TMPDIR/host/mine"
	echo public >"$BATS_TEST_TMPDIR/host/all"
	chmod 0600 "$BATS_TEST_TMPDIR/host/mine"
	succeeds step root -- cat /proc/self/uid_map
	says_not '         0          0'
	fails 1 'Permission denied' step root --bind "$BATS_TEST_TMPDIR/host:/host" -- cat /host/mine
	fails 1 'Permission denied' step root --bind "$BATS_TEST_TMPDIR/host:/host" -- \
		sh -c 'echo x >/host/all'
	succeeds step root --bind "$BATS_TEST_TMPDIR/host:/host" -- cat /host/all
	says public
}

@test "nothing of the caller comes along" {
	for kind in $(each_user); do
		export KILN_TEST_CANARY=canary
		keep_env KILN_TEST_CANARY
		exec 7<"$BATS_TEST_FILENAME"
		succeeds step "$kind" -- sh -c 'env; ls -l /proc/self/fd; sleep 0; tty; true'
		exec 7<&-
		says_not canary
		says 'not a tty'
		# Three, and the directory that ls has open.
		[ "$(echo "$output" | grep -c -- ' -> ')" -le 3 ]
	done
}

@test "its output can be opened by name" {
	for kind in $(each_user); do
		# The pipe has to be the caller's own, as kiln's are.
		new_scratch "$kind"
		succeeds as_user "$kind" bash -c '"$@" 2>&1 | cat' - "$(try_for_all)" \
			--layer "$(root_of "$kind")" "$SCRATCH" -- sh -c 'echo out >/dev/stdout'
		[ "$output" = out ]
		new_scratch "$kind"
		succeeds as_user "$kind" bash -c '"$@" 2>&1 | cat' - "$(try_for_all)" --user app \
			--layer "$(root_of "$kind")" "$SCRATCH" -- sh -c 'echo err >/dev/stderr'
		[ "$output" = err ]
	done
}

@test "a closed directory above the upper is named" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	root_of root >/dev/null
	new_scratch root
	chmod 0700 "$SCRATCH"
	fails 125 "the directory of 'upper' is closed to steps" "$(try_for_all)" \
		--layer "$(root_of root)" "$SCRATCH" -- true
}

@test "exit codes are the command's" {
	local kind
	kind=$(a_user)
	fails 42 '' step "$kind" -- sh -c 'exit 42'
	fails 137 '' step "$kind" -- sh -c 'kill -9 $$'
	fails 143 '' step "$kind" -- sh -c 'kill $$'
	fails 139 '' step "$kind" -- sh -c 'kill -SEGV $$'
	fails 3 '' step "$kind" -- sh -c '(sleep 100 &) ; exit 3'
	fails 127 "run 'nosuch': No such file or directory" step "$kind" -- nosuch
	fails 126 "run '/etc/passwd': Permission denied" step "$kind" -- /etc/passwd
	fails 125 "enter the directory '/etc/passwd'" step "$kind" --cwd /etc/passwd -- true
}

@test "no trace of a mount reaches the layer" {
	for kind in $(each_user); do
		succeeds step "$kind" --tmpfs /a/b/c --file /x/y/secret=hunter2 --bind-ro /etc:/q/etc -- \
			sh -c 'cat /x/y/secret; echo in >/a/b/c/in; [ -e /q/etc/passwd ]; echo 1.2.3.4 z >>/etc/hosts'
		says hunter2
		[ -z "$(find "$SCRATCH/upper" -mindepth 1 -not -path '*/upper/etc')" ] || {
			find "$SCRATCH/upper"
			return 1
		}
	done
	# What the step put there stays.
	succeeds step "$kind" --tmpfs /a/b -- touch /a/kept
	[ -e "$SCRATCH/upper/a/kept" ]
	[ ! -e "$SCRATCH/upper/a/b" ]
}

@test "resolv.conf may be a link that leads nowhere" {
	local kind layer
	kind=$(a_user)
	layer=$(as_user "$kind" mktemp -d "$(user_dir "$kind")/tmp/layer.XXXXXX")
	as_user "$kind" mkdir "$layer/etc"
	as_user "$kind" ln -s ../run/systemd/resolve/stub.conf "$layer/etc/resolv.conf"
	succeeds try_in "$kind" --layer "$layer" --layer "$(root_of "$kind")" -- \
		sh -c '[ -L /etc/resolv.conf ] && cat /etc/resolv.conf && echo "# mine" >>/etc/resolv.conf'
	[ -z "$(find "$SCRATCH/upper" -type f)" ]
	[ ! -e "$SCRATCH/upper/run/systemd" ]
}

@test "limits, hosts and files are as asked" {
	local kind
	kind=$(a_user)
	succeeds step "$kind" --ulimit nofile=100:200 -- sh -c 'ulimit -n; ulimit -Hn; hostname; cat /etc/hosts'
	[ "$(echo "$output" | head -2)" = $'100\n200' ]
	says buildkitsandbox
	fails 125 'is of an unknown kind' step "$kind" --ulimit nosuch=1 -- true
}

@test "a network of its own has loopback only" {
	for kind in $(each_user); do
		succeeds step "$kind" --network none -- ls /sys/class/net
		[ "$output" = lo ]
	done
}

@test "a private network reaches out through one interface" {
	local kind=root
	[ "$(id -u)" = 0 ] || kind=$(a_user)
	as_user "$kind" test -w /dev/net/tun || skip "needs /dev/net/tun"
	command -v slirp4netns >/dev/null || skip "needs slirp4netns"
	succeeds step "$kind" --network private -- sh -c 'ls /sys/class/net; ip route'
	says 'default via'
}

@test "owners are the same for every kind of user" {
	local first='' kind
	for kind in $(each_user); do
		succeeds step "$kind" -- sh -c '
			touch /f /g && chmod 4755 /g && chown 33:44 /f /g
			stat -c "%n %u:%g %a" /f /g
			chmod 6755 /g && stat -c "%n %u:%g %a" /g
			mkdir /d && chown app:staff /d && chmod 2775 /d
			ln -s nowhere /l && chown -h 7:8 /l && stat -c "%n %u:%g" /l
			su app -c "id -u; id -g; touch /d/x; mkdir /d/y; ln -s a /d/z; umask 077; echo hi >/d/w"
			stat -c "%n %u:%g %a %F" /d /d/*
			echo bob:x:1001:1002::/home/bob:/bin/sh >>/etc/passwd
			mkdir /home/bob && chown bob:1002 /home/bob && su - bob -c "pwd; echo hello >file"
			stat -c "%n %u:%g %a" /home/bob /home/bob/file
			tar -C / -cf /t.tar d f g && mkdir /u && tar -C /u -xpf /t.tar
			stat -c "%n %u:%g %a" /u/d /u/d/* /u/f /u/g
			cp -a /d /e && mv /e /e2 && stat -c "%n %u:%g %a" /e2/*
			chown 0:0 /f && stat -c "%n %u:%g" /f
			su app -c "chown 0 /d/x" 2>/dev/null || echo refused'
		says '/f 33:44 644'
		says '/g 33:44 755'
		says '/g 33:44 6755'
		says '/l 7:8'
		says '/d/x 1000:50'
		says '/home/bob/file 1001:1002'
		says '/u/d/w 1000:50 600'
		says refused
		first=${first:-$output}
		[ "$output" = "$first" ] || {
			diff <(echo "$first") <(echo "$output")
			return 1
		}
	done
}

@test "without subordinate ids, devices are made and recorded" {
	[ "$(id -u)" != 0 ] || user_account plain >/dev/null || skip "needs an ordinary user"
	[[ " $(each_user | tr '\n' ' ') " == *" plain "* ]] || skip "needs an ordinary user"
	succeeds step plain -- sh -c 'mknod /n c 5 6 && ls -ln /n; mknod -m 640 /b b 7 8 && stat -c "%F %a %t,%T" /b'
	says 'crw-r--r--'
	says '5,   6'
	says 'block special file 640 7,8'
}

@test "steps run at the same time" {
	for kind in $(each_user); do
		succeeds step "$kind" --jobs 6 --times 5 -- sh -c 'echo $$ >/x && cat /x >/dev/null && echo done'
		[ "$(echo "$output" | grep -c 'done')" = 30 ]
		# A helper that makes no PID 1 in advance makes one for whoever comes.
		succeeds step "$kind" --one --jobs 3 --times 3 -- sh -c 'echo $$ >/x && cat /x >/dev/null && echo done'
		[ "$(echo "$output" | grep -c 'done')" = 9 ]
	done
}

@test "a cancelled step gets SIGTERM" {
	fails 125 'the step was stopped' step "$(a_user)" --cancel 300 -- \
		sh -c 'trap "echo term; exit 9" TERM; sleep 100 & wait'
	says term
}

# watch.py kills the very process that runs the steps, and says what stayed behind.
@test "kill -9 leaves no process and no mount" {
	local kind moment watch=$KILN_USERS_DIR/bin/watch.py
	for kind in $(each_user); do
		root_of "$kind" >/dev/null
		try_for_all >/dev/null
		[ -e "$watch" ] || install -m 0755 "$RIG_LIB/watch.py" "$watch"
		for moment in 0.004 0.02 0.05 0.2; do
			new_scratch "$kind"
			capture as_user "$kind" "$watch" --after "$moment" -- "$(try_for_all)" --jobs 3 \
				--layer "$(root_of "$kind")" "$SCRATCH" -- sh -c 'sleep 98765 & sleep 98765 & wait'
			[ "$status" -eq 137 ] || explain "as $kind, killed after $moment s"
		done
	done
}

@test "an upper that overlayfs refuses is told apart" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	root_of root >/dev/null
	fails 125 'an overlay cannot be the upper of another' unshare -m bash -c '
		mkdir -p "$1"/{l,u,w,m} && mount -t overlay o \
			-o "lowerdir=$1/l,upperdir=$1/u,workdir=$1/w" "$1/m" &&
		exec "$2" --layer "$3" "$1/m" -- true' - "$BATS_TEST_TMPDIR" "$(try_for_all)" "$(root_of root)"
}
