#!/usr/bin/env bats
# A build with cache gives what a build without it gives, whatever was built before.
load ../lib/kiln

@test "random edits: with cache is as without" {
	[ -x "$KILN" ]
	run python3 "$REPO/tests/cache/property.py" --kiln "$KILN" --base "$(image_ref busybox)" \
		--work "$BATS_TEST_TMPDIR" --seconds "${PROPERTY_SECONDS:-45}" ${PROPERTY_SEED:+--seed "$PROPERTY_SEED"}
	echo "$output"
	[ "$status" -eq 0 ]
}
