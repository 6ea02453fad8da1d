#!/usr/bin/env bats
# Where 'buildah build' tells what it does: --logfile, --logsplit, --log-rusage.
# shellcheck disable=SC2154,SC2016 # what lib/busybox.bash sets; text for the shell in a container
load ../lib/kiln
load ../lib/busybox

teardown() {
	kiln_teardown
}

buildah() {
	kiln buildah "$@"
}

used='^[0-9.hm]*s\(system\) [0-9.hm]*s\(user\) [0-9.hm]*s\(elapsed\) [0-9.]+[kMG]?B input [0-9.]+[kMG]?B output$'

@test "--log-rusage: a line for each instruction, of what its processes used" {
	local kind line
	printf 'FROM %s\nENV A=1\nRUN i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done\nCMD true\n' "$img" >Dockerfile
	for kind in $(each_user); do
		succeeds kiln_as "$kind" buildah build --no-cache --log-rusage .
		equals 4 "$(grep -cE "$used" <<<"$output")" "$kind"
		line=$(grep -A1 '^STEP 3/4: RUN' <<<"$output" | tail -n 1)
		[[ $line =~ $used ]]
		# Its processes did count to 300000.
		[[ $line != *" 0s(user)"* ]]
		equals '0s(system) 0s(user) 0s(elapsed) 0B input 0B output' "$(grep -A1 '^STEP 2/4: ENV' <<<"$output" | tail -n 1)" "$kind"
	done
	# One that fails is told of, too; without the flag, nothing is.
	printf 'FROM %s\nRUN exit 3\n' "$img" >Dockerfile
	fails 3 "exit status 3" buildah build --log-rusage .
	equals 2 "$(grep -cE "$used" <<<"$output")"
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	succeeds buildah build --no-cache .
	says_not "(elapsed)"
}

@test "--rusage-logfile: these lines go there, and it begins empty" {
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	printf 'old\nold\nold\n' >used
	succeeds buildah build --log-rusage --rusage-logfile used .
	says_not "(elapsed)"
	says "STEP 2/2: RUN true"
	equals 2 "$(grep -cE "$used" used)"
	equals 2 "$(wc -l <used)"
	succeeds buildah build --rusage-logfile other .
	[ ! -e other ]
	fails 125 "no such file or directory" buildah build --log-rusage --rusage-logfile no/where .
}

@test "--logsplit: a log for each platform" {
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	fails 125 "cannot use --logsplit without --logfile" buildah build --logsplit .
	succeeds buildah build --logfile log --logsplit --platform linux/amd64,linux/arm64,linux/arm/v7 .
	equals '[linux/amd64] STEP 1/2: FROM scratch
[linux/amd64] STEP 2/2: COPY Dockerfile /' "$(grep STEP log_linux_amd64)"
	equals '[linux/arm64] STEP 1/2: FROM scratch
[linux/arm64] STEP 2/2: COPY Dockerfile /' "$(grep STEP log_linux_arm64)"
	equals 2 "$(grep -c '^\[linux/arm/v7\] STEP' log_linux_arm)"
	grep -q '^\[linux/arm/v7\] COMMIT' log_linux_arm
	equals 0 "$(grep -c STEP log)"
	equals 600 "$(stat -c %a log_linux_amd64)"
	# Of one that is named alone, too; without names there is one log.
	rm log*
	succeeds buildah build --logfile log --logsplit --platform linux/arm64 --progress plain .
	grep -q '^STEP 2/2: COPY' log_linux_arm64
	rm log*
	succeeds buildah build --logfile log --logsplit .
	grep -q '^STEP 2/2: COPY' log
	equals log "$(echo log*)"
	# One that cannot be written is told, and its lines are in LOGFILE.
	mkdir log_linux_arm64
	capture buildah build --logfile log --logsplit --platform linux/amd64,linux/arm64 .
	equals 125 "$status"
	grep -q '^\[linux/arm64\] STEP 2/2' log
	grep -q "log_linux_arm64.*is a directory" log
}
