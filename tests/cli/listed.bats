#!/usr/bin/env bats
# A base image of which nobody reads a file is listed on its way into the store, not unpacked.
# shellcheck disable=SC2030,SC2031,SC2154 # what lib/kiln.bash sets
bats_require_minimum_version 1.5.0

load ../lib/kiln

teardown() {
	kiln_teardown
}

# LAYOUT [parents]: two layers, of which the upper hides and replaces what the lower has. Without
# parents the upper speaks of a directory that only the lower has.
make_base() {
	python3 - "$1" "${2:-}" <<-'END'
		import io, sys, tarfile

		def layer(path, entries):
		    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as tar:
		        for name, kind, mode, owner, link in entries:
		            info = tarfile.TarInfo(name)
		            info.type, info.mode, info.linkname, info.mtime = kind, mode, link, 77
		            info.uid, info.gid = owner
		            if kind == tarfile.REGTYPE:
		                info.size = 3
		            if name == 'owned':
		                info.pax_headers['SCHILY.xattr.user.kept'] = 'yes'
		            tar.addfile(info, io.BytesIO(b'abc') if kind == tarfile.REGTYPE else None)

		D, F, S, H = tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
		layer('1.tar', [('usr', D, 0o755, (0, 0), ''), ('usr/lib', D, 0o711, (3, 4), ''),
		                ('lib', S, 0o777, (0, 0), 'usr/lib'), ('gone', D, 0o700, (9, 9), ''),
		                ('gone/f', F, 0o644, (9, 9), ''), ('opaque', D, 0o700, (9, 9), ''),
		                ('opaque/in', D, 0o700, (9, 9), ''), ('file', F, 0o644, (0, 0), ''),
		                ('hard', H, 0o644, (0, 0), 'file'), ('was', D, 0o701, (5, 5), ''),
		                ('was/in', D, 0o701, (5, 5), '')])
		upper = [('owned', D, 0o2750, (7, 8), ''), ('.wh.gone', F, 0o644, (0, 0), ''),
		         ('opaque', D, 0o711, (1, 1), ''), ('opaque/.wh..wh..opq', F, 0, (0, 0), ''),
		         ('was', S, 0o777, (0, 0), 'owned'), ('usr', D, 0o755, (0, 0), ''),
		         ('usr/more', F, 0o644, (0, 0), '')]
		layer('2.tar', upper if sys.argv[2] else [e for e in upper if e[0] != 'usr'])
	END
	"$RIG_LIB/oci.py" pack "$1" 1.tar 2.tar
}

write_dockerfile() {
	cat >Dockerfile <<-END
		FROM $1
		COPY f /lib/
		COPY f /gone/in/f
		COPY f /opaque/in/f
		COPY f /was/in/
		COPY f /hard
		USER 7
		WORKDIR /owned/w
		COPY f f
	END
}

files_of_store() {
	find "$1/layers" -mindepth 2 -type f | wc -l
}

@test "a base that is only looked at makes no file, and the image is the same as over its files" {
	local kind store mode
	chmod 1777 "$BATS_TEST_TMPDIR"
	context
	make_base base with-parents
	echo text >f
	write_dockerfile "oci:$PWD/base:latest"
	for kind in $(each_user); do
		for mode in '' chroot; do
			[ "$kind" = root ] || [ -z "$mode" ] || continue
			store=$BATS_TEST_TMPDIR/store-$kind-$mode out=$BATS_TEST_TMPDIR/out-$kind-$mode
			export KILN_ROOT=$store
			keep_env KILN_ROOT
			succeeds kiln_as "$kind" build ${mode:+--isolation=$mode} --no-cache --timestamp 5 \
				-o "type=oci,tar=false,dest=$out-1" .
			equals 0 "$(files_of_store "$store")" "files, as $kind $mode"
			# What the store has is unpacked once it is wanted again.
			succeeds kiln_as "$kind" build ${mode:+--isolation=$mode} --no-cache --timestamp 5 \
				-o "type=oci,tar=false,dest=$out-2" .
			[ -n "$mode" ] || [ "$(files_of_store "$store")" -gt 0 ] || explain 'not unpacked'
			equals "$(jq -c .manifests[0].digest "$out-1/index.json")" \
				"$(jq -c .manifests[0].digest "$out-2/index.json")" "digest, as $kind $mode"
			unset KILN_ROOT
		done
	done
	valid_image "$BATS_TEST_TMPDIR/out-$kind--1"
	tree_of "$BATS_TEST_TMPDIR/out-$kind--1" >tree
	local line
	for line in 'dir 0711 3:4 /usr/lib' 'file 0644 0:0 /usr/lib/f ' 'dir 0755 0:0 /gone/in' \
		'dir 0711 1:1 /opaque' 'file 0644 0:0 /owned/in/f' 'file 0644 0:0 /hard size=5' \
		'dir 0755 7:7 /owned/w' 'dir 2750 7:8 /owned'; do
		grep -q "^$line" tree || explain "'$line' is not in $(cat tree)"
	done
	[ "$(grep -c /gone/f tree)" = 0 ] || explain "$(cat tree)"
}

@test "a layer that speaks of directories it does not have is unpacked, and so is what names are looked up in" {
	context
	make_base base
	echo text >f
	write_dockerfile "oci:$PWD/base:latest"
	export KILN_ROOT=$PWD/store
	succeeds kiln build --no-cache --timestamp 5 -o type=oci,tar=false,dest=out-1 .
	[ "$(files_of_store store)" -gt 0 ] || explain 'not unpacked'
	succeeds kiln build --no-cache --timestamp 5 -o type=oci,tar=false,dest=out-2 .
	equals "$(jq -c .manifests[0].digest out-1/index.json)" "$(jq -c .manifests[0].digest out-2/index.json)"
	make_base named with-parents
	printf 'FROM %s\nCOPY f /f\nCOPY --chown=nobody f /g\n' "oci:$PWD/named:latest" >Dockerfile
	fails 1 nobody kiln build .
}
