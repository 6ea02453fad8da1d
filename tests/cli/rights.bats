#!/usr/bin/env bats
# What a Dockerfile may ask for only when the command line allows it, and limits of steps.
# shellcheck disable=SC2016,SC2030,SC2031 # dollars are the Dockerfile's; bats runs tests in subshells
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
	fails 1 'RUN --security=insecure is not allowed' build
	says 'Dockerfile:5'
	says '--allow security.insecure'
	succeeds build --allow security.insecure
	fails 2 "did you mean 'security.insecure'" build --allow security.insecur
	fails 2 'gives no device' build --allow device=vendor.com/x
}

@test "the host's network needs --allow where the build has another" {
	dockerfile <<<'RUN --network=host test "$(ls /sys/class/net | wc -l)" -gt 0 && cat /proc/net/dev | wc -l >/n'
	succeeds build
	fails 1 'RUN --network=host is not allowed' build --network none
	says '--allow network.host'
	succeeds build --network none --allow network.host
}

@test "a device is refused with its reason" {
	dockerfile <<<'RUN --device=vendor.com/gpu=all true'
	fails 1 'kiln gives no device of the machine to a step' build
	says 'Dockerfile:3'
}

@test "limits that cannot be kept are told" {
	dockerfile <<<'RUN true'
	succeeds build -m 64m --cpus 0.5
	says 'limits are not enforced'
	succeeds build --no-cache --resource memory=64m,cpu-quota=50000
	says 'limits are not enforced'
	fails 2 "'swap' is not known" build --resource swap=1
	fails 2 "'0' is no number of CPUs" build --cpus 0
	fails 2 "'1.x' is no number of CPUs" build --cpus 1.x
}
