#!/usr/bin/env bats
# Real work: a C project of Debian's from source in two stages, and a package whose installation
# makes users and sets owners and modes; as every kind of user, pushed, read back, and run.
# shellcheck disable=SC2016,SC2030,SC2031 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	image gcc >/dev/null
	image dbus >/dev/null
	image hello >/dev/null
}

teardown() {
	kiln_teardown
}

hello_from_source() { # KIND
	need_user "$1"
	registry_start plain
	registry_put base/gcc gcc
	registry_put base/busybox busybox
	context
	cp -a "$(image hello)/source" source # make looks at times
	cat >Dockerfile <<-'END'
		ARG HOST
		FROM $HOST/base/gcc AS build
		WORKDIR /source
		COPY source ./
		RUN FORCE_UNSAFE_CONFIGURE=1 ./configure --quiet --prefix=/usr --disable-nls LDFLAGS=-static
		RUN make -s -j2 && install -D hello /out/usr/bin/hello && ./hello -g built
		FROM $HOST/base/busybox
		COPY --from=build /out/ /
		USER app
		ENTRYPOINT ["/usr/bin/hello"]
		CMD ["--greeting=as told"]
	END
	succeeds kiln_as "$1" build --progress plain --build-arg HOST="$REGISTRY" \
		--insecure-registry "$REGISTRY" -t "$REGISTRY/hello:1" --push .
	registry_get "$REGISTRY/hello:1" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
	equals '["/usr/bin/hello"]' "$(config_of "$BATS_TEST_TMPDIR/got" .config.Entrypoint)"
	# The stage that built it is not in the image.
	capture tree_of "$BATS_TEST_TMPDIR/got"
	says /usr/bin/hello
	says_not /source
	run_layout "$BATS_TEST_TMPDIR/got"
	equals "as told" "$output"
}

# Runs an image by other hands than kiln's: umoci makes a bundle, runc runs it as root, and where
# there is no root the program is run in the unpacked tree.
run_layout() {
	local bundle=$BATS_TEST_TMPDIR/bundle
	rm -rf "$bundle"
	if [ "$(id -u)" = 0 ]; then
		succeeds umoci unpack --image "$1:latest" "$bundle"
		jq '.process.terminal = false' "$bundle/config.json" >"$bundle/new.json"
		mv "$bundle/new.json" "$bundle/config.json"
		succeeds runc run -b "$bundle" "kiln-test-$$-$BATS_TEST_NUMBER"
	else
		succeeds umoci unpack --rootless --image "$1:latest" "$bundle"
		succeeds unshare --user --map-root-user chroot "$bundle/rootfs" /usr/bin/hello --greeting="as told"
	fi
}

@test "Debian's hello from source, as an ordinary user" {
	hello_from_source sub
}

@test "Debian's hello from source, without subordinate ids" {
	hello_from_source plain
}

@test "Debian's hello from source, as root" {
	hello_from_source root
}

dbus_installed() { # KIND
	need_user "$1"
	context
	cp -r "$(image dbus)/debs" debs
	cat >Dockerfile <<-'END'
		ARG BASE
		FROM $BASE
		COPY debs /debs
		RUN DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /debs/*.deb && \
			rm -r /debs && getent passwd messagebus && dpkg --audit
		RUN stat -c '%U:%G %a' /usr/lib/dbus-1.0/dbus-daemon-launch-helper >/seen
	END
	local out
	out=$(user_dir "$1")/tmp/dbus-$BATS_TEST_NUMBER
	succeeds kiln_as "$1" build --progress plain --build-arg BASE="$(image_ref debian)" \
		--output "type=oci,tar=false,dest=$out" .
	valid_image "$out"
	capture tree_of "$out"
	says_not " /debs"
	# root:messagebus 4754, by dpkg-statoverride in the package's script; the group is new.
	local helper group
	helper=$(grep /usr/lib/dbus-1.0/dbus-daemon-launch-helper <<<"$output")
	[[ $helper == "file 4754 0:"* ]] || explain "the setuid helper is '$helper'"
	group=${helper#file 4754 0:}
	[ "${group%% *}" -gt 0 ] || explain "the setuid helper's group was not recorded"
	grep -q ' /seen size=21 ' <<<"$output" || explain "the step saw other owners than the layer has"
}

@test "apt-get install of dbus, as an ordinary user" {
	dbus_installed sub
}

@test "apt-get install of dbus, without subordinate ids" {
	dbus_installed plain
}

@test "apt-get install of dbus, as root" {
	dbus_installed root
}
