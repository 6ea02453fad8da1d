#!/usr/bin/env bats
# Secrets: what a step sees of them, and that nobody and nothing else does.
# shellcheck disable=SC2016,SC2030,SC2031 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	BASE=$(image_ref busybox)
	export BASE
}

setup() {
	enter "$(a_user)"
}

teardown() {
	kiln_teardown
}

enter() { # KIND
	KIND=$1
	WORK=$(user_dir "$KIND")/secrets-$BATS_TEST_NUMBER
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
	kiln_as "$KIND" build --progress plain --root "$WORK/store" --build-arg BASE="$BASE" "$@" .
}

give() { # FILE TEXT
	printf '%s' "$2" | as_user "$KIND" tee "$1" >/dev/null
}

@test "a step sees a secret as file and variable, with owner and mode, and no layer does" {
	local kind
	for kind in $(each_user); do
		enter "$kind"
		give token $'hunter-22\n'
		dockerfile <<-'END'
			WORKDIR /w
			RUN --mount=type=secret,id=token set -e; test "$(cat /run/secrets/token)" = hunter-22; \
				test "$(stat -c %u:%g:%a /run/secrets/token)" = 0:0:400; ! echo x >/run/secrets/token
			RUN --mount=type=secret,id=token,target=sub/t,mode=0644,uid=3,gid=4 set -e; \
				test "$(stat -c %u:%g:%a /w/sub/t)" = 3:4:644; test "$(wc -c </w/sub/t)" = 10
			RUN --mount=type=secret,id=token,env=TOKEN test "${#TOKEN}" = 10 -a ! -e /run/secrets/token && test "$(printf %s "$TOKEN")" = hunter-22
			RUN --mount=type=secret,id=token,env=T,target=/t test -e /t && test -n "$T"
			RUN --mount=type=secret,target=/etc/deep/token test -e /etc/deep/token
			RUN --mount=type=secret,id=other --mount=type=secret,id=unset,env=U test -z "$U" -a ! -e /run/secrets/other
			RUN test ! -e /run/secrets -a ! -e /etc/deep -a ! -e /w/sub -a -z "$TOKEN" && ! cat /proc/1/environ 2>/dev/null
		END
		succeeds build --secret id=token,src=token --secret id=unset,env=NOT_SET -o type=oci,dest=image,tar=false
		tree_of image >with
		equals "" "$(grep -E '/(secrets|deep|sub|token|t)(/|$| )' with || true)" "mount points"
	done
}

@test "a secret comes from file or environment, as buildx reads the flag" {
	keep_env TOKEN
	export TOKEN=from-environment
	give TOKEN2 from-file
	dockerfile <<-'END'
		RUN --mount=type=secret,id=a,env=A --mount=type=secret,id=b,env=B --mount=type=secret,id=TOKEN,env=C \
			--mount=type=secret,id=TOKEN2,env=D --mount=type=secret,id=e,env=E \
			test "$A$B$C$D$E" = from-environmentfrom-filefrom-environmentfrom-filefrom-environment
	END
	succeeds build --secret id=a,env=TOKEN --secret id=b,source=TOKEN2 --secret id=TOKEN --secret id=TOKEN2 \
		--secret type=env,id=e,src=TOKEN
	local flag text
	while IFS='|' read -r flag text; do
		fails 2 "$text" build --secret "$flag"
	done <<-'END'
		src=x|needs an id
		id=a,scr=x|did you mean 'src'?
		id=a,src=x,env=y|both src and env
		id=a,type=vault|neither file nor env
	END
	fails 1 "secret 'a': open 'nowhere'" build --secret id=a,src=nowhere
	head -c 600000 /dev/zero | as_user "$KIND" tee big >/dev/null
	fails 1 "secret 'a'" build --secret id=a,src=big
}

@test "a secret that is required and not there is told" {
	dockerfile <<<'RUN --mount=type=secret,id=key,required true'
	fails 1 "secret required but no secret with id \"key\" found" build
	says 'Dockerfile:3'
	says '--secret id=key,src=FILE'
	fails 1 "the environment variable 'NOT_SET' is not set" build --secret id=key,env=NOT_SET
}

@test "changing a secret runs nothing again" {
	give key one-secret
	dockerfile <<<'RUN --mount=type=secret,id=key cat /run/secrets/key >/dev/null; echo ran'
	build --secret id=key,src=key >log 2>&1
	grep -qE '[0-9] ran$' log
	give key another-secret
	build --secret id=key,src=key >log 2>&1
	equals "" "$(grep -E '[0-9] ran$' log || true)"
}

# What a step leaves of the secret, and what is said of it.
leaves() { # TEXT COMMAND
	dockerfile <<<"RUN --mount=type=secret,id=key,env=KEY $2"
	fails 1 "the step left the secret 'key' in $1" build --secret id=key,src=key --no-cache
	says 'Dockerfile:3'
	says_not 's3cr3t'
}

@test "a secret that a step leaves behind fails the build, however it is written" {
	give key $'s3cr3t-value-1234567890\n'
	leaves "'/left'" 'echo "x$KEY" >/left'
	leaves "'/a/b/left'" 'mkdir -p /a/b; (head -c 2000000 /dev/zero; cat /run/secrets/key || echo $KEY) >/a/b/left'
	leaves "'/left', in base64" 'printf %s "$KEY" | base64 >/left'
	leaves "'/left', in base64" 'printf "user:%s" "$KEY" | base64 >/left'
	leaves "'/left', in base64" 'printf "me:%s:more" "$KEY" | base64 >/left'
	leaves "the name of '/" 'touch /$KEY'
	leaves "the target of '/link'" 'ln -s /$KEY /link'
	leaves "'/hard'" 'echo "$KEY" >/z; ln /z /hard'
	leaves "'/sparse'" 'printf %s "$KEY" | dd of=/sparse bs=1 seek=50000000'
	leaves "'/etc/profile'" 'chmod u+x /etc; echo "export K=$KEY" >>/etc/profile'
	# What was found is nowhere: not in a layer's directory, not in a blob that was begun.
	equals "" "$(find store/layers store/blobs -type f -size +1k -newer key -print0 2>/dev/null | xargs -0 -r grep -la s3cr3t || true)"
	# In a stage of which nothing is kept, too: its layer stays in the cache.
	printf 'ARG BASE\nFROM $BASE AS a\nRUN --mount=type=secret,id=key cp /run/secrets/key /k\nFROM scratch\nCOPY --from=a /etc/passwd /\n' |
		as_user "$KIND" tee Dockerfile >/dev/null
	fails 1 "the step left the secret 'key' in '/k'" build --secret id=key,src=key
	succeeds build --secret id=key,src=key --allow-secret-in-layer
	says "left the secret 'key' in '/k'"
}

# Samples of what others see of processes: their arguments and environments.
sample() { # FILE
	while [ ! -e "$1.stop" ]; do
		cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n'
	done >"$1"
}

@test "nothing that a build writes, says or shows has a secret in it" {
	local kind status
	for kind in $(each_user); do
		enter "$kind"
		give key 'xyzzy-plugh-plover-42'
		dockerfile <<-'END'
			RUN --mount=type=secret,id=key,env=KEY --mount=type=cache,target=/c \
				cat /run/secrets/key 2>/dev/null; echo "it is $KEY"; printf %s "$KEY" | base64 >&2; echo fine >/fine; sleep 0.2; \
				printf %s "$KEY" | wc -c
			RUN --mount=type=secret,id=key cat /run/secrets/key; cp /run/secrets/key /k; false
		END
		rm -f seen seen.stop
		sample "$PWD/seen" &
		status=0
		build --secret id=key,src=key >out 2>err || status=$?
		touch seen.stop
		wait $!
		equals 1 "$status" "status"
		grep 'it is \*\*\*' err
		grep ' 21$' err
		build --secret id=key,src=key --progress rawjson >json 2>&1 || true
		rm key
		# xyzzy, and its base64 in each alignment.
		equals "" "$(grep -rlaE 'xyzzy|eHl6enkt|h5enp5LX|4eXp6eS1' . || true)" "files with the secret"
	done
}
