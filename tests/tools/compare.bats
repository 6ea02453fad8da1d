#!/usr/bin/env bats
# The comparer of the differential test finds each kind of difference that is planted, and
# oci.py reads layers as the image spec says.
# shellcheck disable=SC2164,SC2103 # bats ends a test at the first failure
load ../lib/kiln

setup() {
	cd "$BATS_TEST_TMPDIR"
	mkdir one
	cd one
	echo same >file
	echo other >second
	ln file hard
	ln -s file link
	mkdir dir
	cd ..
	tar_of one
}

tar_of() { # DIR [tar option...]
	tar --sort=name --mtime=@0 --owner=0 --group=0 --format=pax --xattrs --xattrs-include='user.*' \
		"${@:2}" -C "$1" -cf "$1.tar" .
	rm -rf "$1.oci"
	"$RIG_LIB/oci.py" pack "$1.oci" "$1.tar"
}

planted() { # TEXT COMMAND... : changes a copy of the tree and wants the comparer to say TEXT
	rm -rf two
	cp -a one two
	(cd two && "${@:2}")
	tar_of two
	fails 1 "$1" "$REPO/tests/diff/compare.py" one.oci two.oci
	equals 1 "$(wc -l <<<"$output")" "lines: $output"
}

@test "the same tree is the same" {
	succeeds "$REPO/tests/diff/compare.py" one.oci one.oci
	cp -a one two
	touch two/file two/dir
	tar_of two
	succeeds "$REPO/tests/diff/compare.py" one.oci two.oci
}

@test "modes, contents, types, links and extra files are found" {
	planted "/second: mode: a=0644 b=4755" chmod 4755 second
	planted "/dir: mode: a=0755 b=1777" chmod 1777 dir
	planted "/second: sha256:" sh -c 'echo 0ther >second'
	planted "/new: only in b: file" sh -c 'echo x >new'
	planted "/dir: only in a: dir" rmdir dir
	planted "/link: target: a=file b=second" ln -sf second link
}

@test "a hard link that became a file of its own is found" {
	rm -rf two
	cp -a one two
	cp two/hard two/x
	mv two/x two/hard
	tar_of two
	fails 1 "/file: links: a=['file', 'hard'] b=[]" "$REPO/tests/diff/compare.py" one.oci two.oci
}

@test "an extended attribute is found" {
	setfattr -n user.t -v 1 one/file 2>/dev/null || skip "no user xattrs in the temporary folder"
	rm one/file one/hard
	echo same >one/file
	tar_of one
	planted "/second: xattrs: a={} b={'user.planted': '76'}" setfattr -n user.planted -v v second
}

@test "owners are found" {
	cp one.tar two.tar
	tar --sort=name --mtime=@0 --owner=5 --group=0 --format=pax -C one -cf two.tar .
	"$RIG_LIB/oci.py" pack two.oci two.tar
	fails 1 "/file: uid: a=0 b=5" "$REPO/tests/diff/compare.py" one.oci two.oci
}

@test "the config is compared" {
	"$RIG_LIB/oci.py" pack two.oci --config '{"Env": ["A=1"], "Cmd": ["sh"]}' one.tar
	fails 1 "config Env:" "$REPO/tests/diff/compare.py" one.oci two.oci
	"$RIG_LIB/oci.py" pack three.oci --config '{"Env": ["A=1"], "Cmd": ["sh"], "Labels": {"k": "v"}}' one.tar
	fails 1 "config Labels k: a=None b='v'" "$REPO/tests/diff/compare.py" two.oci three.oci
}

@test "whiteouts, opaque directories and links into lower layers are applied" {
	mkdir -p base/d/e base/o upper/d upper/o
	echo 1 >base/d/1
	echo 2 >base/d/e/2
	echo 3 >base/o/3
	echo 4 >base/4
	: >upper/d/.wh.e
	: >upper/o/.wh..wh..opq
	echo new >upper/o/new
	: >upper/.wh.4
	for tree in base upper; do
		tar --sort=name --mtime=@0 --owner=0 --group=0 -C $tree -cf $tree.tar .
	done
	"$RIG_LIB/oci.py" pack stacked.oci base.tar upper.tar
	mkdir -p flat/d flat/o
	echo 1 >flat/d/1
	echo new >flat/o/new
	tar_of flat
	succeeds "$REPO/tests/diff/compare.py" stacked.oci flat.oci
	succeeds "$RIG_LIB/oci.py" validate stacked.oci
}

@test "a broken image is called broken" {
	local blob
	blob=$(find one.oci/blobs -type f -size -1 | head -n 1)
	[ -n "$blob" ] || blob=$(find one.oci/blobs -type f | head -n 1)
	cp -a one.oci broken.oci
	printf x >>"broken.oci/${blob#one.oci/}"
	fails 1 "" "$RIG_LIB/oci.py" validate broken.oci
}
