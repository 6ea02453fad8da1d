#!/usr/bin/env bats
# What the tests of Buildah 1.43 ask for, and those of older ones do not.
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

@test "a credential file that is not there, and two of them: Buildah's words" {
	for verb in 'logout --authfile' 'logout --compat-auth-file' 'pull --authfile' 'from --pull --authfile'; do
		# shellcheck disable=SC2086 # two words
		fails 125 'Error: credential file is not accessible: stat none.json: no such file or directory' \
			buildah $verb none.json localhost:5000
	done
	echo '{}' >both.json
	for verb in login logout; do
		fails 125 '' buildah "$verb" --authfile both.json --compat-auth-file both.json localhost:5000
		equals 'Error: options for paths to the credential file and to the Docker-compatible credential file can not be set simultaneously' "$stderr"
	done
}

@test "--log-level debug writes lines as Buildah's logger does" {
	succeeds buildah from --name c scratch
	succeeds buildah --log-level=debug images -q
	[ -z "$stderr" ] || grep -qE '^time="[0-9TZ:+-]+" level=debug msg="' <<<"$stderr" || explain 'the form of a line'
	fails 125 'level=debug msg="' buildah --log-level=debug pull --retry 1 --retry-delay 1ms 127.0.0.1:1/app
	says_not 'debug: '
}

@test "images: of several names that are asked for one will do" {
	for name in one two; do
		printf 'FROM scratch\nLABEL is=%s\n' "$name" >Dockerfile
		succeeds buildah build -q -t "$name" .
	done
	succeeds buildah images --noheading --format '{{.Name}}' --filter 'reference=one*' --filter 'reference=x*'
	equals localhost/one "$output"
	succeeds buildah images --noheading --format '{{.Name}}' --filter reference=one --filter reference=two
	equals $'localhost/one\nlocalhost/two' "$(sort <<<"$output")"
	succeeds buildah images --noheading --format '{{.Name}}' --filter reference=one --filter reference=two --filter label=is=two
	equals localhost/two "$output"
	succeeds buildah images --noheading --format '{{.Name}}' --filter reference=one --filter 'reference!=o*'
	equals '' "$output"
}

@test "from: for Buildah a port begins a tag" {
	registry_start plain
	registry_put team/base busybox
	succeeds buildah from -q --tls-verify=false "$REGISTRY/team/base"
	equals "${REGISTRY%:*}-working-container" "$output"
	succeeds buildah from -q --pull=never "$REGISTRY/team/base"
	equals "${REGISTRY%:*}-working-container-1" "$output"
	succeeds kiln from -q "$REGISTRY/team/base"
	equals base-working-container "$output"
}

@test "containers.conf: limits count for containers that were there before, and the wait between tries" {
	succeeds buildah from --name c "$img"
	succeeds buildah from --name own --ulimit nofile=30:40 "$img"
	export CONTAINERS_CONF=$PWD/containers.conf
	printf '[containers]\ndefault_ulimits = ["nofile=50:60"]\n[engine]\nretry = 2\nretry_delay = "1ms"\n' >containers.conf
	succeeds buildah run c -- sh -c 'ulimit -Sn; ulimit -Hn'
	equals $'50\n60' "$output"
	succeeds buildah run own -- sh -c 'ulimit -Sn; ulimit -Hn'
	equals $'30\n40' "$output"
	succeeds kiln run c -- sh -c 'ulimit -Sn'
	[ "$output" != 50 ] || explain "kiln's own name reads no containers.conf"
	succeeds buildah info
	printf '[engine]\nretry_delay = "some"\n' >containers.conf
	fails 125 some buildah info
}

@test "commit and build leave layers plain in layouts, unless they are told to compress" {
	types() {
		jq -r '.layers[].mediaType' "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")" |
			sed 's/^application.vnd.oci.image.layer.v1.//' | paste -sd' '
	}
	printf 'FROM %s\nRUN echo 1 >/f\n' "$img" >Dockerfile
	succeeds buildah from --name c "$img"
	succeeds buildah run c touch /g
	succeeds buildah commit -q c oci:one
	equals 'tar tar' "$(types one)"
	valid_image one
	succeeds buildah commit -q -D=false c oci:two:v1
	equals 'tar+gzip tar+gzip' "$(types two)"
	succeeds buildah commit -q --compression-format zstd c oci:three
	says_not error
	grep -q zstd <<<"$(types three)" || explain 'zstd is asked for'
	succeeds buildah commit -q c oci-archive:one.tar
	mkdir four && tar -C four -xf one.tar
	equals 'tar tar' "$(types four)"
	succeeds buildah build -q -t app -t oci:five:v1 -t oci-archive:five.tar .
	equals 'tar tar v1' "$(types five) $(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' five/index.json)"
	mkdir six && tar -C six -xf five.tar
	equals 'tar tar' "$(types six)"
	succeeds buildah build -q --disable-compression=false -t oci:seven .
	equals 'tar+gzip tar+gzip' "$(types seven)"
	succeeds buildah build -q --platform linux/amd64,linux/arm64 -t oci:both .
	equals 2 "$(jq '.manifests | length' "both/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' both/index.json)")"
	for way in '' -D; do
		# shellcheck disable=SC2086 # none or one
		succeeds buildah push -q $way app "oci:pushed$way"
		equals 'tar+gzip tar+gzip' "$(types "pushed$way")"
	done
	succeeds buildah push -q -D app dir:plain
	[[ "$(jq -r '.layers[].mediaType' plain/manifest.json | paste -sd' ')" != *gzip* ]]
}

@test "a stage may be called as it likes, and what is not built misses no ARG" {
	cat >Dockerfile <<-EOF
		FROM $img AS build
		FROM build AS platform-arm/v7
		ARG LACKING
		FROM build AS 1st/One
		RUN echo one >/f
		FROM scratch
		COPY --from=1st/one /f /
	EOF
	succeeds buildah build -t app .
	says_not LACKING
	succeeds buildah build --skip-unused-stages=false .
	says 'missing "LACKING" build argument'
	succeeds buildah build --target platform-arm/v7 .
	says 'missing "LACKING" build argument'
	fails 1 'invalid name for build stage: "platform-arm/v7"' kiln build .
}

@test "commit: the container's ID in Docker's format, and one moment in config and annotation" {
	succeeds buildah from --name c "$img"
	succeeds buildah containers --format '{{.ContainerID}}'
	id=$output
	succeeds buildah commit -q --format docker c app
	succeeds buildah inspect --type image --format '{{.Docker.Container}}' app
	equals "$id" "$output"
	succeeds buildah commit -q --format docker --timestamp 5 c timed
	succeeds buildah inspect --type image --format '{{.Docker.Container}}' timed
	equals '' "$output"
	# What is made from it is another image.
	succeeds buildah from --name next app
	succeeds buildah commit -q next oci:out
	equals null "$(config_of out .container)"
	equals "$(config_of out .created)" \
		"$(jq -c '.annotations["org.opencontainers.image.created"]' "out/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' out/index.json)")"
}

@test "copy --link, add --link: each a layer of its own, on what was changed before" {
	layers() {
		config_of "$1" '.rootfs.diff_ids | length'
	}
	mkdir tree && echo two >tree/two
	echo one >one
	for start in scratch "$img"; do
		rm -rf out
		succeeds buildah from --name c "$start"
		succeeds buildah copy --link c one /one
		[[ "$output" =~ ^[0-9a-f]{64}$ ]] || explain 'the digest of what was copied'
		succeeds buildah add --link c tree /tree
		succeeds buildah commit -q c oci:out
		base=0
		[ "$start" = scratch ] || base=1
		equals $((base + 2)) "$(layers out)"
		valid_image out
		succeeds buildah rm c
	done
	# On changes that are no layer: these are one, and nothing of them is lost.
	succeeds buildah from --name c "$img"
	succeeds buildah run c -- sh -c 'mkdir /made && echo run >/made/f && rm /bin/ls && echo old >/one'
	succeeds buildah copy --link c one /one
	succeeds buildah run c -- sh -c 'cat /made/f /one; test ! -e /bin/ls; echo after >/after'
	equals $'run\none' "$output"
	succeeds buildah copy --link c one /made/
	rm -rf out
	succeeds buildah commit -q c oci:out
	equals 5 "$(layers out)"
	valid_image out
	tree_of out >files
	for file in /after /made/f /made/one; do
		grep -q " $file " files || explain "$file is there"
	done
	equals 0 "$(grep -c ' /bin/ls ' files)" 'what was removed is gone'
	equals 5 "$(config_of out '[.history[] | select(.empty_layer | not)] | length')"
	# The same copy on the same base is the same layer.
	succeeds buildah from --name d "$img"
	succeeds buildah copy --link d one /one
	rm -rf two
	succeeds buildah commit -q d oci:two
	succeeds buildah from --name e "$img"
	succeeds buildah copy --link e one /one
	rm -rf three
	succeeds buildah commit -q e oci:three
	equals "$(config_of two .rootfs.diff_ids)" "$(config_of three .rootfs.diff_ids)"
	# Twice is a layer that changes nothing: none.
	succeeds buildah copy --link e one /one
}

@test "what is squashed with nothing below it hides nothing" {
	mkdir -p tree/d && echo 1 >tree/f && echo 2 >tree/d/one && echo 3 >tree/d/two
	cat >Dockerfile <<-EOF
		FROM $img
		COPY tree /
		RUN rm /f /d/one /bin/ls && rm -r /home && mkdir /home && touch /home/new
	EOF
	succeeds buildah build --no-cache --squash -t dir:out .
	mapfile -t layers < <(jq -r '.layers[].digest[7:]' out/manifest.json)
	equals 1 ${#layers[@]}
	equals 0 "$(tar -tf "out/${layers[0]}" | grep -c '\.wh\.')"
	equals 'd/two home/new' "$(tar -tf "out/${layers[0]}" | grep -E '^(f|d/.+|bin/ls|home/.+)$' | sort | xargs)"
	printf 'FROM scratch\nCOPY tree /\nCOPY tree/f /d/one\n' >Dockerfile
	succeeds kiln build --squash -o files .
	equals 1 "$(cat files/d/one)"
}

@test "SOURCE_DATE_EPOCH: what says the image's time is an ARG as well, and the other way round" {
	printf 'FROM %s\nRUN echo "before=$SOURCE_DATE_EPOCH."\nARG SOURCE_DATE_EPOCH\nRUN echo "after=$SOURCE_DATE_EPOCH."\n' "$img" >Dockerfile
	is() { # PROGRAM'S WORDS AND OPTIONS: 60 in the step, and as the image's time
		succeeds "$@" --no-cache -t app .
		says before=.
		says after=60.
		succeeds buildah inspect --type image --format '{{.OCIv1.Created}}' app
		says '1970-01-01 00:01:00'
	}
	is buildah build --source-date-epoch 60
	is buildah build --build-arg SOURCE_DATE_EPOCH=60
	equals 1970-01-01T00:01:00Z "$(buildah inspect --type image app | jq -r '.ImageAnnotations["org.opencontainers.image.created"]')"
	is kiln build --build-arg SOURCE_DATE_EPOCH=60
	export SOURCE_DATE_EPOCH=60
	is buildah build
	is kiln build
	# What is said in both ways: an ARG is what it is given.
	succeeds buildah build --no-cache --build-arg SOURCE_DATE_EPOCH=70 .
	says after=70.
	unset SOURCE_DATE_EPOCH
	# --timestamp is no such time.
	succeeds buildah build --no-cache --timestamp 60 .
	says after=.
	fails 125 SOURCE_DATE_EPOCH buildah build --build-arg SOURCE_DATE_EPOCH=soon .
}

@test "mkcw is refused by name" {
	fails 125 "'mkcw' is not there: confidential workloads" buildah mkcw image oci:out
	fails 125 "option '--type' is not there yet" buildah mkcw --type snp image oci:out
}
