#!/usr/bin/env bats
# Podman's store beside kiln's: what Debian's podman, buildah and skopeo put there is read, what kiln puts
# there they read, as root and as an ordinary user.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs tests in subshells; what lib/kiln.bash sets
load ../lib/kiln
load ../lib/podman

setup_file() {
	image busybox >/dev/null
}

teardown() {
	podman_teardown
}

# An image "base" of Podman's, of two layers with owners, links, modes, a capability and a whiteout.
podman_base() { # KIND
	local at
	at=$(image busybox)/oci:latest
	skopeo_as "$1" copy -q "oci:$at" containers-storage:localhost/busybox:latest
	cat >Containerfile <<-'EOF'
		FROM localhost/busybox
		RUN mkdir -p /d/sub /gone && echo one >/d/one && ln /d/one /d/two && ln -s one /d/link && \
		    chown 33:44 /d/one && chmod 4750 /d/sub && echo secret >/d/sub/closed && chmod 0 /d/sub/closed && \
		    chown 1000:1000 /d/sub/closed && echo x >/gone/x && : >/empty
		RUN rm -r /gone && echo more >>/d/one
	EOF
	buildah_as "$1" bud -q --layers -f Containerfile -t base . >base.id
}

@test "an image of Podman's is a base, a source of copies, and of working containers" {
	local kind
	for kind in $(podman_users); do
		podman_store "$kind"
		podman_base "$kind"
		printf 'FROM containers-storage:localhost/base\nRUN cat /d/two && ls -ln /d /d/sub && cat /d/sub/closed && ! ls /gone\n' \
			>Dockerfile
		succeeds kiln_as "$kind" build --progress plain -t from-podman .
		says 'one'
		says '33       44'
		says 'secret'
		succeeds kiln_as "$kind" image copy -q containers-storage:localhost/base "dir:$PWD/ours"
		skopeo_as "$kind" copy -q containers-storage:localhost/base "dir:$PWD/theirs"
		equals "$(jq -c '[.config, .layers[] | .digest]' theirs/manifest.json)" \
			"$(jq -c '[.config, .layers[] | .digest]' ours/manifest.json)" "digests as skopeo has them"
		succeeds kiln_as "$kind" buildah from --name c containers-storage:base
		equals c "$output"
		succeeds kiln_as "$kind" buildah run c -- cat /d/one
		equals $'one\nmore' "$output"
		succeeds kiln_as "$kind" pull -q containers-storage:base
		succeeds kiln_as "$kind" inspect --format '{{.ID}}' localhost/base
		equals "sha256:$(<base.id)" "$output"
		succeeds kiln_as "$kind" inspect --format '{{.ID}}' "containers-storage:[overlay@$GRAPH+$PWD/run]@$(<base.id)"
		equals "sha256:$(<base.id)" "$output"
	done
}

@test "the signature policy is asked about Podman's store, by its scopes" {
	local kind accept='[{"type":"insecureAcceptAnything"}]' reject='[{"type":"reject"}]'
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	podman_base "$kind"
	echo 'FROM containers-storage:localhost/base' >Dockerfile
	policy() { # SCOPE REQUIREMENTS
		printf '{"default":%s,"transports":{"containers-storage":{"%s":%s}}}' "$reject" "$1" "$2" >policy.json
		chmod a+r policy.json
	}
	policy '' "$reject"
	fails 1 "does not allow 'containers-storage:[overlay@$GRAPH]localhost/base:latest'" \
		kiln_as "$kind" build --signature-policy policy.json .
	fails 1 "it rejects it" kiln_as "$kind" image copy -q --signature-policy policy.json containers-storage:base "dir:$PWD/out"
	[ ! -e out ]
	for scope in "[overlay@$GRAPH]localhost/base" "[$GRAPH]"; do
		policy "$scope" "$accept"
		succeeds kiln_as "$kind" build -q --signature-policy policy.json .
	done
	policy "[overlay@$GRAPH]localhost/other" "$accept"
	fails 1 "it rejects it" kiln_as "$kind" build --signature-policy policy.json .
	# As Podman's own: it was asked about when it came there.
	succeeds kiln_as "$kind" buildah from --pull=never --signature-policy policy.json base
	policy "localhost/base" "$accept"
	fails 1 "does not begin with [GRAPHROOT]" kiln_as "$kind" build --signature-policy policy.json .
}

@test "of a list that Podman made the platform's image is used" {
	local kind other
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	podman_base "$kind"
	podman_as "$kind" manifest create localhost/list
	podman_as "$kind" manifest add localhost/list containers-storage:localhost/base
	printf 'FROM containers-storage:list\nRUN cat /d/one\n' >Dockerfile
	succeeds kiln_as "$kind" build --progress plain .
	says more
	succeeds kiln_as "$kind" buildah from --pull=never list
	fails 1 "the list has no image for linux/s390x" kiln_as "$kind" build --platform linux/s390x .
	other=$(podman_as "$kind" manifest inspect localhost/list | jq -r '.manifests[0].digest')
	podman_as "$kind" rmi -f "$(<base.id)"
	fails 1 "has the manifest '$other'" kiln_as "$kind" build .
}

@test "tars of every form come out of Podman's store byte for byte" {
	local form long kind
	kind=$(podman_users | head -1)
	podman_store "$kind"
	long=$(printf 'a%.0s' {1..90})
	mkdir -p "tree/$long/$long" tree/bin
	echo deep >"tree/$long/$long/file"
	ln "tree/$long/$long/file" tree/hard
	ln -s "/$long/$long/file" tree/soft
	printf 'odd' >"tree/$(printf 'o\xff\xfed')"
	: >tree/empty
	truncate -s 3M tree/sparse
	printf 'end' >>tree/sparse
	touch -d '1960-01-01' tree/empty
	for form in v7 ustar gnu posix; do
		rm -f tree.tar
		case $form in
		v7 | ustar) tar --format="$form" --numeric-owner --owner=0 --group=0 --exclude='aaa*' --exclude=hard --exclude=soft \
			--exclude=empty -cf tree.tar -C tree . ;;
		*) tar --format="$form" --numeric-owner --owner=0 --group=0 -cf tree.tar -C tree . ;;
		esac
		chmod a+r tree.tar
		succeeds podman_as "$kind" import -q tree.tar "localhost/$form"
		succeeds kiln_as "$kind" image copy -q "containers-storage:localhost/$form" "dir:$PWD/$form"
		equals "sha256:$(sha256sum <tree.tar | cut -d' ' -f1)" "$(jq -r '.layers[0].digest' "$form/manifest.json")" "$form"
	done
}

@test "a layer without its tar-split comes from its directory" {
	local kind
	for kind in $(podman_users); do
		podman_store "$kind"
		podman_base "$kind"
		rm "$GRAPH"/overlay-layers/*.tar-split.gz
		printf 'FROM containers-storage:base\nRUN cat /d/one && ls -ln /d/sub && cat /d/sub/closed && ! ls /gone\n' >Dockerfile
		succeeds kiln_as "$kind" build --progress plain -t again .
		says 'more'
		says '1000     1000'
		succeeds kiln_as "$kind" image copy -q again "dir:$PWD/dir"
		valid_image "$PWD/dir"
		succeeds kiln_as "$kind" image copy -q containers-storage:base "oci:$PWD/ours:1"
		valid_image "$PWD/ours"
	done
}

@test "additional image stores are read" {
	local kind
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	podman_base "$kind"
	mv graph more
	PODMAN_MORE="\"$PWD/more\"" podman_store "$kind"
	printf 'FROM containers-storage:base\nRUN cat /d/one\n' >Dockerfile
	succeeds kiln_as "$kind" build --progress plain .
	says more
	skopeo_as "$kind" copy -q "oci:$(image busybox)/oci:latest" containers-storage:localhost/own:1
	succeeds kiln_as "$kind" build --progress plain .
	succeeds kiln_as "$kind" pull -q containers-storage:own:1
}

@test "what is not whole is told, and what it is" {
	local kind top
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	fails 1 "Podman has no store in '$GRAPH'" kiln_as "$kind" pull -q containers-storage:x
	podman_base "$kind"
	fails 1 "'x' is not in Podman's store '$GRAPH'" kiln_as "$kind" pull -q containers-storage:x
	fails 1 "does not read" kiln_as "$kind" pull -q 'containers-storage:[overlay@rel]x'
	fails 1 "kiln knows overlay" kiln_as "$kind" pull -q "containers-storage:[vfs@$GRAPH+/run]x"
	top=$(jq -r --arg id "$(<base.id)" '.[] | select(.id == $id).layer' "$GRAPH/overlay-images/images.json")
	cp "$GRAPH/overlay-layers/layers.json" kept

	list_edit overlay-layers/layers.json '(.[] | select(.id == "'"$top"'")).flags.incomplete = true'
	fails 1 "layer '${top:0:12}' of Podman's store is half written" kiln_as "$kind" pull -q containers-storage:base
	list_edit overlay-layers/layers.json 'map(select(.id != "'"$top"'"))'
	fails 1 "layer '${top:0:12}' of Podman's store is not there" kiln_as "$kind" pull -q containers-storage:base
	head -c 300 kept >"$GRAPH/overlay-layers/layers.json"
	fails 1 "overlay-layers/layers.json' is not valid JSON" kiln_as "$kind" pull -q containers-storage:base
	: >"$GRAPH/overlay-layers/layers.json"
	fails 1 "is not there" kiln_as "$kind" pull -q containers-storage:base
	cat kept >"$GRAPH/overlay-layers/layers.json"

	# The short links are not needed; a file that was changed is found by its content.
	rm "$GRAPH"/overlay/l/*
	succeeds kiln_as "$kind" image copy -q containers-storage:base "dir:$PWD/whole"
	chmod u+w "$GRAPH/overlay/$top/diff/d"
	echo 'ONE!more' >"$GRAPH/overlay/$top/diff/d/one"
	fails 1 "hashes to" kiln_as "$kind" image copy -q containers-storage:base "dir:$PWD/changed"
	rm -f "$GRAPH/overlay/$top/diff/d/one"
	fails 1 "'d/one' is gone" kiln_as "$kind" image copy -q containers-storage:base "dir:$PWD/removed"
	rm -rf "$GRAPH/overlay/$top"
	fails 1 "was removed from Podman's store" kiln_as "$kind" image copy -q containers-storage:base "dir:$PWD/away"
}

# The file of a datum of an image, as Podman names it.
datum() { # ID KEY
	echo "$GRAPH/overlay-images/$1/=$(printf %s "$2" | base64 -w0)"
}

@test "a pin is what is read, and a config is what its manifest says" {
	local kind id pin config other list file
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	podman_base "$kind"
	id=$(<base.id)
	pin=$(jq -r --arg id "$id" '.[] | select(.id == $id).digest' "$GRAPH/overlay-images/images.json")
	succeeds kiln_as "$kind" image copy -q "containers-storage:localhost/base@$pin" "dir:$PWD/pinned"

	# What the lists claim of a digest is not what counts.
	cp "$GRAPH/overlay-images/images.json" kept
	other=sha256:$(printf 'a%.0s' {1..64})
	list_edit overlay-images/images.json '(.[] | select(.id == "'"$id"'")).digest = "'"$other"'"'
	fails 1 "its manifest hashes to '$pin', not '$other'" \
		kiln_as "$kind" image copy -q "containers-storage:localhost/base@$other" "dir:$PWD/claimed"
	# Nor is a name that says it.
	list_edit overlay-images/images.json '(.[] | select(.id == "'"$id"'")).names += ["localhost/base@'"$other"'"]'
	fails 1 "its manifest hashes to '$pin'" \
		kiln_as "$kind" image copy -q "containers-storage:localhost/base@$other" "dir:$PWD/named"
	cat kept >"$GRAPH/overlay-images/images.json"

	# A pinned list is that list, and the image is one of it.
	for list in "$pin" "$other"; do
		printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"%s","digest":"%s","size":1}]}' \
			application/vnd.oci.image.manifest.v1+json "$list" >index
		file=sha256:$(sha256sum <index | cut -d' ' -f1)
		cp index "$(datum "$id" "manifest-$file")"
		chmod a+r "$(datum "$id" "manifest-$file")"
		list_edit overlay-images/images.json '(.[] | select(.id == "'"$id"'"))."big-data-digests"["manifest-'"$file"'"] = "'"$file"'"'
		if [ "$list" = "$pin" ]; then
			succeeds kiln_as "$kind" image copy -q "containers-storage:localhost/base@$file" "dir:$PWD/listed"
		else
			fails 1 "'$pin' is not one of the list" \
				kiln_as "$kind" image copy -q "containers-storage:localhost/base@$file" "dir:$PWD/unlisted"
		fi
	done

	# The manifest under the pin's own name is preferred, and has to be it.
	file=$(datum "$id" "manifest-$pin")
	cp "$GRAPH/overlay-images/$id/manifest" manifest.kept
	echo >>"$GRAPH/overlay-images/$id/manifest"
	succeeds kiln_as "$kind" image copy -q "containers-storage:localhost/base@$pin" "dir:$PWD/preferred"
	cat manifest.kept >"$GRAPH/overlay-images/$id/manifest"
	echo >>"$file"
	fails 1 "not '$pin'" kiln_as "$kind" image copy -q "containers-storage:localhost/base@$pin" "dir:$PWD/altered"
	rm "$file"
	succeeds kiln_as "$kind" image copy -q "containers-storage:localhost/base@$pin" "dir:$PWD/alone"

	# Where layers are renamed, too.
	config=$(datum "$id" "sha256:$id")
	sed -i 's/"os":"linux"/"os":"Linux"/' "$config"
	fails 1 "its config hashes to" kiln_as "$kind" pull -q containers-storage:base
	rm "$GRAPH"/overlay-layers/*.tar-split.gz
	fails 1 "its config hashes to" kiln_as "$kind" pull -q containers-storage:base
}

@test "a layer of more owners than Podman's store lists is refused" {
	need_root
	podman_store root
	python3 - <<-'PY'
		import hashlib, io, json, tarfile
		def add(tar, name, data=b"", uid=0):
		    info = tarfile.TarInfo(name)
		    info.uid, info.size = uid, len(data)
		    tar.addfile(info, io.BytesIO(data))
		layer = io.BytesIO()
		with tarfile.open(fileobj=layer, mode="w") as tar:
		    for i in range(65537):
		        add(tar, "f%d" % i, uid=i)
		layer = layer.getvalue()
		ids = ["sha256:" + hashlib.sha256(layer).hexdigest()]
		config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}
		with tarfile.open("many.tar", "w") as tar:
		    add(tar, "layer.tar", layer)
		    add(tar, "config.json", json.dumps(config).encode())
		    add(tar, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["many:latest"], "Layers": ["layer.tar"]}]).encode())
	PY
	fails 1 "more than 65536 different users" kiln_as root image copy -q "docker-archive:$PWD/many.tar" containers-storage:many
	equals '' "$(ls "$GRAPH/tmp")"
	[ ! -s "$GRAPH/overlay-layers/layers.json" ]
}

# Holds a lock of the store as Podman does, alone, until the file "release" is there.
hold() { # FILE
	python3 - "$GRAPH/$1" "$PWD" <<-'EOF' 3>&- 4>&- &
		import fcntl, os, sys, time
		lock = open(sys.argv[1], "r+b")
		fcntl.lockf(lock, fcntl.LOCK_EX)
		open(sys.argv[2] + "/held", "w").close()
		while not os.path.exists(sys.argv[2] + "/release"):
		    time.sleep(0.01)
	EOF
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	await test -e held
}

@test "who holds Podman's lock is waited for" {
	local kind pid
	kind=$(podman_users | head -1)
	podman_store "$kind"
	podman_base "$kind"
	hold overlay-layers/layers.lock
	kiln_as "$kind" pull -q containers-storage:base >pulled 2>&1 3>&- 4>&- &
	pid=$!
	echo $pid >>"$BATS_TEST_TMPDIR/pids"
	until find /proc/[0-9]*/fd -lname "$GRAPH/overlay-layers/layers.lock" 2>/dev/null | cut -d/ -f3 | sort -u | sed -n 2p | grep -q .; do
		kill -0 $pid
		sleep 0.01
	done
	kill -0 $pid
	equals '' "$(<pulled)"
	touch release
	wait $pid
	grep -q sha256: pulled
}

# --- directories of Podman's in place ---

trees_of() { # KIND STORE: directories that kiln made
	as_user "$1" find "$2/layers" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

# The kinds of user whose steps can stand on Podman's directories here: root's on ID-mapped mounts that overlays stack.
inplace_users() {
	local kind release
	for kind in $(podman_users); do
		if [ "$kind" = root ]; then
			release=$(uname -r)
			[ "$(printf '6.15\n%s\n' "$release" | sort -V | head -1)" = 6.15 ] || continue
			grep -q ' 4294967295$' /proc/self/uid_map || continue
			[[ "ext2/ext3 xfs btrfs tmpfs" == *"$(stat -f -c %T "$BATS_TEST_TMPDIR")"* ]] || continue
		fi
		echo "$kind"
	done
}

in_store() { # KIND COMMAND...: as who the store's files are
	if [ "$1" = root ]; then
		"${@:2}"
	else
		buildah_as "$1" unshare "${@:2}"
	fi
}

@test "a step runs on Podman's own directories, and sees what it would see on kiln's" {
	local kind inside base users
	users=$(inplace_users)
	[ -n "$users" ] || skip "needs ID-mapped mounts below overlays, or an ordinary user with subordinate ids"
	for kind in $users; do
		podman_store "$kind"
		podman_base "$kind"
		cat >Dockerfile <<-'EOF'
			FROM containers-storage:localhost/base
			RUN find / -xdev -path /tmp -prune -o -path /proc -prune -o -path /dev -prune -o -path /sys -prune -o -path /etc/resolv.conf -o \
			    -path /etc/hosts -o -path /etc/hostname -o -type f -exec ls -ln {} + | sort >/tmp/files; \
			    stat -c '%a %u %g' / /d /d/sub /tmp >/tmp/dirs; echo again >>/d/one; chmod 0755 /d/sub
			RUN --mount=type=bind,from=containers-storage:localhost/base,target=/m,rw stat -c '%a %u %g %n' /m/d/* /m/d/sub/* >/tmp/mounted && \
			    echo w >/m/d/w && chown 9:9 /m/d/one && stat -c '%a %u %g %n' /d/* >/tmp/after
			COPY --from=containers-storage:localhost/base /d /e
		EOF
		mkdir stores
		[ "$kind" = root ] || chown "$(user_account "$kind")" stores
		export KILN_ROOT=$PWD/stores/inside
		succeeds kiln_as "$kind" build -q --timestamp 7 -t app .
		inside=$output
		# The RUNs', and what the COPY was made in: nothing of the base.
		[ "$(trees_of "$kind" "$KILN_ROOT")" -le 3 ]
		succeeds kiln_as "$kind" build -q --timestamp 7 -o type=containers-storage,name=app .
		# One name more, and Podman's directories are not what their tars say.
		base=$(jq -r '.[] | select(.parent == null) | .id' "$GRAPH/overlay-layers/layers.json" | head -1)
		in_store "$kind" touch "$GRAPH/overlay/$base/diff/more"
		export KILN_ROOT=$PWD/stores/own
		succeeds kiln_as "$kind" build -q --timestamp 7 -t app .
		equals "$inside" "$output" "the image on kiln's directories"
		in_store "$kind" rm "$GRAPH/overlay/$base/diff/more"
		# Where the base's files go out they come from its blobs.
		export KILN_ROOT=$PWD/stores/files
		succeeds kiln_as "$kind" build -q --timestamp 7 -o out .
		equals 'one more again' "$(tr '\n' ' ' <out/d/one | sed 's/ $//')"
		unset KILN_ROOT
	done
}

@test "a base that Podman removes under a step is an error, and no image" {
	local kind pid users
	users=$(inplace_users)
	[ -n "$users" ] || skip "needs ID-mapped mounts below overlays, or an ordinary user with subordinate ids"
	for kind in $users; do
		podman_store "$kind"
		podman_base "$kind"
		mkdir -m 0777 shared
		chmod 0777 shared
		for end in 'true' 'false'; do
			rm -f shared/*
			printf 'FROM containers-storage:localhost/base\nRUN : >/w/began; until [ -e /w/go ]; do sleep 0.02; done; %s\n' "$end" >Dockerfile
			kiln_as "$kind" buildah bud -f Dockerfile -v "$PWD/shared:/w" -t never . >built 2>&1 3>&- 4>&- &
			pid=$!
			echo $pid >>"$BATS_TEST_TMPDIR/pids"
			until [ -e shared/began ]; do
				kill -0 $pid || { cat built; false; }
				sleep 0.02
			done
			podman_as "$kind" rmi -f localhost/base
			touch shared/go
			! wait $pid || false
			grep -q "was removed from Podman's store while the build stood on it" built
			fails 125 '' kiln_as "$kind" buildah inspect localhost/never
			buildah_as "$kind" bud -q --layers -f Containerfile -t base . >base.id
		done
	done
}

# --- writing ---

layer_count() {
	jq length "$GRAPH/overlay-layers/layers.json"
}

@test "what kiln builds is in Podman's store as if Podman had loaded it" {
	local kind
	for kind in $(podman_users); do
		podman_store "$kind"
		rich_dockerfile
		succeeds kiln_as "$kind" build --progress quiet -t app -o type=containers-storage \
			-o "type=docker,dest=$PWD/app.tar" -o "type=oci,dest=$PWD/oci,tar=false" .
		succeeds podman_as "$kind" image inspect --format '{{.Id}} {{.RepoTags}} {{.Config.Env}}' app
		[[ $output == *"[localhost/app:latest]"*A=b* ]]
		mounted "$kind" app >ours
		equals 4 "$(layer_count)"

		# The digests of what Podman saves are those of the config.
		succeeds podman_as "$kind" save -q -o saved.tar app
		mkdir saved
		tar -C saved -xf saved.tar
		equals "$(jq -c .rootfs.diff_ids "saved/$(jq -r '.[0].Config' saved/manifest.json)")" \
			"$(jq -r '.[0].Layers[]' saved/manifest.json | sed "s,^,saved/," | xargs sha256sum | cut -d' ' -f1 |
				jq -Rnc '[inputs | "sha256:" + .]')" "diffIDs of what was saved"
		valid_image "$PWD/oci"
		skopeo_as "$kind" copy -q containers-storage:localhost/app:latest "dir:$PWD/dir"
		equals "$(config_of "$PWD/oci" .)" "$(config_of "$PWD/dir" .)"

		# The same through an archive, into a store of its own.
		mv graph first
		succeeds podman_as "$kind" load -q -i app.tar
		mounted "$kind" "$(jq -r '.[0].id' "$GRAPH/overlay-images/images.json")" >theirs
		# Podman takes no mode of the root from an image; kiln does.
		diff -u <(grep -v ' [.]  *$' theirs) <(grep -v ' [.]  *$' ours)
		equals "$(jq -c '[.[].id] | sort' "$GRAPH/overlay-layers/layers.json")" \
			"$(jq -c '[.[].id] | sort' first/overlay-layers/layers.json)" "IDs of layers"
		equals "$(jq -c '[.[] | [.id, .uidset, .gidset, ."diff-digest", ."diff-size"]] | sort' "$GRAPH/overlay-layers/layers.json")" \
			"$(jq -c '[.[] | [.id, .uidset, .gidset, ."diff-digest", ."diff-size"]] | sort' first/overlay-layers/layers.json)"

		# All of it goes when Podman removes it.
		rm -rf graph
		mv first graph
		succeeds podman_as "$kind" rmi app
		equals '[]' "$(jq -c . "$GRAPH/overlay-layers/layers.json")"
		equals '' "$(find "$GRAPH/overlay/l" "$GRAPH/tmp" -mindepth 1)"
	done
}

@test "Podman runs what kiln built" {
	need_root
	podman_store root
	rich_dockerfile
	succeeds kiln_as root build --progress quiet -t app -o type=containers-storage .
	# cgroups of these machines are hybrid, and limits may not be raised: both are taken out of the way.
	succeeds peer_as root unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec podman run --rm \
		--ulimit nofile=2000:2000 --ulimit nproc=2000:2000 --network=host app'
	equals one "$output"
	succeeds podman_as root create --name c app
	# To its end: Podman hangs when the reader of an export leaves early.
	succeeds podman_as root export -o "$PWD/c.tar" c
	tar tf c.tar | grep -x d/one >/dev/null
}

@test "push, image copy and commit write there; layers are shared and names move" {
	local kind first
	for kind in $(podman_users); do
		podman_store "$kind"
		rich_dockerfile
		succeeds kiln_as "$kind" build --progress quiet -t app .
		succeeds kiln_as "$kind" push -q app containers-storage:r.example/app:1
		succeeds kiln_as "$kind" image copy -q app "containers-storage:[overlay@$GRAPH+$PWD/run]app"
		equals 4 "$(layer_count)"
		equals '["r.example/app:1","localhost/app:latest"]' "$(jq -c '.[].names' "$GRAPH/overlay-images/images.json")"
		first=$(jq -r '.[0].id' "$GRAPH/overlay-images/images.json")
		succeeds kiln_as "$kind" buildah from --name pushed app
		succeeds kiln_as "$kind" buildah run pushed -- sh -c 'echo new >/new'
		succeeds kiln_as "$kind" buildah commit -q pushed containers-storage:app
		equals 5 "$(layer_count)"
		succeeds podman_as "$kind" image inspect --format '{{.RepoTags}}' "$first"
		equals '[r.example/app:1]' "$output"
		mounted "$kind" app | grep >/dev/null ' new '
		# What Podman makes of it, kiln goes on with; and once more the other way.
		printf 'FROM localhost/app\nRUN cat /new && echo more >>/new\n' >Containerfile
		buildah_as "$kind" bud -q -f Containerfile -t theirs . >/dev/null
		printf 'FROM containers-storage:theirs\nRUN grep more /new && rm /new\n' >Dockerfile
		succeeds kiln_as "$kind" build --progress quiet -t ours -o type=containers-storage .
		equals '' "$(mounted "$kind" ours | grep ' new ' || true)"
		# Buildah's name, and its --tag.
		printf 'FROM containers-storage:ours\nRUN : >/last\n' >Dockerfile
		succeeds kiln_as "$kind" buildah bud -q -f Dockerfile -t containers-storage:last .
		mounted "$kind" last | grep >/dev/null ' last '
	done
}

@test "what Podman's store cannot hold, and who may not write it, is told" {
	local kind
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	succeeds kiln_as "$kind" build --progress quiet -t app .
	fails 2 "has no name" kiln_as "$kind" image copy -q app "containers-storage:[overlay@$GRAPH]"
	fails 1 "kiln knows overlay" kiln_as "$kind" push -q app "containers-storage:[vfs@$GRAPH]x"
	succeeds kiln_as "$kind" push -q app containers-storage:app
	printf true >"$GRAPH/overlay/.has-mount-program"
	fails 1 "mounted by a program" kiln_as "$kind" push -q app containers-storage:other
	printf false >"$GRAPH/overlay/.has-mount-program"
	jq -c '.[0].names' "$GRAPH/overlay-images/images.json"
	mkdir -p other/vfs-images
	[ "$(id -u)" != 0 ] || chown -R "$(user_account "$kind")" other
	fails 1 "the driver 'vfs'" kiln_as "$kind" push -q app "containers-storage:[overlay@$PWD/other]x"
	[ ! -e other/overlay ]
}

@test "a user without subordinate ids is told what is missing" {
	need_user plain
	podman_store plain
	rich_dockerfile
	succeeds kiln_as plain build --progress quiet -t app .
	fails 1 "/etc/subuid" kiln_as plain push -q app containers-storage:app
	equals '' "$(ls "$GRAPH/tmp")"
	[ ! -s "$GRAPH/overlay-layers/layers.json" ]
}

@test "kiln and Podman write at the same time" {
	local kind i pids=()
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	podman_as "$kind" info >/dev/null 2>&1
	for i in 1 2 3; do
		printf 'FROM %s\nRUN echo %s >/n && echo %s >/shared%s\n' "$(image_ref busybox)" "$i" "$i" "$((i % 2))" >"Dockerfile$i"
		succeeds kiln_as "$kind" build --progress quiet -f "Dockerfile$i" -t "k$i" .
		mkdir -p "tree$i"
		echo "$i" >"tree$i/p"
		tar --numeric-owner --owner=0 --group=0 -cf "p$i.tar" -C "tree$i" .
	done
	for i in 1 2 3; do
		kiln_as "$kind" push -q "k$i" "containers-storage:k$i" >"k$i.out" 2>&1 3>&- 4>&- &
		pids+=($!)
		podman_as "$kind" import -q "p$i.tar" "localhost/p$i" >"p$i.out" 2>&1 3>&- 4>&- &
		pids+=($!)
		kiln_as "$kind" push -q k1 "containers-storage:same$i" >"s$i.out" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	printf '%s\n' "${pids[@]}" >"$BATS_TEST_TMPDIR/pids"
	for i in "${pids[@]}"; do
		wait "$i" || { cat ./*.out >&2; return 1; }
	done
	equals "$(printf 'localhost/%s:latest\n' k1 k2 k3 p1 p2 p3 same1 same2 same3)" \
		"$(jq -r '.[].names[]' "$GRAPH/overlay-images/images.json" | sort)"
	for i in 1 2 3; do
		mounted "$kind" "k$i" | grep >/dev/null ' n '
		mounted "$kind" "p$i" | grep >/dev/null ' p '
	done
	# One base, three layers on it, three imports; each short name leads somewhere.
	equals 7 "$(layer_count)"
	equals "$(jq -r '.[].id' "$GRAPH/overlay-layers/layers.json" | sort)" \
		"$(find "$GRAPH/overlay/l" -type l -printf '%l\n' | cut -d/ -f2 | sort)"
	equals '' "$(ls "$GRAPH/tmp")"
}
