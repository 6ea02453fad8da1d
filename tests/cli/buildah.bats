#!/usr/bin/env bats
# kiln under Buildah's name beside Debian's Buildah: each scenario is a script that runs twice and must
# print the same. What a scenario leaves out differs for a reason that docs/buildah.md gives. Buildah's
# half needs root; what it printed is kept in $KILN_TEST_CACHE by scenario and version (KILN_FRESH=1 runs
# it again).
# shellcheck disable=SC2154,SC2016,SC2317 # what lib/kiln.bash sets; text for others; called by name
bats_require_minimum_version 1.5.0

load ../lib/kiln
load ../lib/busybox

setup() {
	busybox_context
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	ln -sf "$(realpath "$KILN")" "$BATS_TEST_TMPDIR/bin/buildah"
}

teardown() {
	if [ -d "$BATS_TEST_TMPDIR/peer" ]; then
		umount -R -l "$BATS_TEST_TMPDIR"/peer/*/overlay 2>/dev/null || true
	fi
}

# One of the two, as a script calls it.
buildah() {
	if [ "$subject" = kiln ]; then
		timeout -s KILL 60 "$BATS_TEST_TMPDIR/bin/buildah" --root "$BATS_TEST_TMPDIR/store" "$@"
	else
		BUILDAH_ISOLATION=chroot timeout -s KILL 60 /usr/bin/buildah --storage-driver vfs \
			--root "$BATS_TEST_TMPDIR/peer/root" --runroot "$BATS_TEST_TMPDIR/peer/run" "$@"
	fi
}

# try ARGS...: what it prints on stdout and its exit status.
try() {
	local status=0
	buildah "$@" 2>/dev/null || status=$?
	echo "-> $status"
}

# The scenario's output, IDs as ID.
play() {
	subject=$1
	rm -rf work && mkdir work
	(cd work && "$2") 2>"$BATS_TEST_TMPDIR/stderr-$1" |
		sed -e 's/[0-9a-f]\{64\}/ID/g' -e 's/^[0-9a-f]\{12\}$/ID/' -e "s,$img,IMAGE,g" -e 's,localhost/[^ "]*/oci:latest,IMAGE,g'
}

agree() {
	local got wanted kept
	got=$(play kiln "$1")
	if [ "$(id -u)" != 0 ] || ! [ -x /usr/bin/buildah ]; then
		[ -n "$got" ]
		skip "needs root"
	fi
	kept=${KILN_TEST_CACHE:-/var/cache/kiln-test}/buildah-cli/$(
		{ declare -f "$1" buildah try play && /usr/bin/buildah --version; } | sha256sum | cut -c1-32)
	if [ -n "${KILN_FRESH:-}" ] || ! [ -f "$kept" ]; then
		wanted=$(play peer "$1")
		mkdir -p "${kept%/*}"
		printf '%s\n' "$wanted" >"$kept.$$" && mv "$kept.$$" "$kept"
	fi
	diff -u --label buildah --label kiln "$kept" <(printf '%s\n' "$got") || {
		tail -n 30 "$BATS_TEST_TMPDIR"/stderr-*
		return 1
	}
}

containers() {
	local c
	try from -q "$img"
	try from -q "$img"
	try from -q scratch
	try from -q --name mine "$img"
	try from -q --name mine "$img"
	try from -q --pull-never nothere
	try from -q --cidfile cid --name other "$img"
	c=$(cat cid)
	try containers -q
	try containers -n --format '{{.ContainerName}}' --filter name=oci
	try containers --json --filter "id=$c"
	try rename other third
	try rename third mine
	try rename nothere x
	try inspect --format '{{.Container}} {{.FromImage}} {{.OCIv1.OS}}' "$c"
	try rm "${c:0:12}"
	try rm "$c"
	try rm mine nothere
	try rm
	try rm -a
	try containers -q
	try frob
	try run --frob
}

@test "from, containers, rename, rm" {
	agree containers
}

runs() {
	local c
	c=$(buildah from -q "$img")
	try run "$c" sh -c 'exit 3'
	try run "$c" -- sh -c 'echo $0 $1' a b
	try run -- "$c" echo -n x
	echo in | try run "$c" cat
	try run "$c"
	try run nothere ls
	try run
	try run --user app "$c" id -un
	try run --user 1234:55 "$c" sh -c 'id -u; id -g'
	try run --workingdir /tmp "$c" pwd
	try run --workingdir /made/here "$c" pwd
	try run -e A=b --env C="d e" "$c" sh -c 'echo $A $C $HOME $PATH'
	buildah config --env A=cfg --user app --workingdir /tmp --cmd 'echo no' --entrypoint '["/no"]' "$c"
	try run "$c" sh -c 'echo $A $HOME; id -un; pwd'
	try run --user root "$c" sh -c 'echo text >/kept; false'
	try run "$c" cat /kept
	try run --add-history "$c" true
	echo shared >there
	try run -v "$PWD:/mnt:ro" "$c" cat /mnt/there
	try run -v "$PWD:/mnt" --user root "$c" sh -c 'echo back >/mnt/back'
	cat back
	try run -t "$c" sh -c 'test -t 1 && echo terminal'
	try rm "$c"
}

@test "run" {
	agree runs
}

copies() {
	local c list='find /d /x /many /abs /work /glob /arch /own /mode -exec stat -c "%n %F %u:%g %a" {} +'
	mkdir -p dir/sub
	echo 1 >dir/a
	echo 2 >dir/sub/b
	chmod 0640 dir/a
	ln -s a dir/link
	tar -cf arch.tar -C dir .
	gzip -k arch.tar
	c=$(buildah from -q "$img")
	try copy -q "$c" dir /d
	try copy -q "$c" dir/a /x/
	try copy -q "$c" dir/a /x/y
	try copy -q "$c" dir/a dir/sub/b /many/
	try copy -q "$c" "$PWD/dir/a" /abs
	try copy -q "$c" 'dir/*' /glob/
	try copy -q "$c" 'nothing*' /glob/
	try copy -q "$c" dir/nothing /glob/
	try add -q "$c" arch.tar /arch
	try add -q "$c" arch.tar.gz /arch/gz/
	try copy -q "$c" arch.tar /arch/
	try copy -q --chown app "$c" dir /own
	try copy -q --chown 12:34 "$c" dir/a /own/new/deep/
	try copy -q --chown nobodyknows "$c" dir/a /own/
	try copy -q --chmod 0711 "$c" dir/a /mode
	buildah config --workingdir /work "$c"
	try copy -q "$c" dir/a
	try copy -q "$c" dir/a rel/
	try copy "$c"
	try copy
	try run --user root "$c" sh -c "$list | sort"
	try copy -q --from "$c" "$(buildah from -q "$img")" /d /e
	try rm -a
}

@test "copy and add" {
	agree copies
}

fields='{{.OCIv1.Author}}|{{.OCIv1.Architecture}}|{{.OCIv1.OS}}|{{.OCIv1.Config.User}}|{{.OCIv1.Config.Env}}|{{.OCIv1.Config.Entrypoint}}|{{.OCIv1.Config.Cmd}}|{{.OCIv1.Config.ExposedPorts}}|{{.OCIv1.Config.Volumes}}|{{.OCIv1.Config.WorkingDir}}|{{.OCIv1.Config.Labels}}|{{.OCIv1.Config.StopSignal}}|{{.Docker.Config.Shell}}|{{.Docker.Config.OnBuild}}|{{.Docker.Config.Hostname}}|{{.Docker.Config.Domainname}}|{{.Docker.Comment}}|{{.ImageAnnotations}}'

configs() {
	local c
	c=$(buildah from -q --format docker "$img")
	try config --author me --arch arm64 --os linux --user app:staff --env A=1 --env B="two words" --env PATH=/p \
		--entrypoint '["/e", "x y"]' --cmd 'c "d e" f' --port 80 --port 90/udp --volume /v --volume /w \
		--workingdir /wd --label l=1 --label m=n=o --stop-signal TERM --shell '/bin/bash -c' \
		--onbuild 'RUN true' --hostname h --domainname d --comment note --annotation an=no "$c"
	try inspect --format "$fields" "$c"
	try config --entrypoint 'sh -x' "$c"
	try inspect --format "$fields" "$c"
	try config --cmd '' --env A- --env B=3 --label l- --port 80- --volume /v- --annotation an- "$c"
	try inspect --format "$fields" "$c"
	try config --env - --label - --port - --volume - --annotation - --entrypoint '' --user '' --workingdir '' \
		--author '' --stop-signal '' "$c"
	try inspect --format "$fields" "$c"
	try config --healthcheck 'CMD curl -f x' --healthcheck-interval 5s --healthcheck-retries 4 "$c"
	try inspect --format '{{.Docker.Config.Healthcheck.Test}} {{.Docker.Config.Healthcheck.Retries}}' "$c"
	try config --user x nothere
	try config --user x
	try inspect nothere
	try rm "$c"
}

asks() {
	buildah from -q --name c scratch
	buildah config --label a=b --label c='d "e"' --env X=1 --healthcheck 'CMD /x' --healthcheck-interval 90s \
		--healthcheck-retries 3 --author me c
	buildah commit -q --format docker --timestamp 40 c app
	try inspect --format '{{index .Docker.Config.Labels "c" | printf "%q %s" "q"}} {{printf "%q" .Docker.Config.Env}}' c
	try inspect -f '{{printf "%d %d" .Docker.Config.Healthcheck.Interval .Docker.Config.Healthcheck.Retries}}' app
	try inspect -f '{{.Docker.ContainerConfig.Env}} {{.Docker.Author}} {{.OCIv1.Variant}}|' app
	try inspect -f '{{range .Docker.History}}{{println .Created .Comment}}{{end}}{{.OCIv1.Created}}' app
	try inspect --type image -f '{{len .History}}' app
}

@test "inspect's templates: printf, println, times, both configs" {
	agree asks
}

identity() {
	local c name
	printf 'FROM scratch\nCOPY file /\n' >Dockerfile
	echo 1 >file
	buildah bud -q -t built . >/dev/null
	buildah bud -q --identity-label=false -t silent . >/dev/null
	buildah bud -q --unsetlabel io.buildah.version -t unset . >/dev/null
	buildah bud -q --label io.buildah.version=other -t other . >/dev/null
	printf 'FROM built\nCOPY file /two\n' >Dockerfile
	buildah bud -q --identity-label=false -t above . >/dev/null
	c=$(buildah from -q scratch)
	buildah commit -q "$c" committed >/dev/null
	buildah commit -q --identity-label=false "$c" quiet >/dev/null
	for name in built silent unset other above committed quiet; do
		echo "$name: $(buildah inspect --type image --format '{{range $k, $v := .OCIv1.Config.Labels}}{{$k}}={{$v}}{{end}}' $name |
			sed "s/$(buildah --version | awk '{print $3}')/VERSION/")"
	done
}

@test "the label that says who made it" {
	agree identity
}

@test "config and inspect" {
	agree configs
}

commits() {
	local c
	echo x >f
	c=$(buildah from -q "$img")
	buildah copy -q "$c" f /f
	buildah run "$c" rm /bin/vi
	buildah config --env A=1 --cmd /c --created-by tool --history-comment why "$c"
	try commit -q "$c" app
	buildah config --label second=commit "$c"
	try commit -q "$c" team/app:2
	buildah config --label third=commit "$c"
	try commit -q "$c"
	try commit -q --iidfile iid "$c" app
	cut -c1-7 iid
	try images -n --format '{{.Name}}:{{.Tag}}' app
	try inspect --type image --format '{{.FromImage}} {{.OCIv1.Config.Env}} {{.OCIv1.Config.Cmd}}' app
	try inspect --type image --format '{{range .OCIv1.History}}{{.CreatedBy}};{{end}}' app
	try inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' app
	try commit -q --squash "$c" flat
	try inspect --type image --format '{{len .OCIv1.RootFS.DiffIDs}}' flat
	try commit -q --rm "$c" last
	try containers -q
	try tag app other registry.example/x:1
	try images -q other
	try tag nothere x
	try rmi other
	try rmi nothere
	try rmi
	buildah from -q --name user flat
	try rmi flat
	try push -q app "oci:$PWD/layout:x"
	jq -c '.manifests | length' layout/index.json
	try run user cat /f
	try run user ls /bin/vi
	try rm -a
	buildah rmi -a -f >/dev/null
	try images -q
}

@test "commit, images, tag, rmi, push and pull" {
	agree commits
}

builds() {
	mkdir ctx
	echo data >ctx/file
	printf 'FROM %s\nARG V=1\nENV E=$V\nCOPY file /file\nRUN echo $V >/v\n' "$img" >ctx/Dockerfile
	printf 'RUN echo more >/more\n' >second
	printf '#define IMAGE %s\nFROM IMAGE\nRUN echo pre >/pre\n' "$img" >ctx/pp.in
	printf 'FROM %s\nRUN exit 7\n' "$img" >fails
	try build -q -t app ctx
	try build -q -t app --build-arg V=2 --iidfile iid ctx
	cut -c1-7 iid
	try bud -q -t two -f ctx/Dockerfile -f second ctx
	try build -q -t pre -f pp.in ctx
	try build -q -f fails ctx
	try build -q -f nothere ctx
	try build -q nothere
	try build -q --from app -t on -f fails --target 0 ctx
	buildah from -q --name a app
	try run a cat /v
	buildah from -q --name b two
	try run b cat /file /more
	buildah from -q --name c pre
	try run c cat /pre
	mkdir local && printf 'FROM app\nRUN cat /v\nENTRYPOINT ["x"]\n' >local/Containerfile
	try build -q -t onlocal local
	try inspect --type image --format '{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Env}}' onlocal
	try rm -a
}

preprocessed() {
	mkdir -p ctx/sub
	cat >ctx/all.in <<-END
		/* a comment of C's */
		#define IMAGE $img
		FROM IMAGE
		# a comment of the Dockerfile's
		#include "common"
		#include "sub/deep"
		#ifdef FLAG
		RUN echo flag FLAG >>/told
		#endif
		RUN echo "http://a//b" 'it''s' \\
		  linux >>/told
		#error "goes on"
	END
	printf 'RUN echo common >>/told\n' >ctx/common
	printf '#include "common"\nRUN echo deep >>/told\n' >ctx/sub/deep
	printf 'RUN echo second >>/told' >second
	try build -q -t one --cpp-flag=-DFLAG=yes -f all.in -f second ctx
	buildah from -q --name a one
	try run a cat /told
	BUILDAH_CPPFLAGS='-DFLAG=env -DX' try build -q -t two -f all.in ctx
	buildah from -q --name b two
	try run b cat /told
	: >ctx/empty.in
	try build -q -f empty.in ctx
	printf 'FROM %s\nRUN echo default >/told\n' "$img" >ctx/Dockerfile
	try build -q -t three -f '' ctx
	buildah from -q --name c three
	try run c cat /told
	try rm -a
}

@test "files that end in .in go through cpp, whose complaints are none of ours" {
	agree preprocessed
}

# What copies tell on standard error; the two compress differently, so digests are DIGEST. Debian's
# warns of network plugins that are not installed.
copies_told() {
	local c
	told() {
		buildah "$@" 2>&1 >/dev/null | sed -e 's/sha256:[0-9a-f]*/DIGEST/g' \
			-e '/^time=.* level=warning msg=.*CNI config/d'
	}
	told pull "$img"
	told pull -q "$img"
	told from "$img"
	c=$(buildah from "$img")
	echo new >new
	buildah copy "$c" new /new >/dev/null
	told commit "$c" new
	told commit -q "$c" new
	told push new "oci:$PWD/layout:x"
	told push -q new "oci:$PWD/layout:y"
	told push new "docker-archive:$PWD/new.tar"
	told push new "dir:$PWD/dir"
	told pull docker://127.0.0.1:1/none | head -1
	buildah manifest create list >/dev/null
	told manifest add list "oci:$PWD/layout:x"
	told manifest push --all list "oci:$PWD/lists:x"
	told manifest push -q --all list "oci:$PWD/lists:y"
}

@test "copies are told line by line, as scripts' logs look for it" {
	agree copies_told
}

@test "build" {
	agree builds
}

# What is shown: IDs are of 11 or 12 digits, as the version has it.
told() {
	try "$@" | sed 's/> [0-9a-f]\{11,12\}$/> ID/'
}

tells() {
	mkdir ctx
	printf 'FROM %s AS one\nRUN echo out\nFROM %s\nCOPY --from=one /etc/passwd /p\nENV A=b\nCMD ["x"]\n' \
		"$img" "$img" >ctx/Dockerfile
	printf 'FROM %s\nRUN echo before; exit 3\nCMD ["y"]\n' "$img" >ctx/fails
	told build -t app -t other ctx
	told build -f fails ctx
	told build -q ctx | wc -l
	told build --logfile log ctx
	grep -c STEP log
}

@test "build shows instructions, COMMIT, names and the ID" {
	agree tells
}

lone_from() {
	local base option
	mkdir ctx
	printf 'FROM %s\n' "$img" >ctx/Dockerfile
	buildah from -q --name base "$img" >name
	base=$(buildah inspect --format '{{.FromImageID}}' base)
	for option in --rm --label=a=b --squash; do
		buildah build -q --no-cache "$option" -t built ctx >id
		[ "$(buildah inspect --format '{{.FromImageID}}' built)" = "$base" ] &&
			echo "$option: it is the base"
	done
}

@test "FROM alone is the base itself" {
	agree lone_from
}

older_words() {
	local c
	mkdir ctx
	printf 'FROM %s\nRUN true\n' "$img" >ctx/Dockerfile
	c=$(buildah from -q --override-os linux "$img")
	try ls -q
	try list -q
	try run --tty=false --net host "$c" echo in
	try unmount "$c"
	try build-using-dockerfile -q --no-cache --purge --override-os linux -t built ctx
	try delete "$c"
	try ls -q
}

@test "older names of commands and options are names of the same" {
	agree older_words
	subject=kiln
	succeeds buildah bud -q --raw-iidfile raw -t built work/ctx
	equals 64 "$(wc -c <raw)"
	succeeds buildah bud -q --iidfile-raw other -t built work/ctx
	cmp raw other
	# kiln's own ls is of images.
	succeeds "$KILN" --root "$BATS_TEST_TMPDIR/store" ls
	says "$(head -c 12 raw)"
}

@test "build says which step failed, and what the cache had" {
	subject=kiln
	printf 'FROM %s\nRUN echo loud\nRUN exit 4\n' "$img" >Dockerfile
	fails 4 'Error: building at STEP "RUN exit 4": exit status 4' buildah build .
	says $'STEP 2/3: RUN echo loud\nloud\nSTEP 3/3'
	fails 4 $'STEP 2/3: RUN echo loud\n--> Using cache\nSTEP 3/3: RUN exit 4' buildah build .
}

@test "build tells what a stage hands on with ONBUILD, and what comes behind it" {
	subject=kiln
	printf 'FROM %s AS a\nONBUILD RUN echo handed\nFROM a\nRUN echo own\n' "$img" >Dockerfile
	succeeds buildah build .
	says $'[2/2] STEP 2/3: RUN echo handed\nhanded\n[2/2] STEP 3/3: RUN echo own\nown\n'
}

into_lists() {
	local c listed='.manifests | map(.platform.os) | join(" ")'
	mkdir ctx
	printf 'FROM scratch\nCOPY Dockerfile /\n' >ctx/Dockerfile
	try build -q --manifest all ctx
	buildah manifest inspect all | jq -r "$listed"
	echo 'LABEL a=b' >>ctx/Dockerfile
	try build -q -t named --manifest all ctx
	buildah manifest inspect all | jq -r "$listed"
	c=$(buildah from -q scratch)
	try commit -q --manifest all "$c" third
	try commit -q --manifest other "$c"
	buildah manifest inspect all | jq -r "$listed"
	buildah manifest inspect other | jq -r "$listed"
	try images -q -n --filter reference=third
	try commit -q --manifest named "$c" fourth
	try rm "$c"
}

@test "build and commit into a manifest list" {
	agree into_lists
	# A name that is an image's is told before anything is made.
	subject=kiln
	fails 125 "that name is already in use" buildah build -q -t fifth --manifest named work/ctx
	fails 125 "fourth: image not known" buildah rmi fourth
	fails 125 "fifth: image not known" buildah rmi fifth
	fails 125 "takes images of the store" buildah commit --manifest all "$(buildah from -q scratch)" oci:out
	[ ! -e out ]
}

secrets() {
	mkdir ctx
	printf sesame >word
	printf 'FROM %s\nRUN --mount=type=secret,id=a cat /run/secrets/a >/a\nRUN --mount=type=secret,id=b cat /run/secrets/b | rev >/b\n' "$img" >ctx/Dockerfile
	sed -i 's,cat /run/secrets/a,rev /run/secrets/a,' ctx/Dockerfile
	SECRET=tiger try build -q --secret id=a,src=word --secret id=b,env=SECRET -t app ctx
	try build -q --secret id=a,src=nothere -t none ctx
	try build -q --secret src=word ctx
	buildah from -q --name a app
	try run a cat /a /b
	try rm a
}

@test "build --secret" {
	agree secrets
}

@test "build: limits, agents and a cache's age reach the build" {
	subject=kiln
	printf 'FROM %s\nRUN --mount=type=ssh,required=true test -S "$SSH_AUTH_SOCK"\n' "$img" >Dockerfile
	fails 125 "ssh" buildah build -q .
	if command -v ssh-agent >/dev/null; then
		eval "$(ssh-agent -a "$PWD/agent" 3>&- 4>&-)" >/dev/null
		status=0
		run --separate-stderr buildah build -q --ssh "default=$PWD/agent" .
		ssh-agent -k >/dev/null
		equals 0 "$status" "$stderr"
	fi
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	succeeds buildah build --progress plain -m 64m --cpu-quota 50000 .
	fails 125 "option '--memory-swap'" buildah build -q --memory-swap 1g .
	fails 125 'for "--memory" flag' buildah build -q --memory lots .
	fails 125 "option '--cache-ttl'" buildah build -q --cache-ttl never .
	printf 'FROM %s\nRUN head -c 16 /dev/urandom >/t\n' "$img" >Dockerfile
	first=$(buildah build -q --timestamp 0 .)
	equals "$first" "$(buildah build -q --timestamp 0 --cache-ttl 1h .)"
	[ "$first" != "$(buildah build -q --timestamp 0 --cache-ttl 0 .)" ]
}

@test "build: capabilities, DNS and security options reach every RUN, and its key" {
	local kind home normal
	# Debian's own containers.conf has fewer capabilities than Docker's set.
	keep_env CONTAINERS_CONF
	export CONTAINERS_CONF=/dev/null
	printf 'FROM %s\nRUN grep -e CapBnd -e NoNewPrivs -e Seccomp: /proc/self/status >/s; cat /etc/resolv.conf >/r\n' "$img" >Dockerfile
	printf 'RUN head -c 16 /dev/urandom >/t\n' >>Dockerfile
	for kind in $(each_user); do
		home=$(user_dir "$kind")/home
		mkdir -p "$home/ctx" && cp Dockerfile "$home/ctx" && chmod -R a+rX "$home/ctx"
		build() { # DIR OPTIONS...: the files of /, in DIR
			local out=$home/$1
			shift
			succeeds kiln_as "$kind" buildah build -q -o "type=local,dest=$out" "$@" "$home/ctx"
		}
		build normal
		normal=$(awk '/CapBnd/ { print $2 }' "$home/normal/s")
		equals 00000000a80425fb "$normal" "$kind"
		build told --cap-add net_admin,SYS_PTRACE --cap-drop CAP_CHOWN --security-opt no-new-privileges \
			--security-opt label=disable --dns 192.0.2.7 --dns-search example.test --dns-option ndots:3
		equals 00000000a80c35fa "$(awk '/CapBnd/ { print $2 }' "$home/told/s")" "$kind"
		grep -q 'NoNewPrivs:.1' "$home/told/s"
		equals "$(printf 'nameserver 192.0.2.7\nsearch example.test\noptions ndots:3')" "$(cat "$home/told/r")" "$kind"
		# The same again is a hit; what was told is not what is not told.
		cmp -s "$home/normal/t" "$home/told/t" && false
		build again --cap-add sys_ptrace --cap-add net_admin --cap-drop chown --security-opt no-new-privileges \
			--dns 192.0.2.7 --dns-search example.test --dns-option ndots:3
		cmp "$home/told/t" "$home/again/t"
		build plain
		cmp "$home/normal/t" "$home/plain/t"
		build few --cap-drop all --cap-add chown
		equals 0000000000000001 "$(awk '/CapBnd/ { print $2 }' "$home/few/s")" "$kind"
		build open --security-opt seccomp=unconfined
		cmp -s "$home/normal/t" "$home/open/t" && false
	done
	subject=kiln
	fails 125 "unknown capability 'frob'" buildah build --cap-add frob .
	fails 125 "seccomp profile '/x.json'" buildah build --security-opt seccomp=/x.json .
}

@test "build: tags that are transports" {
	subject=kiln
	printf 'FROM %s\nLABEL a=b\n' "$img" >Dockerfile
	succeeds buildah build -q -t named -t oci:layout:x -t oci-archive:one.tar -t docker-archive:two.tar .
	equals '["x"]' "$(jq -c '[.manifests[].annotations["org.opencontainers.image.ref.name"]]' layout/index.json)"
	tar -tf one.tar oci-layout
	tar -tf two.tar manifest.json
	succeeds buildah images -q named
	succeeds buildah build -q -t dir:out .
	jq -e '.layers | length > 0' out/manifest.json
}

# The first line of what it complains of, and its exit status.
complain() {
	local status=0 text
	text=$(buildah "$@" 2>&1 >/dev/null </dev/null) || status=$?
	echo "${text%%$'\n'*} -> $status"
}

complaints() {
	local c hex=1111111111111111111111111111111111111111111111111111111111111111
	c=$(buildah from -q scratch)
	# What stands behind a name is no option.
	complain from scratch -q
	complain from scratch --cred='a b' --name small
	complain commit "$c" --tls-verify
	complain config "$c" --author=me
	complain copy "$c" --quiet /etc/passwd
	complain images img -n
	complain inspect "$c" --type image
	complain pull app -q
	complain push app --all
	complain rm "$c" -a
	complain rmi img -f
	complain umount "$c" -a
	complain config --env ENV "$c"
	complain from "sha256:$hex"
	complain from --pull-never app
	complain from
	# 1.43's words.
	complain from --authfile /no/such/file --pull scratch | sed "s/checking authfile:/credential file is not accessible:/"
	complain pull
	complain push
	complain rmi
	complain rmi -a img
	complain rmi -p img
	complain rmi -a -p
	complain rmi one
	buildah rmi one two 2>&1 | sed '/^$/d' || true
	complain rm nothere
	complain rm
	complain tag nothere x
	complain copy "$c"
	complain copy nothere /etc/passwd
	complain run "$c"
	complain run
	complain inspect
	complain containers --filter name=none
	complain frob 2>&1 | sed "s/[\"']//g; s/ for buildah//"
	# What templates print, and how variables are expanded.
	buildah config --env foo=bar --env 'x=a$foo/${foo}b$none' --env '1=$' --label 'L=$foo' \
		--healthcheck 'CMD true' --healthcheck-interval 90s --healthcheck-timeout 7s \
		--healthcheck-start-period 1500ms "$c" 2>/dev/null
	try inspect -f '{{.OCIv1.Config.Env}} {{.OCIv1.Config.Labels}} {{.OCIv1.Config.Labels.none}}|' "$c"
	try inspect -f '{{.Docker.Config.Healthcheck.Interval}} {{.Docker.Config.Healthcheck.Timeout}}|' "$c"
	try inspect -f '{{.Docker.Config.Healthcheck.StartPeriod}} {{.ImageAnnotations.none}}|' "$c"
	try inspect -f '{{.Docker.Nothing}}' "$c"
	try rm "$c"
	# Names of containers from files.
	c=$(buildah from -q scratch)
	try commit -q "$c" oci-archive:x.oci
	try commit -q "$c" docker-archive:x.docker
	try commit -q --iidfile id "$c" oci:layout:tag
	try rm "$c"
	try from -q oci-archive:x.oci
	try from -q docker-archive:x.docker
	try from -q oci:layout:tag
	try rm -a
}

# The time of each image differs, so each is its own line of the list on both sides.
listings() {
	local c
	c=$(buildah from -q "$img")
	buildah config --comment 'said by' --label x=y "$c" 2>/dev/null
	try commit -q --format docker --timestamp 1000000 "$c" older:1
	buildah config --label x=z "$c" 2>/dev/null
	try commit -q --format docker --timestamp 2000000 "$c" newer:12345
	try tag older:1 older:again
	for format in '{{.Name}} is {{.Tag}} x' '{{.Name}}\t{{.Tag}}' '{{.Name}}:{{.Tag}}' 'a b {{.Tag}}' \
		'{{.Name}}  {{.Tag}}' 'table {{.Name}} {{.Tag}}' 'table {{.Name}}\t{{.ReadOnly}}x' '{{json .Name}}' \
		'{{.Created}} {{.CreatedAtRaw}} {{.ReadOnly}}'; do
		try images --filter reference='*er' --format "$format"
		try images -n --filter reference='*er' --format "$format"
	done
	try images -q --format x
	try images -a older
	try images --filter label=x=y --format '{{.Name}}:{{.Tag}}'
	try images --filter since=older:1 --filter reference='*er' --format '{{.Name}}:{{.Tag}}'
	try images --filter before=newer:12345 --filter reference='*er' --format '{{.Name}}:{{.Tag}}'
	try images --filter bogus=1
	try images nothere
	try containers -q --format x
	try containers --format '{{.ContainerID}} {{.ContainerName}}'
	try containers -n --format 'table {{.ContainerName}} {{.ImageID}}'
	try containers --format 'table {{.ContainerName}} {{.ImageID}}'
	try inspect --type image --format '{{.Docker.Comment}}' older:1
	try inspect --type container older:1
	try inspect --format '{{len .History}} {{len .OCIv1.History}} {{len .Docker.History}}' "$c"
	try inspect --type image --format '{{len .History}} {{len .OCIv1.History}}' older:1
	try inspect --type container "$c" --format '{{.Container}}'
	try rmi -a older
	try rmi -p older
	try rmi -a -p
	try rmi older:1
	try rmi --prune
	try rmi -f newer:12345 older:again
	try images --filter reference='*er' -q
}

@test "what lists print by each format and filter" {
	agree listings
}

lists() {
	local c name
	c=$(buildah from -q "$img")
	try commit -q --timestamp 1 "$c" one:1
	try manifest create list
	try manifest create list
	try manifest create --amend list one:1
	try manifest add nolist one:1
	try manifest add one:1 one:1
	try manifest add list
	buildah manifest inspect list 2>/dev/null | grep -c '"architecture": "amd64"'
	for name in list one:1 nothere; do
		try manifest exists "$name"
	done
	try manifest annotate --arch arm64 list sha256:0000000000000000000000000000000000000000000000000000000000000000
	try manifest remove list bogus
	try manifest push -q --all list oci:layout:x
	try manifest push -q --all --rm list dir:out
	find out -type f | sed 's/[0-9a-f]\{64\}/ID/' | sort -u
	try manifest exists list
	try manifest create other one:1
	try manifest rm other
	try images -n --format '{{.Name}}' --filter reference=o*
}

# What layers are like in dir:, the base's and their own; by commit, push and build.
plain_layers() {
	local c dir
	types() {
		jq -r '.layers[].mediaType' "$1/manifest.json"
		skopeo inspect --format '{{.Architecture}}' "dir:$1"
	}
	printf 'FROM %s\nRUN echo made >/made\n' "$img" >Dockerfile
	c=$(buildah from -q "$img")
	buildah run "$c" sh -c 'echo one >/one'
	buildah commit -q "$c" stored >/dev/null
	buildah commit -q "$c" "dir:$PWD/commit"
	buildah commit -q -D=false "$c" "dir:$PWD/commit-gzip"
	buildah commit -q --format docker "$c" "dir:$PWD/commit-docker"
	buildah push -q stored "dir:$PWD/push"
	buildah push -q -D stored "dir:$PWD/push-plain"
	buildah push -q --compression-format zstd stored "dir:$PWD/push-zstd"
	buildah push -q -D --format v2s2 stored "dir:$PWD/push-docker"
	buildah build -q --layers -t "dir:$PWD/build" . >/dev/null
	buildah build -q --layers -D=false -t "dir:$PWD/build-gzip" . >/dev/null
	for dir in commit commit-gzip commit-docker push push-plain push-zstd push-docker build build-gzip; do
		echo "$dir"
		types "$dir"
	done
}

@test "layers in dir: are plain where Buildah has them so" {
	agree plain_layers
}

@test "lists of images, by hand" {
	agree lists
}

@test "what is complained of, in whose words" {
	agree complaints
}

@test "what is not there is refused by name" {
	subject=kiln
	fails 125 'Error: creating source image: "/" already exists' buildah source create /
	fails 1 "" buildah manifest exists nothere
	fails 125 "decryption-key" buildah pull --decryption-key nosuch app
	fails 125 "sbom" buildah build --sbom syft .
	succeeds buildah --version
	says "buildah version "
	succeeds buildah version --json
	equals kiln "$(jq -r .implementation <<<"$output")"
	succeeds buildah info --format '{{.store.GraphDriverName}}'
	equals overlay "$output"
	succeeds kiln buildah containers
	succeeds buildah help run
}
