#!/usr/bin/env bats
# Building where no namespace can be had, in real unprivileged containers (lib/pod).
# shellcheck disable=SC2154,SC2153 # output, stderr, status, KILN come from lib/kiln.bash
load ../lib/kiln
load ../lib/inplace

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

# Also of a test that failed or was skipped half-way.
teardown() {
	umount "$work/ov/m" "$work/ov" 2>/dev/null || true
}

# Leaks are found by tracing, which a container without CAP_SYS_PTRACE may not.
no_sanitizer() {
	[[ $(nm -D "$KILN" 2>/dev/null) != *__asan* ]] || skip "a sanitizer's start-up is not kiln's"
}

# pod OPTION.. -- KILN-ARG..: kiln in a container; the context and $work are there at their paths.
pod() {
	local options=()
	no_sanitizer
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
		RUN id -un >who && echo note >/dev/stderr && grep -q MemTotal /proc/meminfo && grep -q -- - /proc/sys/kernel/random/uuid
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

@test "as an arbitrary user without any capability: proot, chosen by itself" {
	need_root
	command -v proot >/dev/null || skip "proot is not installed"
	everything
	builds_the_same --uid 12345 --caps none --forbid namespaces --
	says "isolation 'proot'"
	printf 'FROM oci:%s/oci:latest\nRUN ["/no/such"]\n' "$BUSYBOX" >Dockerfile
	fails 127 "run '/no/such'" pod --uid 12345 --caps none --forbid namespaces -- build "$PWD"
}

@test "under proot programs of Debian's find their files, and whoever tries chroot ends no records" {
	command -v proot >/dev/null || skip "proot is not installed"
	local kind
	kind=$(a_user)
	# coreutils asks by statx, test by faccessat2: Debian's proot knows neither.
	cat >Dockerfile <<-EOD
		FROM $(image_ref debian)
		WORKDIR /here
		RUN echo x >file && stat file /here/file && ls -l file && bash -c '[ -r file ] && [ -x /bin/ls ]'
		RUN ! chroot /tmp true && chown 5:6 file && [ "\$(stat -c %u:%g:%a file)" = 5:6:644 ]
		RUN useradd new && [ "\$(stat -c %g:%a /etc/shadow)" = 42:640 ]
		RUN mv file other && cp -a other again && [ "\$(stat -c %u again)" = 5 ]
	EOD
	succeeds kiln_as "$kind" build --isolation proot .
}

@test "under proot programs that start others keep their heap" {
	command -v proot >/dev/null || skip "proot is not installed"
	local kind
	kind=$(a_user)
	cat >spawn.c <<-'END'
		#include <spawn.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/wait.h>

		int main(void)
		{
			char *const argv[] = { "true", NULL };

			for (int i = 0; i < 50; i++) {
				int status = 1;
				pid_t pid;

				if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, argv + 1) ||
						waitpid(pid, &status, 0) != pid || status)
					return 1;
				for (int j = 0; j < 8; j++)
					memset(malloc(10000), i, 10000);
			}
			return 0;
		}
	END
	cc -static -o spawn spawn.c
	# The shell is the first, and has a heap that ends elsewhere.
	printf 'FROM %s\nCOPY spawn /\nRUN /spawn; test $? = 0\n' "$(image_ref busybox)" >Dockerfile
	succeeds kiln_as "$kind" build --isolation proot .
}

@test "with user namespaces allowed they are taken, in a container too" {
	need_root
	everything
	builds_the_same --
	says_not "steps run with isolation"
}

@test "in podman's own containers, with its default filter and capabilities, and less" {
	need_root
	command -v podman >/dev/null && command -v proot >/dev/null || skip "podman or proot is not installed"
	everything
	usual_tree >"$BATS_TEST_TMPDIR/wanted"
	# Opens the way to the test's folder.
	need_user sub
	user_dir sub >&2
	local engine rest wanted
	# What the container may, and the isolation that kiln takes then.
	while read -r engine wanted rest; do
		# shellcheck disable=SC2086 # words
		succeeds pod --engine "$engine" $rest -- build --progress plain \
			-o "type=oci,tar=false,dest=$work/out" "$PWD"
		case $wanted in
		root) says_not "isolation" ;;
		*) says "isolation '$wanted'" ;;
		esac
		valid_image "$work/out"
		diff <(tree_of "$work/out") "$BATS_TEST_TMPDIR/wanted"
		# Of a rootless container's other users, whom nobody here is.
		rm -rf "$work/store" "$work/out"
	done <<-EOF
		podman root
		podman chroot --forbid namespaces
		podman proot --forbid namespaces --uid 12345 --gid 0 --caps none
		podman proot --uid 12345
		rootless root
		rootless chroot --forbid namespaces
		rootless proot --forbid namespaces --uid 12345 --caps none
	EOF
}

@test "where builds take proot, working containers still take what has mounts" {
	need_root
	command -v proot >/dev/null || skip "proot is not installed"
	printf 'FROM oci:%s/oci:latest\nRUN true\n' "$BUSYBOX" >Dockerfile
	succeeds pod --uid 12345 -- build "$PWD"
	says "isolation 'proot'"
	succeeds pod --uid 12345 -- from -q --name work "oci:$BUSYBOX/oci:latest"
	succeeds pod --uid 12345 -- copy work "$PWD/Dockerfile" /copied
	succeeds pod --uid 12345 -- commit -q work out:1
}

@test "without proot and without capabilities: what is missing is said, before any work" {
	need_root
	everything
	fails 1 "steps cannot run here" pod --uid 12345 --caps none --forbid namespaces --env PATH=/nowhere \
		-- build "$PWD"
	says "isolation 'chroot' needs CAP_SYS_CHROOT"
	says "proot, which is not installed"
	fails 1 "isolation 'chroot' needs CAP_SYS_CHROOT" \
		pod --uid 12345 --caps none -- build --isolation chroot "$PWD"
}

@test "a step ends with all it has started, and with kiln" {
	need_root
	cat >Dockerfile <<-EOD
		FROM oci:$BUSYBOX/oci:latest
		RUN (setsid sleep 31536001 &) ; (sleep 31536002 &) ; true
		RUN touch /begun; (setsid sleep 31536003 &) ; sleep 31536004
	EOD
	KILN_ROOT=$work/store "$KILN" build --isolation chroot . >"$work/log" 2>&1 &
	local kiln=$!
	# The second step is under way: then the first one's daemons are gone.
	timeout 60 sh -c 'until pgrep -f 315[3]6003 >/dev/null; do :; done'
	equals '' "$(pgrep -f '3153600[12]' || true)"
	kill -KILL "$kiln"
	wait "$kiln" || true
	timeout 20 sh -c 'while pgrep -f "3153600[34]" >/dev/null; do :; done'
}

@test "a root that breaks out of its chroot reads nothing of kiln's, where Landlock is" {
	need_root
	python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 2)' ||
		skip "no Landlock here"
	# The classic way: a chroot below, and up from a directory that is outside of it.
	cat >escape.c <<-'EOD'
		#include <stdio.h>
		#include <sys/stat.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			mkdir("jail", 0755);
			if (chdir("/") || chroot("jail"))
				return 1;
			for (int i = 0; i < 64; i++)
				if (chdir(".."))
					return 2;
			if (chroot("."))
				return 3;
			for (int i = 1; i < argc; i++) {
				FILE *file = fopen(argv[i], "r");
				printf("%s %s\n", file ? "read" : "kept", argv[i]);
			}
			return access("/etc", F_OK) ? 4 : 0;
		}
	EOD
	cc -static -o escape escape.c || skip "no static C library"
	echo secret >"$work/credentials"
	printf 'FROM scratch\nCOPY escape /\nRUN ["/escape", "%s/credentials", "/proc/%s/environ"]\n' \
		"$work" "$$" >Dockerfile
	succeeds kiln build --progress=plain --isolation chroot .
	says "kept $work/credentials"
	says "kept /proc/$$/environ"
	says_not "read /"
}

@test "RUN --mount of each type, put back afterwards" {
	need_root
	mkdir dir
	echo inner >dir/file
	cat >Dockerfile <<-EOD
		FROM oci:$BUSYBOX/oci:latest AS other
		RUN mkdir /o && echo other >/o/file
		FROM oci:$BUSYBOX/oci:latest
		RUN mkdir -p /there && echo kept >/there/own
		RUN --mount=type=bind,source=dir,target=/there --mount=type=bind,from=other,source=o,target=/a/b \\
			--mount=type=tmpfs,target=/t --mount=type=bind,source=dir,target=/w,rw \\
			test ! -e /there/own && cp /there/file /a/b/file /seen/ 2>/dev/null; mkdir /seen && \\
			cat /there/file /a/b/file >/seen/all && echo x >/t/x && echo y >/w/y && rm /w/file
		RUN test -e /there/own && test ! -e /there/file && test ! -e /a && test ! -e /w && test ! -e /t
	EOD
	succeeds kiln build --isolation chroot -o "type=oci,tar=false,dest=$work/out" .
	usual_tree >"$BATS_TEST_TMPDIR/wanted"
	diff <(tree_of "$work/out") "$BATS_TEST_TMPDIR/wanted"
	equals inner "$(cat dir/file)"
}

# pod_in_place OPTION.. -- KILN-ARG..: kiln in a directory of its own, in a container that looks like one.
pod_in_place() {
	no_sanitizer
	local options=()
	inplace_root "$BATS_TEST_TMPDIR/root" /kiln kiln
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	inplace_pod "$BATS_TEST_TMPDIR/root" "${options[@]}" --ro "$BUSYBOX" --ro "$BATS_TEST_TMPDIR/context" \
		--rw "$work" --env "KILN_ROOT=/kiln/store" --env LD_LIBRARY_PATH=/kiln/lib -- /kiln/kiln "$@"
}

@test "in place: the container's root is the rootfs, with a real /proc" {
	need_root
	everything
	cat >>Dockerfile <<-EOD
		RUN test -d /proc/1/fd && test ! -e /old && test -z "\$(ls /volume 2>/dev/null)" && \\
			grep -q ' / ' /proc/self/mounts && test -e /kiln/kiln && echo real >/real
		RUN test -e /real && test -e /fine
	EOD
	succeeds pod_in_place -- build --isolation inplace -o "type=oci,tar=false,dest=$work/out" "$PWD"
	sed -i '/^RUN test -d .proc.1/,$d' Dockerfile
	echo 'RUN echo real >/real' >>Dockerfile
	usual_tree >"$BATS_TEST_TMPDIR/wanted"
	diff <(tree_of "$work/out") "$BATS_TEST_TMPDIR/wanted"
}

@test "in place: a step that removes kiln's directory, and a container that is none" {
	need_root
	printf 'FROM oci:%s/oci:latest\nRUN rm -rf /kiln; true\n' "$BUSYBOX" >Dockerfile
	fails 1 "the step has removed what kiln lives in ('/kiln', '/kiln/store')" \
		pod_in_place -- build --isolation inplace -o "type=oci,tar=false,dest=$work/out" "$PWD"
	[ ! -e "$work/out/index.json" ]
	fails 1 "this is no container" pod --engine runc --forbid namespaces -- build --isolation inplace "$PWD"
}

@test "a cache takes a stage's layers without its base being unpacked once more" {
	need_root
	echo content >file
	cat >Dockerfile <<-EOD
		FROM oci:$BUSYBOX/oci:latest AS one
		WORKDIR /w
		COPY file file
		RUN cat file >copy
		FROM scratch
		COPY --from=one /w /w
	EOD
	KILN_ROOT=$work/first succeeds kiln build --isolation chroot --cache-to "type=local,dest=$work/cache,mode=max" \
		-o "type=oci,tar=false,dest=$work/out" .
	# Of the base there was one tree, the step's root, and it is gone.
	equals "" "$(find "$work/first/layers" "$work/first/tmp" -name busybox)"
	# Another machine has all of it from there.
	KILN_ROOT=$work/other succeeds kiln build --progress plain --isolation chroot \
		--cache-from "type=local,src=$work/cache" -o "type=oci,tar=false,dest=$work/again" .
	says "CACHED"
	says_not "RUN cat file"
	diff "$work/out/index.json" "$work/again/index.json"
}

@test "paths that are left out cost nothing while no step changes them, and are left out where one does" {
	need_root
	printf 'FROM oci:%s/oci:latest\nRUN echo x >/etc/x\n' "$BUSYBOX" >Dockerfile
	KILN_ISOLATION=chroot KILN_ROOT=$work/first succeeds kiln kaniko --context "$PWD" --no-push \
		--tar-path "$work/out.tar" --ignore-path /var/none --ignore-path /etc/none
	equals "" "$(find "$work/first/layers" "$work/first/tmp" -name busybox)"
	cat >>Dockerfile <<-EOD
		RUN mkdir -p /out/in && echo y >/out/in/y && echo z >/etc/z && rm /etc/group
		RUN test -e /out/in/y && test ! -e /etc/group && echo last >/last
	EOD
	local isolation
	for isolation in chroot root; do
		KILN_ISOLATION=$isolation succeeds kiln kaniko --context "$PWD" --no-push --reproducible \
			--tar-path "$work/$isolation.tar" --ignore-path /out/in --ignore-path /etc/group
		tree_of "$work/$isolation.tar" >"$BATS_TEST_TMPDIR/$isolation"
	done
	diff "$BATS_TEST_TMPDIR/chroot" "$BATS_TEST_TMPDIR/root"
	grep -q ' /etc/group\b' "$BATS_TEST_TMPDIR/chroot"
	! grep -q ' /out/in\b' "$BATS_TEST_TMPDIR/chroot" || false
}

@test "a shared cache mount is had by one step at a time, and survives a step that dies with it" {
	need_root
	cat >Dockerfile <<-EOD
		FROM oci:$BUSYBOX/oci:latest AS a
		RUN --mount=type=cache,target=/c echo a >>/c/f
		FROM oci:$BUSYBOX/oci:latest AS b
		RUN --mount=type=cache,target=/c echo b >>/c/f
		FROM oci:$BUSYBOX/oci:latest
		COPY --from=a /bin/busybox /a
		COPY --from=b /bin/busybox /b
		RUN --mount=type=cache,target=/c --mount=type=cache,id=/c,target=/d \\
			cmp /c/f /d/f && sort /d/f | tr -d '\n' | grep -x ab
	EOD
	succeeds kiln build --isolation chroot .
	rm -r "$BATS_TEST_TMPDIR"/store/mounts/*/tree
	succeeds kiln build --no-cache --isolation chroot .
}

@test "SIGTERM ends the step and kiln; a disk that is full is said" {
	need_root
	printf 'FROM oci:%s/oci:latest\nRUN (setsid sleep 31536005 &); sleep 31536006\n' "$BUSYBOX" >Dockerfile
	KILN_ROOT=$work/store "$KILN" build --isolation chroot . >"$work/log" 2>&1 &
	local kiln=$! status=0
	timeout 60 sh -c 'until pgrep -f 315[3]6006 >/dev/null; do :; done'
	kill -TERM "$kiln"
	wait "$kiln" || status=$?
	[ "$status" != 0 ]
	equals '' "$(pgrep -f '3153600[56]' || true)"
	mkdir "$work/small"
	mount -t tmpfs -o size=8m,mode=755 tmpfs "$work/small" || skip "no tmpfs can be mounted"
	printf 'FROM oci:%s/oci:latest\nRUN dd if=/dev/zero of=/big bs=1M count=20\n' "$BUSYBOX" >Dockerfile
	KILN_ROOT=$work/small/store fails 1 "No space left on device" kiln build --isolation chroot .
	umount "$work/small"
}

@test "the store on a container's own root, which is an overlay" {
	need_root
	everything
	mkdir "$work/ov"
	mount -t tmpfs tmpfs "$work/ov" || skip "no tmpfs can be mounted"
	mkdir "$work"/ov/{l,u,w,m}
	mount -t overlay overlay -o "lowerdir=$work/ov/l,upperdir=$work/ov/u,workdir=$work/ov/w" "$work/ov/m"
	succeeds pod --forbid namespaces --env "KILN_ROOT=$work/ov/m/store" -- build \
		-o "type=oci,tar=false,dest=$work/out" "$PWD"
	umount "$work/ov/m" "$work/ov"
	usual_tree >"$BATS_TEST_TMPDIR/wanted"
	diff <(tree_of "$work/out") "$BATS_TEST_TMPDIR/wanted"
}

# Secrets and an agent in a step of two: as files, with an owner, and over a file that is there.
with_secrets() { # FROM
	printf 'a-secret-of-this-build' >"$work/secret"
	chmod a+r "$work/secret"
	cat >Dockerfile <<-EOD
		FROM oci:$BUSYBOX/oci:latest
		RUN mkdir /own && echo own >/own/file && echo own >/own/secret
		RUN --mount=type=secret,id=s --mount=type=secret,id=s,target=/own/secret,mode=0440 \\
			--mount=type=secret,id=s,target=/new/dir/secret --mount=type=secret,id=s,env=S \\
			test "\$(cat /run/secrets/s)" = "\$S" && cmp /own/secret /new/dir/secret && \\
			test "\$(stat -c %a /own/secret)" = 440 && echo ran >/ran
		RUN test ! -e /run/secrets && test ! -e /new && grep -qx own /own/secret
	EOD
}

# Nothing of the store holds the secret.
no_secret_in() { # DIR
	equals '' "$(grep -rla a-secret-of-this-build "$1" || true)" "the secret is left"
}

@test "a secret is in the root for one step, in chroot and under proot" {
	need_root
	with_secrets
	succeeds pod --forbid namespaces -- build --secret "id=s,src=$work/secret" "$PWD"
	says "isolation 'chroot'"
	no_secret_in "$work/store"
	# A step that fails is kept for 'kiln shell', without its secrets.
	sed -i '$d; s/echo ran >.ran/exit 3/' Dockerfile
	fails 3 "exit" pod --forbid namespaces -- build --secret "id=s,src=$work/secret" "$PWD"
	no_secret_in "$work/store"
	rm -r "$work/store"
	with_secrets
	command -v proot >/dev/null || skip "proot is not installed"
	succeeds pod --uid 12345 --caps none --forbid namespaces -- build --secret "id=s,src=$work/secret" "$PWD"
	says "isolation 'proot'"
	no_secret_in "$work/store"
}

@test "an agent in a step, in chroot and under proot: the same listener, gone after it" {
	need_root
	command -v ssh-agent >/dev/null || skip "no ssh-agent"
	# Asks for the keys (11), and to forget them (19): SSH_AGENT_IDENTITIES_ANSWER is 12, FAILURE 5.
	cat >ask.c <<-'EOD'
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/socket.h>
		#include <sys/un.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			struct sockaddr_un at = { .sun_family = AF_UNIX };
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);
			unsigned char ask[] = { 0, 0, 0, 1, (unsigned char)atoi(argv[2]) }, answer[4096];
			snprintf(at.sun_path, sizeof(at.sun_path), "%s", argv[1]);
			if (connect(fd, (struct sockaddr *)&at, sizeof(at)) || write(fd, ask, 5) != 5 ||
					read(fd, answer, sizeof(answer)) < 5)
				return 1;
			return printf("answer %d\n", answer[4]) < 0;
		}
	EOD
	cc -static -o ask ask.c || skip "no static C library"
	cat >Dockerfile <<-EOD
		FROM oci:$BUSYBOX/oci:latest
		COPY ask /ask
		RUN --mount=type=ssh,mode=0666 /ask \$SSH_AUTH_SOCK 11; /ask \$SSH_AUTH_SOCK 19; echo at \$SSH_AUTH_SOCK
		RUN test -z "\$SSH_AUTH_SOCK" && test ! -e /run/buildkit
	EOD
	local mode agent
	SSH_AUTH_SOCK=$work/agent ssh-agent -D -a "$work/agent" >/dev/null 2>&1 3>&- &
	agent=$!
	timeout 20 sh -c "until [ -S $work/agent ]; do :; done"
	for mode in chroot proot; do
		[ $mode = chroot ] || command -v proot >/dev/null || continue
		capture kiln build --no-cache --progress=plain --isolation $mode --ssh "default=$work/agent" .
		equals 0 "$status" "$mode: $stderr"
		says "answer 12"
		says "answer 5"
		says "at /run/buildkit/ssh_agent.0"
	done
	kill "$agent"
}

# kill_all PID: it and all below it, stopped first, so that nobody tidies up.
kill_all() {
	local all=$1 more=$1
	kill -STOP "$1"
	while more=$(pgrep -P "${more// /,}" | paste -sd ' ') && [ -n "$more" ]; do
		# shellcheck disable=SC2086 # several
		kill -STOP $more
		all="$all $more"
	done
	# shellcheck disable=SC2086 # several
	kill -KILL $all
}

@test "a secret that kill -9 left in a root is gone when the next build begins" {
	need_root
	with_secrets
	local mode=chroot
	sed -i '$d; s/echo ran >.ran/sleep 31536007/' Dockerfile
	mkdir next
	printf 'FROM scratch\nCOPY Dockerfile /\n' >next/Dockerfile
	for mode in chroot proot; do
		[ $mode = chroot ] || command -v proot >/dev/null || continue
		KILN_ROOT=$work/store "$KILN" build --isolation $mode --secret "id=s,src=$work/secret" . \
			>"$work/log" 2>&1 &
		local kiln=$!
		timeout 60 sh -c 'until pgrep -fx "sleep 315[3]6007" >/dev/null; do :; done'
		kill_all "$kiln"
		wait "$kiln" || true
		grep -rqa a-secret-of-this-build "$work/store"
		KILN_ROOT=$work/store succeeds kiln build next
		no_secret_in "$work/store"
		rm -r "$work/store"
	done
}
