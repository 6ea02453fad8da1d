# shellcheck shell=bash
# Podman's own store for a test, of root and of an ordinary user: overlay, in $BATS_TEST_TMPDIR/podman-KIND.
# Debian's podman, buildah and skopeo work in it beside kiln.
#
#   podman_store KIND       makes it; GRAPH is its graph root
#   podman_as KIND ARGS...  likewise buildah_as, skopeo_as
#   list_edit FILE JQ       changes a list of the store
#   files_of DIR            what a tree is like
#   podman_users            the kinds of user that Podman has rules for
#   rich_dockerfile         makes a Dockerfile with all that layers can say
#   mounted KIND IMAGE      files_of what Podman mounts
#   podman_teardown         ends the pids in $BATS_TEST_TMPDIR/pids, and unmounts

# Kilns and peers of a test find the store by storage.conf alone.
keep_env CONTAINERS_STORAGE_CONF BUILDAH_ISOLATION

podman_store() {
	local dir account conf
	command -v podman buildah skopeo >/dev/null || skip "needs podman, buildah and skopeo"
	account=$(user_account "$1") || return 1
	dir=$BATS_TEST_TMPDIR/podman-$1
	mkdir -p "$dir"
	chmod a+x "$BATS_TEST_TMPDIR" "$dir"
	unset CONTAINERS_STORAGE_CONF
	conf=$(user_dir "$1")/config/containers/storage.conf
	# Debian's buildah as an ordinary user takes the variable for another file.
	if [ "$1" = root ]; then
		conf=$dir/storage.conf
		export CONTAINERS_STORAGE_CONF=$conf
	fi
	mkdir -p "${conf%/*}"
	cat >"$conf" <<-EOF
		[storage]
		driver = "overlay"
		graphroot = "$dir/graph"
		runroot = "$dir/run"
		[storage.options]
		additionalimagestores = [$PODMAN_MORE]
	EOF
	[ "$(id -u)" != 0 ] || chown -R "$account:" "$dir"
	export GRAPH=$dir/graph
	cd "$dir" || return 1
}
PODMAN_MORE=

peer_as() {
	local kind=$1
	shift
	as_user "$kind" timeout -s KILL 120 "$@"
}

podman_as() {
	local kind=$1
	shift
	peer_as "$kind" podman "$@"
}

buildah_as() {
	local kind=$1
	shift
	BUILDAH_ISOLATION=chroot peer_as "$kind" buildah "$@"
}

skopeo_as() {
	local kind=$1
	shift
	if [ "$kind" = root ]; then
		peer_as root skopeo --insecure-policy "$@"
	else
		peer_as "$kind" buildah unshare skopeo --insecure-policy "$@"
	fi
}

list_edit() { # FILE JQ: a list of the store, changed
	jq -c "$2" "$GRAPH/$1" >"$BATS_TEST_TMPDIR/.list"
	cat "$BATS_TEST_TMPDIR/.list" >"$GRAPH/$1"
}

# What a mount or a tree is like: type, mode, owner, size, links, path, target, content.
files_of() { # DIR
	python3 - "$1" <<-'EOF'
		import hashlib, os, stat, sys
		top = sys.argv[1]
		for at, dirs, files in os.walk(top):
		    dirs.sort()
		    for name in sorted(files + dirs) + ([""] if at == top else []):
		        path = os.path.join(at, name) if name else at
		        st = os.lstat(path)
		        what = ""
		        if stat.S_ISLNK(st.st_mode):
		            what = os.readlink(path)
		        elif stat.S_ISREG(st.st_mode):
		            what = hashlib.sha256(open(path, "rb").read()).hexdigest()[:16]
		        xattrs = sorted(a for a in os.listxattr(path, follow_symlinks=False) if "overlay" not in a and "override" not in a)
		        mtime = int(st.st_mtime) if name and not stat.S_ISDIR(st.st_mode) else 0
		        print(stat.filemode(st.st_mode), st.st_uid, st.st_gid, mtime, os.path.relpath(path, top), what, *xattrs)
	EOF
}

# The kinds of user that Podman has rules for.
podman_users() {
	each_user | grep -v plain
}

podman_teardown() {
	[ ! -f "$BATS_TEST_TMPDIR/pids" ] || xargs -r kill <"$BATS_TEST_TMPDIR/pids" 2>/dev/null || true
	rm -f "$BATS_TEST_TMPDIR/pids"
	kiln_teardown
	local dir
	for dir in "$BATS_TEST_TMPDIR"/podman-*; do
		grep -F " $dir/" /proc/self/mountinfo | cut -d' ' -f5 | sort -r | xargs -r umount -l || true
	done
}

# A Dockerfile with all that layers can say, on an image of three layers.
rich_dockerfile() {
	cat >Dockerfile <<-EOF
		FROM $(image_ref busybox)
		RUN mkdir -p /d/sub /gone /again && echo one >/d/one && ln /d/one /d/two && ln -s one /d/link && \
		    chown 33:44 /d/one && chmod 4750 /d/sub && echo x >/gone/x && echo y >/again/y && mkfifo /fifo && \
		    echo closed >/d/sub/closed && chmod 0 /d/sub/closed && chown 1000:1000 /d/sub/closed
		RUN rm -r /gone /d/two && rm -r /again && mkdir /again && echo z >/again/z && chmod 1777 /d
		COPY --chown=7:8 Dockerfile /copied/
		ENV A=b
		CMD ["sh", "-c", "cat /d/one"]
	EOF
}

# The files of an image as Podman mounts it.
mounted() { # KIND IMAGE
	cat >mounted.sh <<-'EOF'
		dir=$(podman image mount "$1") && cp -a "$dir/." "$2" && podman image umount "$1" >/dev/null
	EOF
	rm -rf copy-of
	mkdir copy-of
	[ "$(id -u)" != 0 ] || chown "$(user_account "$1")" copy-of
	if [ "$1" = root ]; then
		peer_as root sh mounted.sh "$2" "$PWD/copy-of"
		files_of copy-of
	else
		declare -f files_of >files_of.sh
		peer_as "$1" podman unshare sh mounted.sh "$2" "$PWD/copy-of"
		peer_as "$1" podman unshare bash -c '. ./files_of.sh; files_of copy-of'
	fi
}
