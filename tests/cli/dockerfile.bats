#!/usr/bin/env bats
# What instructions and automatic arguments mean, seen in what is built; docs/dockerfile.md has the rows.
# shellcheck disable=SC2016,SC2154 # Dockerfiles hold variables of their own
load ../lib/kiln

setup() {
	context
}

layout() { # [ARGS...]: builds the context into ./out
	rm -rf "$BATS_TEST_TMPDIR/out"
	succeeds kiln build --progress plain -o "type=oci,tar=false,dest=$BATS_TEST_TMPDIR/out" "$@" .
}

config() {
	config_of "$BATS_TEST_TMPDIR/out" "$1"
}

@test "a step: proxies by both spellings, its own group among the others, the target's name" {
	cat >Dockerfile <<-EOF
		FROM $(image_ref busybox) AS base
		RUN echo "root:x:0:0::/:/bin/sh" >/etc/passwd && echo "web:x:7:7::/:/bin/sh" >>/etc/passwd && \\
		  printf 'root:x:0:\nwheel:x:10:root\nweb:x:7:\n' >/etc/group
		FROM base AS last
		ARG TARGETSTAGE
		RUN [ "\$HTTP_PROXY \$http_proxy \$NO_PROXY \$no_proxy" = "http://p http://p a b" ] && [ \$TARGETSTAGE = last ]
		RUN [ "\$(grep Groups: /proc/self/status | tr -s '\t ' ' ')" = "Groups: 0 10 " ]
		USER 7
		RUN [ "\$(grep Groups: /proc/self/status | tr -s '\t ' ' ')" = "Groups: 7 " ]
		USER web:10
		RUN [ "\$(grep Groups: /proc/self/status | tr -s '\t ' ' ')" = "Groups: 10 " ]
	EOF
	succeeds kiln build --progress plain --build-arg http_proxy=http://p --build-arg NO_PROXY=a \
		--build-arg no_proxy=b .
	[[ $stderr != *"http://p"* || $stderr == *'= "http://p'* ]]
}

@test "history is what BuildKit writes: of COPY not where from, of the exec form the words" {
	echo x >a
	cat >Dockerfile <<-EOF
		FROM $(image_ref busybox) AS b
		COPY a /a
		FROM b
		ARG m=755
		COPY --from=0 --link --chmod=\$m --chown=1:2 a /c
		ADD <<ONE a /d/
		ONE
		RUN ["busybox", "true"]
	EOF
	layout
	equals '["COPY a /a","ARG m=755","COPY --chown=1:2 --chmod=755 a /c","ADD <<ONE a /d/","RUN |1 m=755 busybox true"]' \
		"$(config '[.history[-5:][].created_by]')"
}

@test "windows: its shell, no PATH, the system's version" {
	printf '%s\n' 'FROM scratch' 'ARG TARGETOSVERSION TARGETPLATFORM' 'COPY <<A /v' '$TARGETOSVERSION $TARGETPLATFORM' A \
		'CMD dir c' >Dockerfile
	layout --platform 'windows(10.0.1.2)/amd64'
	equals '["windows","10.0.1.2",["cmd","/S","/C","dir c"],null]' \
		"$(config '[.os, .["os.version"], .config.Cmd, .config.Env]')"
	succeeds kiln build --platform 'windows(10.0.1.2)/amd64' -o files .
	equals '10.0.1.2 windows(10.0.1.2)/amd64' "$(cat files/v)"
	fails 2 'is an invalid component of "windows(/amd64"' kiln build --platform 'windows(/amd64' .
}

@test "a Dockerfile in lower case is found, after the usual names" {
	printf 'FROM scratch\nLABEL a=1\n' >dockerfile
	layout
	equals '"1"' "$(config .config.Labels.a)"
	printf 'FROM scratch\nLABEL a=2\n' >Dockerfile
	layout
	equals '"2"' "$(config .config.Labels.a)"
}

@test "named contexts: the last of a name counts, and scratch is one" {
	mkdir one two
	echo 1 >one/f
	echo 2 >two/f
	printf 'FROM nothing\nCOPY --from=X f /\n' >Dockerfile
	succeeds kiln build -o files --build-context x=one --build-context X:latest=two \
		--build-context nothing=docker-image://scratch .
	equals 2 "$(cat files/f)"
	fails 1 "is scratch, which has no files" kiln build --build-context x=docker-image://scratch \
		--build-context nothing=docker-image://scratch .
	printf 'FROM scratch\nCOPY --from=$X f /\n' >Dockerfile
	fails 1 "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround: '\$X'" kiln build .
}

@test "ARG SOURCE_DATE_EPOCH=N before the first FROM is the time of what is made" {
	printf '%s\n' 'ARG SOURCE_DATE_EPOCH=1445412480' 'FROM scratch' 'COPY Dockerfile /' >Dockerfile
	layout
	equals '"2015-10-21T07:28:00Z"' "$(config '.created')"
	layout --build-arg SOURCE_DATE_EPOCH=1700000002
	equals '"2023-11-14T22:13:22Z"' "$(config '.created')"
	SOURCE_DATE_EPOCH=1700000003 layout
	equals '"2023-11-14T22:13:23Z"' "$(config '.created')"
	# An output's own goes before, and its layers have no later time anyway.
	succeeds kiln build -o "type=oci,tar=false,dest=$BATS_TEST_TMPDIR/out2,source-date-epoch=1700000004,rewrite-timestamp=true" \
		--build-arg SOURCE_DATE_EPOCH=1700000002 .
	equals '"2023-11-14T22:13:24Z"' "$(config_of "$BATS_TEST_TMPDIR/out2" '.created')"
	succeeds kiln build -o "type=oci,tar=false,dest=$BATS_TEST_TMPDIR/out3,source-date-epoch=" .
	equals '"2015-10-21T07:28:00Z"' "$(config_of "$BATS_TEST_TMPDIR/out3" '.created')"
	sed -i '1s/=.*/=soon/' Dockerfile
	fails 1 "invalid SOURCE_DATE_EPOCH: soon" kiln build .
}

# Archives bring them (Windows, directories of companies), and OpenShift's users.
@test "owners above 65535: root has them, copied, made and on top of a base" {
	need_root
	awk '$1 <= 2147549184 && $1 + $3 > 4294967294 {found = 1} END {exit !found}' /proc/self/uid_map ||
		skip "the namespace we run in has no such ids"
	cat >Dockerfile <<-EOD
		FROM $(image_ref busybox)
		COPY --chown=197609:1000720000 Dockerfile /far
		RUN touch /x && chown 2147483646:70000 /x && [ "\$(stat -c %u:%g /x /far)" = "\$(printf '2147483646:70000\\n197609:1000720000')" ]
		RUN touch y && chown 197609:197121 y && tar -cf /t.tar y && rm y && tar -xpf /t.tar && [ "\$(stat -c %u:%g y)" = 197609:197121 ]
		USER 1000720000
		RUN [ "\$(id -u)" = 1000720000 ] && echo >/tmp/mine
	EOD
	layout
	succeeds kiln build -t far -o "type=oci,tar=false,dest=$BATS_TEST_TMPDIR/tagged" .
	mkdir bundle
	umoci unpack --image "$BATS_TEST_TMPDIR/tagged:latest" bundle >/dev/null
	equals '2147483646:70000 197609:1000720000 1000720000:0' \
		"$(cd bundle/rootfs && stat -c %u:%g x far tmp/mine | tr '\n' ' ' | sed 's/ $//')"
	# As Docker shows them to root, so does a mount of the host.
	printf 'FROM oci:%s/tagged:latest\nUSER 0\nRUN --mount=type=bind,target=/c stat -c %%u:%%g /far /tmp/mine\n' "$BATS_TEST_TMPDIR" >Dockerfile
	succeeds kiln build --progress plain .
	says 197609:1000720000
	says 1000720000:0
	mkdir shared && touch shared/theirs && chown 100000:200000 shared/theirs
	succeeds kiln from "$(image_ref busybox)"
	local container=$output
	succeeds kiln run -v "$PWD/shared:/shared" "$container" sh -c 'stat -c %u:%g /shared/theirs && touch /shared/x && chown 70000 /shared/x'
	says 100000:200000
	equals 70000:0 "$(stat -c %u:%g shared/x)"
	kiln rm "$container"
}
