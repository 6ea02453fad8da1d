#!/usr/bin/env bats
# What the tests of Buildahs after 1.28 ask for, and other files here do not look at.
# shellcheck disable=SC2154,SC2016 # what lib/kiln.bash sets; text for the shell in a container
load ../lib/kiln

setup_file() {
	image busybox >/dev/null
}

setup() {
	context
	img=$(image_ref busybox)
}

teardown() {
	kiln_teardown
}

buildah() {
	kiln buildah "$@"
}

@test "FROM takes all 64 digits of an ID, and the image tells no name of its base" {
	printf 'FROM %s\nRUN echo 1 >/f\nLABEL base=1\n' "$img" >Dockerfile
	succeeds buildah build -q --annotation a=b .
	id=$output
	printf 'FROM %s\nRUN cat /f\n' "$id" >Dockerfile
	for pull in missing always never newer; do
		succeeds buildah build -q --no-cache --pull=$pull -t app .
	done
	succeeds buildah inspect --type image app
	equals '"b" null' "$(jq -r '.ImageAnnotations | "\(.a|tojson) \(."org.opencontainers.image.base.name"|tojson)"' <<<"$output")"
	for change in --squash --label=A=B --unsetlabel=io.buildah.version --inherit-labels=false --unsetenv=PATH \
		--unsetannotation=org.opencontainers.image.created --inherit-annotations=false; do
		printf 'FROM %s\n' "$id" >Dockerfile
		succeeds buildah build --iidfile iid "$change" .
		[ "$(cat iid)" != "sha256:$id" ] || explain "$change makes another image"
	done
	printf 'FROM %064d\n' 0 >Dockerfile
	fails 125 'image' buildah build .
}

@test "an ID with several manifests means the newest, and is no puzzle" {
	printf 'FROM %s\nRUN echo 1 >/f\n' "$img" >Dockerfile
	succeeds buildah build -q --timestamp 5 --annotation a=1 .
	id=$output
	succeeds buildah build -q --timestamp 5 --annotation a=2 .
	equals "$id" "$output"
	succeeds buildah inspect --type image "$id"
	succeeds buildah inspect --type image "${id:0:12}"
	succeeds buildah from --name one "$id"
}

@test "what an ignore file leaves out of a COPY is told with the file's whole path" {
	mkdir c
	touch c/a.txt
	echo '*.txt' >c/.dockerignore
	printf 'FROM scratch\nCOPY a.txt /d/\n' >c/Dockerfile
	fails 125 "building at STEP \"COPY a.txt /d/\": no items matching glob '/a.txt' in the build context (1 filtered out using $(realpath c)/.dockerignore): no such file or directory" \
		buildah build c
	printf 'FROM scratch\nCOPY *.txt /d/\n' >c/Dockerfile
	fails 125 "(1 filtered out using $(realpath c)/.dockerignore)" buildah build c
	cp c/.dockerignore c/Dockerfile.dockerignore
	fails 125 "filtered out using $(realpath c)/Dockerfile.dockerignore" buildah build -f c/Dockerfile c
	mv c/.dockerignore ignore
	rm c/Dockerfile.dockerignore
	fails 125 "filtered out using $(realpath ignore)" buildah build --ignorefile ignore c
	printf 'FROM scratch\nCOPY --from=more a.txt /d/\n' >Dockerfile
	echo a.txt >c/.containerignore
	fails 125 'COPY --from=more a.txt /d/": no items matching glob' buildah build --build-context more=c .
}

@test "what stands in for a base is told by its own name" {
	printf 'FROM %s\n' "$img" >Dockerfile
	succeeds buildah build -q -t ours .
	printf 'FROM busybox AS one\nFROM one\nRUN true\n' >Dockerfile
	succeeds buildah build --build-context busybox=docker://localhost/ours .
	says 'FROM localhost/ours AS one'
	says '[2/2] STEP 1/2: FROM one'
	says_not 'FROM busybox'
}

@test "words that scripts look for: secrets, mounts, networks, names, outputs, links" {
	printf 'FROM %s\nRUN --mount=type=secret,id=key,required true\n' "$img" >Dockerfile
	fails 125 'secret required but no secret with id "key" found' buildah build .
	for secret in id= id src id=key,src id=key,env=A,true=false; do
		fails 125 'incorrect secret flag format' buildah build --secret "$secret" .
	done
	printf 'FROM %s\nRUN --mount=type=bind,target=/m,bind-propagation=suid true\n' "$img" >Dockerfile
	fails 125 'invalid mount option' buildah build .
	printf 'FROM %s\nRUN --network=fake true\n' "$img" >Dockerfile
	fails 125 "unsupported value 'fake' of --network" buildah build .
	printf 'FROM %s AS build\nCOPY --from=build /f /g\n' "$img" >Dockerfile
	fails 125 'COPY --from=build: no stage or image found with that name' buildah build .
	printf 'FROM %s\nRUN ln -s /loop /loop\nCOPY f /loop/f\n' "$img" >Dockerfile
	touch f
	fails 125 'building at STEP "COPY f /loop/f": open /loop/f: too many levels of symbolic links' buildah build .
	printf 'FROM scratch\n' >Dockerfile
	fails 125 'tag TEST: invalid reference format: repository name must be lowercase' buildah build --tag ok --tag TEST .
	fails 125 'missing required key "dest"' buildah build --output type=tar .
	fails 125 'missing required key "dest"' buildah build --output type=local .
	fails 125 'stat f/Dockerfile: not a directory' buildah build -f f/Dockerfile .
	BUILDAH_ISOLATION=chroot fails 125 'cannot set --network other than host with --isolation chroot' \
		buildah build --network=none .
}

@test "ADD: words about what a server sends" {
	mkdir files
	echo one >files/one
	server_start files "$RIG_LIB/file_server.py" --root files --log requests
	printf 'FROM scratch\nADD http://%s/none /\n' "$SERVER_ADDRESS" >Dockerfile
	fails 125 'invalid response status 404' buildah build .
	sum=$(printf '0%.0s' {1..64})
	printf 'FROM scratch\nADD --checksum=sha256:%s http://%s/files/one /\n' "$sum" "$SERVER_ADDRESS" >Dockerfile
	fails 125 "unexpected response digest for \"http://$SERVER_ADDRESS/files/one\": sha256:$(sha256sum <files/one | cut -d' ' -f1), want sha256:$sum" \
		buildah build .
}

@test "--device of a folder shows the devices in it" {
	need_root
	mkdir -p d/below
	mknod d/null c 1 3 || skip 'no device can be made here'
	mknod d/below/zero c 1 5
	touch d/plain
	ln -s null d/link
	printf 'FROM %s\nRUN find /dev/mine -type c | sort\nRUN ls /dev/mine\n' "$img" >Dockerfile
	succeeds buildah build --no-cache --device "$PWD/d:/dev/mine" .
	says $'/dev/mine/below/zero\n/dev/mine/null\n'
	says_not plain
	says_not link
}

@test "an image with a time of its own: its files outside, its host" {
	printf 'FROM %s\nRUN hostname >/h; touch -d @5 /old\n' "$img" >Dockerfile
	for option in --timestamp=60 --source-date-epoch=60; do
		succeeds buildah build --no-cache --format docker "$option" -o files -t app .
		equals 'sandbox 60 60 5' "$(cat files/h) $(stat -c %Y files/h files/bin files/old | paste -sd' ')"
		rm -r files
		succeeds buildah inspect --type image --format '{{.Docker.Config.Hostname}}' app
		equals sandbox "$output"
	done
	succeeds buildah build --no-cache --source-date-epoch=60 -o type=tar,dest=files.tar .
	equals 1970 "$(tar tvf files.tar --utc | awk '$6 == "h" {print $4}' | cut -d- -f1)"
	succeeds buildah build --no-cache -o files .
	equals buildkitsandbox "$(cat files/h)"
}

@test "the file system of /dev/shm is called shm" {
	printf 'FROM %s\nRUN grep -c "^shm /dev/shm tmpfs " /proc/mounts\n' "$img" >Dockerfile
	succeeds kiln build .
	succeeds kiln build --no-cache --shm-size 1m .
}
