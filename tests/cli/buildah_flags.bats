#!/usr/bin/env bats
# Flags that only Buildah's build and run have: what of the host a step sees, what the image says.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # what lib/kiln.bash sets; text for the shell in a container
bats_require_minimum_version 1.5.0

load ../lib/kiln
load ../lib/busybox

buildah() {
	kiln buildah "$@"
}

annotations() { # NAME: of its manifest, one a line
	succeeds buildah inspect --type image --format '{{json .ImageAnnotations}}' "$1"
	jq -r 'to_entries[] | "\(.key)=\(.value)"' <<<"$output"
}

last_layer() { # DIR: what the topmost layer of a layout has, one a line, folders without a slash
	local blob
	blob=$(jq -r '.manifests[0].digest' "$1/index.json")
	blob=$(jq -r '.layers[-1].digest' "$1/blobs/${blob/://}")
	tar -tf "$1/blobs/${blob/://}" | sed 's,/$,,'
}

@test "build -v: files of the host in every RUN, none in a layer" {
	local kind home out
	for kind in $(each_user); do
		home=$(user_dir "$kind")/home
		mkdir -p "$home/ctx" "$home/data/deep" "$home/up" "$home/work"
		echo told >"$home/data/deep/f"
		printf 'FROM %s\nRUN cat /data/deep/f >/seen; cat /data/new >>/seen; echo x >/data/new || :\n' "$img" >"$home/ctx/Dockerfile"
		printf 'RUN ls /data >>/seen\n' >>"$home/ctx/Dockerfile"
		chmod -R a+rX "$home/ctx"
		[ "$(id -u)" != 0 ] || chown -R "$(stat -c %u "$home")" "$home/data" "$home/up" "$home/work"
		out=$home/out
		built() {
			rm -rf "$out"
			succeeds kiln_as "$kind" buildah build -q -o "type=local,dest=$out" "$@" "$home/ctx"
		}
		built -v "$home/data:/data:ro"
		equals $'told\ndeep' "$(cat "$out/seen")" "$kind"
		[ ! -e "$home/data/new" ]
		[ ! -e "$out/data" ]
		# What is there now counts, unless --layers says that the name will do.
		echo other >"$home/data/deep/f"
		built -v "$home/data:/data:O"
		equals $'other\ndeep' "$(cat "$out/seen")" "$kind"
		[ ! -e "$home/data/new" ]
		echo third >"$home/data/deep/f"
		built --layers -v "$home/data:/data:O"
		equals $'other\ndeep' "$(cat "$out/seen")" "$kind"
		built -v "$home/data:/data:O,upperdir=$home/up,workdir=$home/work"
		equals $'third\ndeep\nnew' "$(cat "$out/seen")" "$kind"
		equals x "$(cat "$home/up/new")" "$kind"
		built -v "$home/data:/data:O,upperdir=$home/up,workdir=$home/work"
		equals $'third\nx\ndeep\nnew' "$(cat "$out/seen")" "$kind"
		[ ! -e "$home/data/new" ]
		built -v "$home/data:/data"
		equals x "$(cat "$home/data/new")" "$kind"
	done
}

@test "build --mount, --device, --group-add, --no-hosts" {
	printf 'FROM %s\nRUN cat /run/secrets/s | wc -c; ls -l /dev/told; id -G; grep -c . /etc/hosts; mount | grep /t\n' "$img" >Dockerfile
	echo secret >s
	succeeds buildah build --progress plain --secret id=s,src=s --mount type=secret,id=s --mount type=tmpfs,target=/t \
		--device /dev/zero:/dev/told --group-add 77 --no-hosts .
	says "7"
	says " 1,   5 "
	says " 77"
	says "none on /t type tmpfs"
	fails 125 "'/etc/passwd' is not a device" buildah build -q --device /etc/passwd .
	fails 125 "--mount" buildah build -q --mount type=frob,target=/t .
}

@test "volumes: what is wrong is told before anything runs" {
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	fails 125 'incorrect volume format "/x"' buildah build -q -v /x .
	fails 125 'invalid host path, must be an absolute path "data"' buildah build -q -v data:/x .
	fails 125 'invalid container path' buildah build -q -v /tmp:x .
	fails 125 "'frob' is not supported" buildah build -q -v /tmp:/x:frob .
	fails 125 "only one of 'z', 'Z' and 'O'" buildah build -q -v /tmp:/x:O,z .
	fails 125 "upperdir and workdir go together" buildah build -q -v /tmp:/x:O,upperdir=/u .
	fails 125 "volume '/not/there'" buildah build -q -v /not/there:/x .
}

@test "run --mount: read-only unless told, sources of images and containers" {
	local c d
	mkdir data && echo f >data/f
	c=$(buildah from -q "$img")
	d=$(buildah from -q "$img")
	succeeds buildah run "$d" sh -c 'echo other >/mark'
	fails 1 "Read-only" buildah run --mount "type=bind,src=data,dst=/x" "$c" touch /x/a
	succeeds buildah run --mount "type=bind,src=data,dst=/x,rw" "$c" touch /x/a
	[ ! -e data/a ]
	succeeds buildah run --mount "type=bind,from=$d,src=/mark,dst=/x" "$c" cat /x
	equals other "$output"
	succeeds buildah run --mount "type=bind,from=$d,dst=/x,rw" "$c" sh -c 'rm /x/mark; ls /x/mark || echo gone'
	says gone
	succeeds buildah run "$d" cat /mark
	buildah tag "$(buildah commit -q "$d")" marked
	succeeds buildah run --mount type=bind,from=marked,dst=/x "$c" cat /x/mark
	equals other "$output"
	succeeds buildah run --user 5:6 -v "$PWD/data:/x:U" "$c" sh -c 'stat -c %u:%g /x /x/f'
	equals $'5:6\n5:6' "$output"
	fails 125 "is the container itself" buildah run --mount "type=bind,from=$c,dst=/x" "$c" true
	fails 125 "must set volume source" buildah run --mount type=bind,dst=/x "$c" true
}

@test "build: what the image says of itself is set and unset" {
	local id
	printf 'FROM %s\nENV A=1 B=2\nLABEL x=1 y=2\n' "$img" >Dockerfile
	succeeds buildah build -q -t below --identity-label=false --annotation foo=bar --annotation keep=1 .
	id=$(buildah inspect --type image --format '{{.FromImageDigest}}' below)
	printf 'FROM below\nLABEL z=3\n' >Dockerfile
	succeeds buildah build -q -t above --unsetlabel x --unsetlabel z --unsetenv A --unsetannotation foo \
		--os-version 10.0 --os-feature one --os-feature two --os-feature one- --omit-history --timestamp 7 .
	succeeds buildah inspect --type image above
	equals '{"y":"2"} 10.0 ["two"] []' "$(jq -r '.OCIv1 | "\(.config.Labels) \(."os.version") \(."os.features") \(.history)"' <<<"$output")"
	jq -e '.OCIv1.config.Env | index("A=1") == null and index("B=2") != null' <<<"$output"
	annotations above >got
	equals "keep=1
org.opencontainers.image.base.digest=$id
org.opencontainers.image.base.name=localhost/below:latest
org.opencontainers.image.created=1970-01-01T00:00:07Z" "$(cat got)"
	succeeds buildah build -q -t alone --identity-label=false --inherit-labels=false --inherit-annotations=false --created-annotation=false .
	equals '' "$(annotations alone)"
	succeeds buildah inspect --type image alone
	equals '{"z":"3"}' "$(jq -c .OCIv1.config.Labels <<<"$output")"
	fails 125 "option '--os-version'" buildah build -q --os-version "$(printf '%0100d' 1)" .
}

@test "--security-opt: seccomp profiles, mask and unmask, in run and build" {
	local kind home
	for kind in $(each_user); do
		home=$(user_dir "$kind")/home
		mkdir -p "$home/ctx"
		printf 'FROM %s\nRUN mkdir /made 2>/err || echo "no: $?" >/seen; cat /err >>/seen; grep -c "/proc/sys " /proc/mounts >>/seen; ls /home >>/seen\n' "$img" >"$home/ctx/Dockerfile"
		echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}' >"$home/p.json"
		chmod -R a+rX "$home/ctx" "$home/p.json"
		succeeds kiln_as "$kind" buildah build -q -o "type=local,dest=$home/out" --security-opt "seccomp=$home/p.json" \
			--security-opt unmask=/proc/s* --security-opt mask=/home:/not/there "$home/ctx"
		equals "no: 1
mkdir: can't create directory '/made': Operation not supported
0" "$(cat "$home/out/seen")" "$kind"
		# Another profile at that path is another key.
		echo '{"defaultAction":"SCMP_ACT_ALLOW"}' >"$home/p.json"
		succeeds kiln_as "$kind" buildah build -q -o "type=local,dest=$home/two" --security-opt "seccomp=$home/p.json" \
			--security-opt unmask=/proc/s* --security-opt mask=/home:/not/there "$home/ctx"
		[ -d "$home/two/made" ]
	done
	c=$(buildah from -q --security-opt mask=/etc/passwd "$img")
	succeeds buildah run "$c" sh -c 'wc -c </etc/passwd; grep -c " /proc/" /proc/mounts'
	says 0
	succeeds buildah run --security-opt unmask=ALL "$c" sh -c 'grep " /proc/" /proc/mounts || echo open'
	equals open "$output"
	# What hides is nothing that can be written to.
	succeeds buildah run --security-opt unmask=/proc/sys "$c" sh -c 'echo x >/proc/interrupts; cat /proc/interrupts'
	equals '' "$output"
	echo '{"defaultAction":"FROB"}' >bad.json
	fails 125 "'defaultAction' is the unknown action 'FROB'" buildah run --security-opt seccomp=bad.json "$c" true
	fails 125 "'etc' is not a path" buildah run --security-opt mask=etc "$c" true
	fails 125 "'frob' is not supported" buildah run --security-opt frob "$c" true
}

@test "build --stdin, --force-compression; copy --no-follow-symlinks; commit --reference-time" {
	local c
	printf 'FROM %s\nRUN cat >/got\n' "$img" >Dockerfile
	echo one | buildah build -q --stdin -o out . >/dev/null
	equals one "$(cat out/got)"
	# Nothing of what was read is in a key.
	rm -rf out
	echo two | buildah build -q --stdin -o out . >/dev/null
	equals two "$(cat out/got)"
	echo three | buildah build -q -o plain . >/dev/null
	equals '' "$(cat plain/got)"
	succeeds buildah build -q --force-compression --compression-format zstd -t packed .
	succeeds buildah inspect --type image packed
	equals true "$(jq '.Manifest | fromjson | [.layers[].mediaType | endswith("zstd")] | all' <<<"$output")"
	c=$(buildah from -q scratch)
	mkdir -p dir/deep && echo f >dir/deep/f && ln -s dir/deep/f link && ln -s dir there && ln -s nothing dangling
	succeeds buildah copy -q --no-follow-symlinks "$c" link there dangling there/deep /a/
	succeeds buildah copy -q "$c" link /b/
	touch -d @77 dir/deep/f
	succeeds buildah commit -q --reference-time dir/deep/f "$c" made
	succeeds buildah inspect --type image made
	equals 1970-01-01T00:01:17Z "$(jq -r .OCIv1.created <<<"$output")"
	echo FROM made >Dockerfile
	succeeds buildah build -q -o files .
	equals "dangling -> nothing
f
link -> dir/deep/f
there -> dir" "$(cd files/a && for f in *; do [ -L "$f" ] && echo "$f -> $(readlink "$f")" || echo "$f"; done)"
	equals f "$(cat files/b/link)"
}

@test "every flag of Buildah's is known" {
	local line verb flag
	while read -r line; do
		verb=${line%% --*} flag=--${line##* --}
		# shellcheck disable=SC2086 # two words
		capture buildah $verb "$flag"
		says_not "unknown option"
	done <<-'END'
		add --decryption-key
		build --log-rusage
		build --userns-uid-map-user
		commit --pull
		copy --remove-signatures
		from --decryption-key
		from --userns-gid-map-group
		from --retry
		mount --notruncate
		run --cdi-config-dir
		run --cni-plugin-path
	END
	# What says nothing to kiln is taken.
	succeeds buildah --transient-store version
	succeeds buildah from -q --cni-config-dir /x --cni-plugin-path /y --cdi-config-dir /z --name taken "$img"
	# A cache that nobody needs, wherever it is.
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	succeeds buildah build -q --blob-cache cache -t blobs .
	succeeds buildah push -q --blob-cache cache blobs oci:pushed
	succeeds buildah from -q --blob-cache cache --name cached blobs
	succeeds buildah commit -q --blob-cache cache cached
	succeeds buildah copy -q --blob-cache cache cached Dockerfile /
	[ ! -e cache ]
}

@test "source policies: denied, converted, pinned; in BuildKit's order and in Buildah's" {
	local file=policy.json
	rule() { # ACTION IDENTIFIER [TO]
		jq -nc --arg a "$1" --arg i "$2" --arg t "${3:-}" '{action: $a, selector: {identifier: $i}, updates: {identifier: $t}}'
	}
	policy() { jq -sc '{rules: .}' >$file; }
	succeeds kiln pull -q "$img"
	printf 'FROM %s\nRUN echo made >/made\n' "$img" >Dockerfile
	{ rule DENY 'oci-layout://*'; rule ALLOW 'oci-layout://*'; } | policy
	succeeds kiln build -q --source-policy-file $file .
	fails 125 "is denied by source policy" buildah build -q --source-policy-file $file .
	{ rule ALLOW 'oci-layout://*'; rule DENY '*'; } | policy
	succeeds buildah build -q --source-policy-file $file .
	fails 1 "is denied by source policy" kiln build -q --source-policy-file $file .
	EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=$file fails 1 "is denied by source policy" kiln build -q .
	# Another image in the place of what FROM says.
	printf 'FROM nowhere.test/app:1\nRUN true\n' >Dockerfile
	rule CONVERT 'docker-image://nowhere.test/app:*' "oci-layout://${img#oci:}" | policy
	succeeds kiln build -q --source-policy-file $file .
	succeeds buildah build -q --source-policy-file $file .
	# Addresses: denied even where a checksum would need no question; pinned by the policy.
	printf 'FROM scratch\nADD --checksum=sha256:%064d https://h.test/f /f\n' 1 >Dockerfile
	rule DENY 'https://h.test/*' | policy
	fails 1 "source 'https://h.test/f' is denied" kiln build -q --source-policy-file $file .
	printf 'FROM scratch\nADD https://h.test/r.git#main /f\n' >Dockerfile
	# Nor does only looking fetch a context.
	fails 1 "source 'https://h.test/c.tar' is denied" kiln build --check --source-policy-file $file https://h.test/c.tar
	rule DENY 'git://h.test/r.git#*' | policy
	fails 1 "source 'git://h.test/r.git#main' is denied" kiln build -q --source-policy-file $file .
	echo '{"rules":[{"selector":{"identifier":"a"}}]}' >$file
	fails 125 "'rules[0]' has no action" buildah build -q --source-policy-file $file .
	echo '{"rules":[{"action":"FROB","selector":{"identifier":"a"}}]}' >$file
	fails 2 "'rules[0].action' is 'FROB'" kiln build -q --source-policy-file $file .
	fails 2 "no-such.json" kiln build -q --source-policy-file no-such.json .
}

@test "/run/.containerenv: there while a command runs, under Buildah's name, and in no layer" {
	local kind c isolation
	mkdir -p ctx
	printf 'FROM %s\nRUN cat /run/.containerenv; [ -e /run/.containerenv ] && echo yes >/seen || echo no >/seen\n' "$img" >ctx/Dockerfile
	printf 'FROM scratch\nCOPY --from=%s /bin/busybox /bin/sh\nRUN ["/bin/sh", "-c", ": >/seen"]\n' "$img" >ctx/Bare
	for kind in $(each_user); do
		for isolation in auto chroot; do
			export KILN_ISOLATION=$isolation
			succeeds kiln_as "$kind" buildah build --no-cache -t env ctx
			says 'engine="buildah-'
			says "rootless=$([ "$kind" = root ] && echo 0 || echo 1)"
			succeeds kiln_as "$kind" buildah push -q env "oci:$(user_dir "$kind")/env-$isolation"
			equals seen "$(last_layer "$(user_dir "$kind")/env-$isolation")" "$kind $isolation"
			# Nor the folder, where there is none.
			succeeds kiln_as "$kind" buildah build -q --no-cache -t bare -f ctx/Bare ctx
			succeeds kiln_as "$kind" buildah push -q bare "oci:$(user_dir "$kind")/bare-$isolation"
			equals seen "$(last_layer "$(user_dir "$kind")/bare-$isolation")" "$kind $isolation"
		done
		unset KILN_ISOLATION
	done
	# kiln's own name has none, and each finds its own results.
	succeeds kiln build --no-cache -q -o type=local,dest=own ctx
	equals no "$(cat own/seen)"
	succeeds buildah build -q -o type=local,dest=theirs ctx
	equals yes "$(cat theirs/seen)"
	c=$(buildah from -q --name boxed "$img")
	succeeds buildah run "$c" cat /run/.containerenv
	says 'name="boxed"'
	says "image=\"$(buildah inspect --format '{{.FromImage}}' "$c")\""
	fails 1 "No such file" kiln run "$c" cat /run/.containerenv
	succeeds buildah commit -q "$c" oci:out
	equals '' "$(last_layer out | grep containerenv || :)"
}

@test "--dns=none: the image's own resolv.conf stays, and what a step makes of it is in the image" {
	local kind isolation
	printf 'FROM %s\nCOPY own /etc/resolv.conf\n' "$img" >Dockerfile
	echo "# own" >own
	succeeds buildah build -q -t below .
	printf 'FROM below\nRUN cat /etc/resolv.conf >/seen && echo "# changed" >/etc/resolv.conf\n' >Dockerfile
	for isolation in auto chroot; do
		export KILN_ISOLATION=$isolation
		rm -rf files
		succeeds buildah build -q --no-cache --dns none -o files .
		equals '# own' "$(cat files/seen)" "$isolation"
		equals '# changed' "$(cat files/etc/resolv.conf)" "$isolation"
	done
	unset KILN_ISOLATION
	# Another result than without.
	rm -rf files
	succeeds buildah build -q -o files .
	equals '# own' "$(cat files/etc/resolv.conf)"
	succeeds buildah from --name c --dns none below
	succeeds buildah run c cat /etc/resolv.conf
	equals '# own' "$output"
}
