#!/usr/bin/env bats
# kiln's own image: built by kiln from image/Dockerfile, small, and good for building in a container
# that has nothing but what runc gives it. The base is made from Debian packages; the executable is
# the one under test, so that nothing is compiled here.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup_file() {
	need_root
	export OUT=$BATS_FILE_TMPDIR/out KILN_ROOT=$BATS_FILE_TMPDIR/store
	BASE=$(image_ref runtime) KILN_GIVEN=$KILN "$REPO/tools/image"
}

setup() {
	need_root
	context
}

teardown() {
	[ ! -d bundle ] || runc delete -f "kiln-test-$$" 2>/dev/null || true
}

# bundle TARGET: unpacks an image where runc can run it, with a context in /workspace.
bundle() {
	rm -rf base bundle copy
	skopeo --insecure-policy copy -q "oci:$OUT/$1" "oci:copy:image"
	umoci --log error unpack --image copy:image bundle
	mkdir base
	cp -r "$(image busybox)/oci/." base
	printf 'FROM oci:/workspace/base:latest\nCOPY data /data\nRUN cat /data >/made && id -u >>/made\n' >Dockerfile
	echo content >data
	cp -r base Dockerfile data bundle/rootfs/workspace/
}

# inside COMMAND...: in the bundle, with the capabilities that Docker and Kubernetes give by default.
inside() {
	local args caps
	caps='["CHOWN","DAC_OVERRIDE","FSETID","FOWNER","MKNOD","NET_RAW","SETGID","SETUID","SETFCAP",
		"SETPCAP","NET_BIND_SERVICE","SYS_CHROOT","KILL","AUDIT_WRITE"]'
	args=$(printf '%s\n' "$@" | jq -Rn '[inputs]')
	jq --argjson args "$args" --argjson caps "$caps" '($caps | map("CAP_" + .)) as $all |
		(if .process.user.uid == 0 then $all else [] end) as $now |
		.process.capabilities = {bounding: $all, permitted: $now, effective: $now, inheritable: []} |
		.process.args = $args | .process.terminal = false | .root.readonly = false |
		.process.noNewPrivileges = true' bundle/config.json >bundle/new
	mv bundle/new bundle/config.json
	timeout -k 5 120 runc run --bundle bundle "kiln-test-$$"
}

@test "it is small, whole and has Kaniko's paths" {
	for target in executor debug warmer executor-nonroot debug-nonroot; do
		valid_image "$OUT/$target"
		limit=15000000
		# A shell that works whatever lies in /lib is one static megabyte more.
		[[ $target != debug* ]] || limit=16000000
		manifest=$(jq -r '.manifests[0].digest' "$OUT/$target/index.json")
		size=$(jq '[.layers[].size] | add' "$OUT/$target/blobs/sha256/${manifest#sha256:}")
		[ "$size" -lt "$limit" ] || explain "the layers of '$target' have $size bytes"
	done
	equals '["/kaniko/warmer"]' "$(config_of "$OUT/warmer" .config.Entrypoint)"
	equals '"65532:0"' "$(config_of "$OUT/debug-nonroot" .config.User)"
	equals '"amd64"' "$(config_of "$OUT/executor" .architecture)"
	equals '["/kaniko/executor"]' "$(config_of "$OUT/executor" .config.Entrypoint)"
	equals '"/workspace"' "$(config_of "$OUT/executor" .config.WorkingDir)"
	equals '"65532:0"' "$(config_of "$OUT/executor-nonroot" .config.User)"
	config_of "$OUT/executor" .config.Env >variables
	grep -q '"DOCKER_CONFIG=/kaniko/.docker/"' variables
	grep -q '"SSL_CERT_DIR=/kaniko/ssl/certs"' variables
	tree_of "$OUT/executor" >tree
	for path in /kaniko/executor /kaniko/warmer /kaniko/.docker /kaniko/ssl/certs/ca-certificates.crt \
		/kaniko/lib/libyaml-0.so.2 /kaniko/lib/libsodium.so.23; do
		grep -q " $path\b" tree || explain "no $path"
	done
	! grep -qE ' (/busybox|/bin)/sh\b' tree || false
	tree_of "$OUT/debug" >tree
	grep -q ' /busybox/sh\b' tree
}

@test "it builds in a container of runc's, as root and as nobody in particular" {
	bundle executor
	succeeds inside /kaniko/executor --context dir:///workspace --no-push --tar-path /workspace/out.tar
	says "RUN cat /data"
	tree_of bundle/rootfs/workspace/out.tar >tree
	grep -q ' /made\b' tree
	# kiln's own files are in its folder, and go.
	succeeds inside /kaniko/executor --context dir:///workspace --no-push --cleanup
	equals "" "$(find bundle/rootfs/kaniko/store/blobs -type f)"
	succeeds inside /kaniko/executor version
	succeeds inside /kaniko/warmer --help
	fails 1 "127.0.0.1" inside /kaniko/executor --context dir:///workspace -d 127.0.0.1:1/app
	# git and libcurl find their libraries.
	succeeds inside /usr/bin/git --version
	fails 1 "usage: git remote-curl" inside /usr/lib/git-core/git-remote-https
	bundle executor-nonroot
	chmod -R a+rX bundle/rootfs/workspace
	# Clusters give an id that nobody has a name for, in group 0.
	# Kubernetes' procMount: Unmasked is what such a user's RUN steps need (deploy/kubernetes).
	jq '.process.user = {uid: 12345, gid: 0} | .linux.maskedPaths = [] | .linux.readonlyPaths = []' \
		bundle/config.json >bundle/new
	mv bundle/new bundle/config.json
	succeeds inside /kaniko/executor --context dir:///workspace --no-push --tar-path /workspace/out.tar
	tree_of bundle/rootfs/workspace/out.tar >tree
	grep -q ' /made\b' tree
}

@test "under the restricted Pod Security Standard: RUN as nobody, without namespaces or capabilities" {
	bundle executor-nonroot
	chmod -R a+rX bundle/rootfs/workspace
	# As deploy/kubernetes/pod-restricted.yaml, on a cluster that gives an id of its own (OpenShift).
	status=0
	timeout -k 5 120 "$REPO/tests/lib/pod" --root bundle/rootfs --uid 12345 --gid 0 --caps none \
		--forbid namespaces --env PATH=/usr/local/bin:/kaniko:/usr/bin --env HOME=/kaniko \
		/kaniko/executor --context dir:///workspace --no-push --tar-path /kaniko/out.tar >log 2>&1 || status=$?
	[ "$status" != 99 ] || skip "no unprivileged container can be made here"
	equals 0 "$status" "$(cat log)"
	grep -q "isolation 'proot'" log
	tree_of bundle/rootfs/kaniko/out.tar >tree
	grep -q ' /made\b' tree
}
