#!/usr/bin/env bats
# RUN --mount=type=ssh: an agent of the user, seen by one step through a socket that only lets keys
# be used.
# shellcheck disable=SC2016,SC2030,SC2031,SC2086 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	command -v ssh-agent >/dev/null || skip "no ssh-agent"
	BASE=$(image_ref debian)
	export BASE
}

teardown() {
	[ -z "${AGENTS:-}" ] || kill $AGENTS 2>/dev/null || true
	kiln_teardown
}

# An agent of the user KIND with one key, in the folder that becomes the current one.
start_agent() { # KIND
	KIND=$1
	WORK=$(user_dir "$KIND")/ssh-$BATS_TEST_NUMBER
	as_user "$KIND" mkdir -p "$WORK"
	cd "$WORK" || return 1
	keep_env SSH_AUTH_SOCK
	export SSH_AUTH_SOCK=$WORK/agent
	# It says its own pid; what it inherits of bats would hold the suite's output open.
	local said
	said=$(as_user "$KIND" ssh-agent -s -a "$SSH_AUTH_SOCK" 2>/dev/null 3>&- 4>&-)
	said=${said#*SSH_AGENT_PID=}
	AGENTS="${AGENTS:-} ${said%%;*}"
	as_user "$KIND" ssh-keygen -q -t ed25519 -N '' -C a-key -f key
	as_user "$KIND" ssh-add -q key
}

build() {
	kiln_as "$KIND" build --progress plain --build-arg BASE="$BASE" "$@" .
}

# Asks the agent at $1 for its keys (list) or to forget them (19), by the protocol itself.
ask='perl -MSocket -e '\''my ($s,$t)=@ARGV; socket(my $h,AF_UNIX,SOCK_STREAM,0); connect($h,pack_sockaddr_un($s)) or die "connect: $!"; syswrite $h,pack("NC",1,$t); my $b; sysread $h,$b,99999; my @f=unpack("NC",$b); print "answer $f[1] ", ($b=~/a-key/ ? "a-key":"none"), "\n"'\'''

@test "a step uses the keys of an agent, and cannot change it" {
	local kind
	for kind in $(each_user); do
		start_agent "$kind"
		as_user "$kind" tee Dockerfile >/dev/null <<-END
			ARG BASE
			FROM \$BASE
			RUN --mount=type=ssh $ask \$SSH_AUTH_SOCK 11; $ask \$SSH_AUTH_SOCK 19; echo at \$SSH_AUTH_SOCK
			RUN --mount=type=ssh,id=other,target=/a/b,uid=7,mode=0660 stat -c %u:%a /a/b; $ask /a/b 11
			RUN test -z "\$SSH_AUTH_SOCK" -a ! -e /run/buildkit -a ! -e /a
			RUN --mount=type=ssh,id=none test -z "\$SSH_AUTH_SOCK"
		END
		succeeds build --ssh default --ssh other="$SSH_AUTH_SOCK"
		says 'answer 12 a-key'
		says 'answer 5 none'
		says 'at /run/buildkit/ssh_agent.0'
		says '7:660'
		as_user "$kind" ssh-add -l | grep a-key
		kill "${AGENTS##* }"
	done
}

@test "an agent that is not there is told" {
	start_agent "$(a_user)"
	printf 'ARG BASE\nFROM $BASE\nRUN --mount=type=ssh,required true\n' | as_user "$KIND" tee Dockerfile >/dev/null
	fails 1 "the SSH agent 'default' is required and was not given" build
	says 'Dockerfile:3'
	fails 2 'is neither' build --ssh default=.
	fails 2 'stands alone' build --ssh default=key,"$SSH_AUTH_SOCK"
	fails 2 'stands alone' build --ssh default="$SSH_AUTH_SOCK",key
	fails 2 "there is no 'nowhere'" build --ssh default=nowhere
	SSH_AUTH_SOCK='' fails 2 'SSH_AUTH_SOCK names no agent' build --ssh default
}

# Key files of KIND in its own folder, which becomes the current one, and an ssh-agent before the
# real one in PATH that leaves its pid and kiln's.
enter_keys() { # KIND
	KIND=$1
	WORK=$(user_dir "$KIND")/keys-$BATS_TEST_NUMBER
	as_user "$KIND" mkdir -p "$WORK/bin"
	cd "$WORK" || return 1
	as_user "$KIND" ssh-keygen -q -t ed25519 -N '' -C a-key -f one
	as_user "$KIND" ssh-keygen -q -t ecdsa -N '' -C other -f two
	as_user "$KIND" tee bin/ssh-agent >/dev/null <<-END
		#!/bin/sh
		echo \$PPID >$WORK/caller
		exec $(command -v ssh-agent) sh -c 'echo \$SSH_AGENT_PID >$WORK/pid; exec "\$@"' -- "\$@"
	END
	chmod +x bin/ssh-agent
	REAL_PATH=$PATH
	PATH=$WORK/bin:$PATH
}

agent_ends() {
	local tries=0
	[ -s "$WORK/pid" ]
	while kill -0 "$(cat "$WORK/pid")" 2>/dev/null; do
		[ $((tries += 1)) -lt 200 ] || return 1
		sleep 0.02
	done
}

@test "key files are given to an agent that ends with the build" {
	local kind
	for kind in $(each_user); do
		enter_keys "$kind"
		as_user "$kind" tee Dockerfile >/dev/null <<-END
			ARG BASE
			FROM \$BASE
			RUN --mount=type=ssh,id=k,required : $WORK; $ask \$SSH_AUTH_SOCK 11; $ask \$SSH_AUTH_SOCK 19
			RUN --mount=type=ssh,id=j,required $ask \$SSH_AUTH_SOCK 11
		END
		succeeds build --ssh "k=one,$WORK/two" --ssh j=two -o type=oci,dest=image.tar
		says 'answer 12 a-key'
		says 'answer 12 none'
		says 'answer 5 none'
		agent_ends
		# Where keys lie is in no key: the same step with another file is not run again.
		succeeds build --ssh k=two --ssh j=one
		says_not 'answer 12'
		PATH=$REAL_PATH
	done
}

@test "an agent with keys ends when kiln is killed" {
	enter_keys "$(a_user)"
	as_user "$KIND" tee Dockerfile >/dev/null <<-'END'
		ARG BASE
		FROM $BASE
		RUN --mount=type=ssh echo wait""ing; sleep 60
	END
	build --ssh default=one >log 2>&1 &
	await grep -q waiting log
	kill -0 "$(cat pid)"
	kill -9 "$(cat caller)"
	wait $! || true
	agent_ends
}

@test "keys that cannot be used are refused, and nobody is asked" {
	enter_keys "$(a_user)"
	printf 'ARG BASE\nFROM $BASE\nRUN --mount=type=ssh true\n' | as_user "$KIND" tee Dockerfile >/dev/null
	as_user "$KIND" ssh-keygen -q -t ed25519 -N 'secret words' -f locked
	echo text | as_user "$KIND" tee text >/dev/null
	chmod 0600 text
	fails 1 "the key 'locked' has a passphrase" build --ssh default=one,locked
	says 'ssh-add locked'
	agent_ends
	fails 1 "the key 'text' cannot be used: Error loading key" build --ssh default=text
	chmod 0644 two
	fails 1 "others may read the key 'two'" build --ssh default=two
	agent_ends
	mkdir empty
	local program
	for program in setpriv env timeout id sh grep sed dirname newuidmap newgidmap; do
		ln -s "$(PATH=$REAL_PATH command -v $program)" empty/
	done
	without_ssh() { PATH=$WORK/empty build "$@"; }
	fails 1 "program 'ssh-agent' is not there" without_ssh --ssh default=one
	says 'openssh-client'
}
