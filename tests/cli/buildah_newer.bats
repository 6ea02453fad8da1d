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
	for change in --squash --label=A=B --unsetlabel=io.buildah.version --inherit-labels=false --unsetenv=PATH; do
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
	fails 125 'invalid network mode: "fake"' buildah build .
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

@test "run: --umask, what --mount=type=bind,rw shows is not written to, and a host called as the container" {
	succeeds buildah from --name my-own_Container "$img"
	succeeds buildah run my-own_Container sh -c umask
	equals 0022 "$output"
	for mask in 0 2 022 123; do
		succeeds buildah run --umask="$mask" my-own_Container sh -c umask
		equals "$(printf %04o "0$mask")" "$output"
	done
	fails 125 'umask value 01000 is out of range' buildah run --umask=1000 my-own_Container true
	fails 125 "option '--umask'" buildah run --umask=9 my-own_Container true
	mkdir -p a:b
	echo kept >file
	succeeds buildah run --mount "type=bind,src=$PWD/a:b,dst=/v/w,rw" my-own_Container sh -c 'touch /v/w/new && ls /v/w'
	equals new "$output"
	succeeds buildah run --mount "type=bind,src=$PWD/file,dst=/v/f,rw" my-own_Container sh -c 'echo other >/v/f; cat /v/f'
	equals other "$output"
	equals 'kept ' "$(cat file) $(ls a:b)"
	fails 1 'Read-only' buildah run --mount "type=bind,src=$PWD/a:b,dst=/v/w" my-own_Container touch /v/w/new
	printf '[containers]\ncontainer_name_as_hostname = true\n' >containers.conf
	CONTAINERS_CONF=containers.conf succeeds buildah run my-own_Container hostname
	equals my-ownContainer "$output"
	CONTAINERS_CONF=containers.conf succeeds buildah run --hostname other my-own_Container hostname
	equals other "$output"
	fails 125 'unknown user error' buildah run --user nobody-here my-own_Container true
}

@test "copy and add: --include, --required-path, patterns that are not wanted" {
	mkdir -p src/sub
	touch src/a.go src/a.md src/sub/b.go src/sub/b.md
	succeeds buildah from --name one scratch
	succeeds buildah copy --include '**/*.go' one src /all
	succeeds buildah copy --include '**/*.go' --exclude '**/b.go' one src /less
	succeeds buildah copy --include '**/*.go' --include '!**/b.go' one src /taken-back
	succeeds buildah add --include '!**/b.go' --include '**/*.go' --required-path sub/b.go --required-path a.go one src /given-back
	succeeds buildah add --include '**/*.go' --required-path a.go one src/a.go src/a.md /files/
	fails 125 '--required-path must be used with --include' buildah copy --required-path a.go one src /no
	fails 125 'required path "a.md" was not copied' buildah copy --include '**/*.go' --required-path a.go --required-path a.md one src /no
	fails 125 'wildcards are not allowed' buildah copy --allow-wildcard=false one 'src/*' /no/
	fails 125 "it matched nothing" buildah copy one 'src/none*' /no/
	fails 125 'checksum flag is not supported for local sources' \
		buildah add --checksum "sha256:$(printf '0%.0s' {1..64})" one src/a.go /no/
	succeeds buildah commit -q one "oci:$PWD/out:v1"
	equals 'all/a.go all/sub/b.go files/a.go given-back/a.go given-back/sub/b.go less/a.go taken-back/a.go' \
		"$(tree_of out:v1 | grep -o '[^ ]*\.\(go\|md\)' | sed 's,^/,,' | LC_ALL=C sort -u | paste -sd' ')"
}

@test "manifest create: --amend makes a list of an image, --replace leaves it without the name" {
	printf 'FROM scratch\n' >Dockerfile
	succeeds buildah build -q --label a=1 -t one .
	first=$output
	succeeds buildah build -q --label a=2 -t two .
	succeeds buildah manifest create --amend one
	[ "$output" != "$first" ] || explain 'a list'
	succeeds buildah manifest create --amend two one
	succeeds buildah manifest inspect two
	equals 2 "$(jq '.manifests | length' <<<"$output")"
	succeeds buildah build -q --label a=3 -t three .
	third=$output
	succeeds buildah manifest create --replace three
	succeeds buildah manifest inspect three
	equals 0 "$(jq '.manifests | length' <<<"$output")"
	succeeds buildah inspect --type image "$third"
	fails 125 'mutually exclusive' buildah manifest create --amend --replace four
}

@test "containers.conf: compression_format" {
	printf '[engine]\ncompression_format = "zstd"\n' >containers.conf
	printf 'FROM %s\nRUN echo 1 >/f\n' "$img" >Dockerfile
	types() {
		jq -r '.layers[].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")" | sed 's/.*+//' | paste -sd,
	}
	succeeds buildah build -q -t app .
	export CONTAINERS_CONF=containers.conf
	succeeds buildah push -q app oci:pushed
	equals zstd,zstd "$(types pushed)"
	succeeds buildah push -q --compression-format gzip app oci:typed
	equals gzip,gzip "$(types typed)"
	succeeds buildah from --name one "$img"
	succeeds buildah run one touch /g
	succeeds buildah commit -q --disable-compression=false one oci:committed
	equals zstd,zstd "$(types committed)"
	succeeds buildah build -q --no-cache -t oci:built .
	equals application/vnd.oci.image.layer.v1.tar,application/vnd.oci.image.layer.v1.tar "$(types built)"
	succeeds buildah build -q --no-cache --disable-compression=false -t oci:packed .
	equals gzip,zstd "$(types packed)"
	succeeds buildah build -q --no-cache --format docker -t docker .
	echo '[engine]
compression_format = "lzma"' >containers.conf
	fails 125 'unknown compression "lzma"' buildah push -q app oci:none
}

@test "what a base says of its layers stays with them, and config --annotation layer: is the newest one's" {
	said() {
		succeeds buildah inspect --type image --format '{{.Manifest}}' "$1"
		equals "$2" "$(jq -c '[.layers[].annotations]' <<<"$output")"
	}
	succeeds buildah from -q --name one "$img"
	succeeds buildah copy one /dev/null /zero
	succeeds buildah config --annotation layer:gone=1 --annotation layer:kept=2 --annotation layer:bare one
	succeeds buildah config --annotation layer:gone- --annotation own=3 one
	succeeds buildah inspect --format '{{index .TopLayerAnnotations "kept"}} {{len .TopLayerAnnotations}} {{index .ImageAnnotations "own"}}' one
	equals '2 2 3' "$output"
	succeeds buildah commit -q one base
	said base '[null,{"bare":"","kept":"2"}]'
	succeeds buildah config --annotation layer:- one
	succeeds buildah inspect --format '{{.TopLayerAnnotations}}' one
	equals 'map[]' "$output"
	succeeds buildah from -q --name two base
	succeeds buildah copy two /dev/null /one
	succeeds buildah commit -q two more
	said more '[null,{"bare":"","kept":"2"},null]'
	printf 'FROM base\nRUN touch /f\n' >Dockerfile
	succeeds buildah build -q -t built .
	said built '[null,{"bare":"","kept":"2"},null]'
	succeeds buildah build -q --format docker -t built .
	said built '[null,null,null]'
}

@test "words about source policies; zstd:chunked is written as zstd" {
	printf 'FROM scratch\n' >Dockerfile
	echo '{' >policy
	fails 125 "loading source policy 'policy'" buildah build --source-policy-file policy .
	fails 125 "loading source policy 'none'" buildah build --source-policy-file none .
	echo '{"rules":[{"selector":{"identifier":"a"}}]}' >policy
	fails 125 'action is required' buildah build --source-policy-file policy .
	echo '{"rules":[{"action":"DENY","selector":{}}]}' >policy
	fails 125 'selector.identifier is required' buildah build --source-policy-file policy .
	echo '{"rules":[{"action":"CONVERT","selector":{"identifier":"a"}}]}' >policy
	fails 125 'updates.identifier is required for CONVERT' buildah build --source-policy-file policy .
	printf 'FROM %s\n' "$img" >Dockerfile
	succeeds buildah build -q -t app .
	succeeds buildah push -q --format oci --compression-format zstd:chunked app oci:pushed
	succeeds grep -rl 'layer.v1.tar+zstd' pushed
}

@test "sources: ** is any number of folders, for build, copy and add" {
	mkdir -p c/e/f/sub c/e/sub c/sub
	touch c/a.txt c/e/b.txt c/e/sub/c.txt c/e/f/sub/d.txt c/sub/h.txt
	ln -s e c/link
	globbed() { # globbed PATTERN FILE...
		printf 'FROM scratch\nCOPY %s /d/\n' "$1" >Dockerfile
		succeeds buildah build -q -o out -f Dockerfile c
		equals "${*:2}" "$(cd out/d && echo *)"
		rm -r out
	}
	globbed '**/*.txt' a.txt b.txt c.txt d.txt h.txt
	globbed 'e/**/**/sub/*.txt' c.txt d.txt
	globbed '**/e/**/[cd].txt' c.txt d.txt
	globbed '**/sub' c.txt d.txt h.txt
	succeeds buildah from -q --name one scratch
	succeeds buildah add one 'c/**/sub/*.txt' /d/
	succeeds buildah mount one
	equals 'c.txt d.txt h.txt' "$(cd "$output/d" && echo *)"
	succeeds buildah umount one
	# As BuildKit has it, two stars are one.
	printf 'FROM scratch\nCOPY **/*.txt /d/\n' >Dockerfile
	succeeds kiln build -o out -f Dockerfile c
	equals 'b.txt h.txt' "$(cd out/d && echo *)"
}

@test "copies: a folder takes the place of a file or link, and these of a folder" {
	mkdir -p c/one/dir c/two/name
	touch c/one/dir/f c/two/name/new
	ln -s dir c/one/name
	replaced() { # replaced FIRST SECOND TYPE
		printf '%s\n' 'FROM scratch' "COPY $1 /" "COPY $2 /" >Dockerfile
		succeeds buildah build -q -t app -o out -f Dockerfile c
		equals "$3" "$(stat -c %F out/name)"
		succeeds ls out/name
		rm -r out
		succeeds buildah from -q --name w scratch
		succeeds buildah copy w "c/$1" /
		succeeds buildah copy w "c/$2" /
		succeeds buildah mount w
		equals "$3" "$(stat -c %F "$output/name")"
		succeeds buildah rm w
	}
	replaced one two directory
	replaced two one 'symbolic link'
	printf '%s\n' 'FROM scratch' 'COPY one /' 'COPY two /' >Dockerfile
	# No cache has it, though the same lines were built as Buildah.
	fails 1 "'/name' is there and is not a directory" kiln build -f Dockerfile c
	# So it is in the next step, too.
	printf '%s\n' "FROM $img" 'COPY one /' 'RUN true' 'COPY two /' 'RUN test ! -L /name && test -e /name/new && test ! -e /name/f' >Dockerfile
	succeeds buildah build -f Dockerfile c
}

@test "FROM knows what is given for ARGs of stages above it, not of those below" {
	printf '%s\n' "FROM \${base:-scratch} AS one" 'COPY f /' "FROM one AS two" 'ARG base' "FROM \${base:-scratch}" >Dockerfile
	touch f
	succeeds buildah build --build-arg "base=$img" -q -t app .
	succeeds buildah build --build-arg "base=$img" --target one -q -o out .
	equals f "$(ls out)"
}

@test "commit: --config is merged into the config, and --change comes after it" {
	said() { # said KEYS EXPECTED
		succeeds buildah inspect --type image --format '{{json .OCIv1.Config}}' app
		equals "$2" "$(jq -c "$1" <<<"$output")"
	}
	printf '%s\n' 'FROM scratch' 'ENV A=1 B=2' 'LABEL a=1' 'EXPOSE 1' 'VOLUME /a' 'USER one' 'ENTRYPOINT ["/e"]' 'WORKDIR /w' >Dockerfile
	succeeds buildah build -q -t base .
	succeeds buildah from -q --name c base
	echo '{"Env":["B=3","C=4"],"Labels":{"b":"2"},"ExposedPorts":{"2/udp":{}},"Volumes":{"/b":{}},"User":"two","WorkingDir":"","Cmd":["/c"]}' >config
	succeeds buildah commit -q --config config c app
	said '[.Env[1:],.Labels.a,.Labels.b,(.ExposedPorts|keys),(.Volumes|keys),.User,.WorkingDir,.Cmd]' \
		'[["A=1","B=3","C=4"],"1","2",["1/tcp","2/udp"],["/a","/b"],"two","/w",["/c"]]'
	said '.Entrypoint // []' '[]'
	succeeds buildah commit -q --config config --change 'USER three' --change 'ENV C=5' --change 'EXPOSE 3' c app
	said '[.Env[1:],(.ExposedPorts|keys),.User,.Cmd]' '[["A=1","B=3","C=5"],["1/tcp","2/udp","3/tcp"],"three",["/c"]]'
}
