#!/usr/bin/env bats
# kiln as Kaniko's executor and warmer, against registries: destinations, files about the result,
# push, login, the warmer's folder, variables, and what is refused before a step runs.
# shellcheck disable=SC2016,SC2154 # Dockerfiles hold dollars; output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup_file() {
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	ln -s "$KILN" "$BATS_FILE_TMPDIR/bin/executor"
	ln -s "$KILN" "$BATS_FILE_TMPDIR/bin/warmer"
}

setup() {
	context
	export HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config NO_COLOR=1
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker KILN_ROOT=$BATS_TEST_TMPDIR/store
	unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR DOCKER_AUTH_CONFIG
	printf 'FROM %s\nCOPY data /data\nRUN cat /data >/made\n' "$(image_ref busybox)" >Dockerfile
	echo content >data
}

teardown() {
	kiln_teardown
}

executor() {
	timeout --foreground -s KILL "$KILN_LIMIT" "$BATS_FILE_TMPDIR/bin/executor" "$@"
}

warmer() {
	timeout --foreground -s KILL "$KILN_LIMIT" "$BATS_FILE_TMPDIR/bin/warmer" "$@"
}

digest_at() { # NAME:TAG
	skopeo --insecure-policy inspect --tls-verify=false --format '{{.Digest}}' "docker://$1"
}

@test "destinations, digest files, an archive, a layout and BUILDER_OUTPUT in one build" {
	registry_start plain
	export BUILDER_OUTPUT=$PWD/output
	succeeds executor --context . -d "$REGISTRY/app:1" --destination="$REGISTRY/team/app" \
		--digest-file new/dir/digest --image-name-with-digest-file names \
		--image-name-tag-with-digest-file tags --tar-path app.tar --oci-layout-path layout
	says "INFO[0000] COPY data /data"
	says "Pushing image to $REGISTRY/app:1"
	digest=$(digest_at "$REGISTRY/app:1")
	says "Pushed $REGISTRY/app@$digest"
	equals "$digest" "$(digest_at "$REGISTRY/team/app:latest")"
	# No line end: pipelines put it into variables by cat, and into addresses by other means.
	equals "$(printf %s "$digest" | od -c)" "$(od -c new/dir/digest)"
	equals 700 "$(stat -c %a new)"
	equals "$REGISTRY/app@$digest
$REGISTRY/team/app@$digest" "$(cat names)"
	equals "$REGISTRY/app:1@$digest
$REGISTRY/team/app:latest@$digest" "$(cat tags)"
	# As they were given.
	equals "{\"name\":\"$REGISTRY/app:1\",\"digest\":\"$digest\"}
{\"name\":\"$REGISTRY/team/app\",\"digest\":\"$digest\"}" "$(cat output/images)"
	valid_image layout
	tree_of app.tar >tree
	grep -q ' /made' tree
	# What was built is pushed again without building: both forms, and never one of two.
	succeeds executor push app.tar -d "$REGISTRY/again:1" --digest-file again
	equals "$digest" "$(cat again)"
	succeeds executor push layout --destination "$REGISTRY/again:2"
	equals "$digest" "$(digest_at "$REGISTRY/again:2")"
	# The layout has what was built last, and nothing of before.
	succeeds executor --context . --no-push --label more=1 --oci-layout-path layout
	equals 1 "$(jq '.manifests | length' layout/index.json)"
	equals '"1"' "$(config_of layout .config.Labels.more)"
	sed -i 's/"manifests":\[\(.*\)\]/"manifests":[\1,\1]/' layout/index.json
	fails 1 "has 2 images; one can be pushed" executor push layout -d "$REGISTRY/again:3"
	fails 1 "nothing says where to push" executor push app.tar
	local images
	for images in '.[0], .[0]' ''; do
		mkdir -p unpacked
		tar -xf app.tar -C unpacked
		chmod -R u+w unpacked
		jq -c "[$images]" unpacked/manifest.json >manifest
		mv manifest unpacked/manifest.json
		tar -cf several.tar -C unpacked .
		fails 1 "archive 'several.tar': there are $(jq length unpacked/manifest.json) images in the archive, not one" \
			executor push several.tar -d "$REGISTRY/again:3"
		equals 1 "$(grep -c Error <<<"$stderr")"
	done
	: >several.tar
	fails 1 "'manifest.json' is not in the archive" executor push several.tar -d "$REGISTRY/again:3"
	fails 1 "" skopeo --insecure-policy inspect --tls-verify=false "docker://$REGISTRY/again:3"
}

@test "the Dockerfile is looked for here, then in the context; a scheme and a path below it" {
	mkdir -p sub/deep elsewhere
	mv Dockerfile data sub/deep
	cd elsewhere
	succeeds executor --context dir://../sub --context-sub-path deep --no-push --tar-path ../a.tar
	printf 'FROM scratch\nCOPY data /here\n' >Dockerfile
	succeeds executor -c ../sub/deep --no-push --tar-path ../b.tar
	tree_of ../b.tar >tree
	grep -q ' /here' tree
	succeeds executor -c ../sub/deep -f ../sub/deep/Dockerfile --no-push --tar-path ../c.tar
	tree_of ../c.tar >tree
	grep -q ' /made' tree
}

@test "who cannot push is told before a step runs; a failing step gives its own status" {
	registry_start htpasswd
	fails 1 "error checking push permissions" executor --context . -d "$REGISTRY/app:1"
	says_not "COPY data"
	fails 1 "error checking push permissions" executor --context . -d 127.0.0.1:1/app
	says_not "COPY data"
	fails 1 "answers 401" executor --context . -d "$REGISTRY/app:1" --skip-push-permission-check
	says "COPY data"
	printf 'FROM %s\nRUN exit 7\n' "$(image_ref busybox)" >Dockerfile
	fails 7 "error building image" executor --context . --no-push
	fails 1 "unknown option '--contxt'" executor --contxt .
	fails 1 "takes no argument" executor --context . --no-push more
}

@test "what cannot be written or read at the end is told before a step runs" {
	echo file >file
	local long line
	long=$(printf 'x%.0s' {1..256})
	for line in "--tar-path file/x.tar" "--tar-path missing/x.tar" "--oci-layout-path file" \
		"--oci-layout-path file/new/layout" "--oci-layout-path $long" "--digest-file file/x" \
		"--cache-dir file"; do
		# shellcheck disable=SC2086 # words
		fails 1 "Error: " executor --context . --no-push $line
		says_not "COPY data"
		says_not WARN
	done
	[ ! -e missing ]
	# Mounted read-only, nothing can take its place.
	if unshare -m true 2>/dev/null; then
		fails 1 "make the output 'x.tar'" unshare -m sh -c 'touch x.tar && mount -o bind,ro file x.tar &&
			exec "$0" --context . --no-push --tar-path x.tar' "$BATS_FILE_TMPDIR/bin/executor"
		says_not "COPY data"
	fi
	KILN_ROOT='' fails 1 "$PWD/file" executor --context . --no-push --kaniko-dir "$PWD/file"
	BUILDER_OUTPUT=file/x fails 1 "BUILDER_OUTPUT" executor --context . --no-push
	# Settings are errors of the executor, too.
	KILN_JOBS=many fails 1 "Error: environment variable 'KILN_JOBS'" executor --context . --no-push
	fails 1 "option '--image'" warmer -c warm -i ok.example/a:1 -i not.example/A:1
	[ ! -e warm ]
	succeeds executor --context . --no-push --cache-dir missing --oci-layout-path new/layout
	says "WARN"
	says "--cache-dir: 'missing' cannot be read"
	valid_image new/layout
}

@test "credentials: login, and variables for the host and none of its look-alikes" {
	registry_start htpasswd
	fails 1 "the password is empty" executor login -u user --password-stdin "$REGISTRY"
	succeeds executor login -u user -p password "$REGISTRY"
	equals 600 "$(stat -c %a "$DOCKER_CONFIG/config.json")"
	succeeds executor --context . -d "$REGISTRY/app:1"
	rm -r "$DOCKER_CONFIG"
	export KANIKO_127_0_0_1_USER=user KANIKO_127_0_0_1_PASSWORD=password
	succeeds executor --context . -d "$REGISTRY/app:2"
	fails 1 "error checking push" executor --context . -d "$REGISTRY/app:2" --credential-helpers=
	fails 1 "error checking push" executor --context . -d "$REGISTRY/app:2" --credential-helpers=gitlab
	unset KANIKO_127_0_0_1_USER
	export CI_REGISTRY=$REGISTRY CI_REGISTRY_USER=user CI_JOB_TOKEN=password
	succeeds executor --context . -d "$REGISTRY/app:3"
	CI_REGISTRY=0.0.1:${REGISTRY#*:} fails 1 "error checking push" executor --context . -d "$REGISTRY/app:3"
}

@test "the warmer fills a folder, and the executor fetches no layer that lies there" {
	registry_start plain
	registry_put base:1 busybox
	proxy_start "$REGISTRY"
	succeeds warmer --cache-dir cache --image "$PROXY/base:1"
	says "Retrieving image manifest $PROXY/base:1"
	equals 1 "$(find cache -mindepth 1 -maxdepth 1 -name 'sha256:*' | wc -l)"
	valid_image cache/sha256:*
	succeeds warmer --cache-dir cache --image "$PROXY/base:1"
	says "Image already in cache: $PROXY/base:1"
	printf 'ARG B=scratch\nFROM $B\nRUN true\n' >Dockerfile
	rm -r "$KILN_ROOT"
	requests_forget
	succeeds executor --context . --no-push --reproducible --tar-path a.tar --build-arg "B=$PROXY/base:1" --cache-dir cache
	layer=$(jq -r '.layers[0].digest' cache/sha256:*/blobs/sha256/"$(basename cache/sha256:* | cut -c8-)")
	equals 0 "$(requests GET "$layer")"
	# A damaged file is found, and fetched instead.
	chmod u+w "$(echo cache/sha256:*/blobs/sha256)/${layer#sha256:}"
	printf X | dd of="$(echo cache/sha256:*/blobs/sha256)/${layer#sha256:}" conv=notrunc status=none
	rm -r "$KILN_ROOT"
	succeeds executor --context . --no-push --reproducible --tar-path b.tar --build-arg "B=$PROXY/base:1" --cache-dir cache
	cmp a.tar b.tar
	equals 1 "$(requests GET "$layer")"
	# The Dockerfile's own images; one that fails does not keep the others cold.
	succeeds warmer -c other -d Dockerfile --build-arg "B=$PROXY/base:1" -i "$PROXY/missing:1"
	says "Failed to warm cache for image $PROXY/missing:1"
	fails 1 "failed to warm any" warmer -c other -i "$PROXY/missing:1"
	fails 1 "nothing says what to fetch" warmer
}

@test "mirrors and maps are asked first, and alone where that is wanted" {
	registry_start plain
	registry_put library/base:1 busybox
	registry_put hub/library/base:1 busybox
	printf 'FROM base:1\nRUN true\n' >Dockerfile
	succeeds executor --context . --no-push --tar-path a.tar --registry-mirror "$REGISTRY"
	succeeds executor --context . --no-push --tar-path a.tar --registry-map "docker.io=$REGISTRY/hub"
	KANIKO_REGISTRY_MIRROR=$REGISTRY succeeds executor --context . --no-push --tar-path a.tar
	KANIKO_REGISTRY_MAP="index.docker.io=$REGISTRY/hub" \
		succeeds executor --context . --no-push --tar-path a.tar
	printf 'FROM missing:1\n' >Dockerfile
	fails 1 "missing" executor --context . --no-push --registry-mirror "$REGISTRY" \
		--skip-default-registry-fallback
	says_not "registry-1.docker.io"
}

@test "certificates: an authority for one host, one direction without checking" {
	registry_start tls
	KILN_INSECURE_REGISTRY='' fails 1 "error checking push" executor --context . -d "$REGISTRY/app:1"
	succeeds executor --context . -d "$REGISTRY/app:1" --registry-certificate "$REGISTRY=$REGISTRY_CA"
	succeeds executor --context . -d "$REGISTRY/app:2" --skip-tls-verify
	fails 1 "error checking push" executor --context . -d "$REGISTRY/app:3" --skip-tls-verify-pull
	succeeds executor --context . -d "$REGISTRY/app:3" --skip-tls-verify-registry "$REGISTRY"
}

@test "an immutable tag is no error when it is said not to be one" {
	registry_start plain
	proxy_start "$REGISTRY"
	faults 'PUT /manifests/ status=400 message=tag_already_exists_and_the_repository_is_immutable'
	fails 1 "immutable" executor --context . -d "$PROXY/app:1"
	succeeds executor --context . -d "$PROXY/app:1" --push-ignore-immutable-tag-errors
	says "its tag is immutable"
}

@test "the image: format of its base, one layer, reproducible, ignored paths, labels" {
	registry_start plain
	registry_put oci:1 busybox
	registry_put docker:1 busybox --format v2s2
	printf 'ARG B=scratch\nFROM $B\nRUN echo a >/a\nRUN mkdir -p /opt/x; echo b >/opt/x/b; echo c >/c\nRUN cat /opt/x/b >/d\n' >Dockerfile
	for format in oci docker; do
		succeeds executor --context . -d "$REGISTRY/from-$format:1" --build-arg "B=$REGISTRY/$format:1" \
			--ignore-path /opt/x --label a=b --annotation x=y --reproducible --single-snapshot
		skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/from-$format:1" >manifest
		grep -q "application/vnd.$format" manifest
		equals 2 "$(jq '.layers | length' manifest)"
		equals '"y"' "$(jq .annotations.x manifest)"
	done
	registry_get "$REGISTRY/from-oci:1" got
	equals '"b"' "$(config_of got .config.Labels.a)"
	equals '"1970-01-01T00:00:00Z"' "$(config_of got .created)"
	tree_of got >tree
	grep -q ' /c\b' tree
	grep -q ' /d\b' tree
	! grep -q ' /opt/x/b' tree || false
	# What kiln itself would put there, too; later steps see it.
	printf 'FROM %s\nCOPY data /opt/x/deep/data\nWORKDIR /opt/x/new\nRUN cat ../deep/data >/seen\nCOPY data /opt/y\n' \
		"$(image_ref busybox)" >Dockerfile
	succeeds executor --context . --no-push --tar-path left.tar --ignore-path /opt/x
	tree_of left.tar >tree
	grep -q ' /seen\b' tree
	grep -q ' /opt/y\b' tree
	! grep -q ' /opt/x\b' tree || false
	# Level 0 is not compressed, -1 is the default.
	head -c 100000 /dev/zero >data
	printf 'FROM scratch\nCOPY data /data\n' >Dockerfile
	for level in 0 -1; do
		succeeds executor --context . --no-push --oci-layout-path "level$level" --compression-level "$level"
	done
	[ -n "$(find level0/blobs -size +97k)" ] && [ -z "$(find level-1/blobs -size +97k)" ]
}

@test "an empty build argument leaves an ARG above FROM its default" {
	printf 'ARG BASE=scratch\nARG NEXT=two\nFROM $BASE AS two\nFROM $NEXT\nARG NEXT\nLABEL next=$NEXT.\n' >Dockerfile
	unset NEXT
	succeeds executor --context . --dryrun --build-arg BASE= --build-arg NEXT --build-arg=
	[[ $output == *'linux/amd64 from scratch'*'"next":"."'* ]]
	fails 1 'base name ($BASE) should not be blank' "$KILN" build --dry-run --build-arg BASE= .
}

@test "targets: the first is the image, the others are built, and fail the build" {
	context
	cat >Dockerfile <<-EOD
		FROM $(image_ref busybox) AS base
		RUN echo base >/base
		FROM base AS app
		RUN echo app >/app
		FROM base AS test
		RUN echo tested && test -e /base
		FROM base AS wrong
		RUN exit 7
		FROM base AS left-out
		RUN exit 8
	EOD
	succeeds executor --context . --no-push --tar-path app.tar --target app,TEST --log-format text
	says tested
	tree_of app.tar | grep -q ' /app\b'
	fails 7 "exit 7" executor --context . --no-push --target app --target wrong
	fails 1 "target stage \"none\" could not be found" executor --context . --no-push --target app,none
	fails 1 "with isolation 'auto' kiln unpacks nothing" executor --context . --no-push --materialize
}

@test "the plan alone pushes nothing and needs no destination; feature flags are known" {
	FF_KANIKO_COPY_AS_ROOT=0 FF_KANIKO_NO_SUCH=1 succeeds executor --context . --dryrun --log-format text
	[[ $output == *'RUN cat /data >/made'* ]]
	says 'level=warning msg="unknown feature flag FF_KANIKO_NO_SUCH"'
	says_not COPY_AS_ROOT
	KANIKO_NO_PUSH=1 KANIKO_PRINT_PLAN=1 succeeds executor --context . -d localhost:1/x --log-format json
	[[ $output == *'RUN cat /data >/made'* ]]
	head -n1 <<<"$stderr" | jq -e '.level == "info" and .msg and .time'
	# All that kiln itself says, too.
	succeeds executor --context . --no-push --log-format json -v trace
	jq -se 'any(.level == "debug") and any(.level == "info")' <<<"$stderr"
	says "Skipping push to container registry due to --no-push flag"
	succeeds executor version
	says kiln
	fails 1 "'inplac' is not one of" executor --context . --no-push --isolation inplac
	if command -v proot >/dev/null; then
		succeeds executor --context . --no-push --isolation proot
		says "isolation 'proot'"
	fi
	# A log is read by more people than who builds: no value of a build argument is in it. Nor is
	# what the checks found a warning, since pipelines look for those. All goes to one stream, in order.
	printf 'from %s as base\nARG TOKEN\nARG QUOTED\nRUN test "$TOKEN$QUOTED" = '\''s3cret"q'\''\n' "$(image_ref busybox)" >Dockerfile
	KANIKO_PRINT_PLAN=1 succeeds executor --context . --no-push -d localhost:1/x --build-arg TOKEN=s3cret \
		--build-arg 'QUOTED="q' --build-arg NOBODY=1 --digest-file /dev/stdout
	says "TOKEN=..."
	says_not "=s3cret"
	says_not 'QUOTED=\"q'
	says "INFO[0000] ConsistentInstructionCasing"
	says "build-args [NOBODY] were not consumed"
	says_not WARN
	[[ $output == 'stage base'*sha256:* ]]
}

@test "a feature flag that is switched off brings no fault back" {
	mkdir archive
	echo file >archive/file
	tar -cf archive.tar --mode=0700 --owner=77 --group=77 -C archive .
	cat >Dockerfile <<-EOD
		FROM $(image_ref busybox)
		ENV WHO=env
		ARG WHO
		RUN mkdir -m 755 /into && test "\$WHO" = arg
		ADD archive.tar /into/
		USER 1000:2000
		RUN test "\$(id -g)" = 2000
		WORKDIR /deep/er
		COPY --chmod=700 data /new/dir/data
		COPY data /data
		COPY <<EOF /expanded
		\$WHO
		EOF
		RUN test "\$(cat /expanded)" = arg
		VOLUME /volume
	EOD
	local flag
	while read -r flag; do
		export "FF_KANIKO_$flag=false"
	done < <(sed -n '/known\[\]/,/};/s/^\t"\(.*\)",$/\1/p' "$REPO/src/kaniko/features.c")
	[ "$FF_KANIKO_COPY_AS_ROOT" = false ]
	succeeds executor --context . --no-push --tar-path app.tar --build-arg WHO=arg
	says_not "feature flag"
	tar -xf app.tar --one-top-level=image
	for layer in $(jq -r '.[0].Layers[]' image/manifest.json); do
		tar --numeric-owner -tvf "image/$layer"
	done >tree
	grep -q '^drwxr-xr-x 0/0 .* into/$' tree
	grep -q '^drwx.* 1000/2000 .* deep/$' tree
	grep -q '^drwx------ 0/0 .* new/$' tree
	grep -q '^-rw-r--r-- 0/0 .* data$' tree
	! grep -q ' volume/' tree || false
}

@test "kiln's files are in the kaniko folder where there is one, and --cleanup removes them" {
	unset KILN_ROOT
	mkdir dir
	succeeds executor --context . --no-push --kaniko-dir "$PWD/dir"
	[ -d dir/store/blobs ]
	KANIKO_DIR=$PWD/dir succeeds executor --context . --no-push --cleanup
	equals "" "$(find dir/store/blobs dir/store/layers -type f)"
	KANIKO_DIR=$PWD/new/dir succeeds executor --context . --no-push
	[ -d new/dir/store/blobs ]
}

# https_server: files of ./served and a folder for PUT, with an authority of the test's own.
https_server() {
	mkdir -p served certs/more
	make_certificates "$PWD/certs"
	cp certs/ca.crt certs/more/additional-ca-cert-bundle.crt
	server_start https "$RIG_LIB/file_server.py" --root served --log served.log \
		--cert certs/server.crt --key certs/server.key
}

@test "contexts: archives here, on standard input and over https, with a folder in them" {
	mkdir -p up/inner
	mv Dockerfile data up/inner
	tar -C up -czf context.tar.gz inner
	https_server
	mv context.tar.gz served
	export SSL_CERT_DIR=$PWD/certs/more
	local kind
	for kind in tar://served/context.tar.gz "https://$SERVER_ADDRESS/plain/context.tar.gz"; do
		succeeds executor --context "$kind" --context-sub-path inner --no-push --tar-path a.tar
		tree_of a.tar >tree
		grep -q ' /made' tree
	done
	fails 1 "open 'other' of the context" executor --context tar://served/context.tar.gz \
		--context-sub-path other --no-push
	executor --context tar://stdin --context-sub-path inner --no-push --tar-path b.tar \
		<served/context.tar.gz
	tree_of b.tar >tree
	grep -q ' /made' tree
	# A Dockerfile from elsewhere; the digest to where a signature allows it, and to nowhere else.
	printf 'FROM scratch\nCOPY inner/data /elsewhere\n' >served/File
	succeeds executor --context up -f "https://$SERVER_ADDRESS/plain/File" --no-push --tar-path c.tar \
		--digest-file "https://$SERVER_ADDRESS/put/digest?signature=secret"
	tree_of c.tar >tree
	grep -q ' /elsewhere' tree
	executor --context tar://stdin -f "https://$SERVER_ADDRESS/plain/File" --no-push --tar-path d.tar \
		<served/context.tar.gz
	tree_of d.tar >tree
	grep -q ' /elsewhere' tree
	grep -qE '^sha256:[0-9a-f]{64}$' served/digest
	equals 71 "$(stat -c %s served/digest)"
	fails 1 "the server answered 403" executor --context up/inner --no-push \
		--digest-file "https://$SERVER_ADDRESS/status/403?signature=secret"
	says_not secret
	unset SSL_CERT_DIR
	fails 1 "certificate" executor --context "https://$SERVER_ADDRESS/plain/context.tar.gz" --no-push
}

@test "a cache: beside the image, in a repository, in a folder; too old, or not pushed" {
	registry_start plain
	local home again=(--context . --destination "$REGISTRY/app:1" --cache)
	for home in '' "--cache-repo=$REGISTRY/elsewhere/cache" "--cache-repo=oci:$PWD/folder"; do
		rm -rf "$KILN_ROOT"
		# shellcheck disable=SC2086 # none or one
		succeeds executor "${again[@]}" $home
		says_not "Using caching version"
		rm -rf "$KILN_ROOT"
		# shellcheck disable=SC2086 # none or one
		succeeds executor "${again[@]}" $home
		says "Using caching version of cmd: RUN cat /data >/made"
	done
	rm -rf "$KILN_ROOT"
	succeeds executor "${again[@]}" --cache-ttl 0h
	says_not "Using caching version"
	rm -rf "$KILN_ROOT"
	succeeds executor "${again[@]}" --cache-run-layers=false
	says_not "Using caching version"
	rm -rf "$KILN_ROOT"
	succeeds executor --context . --no-push --no-push-cache --cache --cache-repo "$REGISTRY/untouched"
	fails 1 "" skopeo --insecure-policy list-tags --tls-verify=false "docker://$REGISTRY/untouched"
	fails 1 "error checking push permissions" executor --context . --no-push --cache \
		--cache-repo 127.0.0.1:1/cache
}

@test "a cache that hangs is gone without, after ten seconds" {
	registry_start plain
	proxy_start "$REGISTRY"
	local began
	faults '* /v2/app/cache/manifests/ hang'
	began=$(date +%s)
	succeeds executor --context . --destination "$PROXY/app:1" --cache
	[ $(($(date +%s) - began)) -lt 40 ] || explain "$(($(date +%s) - began)) s"
	says 'the build goes on without it'
	says "it did not answer when the build began; the cache was not exported"
}

@test "SIGTERM, in a step and wherever the cache is on its way: it ends soon, and the cache is right" {
	registry_start plain
	proxy_start "$REGISTRY"
	local fault method path at pid status args=(--context . --destination "$PROXY/app:1" --cache)
	printf 'FROM %s\nCOPY data /data\nRUN head -c 300000 /dev/urandom >/a\nRUN cat /a /data >/b\n' \
		"$(image_ref busybox)" >Dockerfile
	printf 'FROM %s\nCOPY data /data\nRUN echo a >/a\nRUN sleep 31536008\n' "$(image_ref busybox)" >Slow
	term() { # waits for the program, which must have ended itself
		kill -TERM "$pid"
		status=0
		timeout 20 tail --pid="$pid" -f /dev/null
		wait "$pid" || status=$?
		equals 130 "$status"
	}
	"$BATS_FILE_TMPDIR/bin/executor" "${args[@]}" -f Slow >log 2>&1 </dev/null 3>&- 4>&- &
	pid=$!
	timeout 60 sh -c 'until pgrep -fx "sleep 315[3]6008" >/dev/null; do :; done'
	term
	equals '' "$(pgrep -fx 'sleep 31536008' || true)"
	# A request that writes to the cache is never answered: an early one, a late one, a record's.
	for fault in '* blobs/uploads/ 1' '* blobs/uploads/ 3' '* blobs/uploads/ 5' 'PUT manifests/ 0' 'PUT manifests/ 1'; do
		read -r method path at <<<"$fault"
		faults "$method /v2/app/cache/$path skip=$at hang"
		echo "$fault" >data
		rm -rf "$KILN_ROOT"
		requests_forget
		"$BATS_FILE_TMPDIR/bin/executor" "${args[@]}" >log 2>&1 </dev/null 3>&- 4>&- &
		pid=$!
		until [ "$(requests "$method" "/v2/app/cache/$path")" -ge "$at" ] && [ -s "$PROXY_LOG" ]; do
			kill -0 "$pid"
		done
		term
		faults
		rm -rf "$KILN_ROOT"
		succeeds executor "${args[@]}" --tar-path app.tar
		says_not WARN
		equals $((300000 + $(stat -c %s data))) "$(tree_of app.tar | sed -n 's,.* /b size=\([0-9]*\).*,\1,p')" "what /b holds"
	done
}

@test "git contexts: branch, commit, a folder, credentials from variables, and nothing for git's own options" {
	mkdir -p app/sub root
	printf 'FROM scratch\nCOPY file /\n' >app/Dockerfile
	printf 'FROM scratch\nCOPY here /sub/\n' >app/sub/Dockerfile
	echo one >app/file
	echo here >app/sub/here
	export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
	rm Dockerfile
	git -C app init -q -b main
	git -C app add .
	git -C app commit -qm one
	first=$(git -C app rev-parse HEAD)
	echo two >app/file
	git -C app commit -qam two
	git -C app branch dev "$first"
	git clone -q --bare app root/app.git
	git -C root/app.git config uploadpack.allowAnySHA1InWant true
	: >git.log
	server_start git "$RIG_LIB/git_server.py" --root root --log git.log
	export GIT_PULL_METHOD=http
	build() { # CONTEXT [option...]: what is in the file of the result
		succeeds executor --context "git://$SERVER_ADDRESS/$1" --no-push --oci-layout-path got "${@:2}"
		skopeo --insecure-policy copy -q oci:got dir:files
		for layer in files/*; do tar -xOzf "$layer" file sub/here 2>/dev/null || true; done
		rm -r got files
	}
	equals two "$(build open/app)"
	equals two "$(build open/app.git#refs/heads/main)"
	equals one "$(build open/app.git#dev)"
	equals one "$(build "open/app.git#refs/heads/main#$first")"
	equals one "$(build open/app --git branch=dev --git depth=1)"
	equals here "$(build open/app#main --context-sub-path sub)"
	fails 1 "" executor --context "git://$SERVER_ADDRESS/private/app" --no-push
	export GIT_USERNAME=user GIT_PASSWORD=p@ss
	build private/app >result
	equals two "$(cat result)"
	says_not p@ss
	says_not p%40ss
	fails 1 "option '--context'" executor --context "git://$SERVER_ADDRESS/open/app#--upload-pack=x" --no-push
	GIT_PULL_METHOD=ssh fails 1 "GIT_PULL_METHOD" executor --context "git://$SERVER_ADDRESS/x" --no-push
}

@test "a trace of the build for a collector, and a collector that is away holds nothing up" {
	mkdir served
	server_start collector "$RIG_LIB/file_server.py" --root served --log served.log
	export KANIKO_TELEMETRY_ENDPOINT=http://$SERVER_ADDRESS/put/trace
	export OTEL_RESOURCE_ATTRIBUTES=service.name=ci,team=a%2Cb
	succeeds executor --context . --no-push
	equals '"ci" "a,b"' "$(jq -c '.resourceSpans[0].resource.attributes | map({(.key): .value.stringValue}) |
		add | [."service.name", .team] | @json' served/trace | jq -r . | jq -r '. | map(@json) | join(" ")')"
	jq -e '.resourceSpans[0].scopeSpans[0].spans | map(.traceId) | unique | length == 1' served/trace
	jq -e '.resourceSpans[0].scopeSpans[0].spans as $all | $all[0].spanId as $root |
		($all[0] | .name == "build" and .status.code == 1) and
		any($all[1:][]; .name | endswith("RUN cat /data >/made")) and
		all($all[1:][]; .parentSpanId == $root and (.startTimeUnixNano | tonumber) > 1e18 and
			(.endTimeUnixNano | tonumber) >= (.startTimeUnixNano | tonumber))' served/trace
	printf 'FROM %s\nRUN exit 3 # secret\n' "$(image_ref busybox)" >Dockerfile
	KANIKO_TELEMETRY_OMIT_DOCKERFILE=1 fails 3 "" executor --context . --no-push
	jq -e '.resourceSpans[0].scopeSpans[0].spans | .[0].status.code == 2 and
		any(.[]; .name | endswith("] RUN")) and (tostring | contains("secret") | not)' served/trace
	printf 'FROM scratch\nCOPY data /\n' >Dockerfile
	KANIKO_TELEMETRY_ENDPOINT=http://127.0.0.1:1 succeeds executor --context . --no-push
	says "the trace of this build was not taken: write to 'http://127.0.0.1:1/v1/traces'"
}

@test "secrets: from a file and a variable, and in no layer" {
	printf 'FROM %s\nRUN --mount=type=secret,id=a --mount=type=secret,id=b,env=B test "$(cat /run/secrets/a)-$B" = one-two\n' \
		"$(image_ref busybox)" >Dockerfile
	printf one >file
	TWO=two succeeds executor --context . --no-push --secret id=a,src=file --secret id=b,env=TWO
	fails 1 "missing" executor --context . --no-push --secret id=a,src=missing
	printf 'FROM %s\nRUN --mount=type=secret,id=a cp /run/secrets/a /kept\n' "$(image_ref busybox)" >Dockerfile
	printf 'a secret that nobody may keep' >file
	fails 1 "secret" executor --context . --no-push --secret id=a,src=file
	succeeds executor --context . --no-push --secret id=a,src=file --allow-secret-in-layer
	# A word that files have by chance is no find.
	printf 'blubb' >file
	succeeds executor --context . --no-push --secret id=a,src=file
}

@test "the store is pruned down to the configured bound when a build ends" {
	local size
	printf 'FROM scratch\nCOPY data /data\n' >Dockerfile
	for size in 3000001 3000002 3000003; do
		head -c "$size" /dev/urandom >data
		KILN_GC_MAX_USED_SPACE=1m succeeds executor --context . --no-push --tar-path app.tar
	done
	# The last build's layer at most.
	[ "$(du -sb "$KILN_ROOT" | cut -f1)" -lt 6000000 ] || explain "$(du -ab "$KILN_ROOT")"
}
