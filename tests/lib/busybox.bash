# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # for the file that loads this; what kiln.bash sets
# For files whose every test begins in an empty context with a base image at hand:
#
#   load ../lib/kiln
#   load ../lib/busybox
#
# $img is that image. A file that sets up more has a setup() of its own and calls busybox_context in it.

setup_file() {
	image busybox >/dev/null
}

busybox_context() {
	context
	img=$(image_ref busybox)
}

setup() {
	busybox_context
}

# [ARGS]: a working container of it; its name in $c.
from() {
	succeeds kiln from -q "$@" "$img"
	c=$output
}
