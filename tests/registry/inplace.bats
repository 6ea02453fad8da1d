#!/usr/bin/env bats
# The executor where it takes the container's own root (isolation inplace): what it needs when the
# last stage has been built is still there, and nothing that an image brings is taken for it.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln
load ../lib/inplace

setup_file() {
	BUSYBOX=$(image busybox)
	export BUSYBOX
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	need_root
	[[ $(nm -D "$KILN" 2>/dev/null) != *__asan* ]] || skip "a sanitizer's start-up is not kiln's"
	unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_AUTH_CONFIG DOCKER_CONFIG
	root=$BATS_TEST_TMPDIR/root
	inplace_root "$root" /kaniko executor
	mkdir -p "$root/workspace" "$root/root"
	echo content >"$root/workspace/data"
	cat >"$root/workspace/Dockerfile" <<-EOD
		FROM oci:$BUSYBOX/oci:latest AS one
		RUN test ! -e /old && echo one >/one
		FROM oci:$BUSYBOX/oci:latest
		RUN test ! -e /one && echo two >/two
		COPY data /data
		COPY --from=one /one /from-one
		RUN mkdir -p /cache/x && cat /data /from-one >/all
	EOD
}

teardown() {
	! mountpoint -q "$BATS_TEST_TMPDIR/root" || umount "$BATS_TEST_TMPDIR/root"
	kiln_teardown
}

executor() {
	inplace_pod "$root" --ro "$BUSYBOX" --env KILN_ISOLATION=inplace --env LD_LIBRARY_PATH=/kaniko/lib \
		--env NO_COLOR=1 -- /kaniko/executor "$@"
	local status=$?
	[ "$status" != 99 ] || skip "no unprivileged container can be made here"
	return "$status"
}

@test "two stages, pushed with the container's credentials and authorities, files about the result" {
	registry_start tls
	local tls=$REGISTRY
	# Both are gone with the first stage, unless they are kept.
	cp "$REGISTRY_CA" "$root/etc/ssl/certs/ca-certificates.crt"
	registry_start htpasswd
	mkdir "$root/root/.docker" "$root/ignored"
	echo mine >"$root/ignored/file"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:password | base64)" \
		>"$root/root/.docker/config.json"
	succeeds executor --context /workspace -d "$tls/app:1" -d "$REGISTRY/app:1" \
		--digest-file /results/digest --tar-path /app.tar --ignore-path /ignored --log-format text
	says "Steps run with isolation 'inplace'"
	tree_of "$root/app.tar" >"$BATS_TEST_TMPDIR/tree"
	grep -q ' /from-one\b' "$BATS_TEST_TMPDIR/tree"
	grep -q ' /all\b' "$BATS_TEST_TMPDIR/tree"
	# Of the container nothing: not its credentials' folder, what is ignored, nor the outputs'.
	! grep -qE ' /(root/.docker|ignored|old|results|workspace|kaniko|app.tar|\.dockerenv)\b' "$BATS_TEST_TMPDIR/tree" || false
	equals mine "$(cat "$root/ignored/file")"
	equals "$(skopeo --insecure-policy inspect --tls-verify=false --creds user:password \
		--format '{{.Digest}}' "docker://$REGISTRY/app:1")" "$(cat "$root/results/digest")"
	equals content "$(cat "$root/workspace/data")"
}

@test "authorities that an image brings are not kiln's" {
	make_certificates "$BATS_TEST_TMPDIR/certs"
	mkdir "$root/workspace/certs" served
	cp "$BATS_TEST_TMPDIR/certs/ca.crt" "$root/workspace/certs/ca-certificates.crt"
	printf 'FROM oci:%s/oci:latest\nCOPY certs/ /etc/ssl/certs/\nRUN test -s /etc/ssl/certs/ca-certificates.crt\n' \
		"$BUSYBOX" >"$root/workspace/Dockerfile"
	server_start https "$RIG_LIB/file_server.py" --root served --log served.log \
		--cert "$BATS_TEST_TMPDIR/certs/server.crt" --key "$BATS_TEST_TMPDIR/certs/server.key"
	fails 1 "option '--digest-file'" executor --context /workspace --no-push \
		--digest-file "https://$SERVER_ADDRESS/put/digest"
	[ ! -e served/digest ]
	# The container's own are, although the image's lie there by then.
	mv "$root/workspace" kept
	rm -r "$root"
	inplace_root "$root" /kaniko executor
	mv kept "$root/workspace"
	echo none >"$root/workspace/certs/ca-certificates.crt"
	cp "$BATS_TEST_TMPDIR/certs/ca.crt" "$root/etc/ssl/certs/ca-certificates.crt"
	succeeds executor --context /workspace --no-push --digest-file "https://$SERVER_ADDRESS/put/digest"
	grep -qE '^sha256:[0-9a-f]{64}$' served/digest
}

@test "--force where nothing shows that it is a container; --kaniko-dir is kept" {
	rm "$root/.dockerenv"
	# podman leaves a mark of its own.
	POD_ENGINE=runc fails 1 "this is no container" executor --context /workspace --no-push
	[ -e "$root/old/files/left" ]
	mkdir "$root/mine"
	echo mine >"$root/mine/file"
	succeeds executor --context /workspace --no-push --tar-path /app.tar --force --kaniko-dir /mine
	equals mine "$(cat "$root/mine/file")"
	[ -d "$root/mine/store/blobs" ]
	[ ! -e "$root/old" ]
}

@test "--materialize: the container is the image in the end, though nothing had to run" {
	registry_start plain
	succeeds executor --context /workspace -d "$REGISTRY/app:1" --cache --cache-copy-layers
	mv "$root/workspace" kept
	rm -r "$root"
	inplace_root "$root" /kaniko executor
	mv kept "$root/workspace"
	succeeds executor --context /workspace -d "$REGISTRY/app:1" --cache --cache-copy-layers
	[ -e "$root/old/files/left" ]
	succeeds executor --context /workspace -d "$REGISTRY/app:1" --cache --cache-copy-layers --materialize
	says "Using caching version of cmd: RUN mkdir"
	equals "$(printf 'content\none')" "$(cat "$root/all")"
	[ -x "$root/bin/busybox" ]
	[ ! -e "$root/old" ]
	equals content "$(cat "$root/workspace/data")"
}

@test "a WORKDIR in the context's own folder: layers have what COPY brings, a RUN there is told of" {
	cat >"$root/workspace/Dockerfile" <<-EOD
		FROM oci:$BUSYBOX/oci:latest
		RUN true
		WORKDIR /workspace
		COPY data data
		COPY data sub/
		WORKDIR /workspace/new
		WORKDIR /workspace
		RUN cat data >left
		RUN cat left >/seen
	EOD
	succeeds executor --context /workspace --no-push --tar-path /app.tar
	says "WARN"
	says "'/workspace' is this container's own"
	equals 1 "$(grep -c "container's own" <<<"$stderr")"
	tree_of "$root/app.tar" >tree
	for path in /workspace/data /workspace/sub/data /workspace/new /seen; do
		grep -q " $path\b" tree || explain "no $path"
	done
	! grep -q ' /workspace/\(left\|Dockerfile\)\b' tree || false
	mv "$root/workspace" kept
	rm -r "$root"
	inplace_root "$root" /kaniko executor
	mv kept "$root/workspace"
	echo 'WORKDIR sub' >>"$root/workspace/Dockerfile"
	echo 'RUN true' >>"$root/workspace/Dockerfile"
	fails 1 "'/workspace/sub' is this container's own" executor --context /workspace --no-push
	says "another WORKDIR"
}

@test "a step that replaces kiln's folder, one that fills the disk, and what is left then" {
	printf 'FROM oci:%s/oci:latest\nRUN mv /kaniko /moved && mkdir -p /kaniko/store && cp -r /moved/. /kaniko/\n' \
		"$BUSYBOX" >"$root/workspace/Dockerfile"
	fails 1 "the step has removed what kiln lives in" executor --context /workspace --no-push --tar-path /app.tar
	[ ! -e "$root/app.tar" ]
	rm -r "$root"
	mkdir "$root"
	mount -t tmpfs -o size=200m,mode=755 tmpfs "$root" || skip "no tmpfs can be mounted"
	inplace_root "$root/image" /kaniko executor
	mkdir -p "$root/image/workspace"
	printf 'FROM oci:%s/oci:latest\nRUN dd if=/dev/zero of=/kaniko/fill bs=1M || true\nRUN echo more >/more\n' \
		"$BUSYBOX" >"$root/image/workspace/Dockerfile"
	root=$root/image fails 1 "No space left on device" executor --context /workspace --no-push --tar-path /app.tar
	[ ! -e "$root/image/app.tar" ]
}
