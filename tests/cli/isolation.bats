#!/usr/bin/env bats
# Building where no namespace can be had, in real unprivileged containers (lib/pod).
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup_file() {
	BUSYBOX=$("$REPO/tests/lib/images" busybox)
	export BUSYBOX
}

setup() {
	context
	work=$BATS_TEST_TMPDIR/work
	mkdir -p "$work"
	chmod 0777 "$work"
	cp "$KILN" "$work/kiln"
	chmod -R a+rX "$BATS_TEST_TMPDIR/context"
}

# pod OPTION.. -- KILN-ARG..: kiln in a container; the context and $work are there at their paths.
pod() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	timeout -s KILL 120 "$REPO/tests/lib/pod" "${options[@]}" --ro "$BUSYBOX" \
		--ro "$BATS_TEST_TMPDIR/context" --rw "$work" --env "KILN_ROOT=$work/store" \
		"$work/kiln" "$@"
	local status=$?
	[ "$status" != 99 ] || skip "no unprivileged container can be made here"
	return "$status"
}

everything() {
	echo content >file
	cat >Dockerfile <<-EOD
		FROM oci:$BUSYBOX/oci:latest AS one
		RUN echo 1 >/one && chown app:app /one && chmod 4711 /one
		COPY file /copied/file
		RUN cat /copied/file >/again && rm /copied/file && mkdir /d && ln /again /d/link
		FROM one AS two
		WORKDIR /home/new
		RUN chown app .
		USER app
		RUN id -un >who && echo note >/dev/stderr && grep -q MemTotal /proc/meminfo
		USER root
		RUN rm -r /d && mkdir /d && echo new >/d/new
		FROM oci:$BUSYBOX/oci:latest
		COPY --from=two / /all
		COPY --from=one /d /d
		RUN test ! -e /all/d/link && cmp /d/link /all/again && echo fine >/fine
	EOD
}

# The image of everything(), made by kiln as it chooses itself outside.
usual_tree() {
	kiln build -q -o "type=oci,tar=false,dest=$BATS_TEST_TMPDIR/usual" . >&2
	tree_of "$BATS_TEST_TMPDIR/usual"
}

builds_the_same() { # POD-OPTION.. -- KILN-ARG..
	succeeds pod "$@" build -o "type=oci,tar=false,dest=$work/out" "$PWD"
	valid_image "$work/out"
	usual_tree >"$BATS_TEST_TMPDIR/wanted"
	diff <(tree_of "$work/out") "$BATS_TEST_TMPDIR/wanted"
}

@test "with Docker's capabilities and filter: chroot, chosen by itself" {
	need_root
	everything
	builds_the_same --forbid namespaces --
	says "isolation 'chroot'"
}

@test "asked for outside of a container" {
	need_root
	everything
	succeeds kiln build --isolation chroot -o "type=oci,tar=false,dest=$work/out" .
	usual_tree >"$BATS_TEST_TMPDIR/wanted"
	diff <(tree_of "$work/out") "$BATS_TEST_TMPDIR/wanted"
}

@test "what the sandbox puts into the root never reaches a layer" {
	need_root
	cat >Dockerfile <<-EOD
		FROM scratch
		ADD busybox /bin/busybox
		RUN ["/bin/busybox", "true"]
		RUN ["/bin/busybox", "sh", "-c", "echo x >/dev/null; echo y >/etc/resolv.conf; rm /etc/hosts"]
	EOD
	cp /bin/busybox .
	chmod a+rx busybox
	succeeds kiln build --isolation chroot -o "type=oci,tar=false,dest=$work/out" .
	usual_tree >"$BATS_TEST_TMPDIR/wanted"
	diff <(tree_of "$work/out") "$BATS_TEST_TMPDIR/wanted"
	[[ $(tree_of "$work/out") != */dev* ]]
}
