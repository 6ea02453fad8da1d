#!/usr/bin/env bats
# 'buildah build': where its Dockerfile comes from, where its image goes, in whose words it fails. What
# Debian's Buildah does the same is in buildah.bats.
# shellcheck disable=SC2154 # what lib/busybox.bash sets
load ../lib/kiln
load ../lib/busybox

teardown() {
	kiln_teardown
}

buildah() {
	kiln buildah "$@"
}

layers_of() {
	buildah inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}} {{len .OCIv1.History}}' "$1"
}

# NAME: which version of Buildah it says has made it.
made_by() {
	succeeds buildah inspect --type image "$1"
	jq -r '.OCIv1.config.Labels["io.buildah.version"]' <<<"$output"
}

@test "the context's own file: Containerfile first, and no link leads out of it" {
	mkdir c c/sub
	printf 'FROM %s\nRUN echo inside\n' "$img" >c/sub/real
	printf 'FROM %s\nRUN echo other\n' "$img" >c/Dockerfile
	printf 'FROM %s\nRUN echo secret\n' "$img" >outside
	ln -s sub/real c/Containerfile
	succeeds buildah build c
	says inside
	ln -sfn /sub/real c/Containerfile
	succeeds buildah build --no-cache --env A=1 c
	says inside
	ln -sfn ../outside c/Containerfile
	succeeds buildah build c
	says other
	ln -sfn "$PWD/outside" c/Dockerfile
	fails 125 "cannot find Containerfile or Dockerfile in context directory 'c'" buildah build c
	fails 125 "cannot find Containerfile or Dockerfile in context directory 'c'" buildah build --env A=1 c
	fails 1 "there is no Dockerfile in 'c'" kiln build c
	rm c/Dockerfile && mkdir c/Dockerfile
	fails 125 'cannot find Containerfile or Dockerfile' buildah build c
	fails 125 ': no such file or directory' buildah build nowhere
}

@test "ignore files: .containerignore first, and no link leads out of the context" {
	mkdir c c/conf
	printf 'FROM %s\nCOPY . /c/\nRUN ls /c\n' "$img" >c/Dockerfile
	touch c/file c/other
	echo file >ignores
	echo other >c/conf/list
	ln -s ../ignores c/.dockerignore
	succeeds buildah build c
	says $'conf\nfile\nother'
	succeeds kiln build --progress plain --no-cache c
	says ' file'
	ln -s conf/list c/.containerignore
	succeeds buildah build c
	says $'conf\nfile\nCOMMIT'
}

@test "a Dockerfile in the context's place stands for its folder" {
	mkdir c
	printf 'FROM scratch\nCOPY file /\n' >c/Some.file
	touch c/file
	succeeds buildah build -q c/Some.file
	cd c
	succeeds buildah build -q Some.file
	tar -cf ../t.tar --transform s,Some.file,Dockerfile, .
	succeeds buildah build -q ../t.tar
}

@test "--squash leaves one layer, the base's included" {
	printf 'FROM %s\nRUN echo 1 >/a\nRUN rm /bin/vi; echo 2 >/b\n' "$img" >Dockerfile
	succeeds buildah build -q -t base .
	equals '3 3' "$(layers_of base)"
	printf 'FROM base\nRUN echo 3 >/c\n' >Dockerfile
	succeeds buildah build -q --squash -t one .
	equals '1 1' "$(layers_of one)"
	printf 'FROM base\n' >Dockerfile
	succeeds buildah build -q --squash -t two .
	equals '1 1' "$(layers_of two)"
	buildah push -q one oci:one:latest
	tree_of one >files
	grep -q ' /*a$\|/a ' files || cat files
	[ "$(grep -c 'bin/vi\b' files)" = 0 ]
}

@test "images go to dir:, to standard output, and for platforms that are said in part" {
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	succeeds buildah build -q -t "dir:$PWD/out" -t named --platform windows/ .
	equals windows "$(jq -r .os "out/$(jq -r .config.digest out/manifest.json | cut -d: -f2)")"
	buildah build -o - . 2>/dev/null | tar -tf - | grep -q Dockerfile
	succeeds buildah build -q -t arm --platform /arm .
	equals linux/arm "$(buildah inspect --type image --format '{{.OCIv1.OS}}/{{.OCIv1.Architecture}}' arm)"
	fails 125 'invalid --platform may not be used with --os, --arch, or --variant' \
		buildah build --platform linux/amd64 --arch arm64 .
}

@test "a context that is an image is looked for in the store first" {
	printf 'FROM %s\nRUN echo here >/h\n' "$img" >Dockerfile
	succeeds buildah build -q -t mine .
	printf 'FROM %s\nCOPY --from=ctx /h /h\nRUN cat /h\n' "$img" >Dockerfile
	succeeds buildah build --build-context ctx=docker://mine .
	says here
	succeeds buildah build --no-cache --build-context ctx=container-image://mine --build-arg X=1 .
	says 'one or more build args were not consumed: [X]'
}

@test "the label that says who made it: none where times are set, nor under kiln's name, nor on a lone base" {
	local version base
	version=$(buildah --version | awk '{print $3}')
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	succeeds buildah build -q -t app .
	equals "$version" "$(made_by app)"
	succeeds buildah build -q --timestamp 7 -t app .
	equals null "$(made_by app)"
	SOURCE_DATE_EPOCH=7 succeeds buildah build -q -t app .
	equals null "$(made_by app)"
	succeeds buildah build -q --timestamp 7 --identity-label -t app .
	equals "$version" "$(made_by app)"
	fails 125 "option '--identity-label'" buildah build -q --identity-label=frob .
	succeeds kiln build -q -t localhost/plain .
	equals null "$(made_by plain)"

	c=$(buildah from -q app)
	succeeds buildah config --label io.buildah.version- "$c"
	succeeds buildah commit -q "$c" app
	equals "$version" "$(made_by app)"
	succeeds buildah commit -q --timestamp 7 "$c" app
	equals null "$(made_by app)"
	succeeds buildah commit -q --timestamp 7 --identity-label=true "$c" app
	equals "$version" "$(made_by app)"
	succeeds kiln commit -q "$c" localhost/app
	equals null "$(made_by app)"
	succeeds kiln commit -q --identity-label "$c" localhost/app
	equals "$version" "$(made_by app)"
	# What is committed says it, not the container.
	equals '' "$(buildah inspect --format '{{index .OCIv1.Config.Labels "io.buildah.version"}}' "$c")"

	base=$(buildah inspect --type image --format '{{.FromImageDigest}}' plain)
	echo FROM plain >Dockerfile
	succeeds buildah build -q -t alone .
	equals "$base" "$(buildah inspect --type image --format '{{.FromImageDigest}}' alone)"
	equals null "$(made_by alone)"
}

# The labels of all images without a name, one a line, the newest first.
unnamed() {
	local id
	for id in $(buildah images -a --no-trunc --format '{{.Name}} {{.ID}}' | awk '$1 == "<none>" { print $2 }'); do
		buildah inspect --type image "${id#sha256:}" | jq -c '.OCIv1.config.Labels'
	done
}

@test "--save-stages, --stage-labels and --layer-label: stages stay as images without a name" {
	export KILN_ROOT=$PWD/store
	local one
	cat >Dockerfile <<-END
		FROM $img AS one
		RUN echo 1 >/one
		FROM one AS two
		ENV A=1
		LABEL own=mine
		FROM two AS alone
		FROM $img AS unused
		RUN false
		FROM scratch
		COPY --from=alone /one /one
	END
	succeeds buildah build -q -t app --layer-label x .
	equals '' "$(unnamed)"
	succeeds buildah build -q -t app --save-stages .
	equals 2 "$(unnamed | wc -l)"
	succeeds buildah rmi -a -f
	# From the cache, too.
	succeeds buildah build -q -t app --identity-label=false --save-stages --stage-labels --layer-label own=other --layer-label empty .
	unnamed | jq -c '[.["io.buildah.stage.name"], .own, .empty]' | sort >got
	equals '["one","other",""]
["two","mine",""]' "$(cat got)"
	one=$(unnamed | jq -r 'select(.["io.buildah.stage.name"] == "two") | .["io.buildah.stage.base"]')
	equals "one $img" "$(buildah inspect --type image "$one" |
		jq -r '.OCIv1.config.Labels | "\(.["io.buildah.stage.name"]) \(.["io.buildah.stage.base"])"')"
	equals '4 scratch null' "$(buildah inspect --type image app |
		jq -r '.OCIv1.config.Labels | "\(.["io.buildah.stage.name"]) \(.["io.buildah.stage.base"]) \(.own)"')"
	# They are whole images.
	c=$(buildah from -q "$one")
	succeeds buildah run "$c" cat /one
	equals 1 "$output"
	succeeds buildah push -q "$one" oci:out:one
	valid_image out
	# A build that leaves files alone saves them as well; prune takes them.
	succeeds buildah rm -a
	succeeds buildah rmi -a -f
	succeeds buildah build -q -o files --save-stages .
	equals 2 "$(unnamed | wc -l)"
	succeeds buildah prune -f
	equals '' "$(unnamed)"
	fails 125 '"--stage-labels" requires "--save-stages"' buildah build -q --stage-labels .
}

@test "cpp: what it complains of is told, also with -q; what it stops at is an error" {
	mkdir ctx
	printf 'FROM scratch\n#error "careful"\nCOPY Error.in /\n' >ctx/Error.in
	succeeds buildah build -q -f Error.in ctx
	[[ $stderr$output == *'warning: Ignoring <stdin>:2:2: error: #error "careful" (preprocessing '"'ctx/Error.in')"* ]]
	# The rest would be lost without a word.
	printf 'FROM scratch\n#include "nothere"\nCOPY Stop.in /\n' >ctx/Stop.in
	fails 125 "fatal error: nothere: No such file" buildah build -q -f Stop.in ctx
	# What is beside the file is found, too.
	mkdir sub
	printf 'COPY Error.in /\n' >sub/lines
	printf 'FROM scratch\n#include "lines"\n' >sub/Other.in
	succeeds buildah build -q -f sub/Other.in ctx
	says_not warning
}

@test "-f with addresses: alone, in a row, through cpp, judged by the source policy" {
	local root=$PWD/served url
	mkdir served ctx
	printf 'FROM %s\nRUN echo fetched\n' "$img" >served/Dockerfile
	printf '#define IMAGE %s\nFROM IMAGE\nRUN echo from cpp\n' "$img" >served/File.in
	printf 'RUN echo second\n' >second
	printf 'FROM scratch\nCOPPY a b\n' >served/wrong
	head -c 9000000 /dev/zero >served/big
	: >log
	server_start files "$RIG_LIB/file_server.py" --root "$root" --log "$PWD/log"
	url=http://$SERVER_ADDRESS/files
	succeeds buildah build --no-cache -f "$url/Dockerfile" ctx
	says $'fetched\nCOMMIT'
	succeeds buildah build --no-cache -f "$url/Dockerfile" -f second ctx
	says 'second'
	succeeds buildah build --no-cache -f "$url/File.in" ctx
	says 'from cpp'
	succeeds buildah build --no-cache --env A=1 -f "$url/Dockerfile" ctx
	says 'ENV A="1"'
	succeeds kiln build --progress plain --no-cache -f "$url/Dockerfile" ctx
	says 'RUN echo fetched'
	fails 1 "$url/wrong:2:1" kiln build --progress plain -f "$url/wrong?token=s3cr3t" ctx
	says 'COPPY a b'
	says_not s3cr3t
	fails 125 "not found (invalid response status 404)" buildah build -f "$url/none" ctx
	fails 125 "not found (invalid response status 404)" buildah build -f "$url/none" -f second ctx
	fails 1 "big" kiln build -f "$url/big" ctx
	says "larger than 2097152 bytes"
	printf '{"rules": [{"action": "DENY", "selector": {"identifier": "%s/*"}}]}' "$url" >policy.json
	fails 125 "is denied" buildah build --source-policy-file policy.json -f "$url/Dockerfile" ctx
	fails 125 "is denied" buildah build --source-policy-file policy.json -f "$url/Dockerfile" -f second ctx
	fails 1 "is denied" kiln build --source-policy-file policy.json -f "$url/Dockerfile" ctx
}

@test "--hooks-dir: a folder without a hook, or in chroot isolation; any hook is refused" {
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	mkdir none hooks
	touch none/readme
	echo '{"version": "1.0.0", "hook": {"path": "/bin/true"}, "when": {"always": true}, "stages": ["prestart"]}' >hooks/h.json
	succeeds buildah build -q --hooks-dir none .
	fails 125 "the hook 'hooks/h.json' cannot be run" buildah build -q --hooks-dir none --hooks-dir hooks .
	fails 125 "open the directory 'nothere': no such file" buildah build -q --hooks-dir nothere .
	succeeds buildah build -q --isolation chroot --hooks-dir hooks .
	BUILDAH_ISOLATION=chroot succeeds buildah build -q --hooks-dir hooks .
	BUILDAH_ISOLATION=oci fails 125 "no OCI runtime" buildah build -q --hooks-dir hooks .
}
