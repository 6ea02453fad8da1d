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
