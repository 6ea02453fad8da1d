#!/usr/bin/env bats
# Keys: what must not be taken for the same.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

@test "what lies below a COPY --link counts for what stands on it" {
	local base what
	base=$(image_ref busybox)
	context
	echo x >x
	for what in A B A B; do
		cat >Dockerfile <<-END
			FROM $base AS a
			RUN echo $what >/who
			COPY --link x /x
			RUN cat /who >/result
			FROM scratch
			COPY --from=a /result /
		END
		succeeds kiln build --progress quiet -o out .
		equals "$what" "$(cat out/result)"
	done
}

@test "an attribute on a file that was known to have none" {
	local set
	context
	echo x >x
	printf 'FROM scratch\nCOPY x /x\n' >Dockerfile
	set='import os, sys; (os.setxattr if sys.argv[1:] else os.removexattr)("x", "user.kiln", *map(str.encode, sys.argv[1:]))'
	python3 -c "$set" '' 2>/dev/null || skip "needs attributes of users"
	python3 -c "$set"
	# What was written in the instant before it was read is not remembered; the second time it is.
	succeeds kiln build --progress plain -t x .
	succeeds kiln build --progress plain -t x .
	says CACHED
	python3 -c "$set" value
	succeeds kiln build --progress plain -t x .
	says_not CACHED
	python3 -c "$set" other
	succeeds kiln build --progress plain -t x .
	says_not CACHED
	python3 -c "$set"
	succeeds kiln build --progress plain -t x .
	says CACHED
}
