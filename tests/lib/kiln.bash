# shellcheck shell=bash
# What every bats file loads first:  load ../lib/kiln
#
# Gives users (users.bash), registries (registry.bash), stores (stores.bash), base images, and:
#
#   fails STATUS TEXT COMMAND...   the command exits with STATUS and says TEXT
#   succeeds COMMAND...            it exits 0; output in $output, stderr in $stderr
#   says TEXT / says_not TEXT      about the $output and $stderr of the last command
#   image NAME                     the folder of a base image (tests/lib/images)
#   each_user, a_user              the kinds of user that this machine can be; one of them
#   layout_of IMAGE.., lists       what is in an image, read by tests/lib/oci.py and not by kiln
#
# A negative test asserts status and message. A test that cannot run says why: skip "reason".

RIG_LIB=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
REPO=$(realpath "$RIG_LIB/../..")
BUILD=${BUILD:-$REPO/build}
KILN=${KILN:-$BUILD/kiln}
export REPO BUILD KILN LC_ALL=C.UTF-8
status=0 output='' stderr=''
# No run of kiln in a test takes longer; what hangs is a failure with status 137.
KILN_LIMIT=${KILN_LIMIT:-240}
umask 022

# shellcheck source=users.bash
source "$RIG_LIB/users.bash"
# shellcheck source=registry.bash
source "$RIG_LIB/registry.bash"
# shellcheck source=stores.bash
source "$RIG_LIB/stores.bash"

# kiln ARGS...: the program under test, as the caller. In its own store below the test's folder.
kiln() {
	KILN_ROOT=${KILN_ROOT:-$BATS_TEST_TMPDIR/store} timeout --foreground -s KILL "$KILN_LIMIT" "$KILN" "$@"
}

# kiln_as KIND ARGS...: the same as root, sub or plain; the store is that user's own.
kiln_as() {
	local kind=$1
	shift
	as_user "$kind" timeout --foreground -s KILL "$KILN_LIMIT" "$(kiln_for_all)" "$@"
}

# A copy of the executable where every account can reach it: a clone may lie in a private folder.
kiln_for_all() {
	local copy=${KILN_USERS_DIR:-${BATS_FILE_TMPDIR:-/tmp}}/bin/kiln
	if [ ! "$copy" -nt "$KILN" ]; then
		mkdir -p "${copy%/*}"
		install -m 0755 "$KILN" "$copy.$BASHPID" && mv -f "$copy.$BASHPID" "$copy"
		touch "$copy"
	fi
	echo "$copy"
}

# Runs a command, keeps stdout in $output, stderr in $stderr and the status in $status.
capture() {
	local out err
	out=$BATS_TEST_TMPDIR/.stdout err=$BATS_TEST_TMPDIR/.stderr
	status=0
	"$@" >"$out" 2>"$err" </dev/null || status=$?
	output=$(tr -d '\0' <"$out")
	stderr=$(tr -d '\0' <"$err")
}

explain() {
	printf '%s\n' "$1" "--- status: $status" "--- stdout:" "$output" "--- stderr:" "$stderr" >&2
	return 1
}

succeeds() {
	capture "$@"
	[ "$status" -eq 0 ] || explain "should succeed: $*"
}

fails() {
	local wanted=$1 text=$2
	shift 2
	capture "$@"
	[ "$status" -eq "$wanted" ] || explain "should exit with $wanted: $*"
	[[ $output$'\n'$stderr == *"$text"* ]] || explain "should say '$text': $*"
}

says() {
	[[ $output$'\n'$stderr == *"$1"* ]] || explain "should say '$1'"
}

says_not() {
	[[ $output$'\n'$stderr != *"$1"* ]] || explain "should not say '$1'"
}

equals() { # WANTED GOT [what]
	[ "$1" = "$2" ] || {
		printf '%s\n--- wanted:\n%s\n--- got:\n%s\n' "${3:-not equal}" "$1" "$2" >&2
		return 1
	}
}

# Until the command succeeds; a minute at most.
await() {
	local end=$((SECONDS + 60))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || explain "never came: $*"
		sleep 0.02
	done
}

image() {
	"$RIG_LIB/images" "$1"
}

# FROM takes this: oci:DIR:TAG of a base image.
image_ref() {
	local folder
	folder=$(image "$1") && echo "oci:$folder/oci:latest"
}

# sleepers NUMBER: how many processes of "sleep NUMBER" there are; sleepers_are NUMBER COUNT
sleepers() {
	pgrep -cf "^sleep $1\$" || true
}

sleepers_are() {
	[ "$(sleepers "$1")" = "$2" ]
}

each_user() {
	local kind
	for kind in $USER_KINDS; do
		! user_account "$kind" >/dev/null 2>&1 || echo "$kind"
	done
}

# One kind of user, for tests where any will do: an ordinary one before root.
a_user() {
	each_user | sort -r | grep -m1 -e sub -e plain || echo root
}

need_user() {
	local reason
	reason=$(user_account "$1") || skip "$reason"
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# The flattened tree of an image (layout folder, dir: folder or archive), a line a path.
tree_of() {
	"$RIG_LIB/oci.py" list "$1"
}

config_of() { # IMAGE JQ-FILTER
	"$RIG_LIB/oci.py" config "$1" | jq -c "$2"
}

valid_image() {
	local wrong
	wrong=$("$RIG_LIB/oci.py" validate "$1") || {
		printf "invalid image '%s':\n%s\n" "$1" "$wrong" >&2
		return 1
	}
}

# context NAME: makes and enters an empty build context; then write files and a Dockerfile there.
context() {
	local dir=$BATS_TEST_TMPDIR/${1:-context}
	mkdir -p "$dir"
	chmod 0755 "$dir"
	cd "$dir" || return 1
}

# What a build may leave behind of itself: nothing. Prints processes and mounts that name DIR, and
# files in a store's tmp/.
leftovers() {
	local store=$1
	pgrep -af -- "$store" | grep -v -e pgrep -e bats || true
	grep -F -- "$store" /proc/self/mountinfo || true
	[ ! -d "$store/tmp" ] || find "$store/tmp" -mindepth 1
}

kiln_teardown() {
	registries_stop
	stores_unmount
}
