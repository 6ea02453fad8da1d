#!/usr/bin/env bats
# What a Dockerfile may ask for only when the command line allows it, and limits of steps.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	BASE=$(image_ref busybox)
	export BASE
}

setup() {
	KIND=$(a_user)
	WORK=$(user_dir "$KIND")/rights-$BATS_TEST_NUMBER
	as_user "$KIND" mkdir -p "$WORK"
	cd "$WORK" || return 1
}

teardown() {
	[ -z "${killed-}" ] || kill -KILL "$killed" 2>/dev/null || true
}

dockerfile() {
	{
		printf 'ARG BASE\nFROM $BASE\n'
		cat
	} | as_user "$KIND" tee Dockerfile >/dev/null
}

build() {
	kiln_as "$KIND" build --progress plain --build-arg BASE="$BASE" "$@" .
}

@test "an insecure step needs --allow, and then has what the namespace has" {
	dockerfile <<-'END'
		RUN grep -q 'CapEff:.*00000000a80425fb' /proc/self/status
		RUN --security=sandbox grep -q 'Seccomp:.*2' /proc/self/status
		RUN --security=insecure ! grep -q 'CapEff:.*00000000a80425fb' /proc/self/status && mount -t tmpfs none /tmp
	END
	fails 1 'RUN --security=insecure: entitlement security.insecure is not allowed' build
	says 'Dockerfile:5'
	says '--allow security.insecure'
	succeeds build --allow security.insecure
	fails 2 "did you mean 'security.insecure'" build --allow security.insecur
	fails 2 'gives no device' build --allow device=vendor.com/x
}

@test "the host's network needs --allow where the build has another" {
	dockerfile <<<'RUN --network=host test "$(ls /sys/class/net | wc -l)" -gt 0 && cat /proc/net/dev | wc -l >/n'
	succeeds build
	fails 1 'RUN --network=host: entitlement network.host is not allowed' build --network none
	says '--allow network.host'
	succeeds build --network none --allow network.host
}

@test "a device is refused with its reason" {
	dockerfile <<<'RUN --device=vendor.com/gpu=all true'
	fails 1 'kiln gives no device of the machine to a step' build
	says 'Dockerfile:3'
}

# The cgroup2 hierarchy, as this machine has it mounted.
cgroup_root() {
	awk '$(NF-2) == "cgroup2" || / - cgroup2 / { print $5; exit }' /proc/self/mountinfo
}

@test "limits that cannot be kept are told once, with the reason and what to do" {
	dockerfile <<-'END'
		RUN true
		RUN true
	END
	as_user "$KIND" "$(kiln_for_all)" doctor >doctor.txt || true
	grep -q '^ *cgroup.*delegated to us' doctor.txt && skip 'cgroups are delegated'
	succeeds build -m 64m --cpus 0.5
	says 'limits of steps are not enforced: '
	[[ $stderr == *'Delegate=yes'* || $stderr == *unified_cgroup_hierarchy* ]]
	equals 1 "$(grep -c 'not enforced' <<<"$output$stderr")"
	succeeds build --no-cache --resource memory=64m,cpu-quota=50000
	says 'limits of steps are not enforced: '
	local container
	container=$(kiln_as "$KIND" from -m 64m "$BASE")
	succeeds kiln_as "$KIND" run "$container" -- true
	says 'warning: limits of steps are not enforced: '
	succeeds kiln_as "$KIND" rm "$container"
}

@test "limits that are none are refused" {
	dockerfile <<<'RUN true'
	fails 2 "'swap' is not known" build --resource swap=1
	says 'memory-swap'
	fails 2 "'cpu-share' is not known" build --resource cpu-share=1
	says "did you mean 'cpu-shares'"
	fails 2 "it needs '--memory'" build --memory-swap 1g
	fails 2 'cannot be less than' build -m 2g --memory-swap 1g
	fails 2 'invalid argument "lots" for "--memory" flag' build -m lots
	fails 2 'invalid argument "all" for "--cpuset-cpus" flag' build --cpuset-cpus all
	fails 2 "'--cpus' and '--cpu-quota'" build --cpus 1 --cpu-quota 1000
	fails 2 'invalid argument "../x" for "--cgroup-parent" flag' build --cgroup-parent ../x
	fails 2 "'0' is no number of CPUs" build --cpus 0
	fails 2 "'1.x' is no number of CPUs" build --cpus 1.x
}

@test "a step runs in a cgroup of its own below --cgroup-parent, which is gone after" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	local root parent=/kiln-bats-$$
	root=$(cgroup_root)
	[ -n "$root" ] && [ -w "$root" ] || skip 'no cgroup2 that can be written'
	KIND=root
	WORK=$(user_dir root)/rights-parent
	mkdir -p "$WORK"
	cd "$WORK" || return 1
	dockerfile <<<'RUN grep 0:: /proc/self/cgroup && sh -c "sleep 1000 & true"'
	succeeds build --cgroup-parent "$parent"
	says "0::$parent/kiln-"
	equals '' "$(find "$root$parent" -mindepth 1 -type d)"
	# A kiln that is killed leaves one, and the next takes it away.
	dockerfile <<<'RUN echo started && sleep 1000'
	KILN_ROOT=$WORK/store "$KILN" build --progress plain --build-arg BASE="$BASE" --cgroup-parent "$parent" . \
		>killed.log 2>&1 3>&- 4>&- &
	killed=$!
	until grep -q '[0-9] started' killed.log; do kill -0 "$killed"; done
	kill -KILL "$killed"
	wait "$killed" || true
	dockerfile <<<'RUN true'
	until
		succeeds build --no-cache --cgroup-parent "$parent"
		[ -z "$(find "$root$parent" -mindepth 1 -type d)" ]
	do :; done
	rmdir "$root$parent"
}

@test "limits are kept where cgroups are ours: memory, processors" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	local root parent=/kiln-bats-memory-$$
	root=$(cgroup_root)
	grep -qw memory "$root/cgroup.controllers" 2>/dev/null || skip 'no memory controller in cgroup2'
	echo +memory +cpu >"$root/cgroup.subtree_control" || skip 'no cgroup2 that can be written'
	KIND=root
	WORK=$(user_dir root)/rights-kept
	mkdir -p "$WORK"
	cd "$WORK" || return 1
	dockerfile <<<'RUN dd if=/dev/zero of=/dev/null bs=200M count=1'
	fails 1 'killed' build -m 32m --memory-swap 32m --cpus 0.5 --cgroup-parent "$parent"
	says 'the step reached its limit of memory'
	succeeds build -m 1g --cpus 0.5 --cgroup-parent "$parent"
	says_not 'not enforced'
	rmdir "$root$parent"
}

@test "BuildKit's arguments for steps: a host name, and what has no place here" {
	dockerfile <<<'RUN echo "on $(hostname)"'
	succeeds build
	says 'on buildkitsandbox'
	succeeds build --build-arg BUILDKIT_SANDBOX_HOSTNAME=builder
	says 'on builder'
	says_not consumed
	fails 1 "'a b' is no host name" build --build-arg 'BUILDKIT_SANDBOX_HOSTNAME=a b'
	fails 1 "invalid SOURCE_DATE_EPOCH: stage" build --build-arg SOURCE_DATE_EPOCH=stage
	says 'git log -1 --format=%ct'
}
