#!/usr/bin/env bats
# tools/check-floors finds what it is there for, and the tree holds its rules.
load ../lib/kiln

setup() {
	SRC=$BATS_TEST_TMPDIR/src
	mkdir -p "$SRC"/{base,sys,oci,stream,registry,build}
}

breach() { # FILE TEXT MESSAGE
	printf '%s\n' "$2" >"$SRC/$1"
	capture "$REPO/tools/check-floors" "$SRC"
	[ "$status" -ne 0 ]
	says "src/$1:1: "
	says "$3"
	rm "$SRC/$1"
}

@test "the tree holds the floor rule" {
	succeeds "$REPO/tools/check-floors"
}

@test "the second compiler has nothing to say either" {
	command -v clang >/dev/null || skip "needs clang"
	succeeds "$REPO/tools/check-clang"
}

@test "an include from above, beside or nowhere is found" {
	breach base/a.c '#include "sys/fd.h"' 'not below floor 0'
	breach sys/a.c '#include "oci/digest.h"' 'not below floor 1'
	breach stream/a.h '# include "build/step.h"' 'not below floor 2'
	breach sys/a.c '#include "fd.h"' 'not written from src/'
	breach sys/a.c '#include "cloud/fd.h"' 'is on no floor'
}

@test "a library in foreign hands is found" {
	breach registry/auth.c '#include <curl/curl.h>' 'belongs to registry/http'
	breach build/a.c '#include <sqlite3.h>' 'belongs to store/'
	breach sys/a.c '#include <jansson.h>' 'belongs to'
}

@test "a path joined to a rootfs and a stray fork are found" {
	breach build/a.c '	path = strbuf_printf("%s/%s", rootfs, name);' 'joined to a rootfs'
	breach build/a.c '	pid_t child = fork();' 'started by sys/proc'
}

@test "what is allowed is not found" {
	printf '%s\n' '#include "stream/a.h"' '#include "base/b.h"' '#include <curl/curl.h>' >"$SRC/registry/http.c"
	printf '%s\n' '#include <openssl/evp.h>' >"$SRC/stream/hash.c"
	succeeds "$REPO/tools/check-floors" "$SRC"
}
