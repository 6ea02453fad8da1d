#!/usr/bin/env bats
# What Buildah's own test-suite asks for, and other files here do not look at.
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

@test "build: COPY --from and from= of a mount take ARGs" {
	printf '%s\n' 'ARG which=a' "FROM $img AS part_a" 'RUN echo of a >/f' "FROM $img AS part_b" \
		'RUN echo of b >/f' "FROM $img" 'ENV other=a' 'COPY --from=part_${which} /f /1' \
		'ARG other=b' 'COPY --from=part_${other} /f /2' 'ARG other=a' \
		'RUN --mount=type=bind,from=part_$other,target=/m cat /m/f >/3' \
		'COPY --from=part_${none:-b} /f /4' >Dockerfile
	succeeds buildah build -o files .
	equals 'of a|of b|of a|of b' "$(cat files/1 files/2 files/3 files/4 | paste -sd'|')"
	succeeds buildah build --build-arg which=b --build-arg other=a -o more .
	equals 'of b|of a|of a|of b' "$(cat more/1 more/2 more/3 more/4 | paste -sd'|')"
	printf 'FROM scratch\nCOPY --from=$none /f /\n' >Dockerfile
	fails 125 "--from '\$none' is empty once expanded" buildah build .
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	fails 125 "'from' doesn't support variable expansion, define alias stage instead: '\$x'" buildah build --mount 'type=bind,from=$x,target=/m' .
}

@test "build: a named context has a .containerignore" {
	mkdir one
	echo 1 >one/kept
	echo 2 >one/left
	echo left >one/.containerignore
	printf 'FROM scratch\nCOPY --from=one kept /\n' >Dockerfile
	succeeds buildah build --build-context one=one .
	printf 'FROM scratch\nCOPY --from=one left /\n' >Dockerfile
	fails 125 'one/.containerignore): no such file or directory' buildah build --build-context one=one .
}

@test "copy --contextdir: its own ignore file counts, unless another is named" {
	mkdir -p files/sub
	echo 1 >files/kept
	echo 2 >files/left
	echo left >files/.dockerignore
	succeeds buildah from --name one "$img"
	succeeds buildah copy --contextdir files one / /a/
	succeeds buildah run one ls -A /a
	equals $'.dockerignore\nkept\nsub' "$output"
	echo kept >files/.containerignore
	succeeds buildah add --contextdir files one / /b/
	succeeds buildah run one ls /b
	equals $'left\nsub' "$output"
	succeeds buildah copy --contextdir files --ignorefile files/.dockerignore one / /c/
	succeeds buildah run one ls /c
	equals $'kept\nsub' "$output"
	rm files/.*ignore
	ln -s "$PWD/Outside" files/.dockerignore
	echo kept >Outside
	succeeds buildah copy --contextdir files one /kept /d/
}

@test "rm, mount and umount go on behind one that fails, and tell of each" {
	succeeds buildah from --name one "$img"
	succeeds buildah from --name two "$img"
	if [ "$(id -u)" = 0 ]; then
		fails 125 'Error: mounting container "gone"' buildah mount none one gone
		says 'mounting container "none": reading build container "none": container not known'
		says "one $BATS_TEST_TMPDIR/store"
		fails 125 'Error: unmounting container gone' buildah umount none one gone
		says 'unmounting container none'
		succeeds buildah mount
		equals '' "$output"
	fi
	fails 125 'Error: removing container "gone": container not known' buildah rm none one gone two
	says 'removing container "none": container not known'
	succeeds buildah containers -q
	equals '' "$output"
}

@test "a container of an image without a name is called by its ID, and finds its own names" {
	succeeds buildah from --name one "$img"
	succeeds buildah commit -q one
	id=$output
	succeeds buildah from --name given "$id"
	succeeds buildah from "$id"
	equals "${id:0:12}-working-container" "$output"
	succeeds buildah run --hostname box "$output" sh -c 'hostname -f; grep box /etc/hosts'
	equals "box"$'\n'"127.0.0.1"$'\t'"box ${id:0:12}-working-container" "$output"
	KILN_LAYERS=1 succeeds buildah run one cat /etc/hosts
	says 'localhost buildkitsandbox'
	says_not one
}

@test "run makes the volumes that an image declares" {
	printf 'FROM %s\nVOLUME /var/lib/data /bin/sh /bin/sh/below\n' "$img" >Dockerfile
	succeeds kiln build -t base .
	succeeds buildah from --name one base
	succeeds buildah run one stat -c '%a %u' /var/lib/data
	equals '755 0' "$output"
}

@test "history: what a health check was told, and a command as a shell would have it" {
	succeeds buildah from --name one --format docker "$img"
	succeeds buildah config --add-history --healthcheck 'CMD /x' --healthcheck-timeout 10s \
		--healthcheck-retries 7 --healthcheck-interval 20s --healthcheck-start-period 30s one
	succeeds buildah run --add-history one -- uname -a
	succeeds buildah commit -q one app
	succeeds buildah inspect --type image --format '{{range .Docker.History}}{{println .CreatedBy}}{{end}}' app
	says 'HEALTHCHECK --interval=20s --retries=7 --start-period=30s --timeout=10s CMD /x'
	says '/bin/sh -c uname -a'
}

@test "images --filter: containers, lists, moments, and what is not" {
	succeeds buildah from --name one "$img"
	succeeds buildah commit -q one app
	succeeds buildah from app
	succeeds buildah manifest create list
	for case in containers=true:app manifest=true:list manifest!=true:app reference!=app:list \
		until!=1h:app,list until=2000-01-01T00:00:00Z: containers=false:list dangling=true:; do
		succeeds buildah images --noheading --format '{{.Name}}' --filter "${case%:*}" --filter dangling=false
		equals "${case##*:}" "$(grep -o '[a-z]*$' <<<"$output" | grep -v oci | sort | paste -sd,)" "$case"
	done
	fails 125 'unsupported image filter "bogus"' buildah images --filter bogus=1
	fails 125 'must be in the format "filter=value or filter!=value"' buildah images --filter since
}

@test "a list keeps its image while it has another name; --memory-swap=-1 needs no --memory; inspect tells the isolation" {
	succeeds buildah manifest create one
	succeeds buildah tag one two
	succeeds buildah manifest rm two
	equals 'untagged: localhost/two:latest' "$output"
	succeeds buildah manifest rm one
	says $'untagged: localhost/one:latest\n'
	printf 'FROM scratch\n' >Dockerfile
	succeeds buildah build --memory-swap -1 .
	fails 125 "it needs '--memory'" buildah build --memory-swap 1g .
	succeeds buildah from --name c --isolation chroot scratch
	succeeds buildah inspect --format '{{.Isolation}}' c
	equals chroot "$output"
}

@test "volumes: a colon in a path stands behind a backslash" {
	mkdir -p a:b
	echo 1 >a:b/f
	chmod 755 a:b
	succeeds buildah from --name one -v "$PWD/a\\:b:/c\\:d:O" "$img"
	succeeds buildah run one cat /c:d/f
	succeeds buildah run -v "$PWD/a\\:b:/e\\f:ro" one cat '/e\f/f'
	equals 1 "$output"
}

@test "from --default-mounts-file is remembered" {
	mkdir -p host
	echo there >host/f
	echo "$PWD/host:/run/given" >mounts.conf
	succeeds buildah --default-mounts-file mounts.conf from --name one "$img"
	mkdir elsewhere
	cd elsewhere
	succeeds buildah run one cat /run/given/f
	equals there "$output"
	succeeds buildah inspect --format '{{.DefaultMountsFilePath}}' one
	equals "$(realpath ../mounts.conf)" "$output"
	echo "$PWD:/run/other" >other.conf
	succeeds buildah --default-mounts-file other.conf run one ls /run
	says other
	says_not given
}

@test "help: of a group of commands, and where a command is missing" {
	succeeds buildah manifest
	says 'manifest annotate'
	says_not 'rename'
	group=$output
	succeeds buildah manifest --help
	equals "$group" "$output"
	succeeds buildah help manifest
	equals "$group" "$output"
	fails 125 "has no command 'nothing'" buildah manifest nothing
	succeeds buildah
	says 'Usage: buildah'
	succeeds kiln image --help
	says 'image copy'
	fails 2 "'kiln image' wants a command" kiln image
}

@test "oci: a reference in a layout has colons" {
	succeeds buildah from --name one "$img"
	succeeds buildah commit -q one app
	succeeds buildah push -q app "oci:$PWD/layout:example.com/team/app:v1"
	succeeds buildah pull -q "oci:$PWD/layout:example.com/team/app:v1"
	mkdir 'a:b'
	succeeds kiln image copy store:localhost/app:latest "oci:$PWD/plain:v1"
	cp -r plain/. a:b
	succeeds buildah pull -q "oci:$PWD/a:b:v1"
	succeeds buildah pull -q "oci:$PWD/a:b"
}

@test "BUILD_REGISTRY_SOURCES: which registries are asked, and which never" {
	registry_start plain
	registry_put base busybox
	printf 'FROM %s/base\n' "$REGISTRY" >Dockerfile
	export BUILD_REGISTRY_SOURCES="{\"blockedRegistries\": [\"$REGISTRY\"]}"
	fails 125 "registry \"$REGISTRY\" denied by policy: it is in the blocked registries list" \
		buildah build --tls-verify=false .
	fails 125 'denied by policy' buildah pull --tls-verify=false "$REGISTRY/base"
	succeeds buildah from --name one "$img"
	fails 125 'denied by policy' buildah commit --tls-verify=false one "docker://$REGISTRY/other"
	export BUILD_REGISTRY_SOURCES='{"allowedRegistries": ["registry.example", "127.0.0.1"]}'
	fails 125 'denied by policy: not in allowed registries list' buildah pull --tls-verify=false "$REGISTRY/base"
	export BUILD_REGISTRY_SOURCES="{\"allowedRegistries\": [\"$REGISTRY\"], \"insecureRegistries\": [\"$REGISTRY\"]}"
	succeeds buildah pull "$REGISTRY/base"
	# What is there already needs no registry.
	export BUILD_REGISTRY_SOURCES="{\"blockedRegistries\": [\"$REGISTRY\"]}"
	succeeds buildah build .
	export BUILD_REGISTRY_SOURCES='{"blockedRegistries": "x"}'
	fails 125 BUILD_REGISTRY_SOURCES buildah pull "$REGISTRY/base"
}

@test "build: several sources make a directory of their destination" {
	mkdir dir && echo one >one && echo two >two && echo three >dir/three
	printf 'FROM scratch\nCOPY one two /both\nADD dir one /also\nCOPY one <<EOF /here\ntext\nEOF\nCOPY t* /name\n' >Dockerfile
	succeeds buildah build -q -o files .
	says_not WARNING
	equals $'also\nalso/one\nalso/three\nboth\nboth/one\nboth/two\nhere\nhere/EOF\nhere/one\nname' \
		"$(cd files && find . -mindepth 1 -printf '%P\n' | sort)"
	# BuildKit's rule under kiln's name.
	printf 'FROM scratch\nCOPY one two /both\n' >Dockerfile
	succeeds kiln build -q -o kiln .
	equals two "$(cat kiln/both)"
}

@test "build: sources that match nothing, and what an ignore file lets in again" {
	mkdir c c/sub
	touch c/a.txt c/sub/one.go
	printf 'FROM scratch\nCOPY *.none *.txt /d/\n' >Dockerfile
	succeeds buildah build -f Dockerfile -o out c
	equals a.txt "$(ls out/d)"
	printf 'FROM scratch\nCOPY *.none /d/\n' >Dockerfile
	fails 125 'building at STEP "COPY *.none /d/": no items matching glob '"'*.none' in the build context (it matched nothing)" \
		buildah build -f Dockerfile c
	says 'no such file or directory'
	succeeds kiln build -f Dockerfile -o none c
	# A directory that is left out has nothing again but by its own name.
	printf '*\n!**/*.go\n' >c/.dockerignore
	printf 'FROM scratch\nCOPY . /\n' >Dockerfile
	succeeds buildah build -f Dockerfile -o empty c
	equals '' "$(ls empty)"
	succeeds kiln build -f Dockerfile -o full c
	equals one.go "$(ls full/sub)"
	printf '*\n!sub/*.go\n' >c/.dockerignore
	succeeds buildah build -f Dockerfile -o again c
	equals one.go "$(ls again/sub)"
}

@test "build: what options say together, ARGs without a value, what VOLUME makes, tabs" {
	printf '%s\n' "FROM $img AS base" 'ARG which' 'FROM base AS part_a' \
		'RUN printf "of\ta\n"' 'VOLUME ["/v/deep", "/w", "/etc/passwd"]' 'RUN stat -c "%u %a" /v /v/deep /w | tr "\\n" ,' \
		'FROM part_${which}' 'RUN touch /v/deep/kept' >Dockerfile
	succeeds buildah build --build-arg which=a -t app .
	says $'of\ta'
	says '[3/3] STEP 1/2: FROM part_a'
	says '0 755,0 755,0 755,'
	succeeds buildah from --name one app
	succeeds buildah run one ls /v/deep
	equals kept "$output"
	printf 'FROM platform-$which\n' >undeclared
	fails 125 "image name 'platform-'" buildah build --build-arg which=a -f undeclared .
	printf '%s\n' "FROM $img" 'ARG a=1' 'ARG a' 'ARG which' 'ARG TARGETOS' 'ARG is_$a' >Dockerfile
	succeeds buildah build .
	says 'missing "which" build argument. Try adding "--build-arg which=<VALUE>"'
	says_not 'missing "a"'
	says_not 'missing "TARGETOS"'
	says_not 'missing "is_'
	succeeds buildah build --build-arg which=a .
	says_not missing
	fails 125 'accepts at most 1 arg(s), received 2' buildah build . more
	fails 125 '--no-hosts and --add-host conflict' buildah build --no-hosts --add-host a:1.2.3.4 .
	for option in --dns --dns-option --dns-search; do
		fails 125 "the $option option cannot be used with --network=none" \
			buildah build "$option=example" --network=none .
		succeeds buildah from "$option=example" --network=none scratch
	done
	fails 125 'invalid --dns, --dns=none may not be used with any other --dns options' buildah from --dns none --dns 192.0.2.1 scratch
	fails 125 'invalid --dns-option, --dns-option may not be used with --dns=none' buildah build --dns none --dns-option a .
	fails 125 'invalid --dns-search, --dns-search may not be used with --dns=none' buildah build --dns-search a --dns=None .
	fails 125 'cannot set --network other than host with --isolation chroot' \
		buildah run --network=none --isolation=chroot one true
	fails 125 'unable to find network with name or ID other: network not found' buildah run --network=other one true
}

@test "pull and from: another platform is fetched, and a newer image may be none" {
	registry_start plain
	printf 'FROM scratch\nCOPY f /\n' >Dockerfile
	touch f
	succeeds buildah build --platform linux/amd64,linux/arm64 --manifest "$REGISTRY/both" .
	succeeds buildah manifest push --tls-verify=false --signature-policy /dev/null "$REGISTRY/both" "docker://$REGISTRY/both"
	succeeds buildah rmi "$REGISTRY/both"
	succeeds buildah pull -q --tls-verify=false --arch amd64 "$REGISTRY/both"
	first=$output
	succeeds buildah pull -q --tls-verify=false --arch arm64 "$REGISTRY/both"
	[ "$output" != "$first" ] || explain 'the other platform'
	succeeds buildah inspect --format '{{.OCIv1.Architecture}}' "$REGISTRY/both"
	equals arm64 "$output"
	succeeds buildah from -q --tls-verify=false --arch amd64 "$REGISTRY/both"
	succeeds buildah inspect --format '{{.OCIv1.Architecture}}' "${REGISTRY%:*}-working-container"
	equals amd64 "$output"
	succeeds buildah tag "$REGISTRY/both" "$REGISTRY/ours"
	succeeds buildah from -q --tls-verify=false --pull=ifnewer "$REGISTRY/ours"
	printf 'FROM %s/ours\n' "$REGISTRY" >Dockerfile
	succeeds buildah build --pull=newer --tls-verify=false .
	fails 125 'not found' buildah from --pull=always --tls-verify=false "$REGISTRY/ours"
}

@test "the words that scripts look for: policies, tags, Dockerfiles, devices, hosts" {
	fails 125 'unsupported pull policy "bogus"' buildah pull --policy bogus app
	fails 125 'pulling all tags is not supported for oci-archive transport' buildah pull --all-tags oci-archive:a.tar
	fails 125 'Error: nothere: image not known' buildah images nothere
	equals 1 "$(wc -l <<<"$stderr")"
	fails 125 'nowhere.invalid: no such host' buildah pull --retry 0 nowhere.invalid/app
	fails 125 'credential file is not accessible: stat none.json: no such file or directory' buildah logout --authfile none.json host
	mkdir c
	touch empty
	echo 'FROM scratch' >one
	echo '# escape=|' >two
	printf '# escape=`\nLABEL a=b\n' >three
	fails 125 'containerfile: "c" cannot be path to a directory' buildah build -f c .
	fails 125 'invalid argument "bogus" for "--cpu-shares" flag: invalid syntax' buildah build --cpu-shares bogus .
	printf 'FROM scratch\ncopy none /\n' >small
	fails 125 'building at STEP "COPY none /"' buildah build -f small .
	fails 125 'no contents in "empty"' buildah build -f empty .
	fails 125 "in context directory 'c': no such file or directory" buildah build c
	fails 125 'parsing additional Dockerfile two: invalid ESCAPE' buildah build -f one -f two .
	fails 125 "its escape character is not the first file's" buildah build -f one -f three .
	succeeds buildah build -f one --platform linux/amd64/ -t app .
	succeeds buildah inspect --type image --format '{{.Docker.Parent}}{{.Docker.DockerVersion}}' app
	equals '' "$output"
	printf 'FROM --platform=linux/amd64 scratch AS first\nLABEL a=b\n' >cross
	succeeds buildah build -f cross --platform linux/arm64 -t app .
	succeeds buildah inspect --type image --format '{{.OCIv1.Architecture}}' app
	equals arm64 "$output"
	succeeds buildah build -f cross -t app .
	succeeds buildah inspect --type image --format '{{.OCIv1.Architecture}}' app
	equals amd64 "$output"
	succeeds buildah from --device /dev/null:/dev/other:mrw scratch
	says working-container
	fails 125 'invalid value' buildah build -f one -o type=tar, .
	fails 125 'invalid reference format' buildah build -f one -t UPPER .
	fails 125 "unknown option '--no-such' of 'buildah images'" buildah --no-such x images
	succeeds buildah --log-level error --format docker --quiet=true commit working-container ours
	succeeds buildah inspect --type image --format '{{.Manifest}}' ours
	says docker.distribution.manifest
	succeeds buildah commit -q working-container twice
	first=$output
	succeeds buildah commit -q working-container twice
	[ "$output" != "$first" ] || explain 'two commits are two images'
	fails 125 "rights 'r' are not supported" buildah from --device /dev/null:/dev/other:r scratch
}

@test "login in Buildah's words" {
	registry_start htpasswd
	fails 125 "logging into \"$REGISTRY\": invalid username/password" \
		buildah login --tls-verify=false -u user -p wrong "$REGISTRY"
	fails 125 '401 unauthorized: authentication required' buildah pull --tls-verify=false --creds user:wrong "$REGISTRY/app"
}
