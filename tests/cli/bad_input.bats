#!/usr/bin/env bats
# No Dockerfile, however wrong or large, crashes kiln, hangs, or takes over 1 s or 200 MB to refuse
# (issue 3, "Bad input").
load ../lib/kiln

@test "Dockerfiles that are wrong or large are refused, or planned, in 1 s and 200 MB" {
	[[ $(nm -D "$KILN" 2>/dev/null) != *__asan* ]] || skip "a sanitizer's start-up is not kiln's"
	"$REPO/tests/cli/bad_input.py" "$KILN" "$BATS_TEST_TMPDIR/input" >"$BATS_TEST_TMPDIR/report" || {
		grep '^not ok' "$BATS_TEST_TMPDIR/report" >&2
		return 1
	}
	(($(grep -c '^ok' "$BATS_TEST_TMPDIR/report") >= 160))
}

@test "a syntax error names file, line and column, shows the line, and the nearest known name" {
	local line column text wanted
	context
	while IFS='|' read -r line column wanted text; do
		printf 'FROM scratch AS x\n%b\n' "$text" >Dockerfile
		fails 1 "Dockerfile:$line:$column" kiln check
		says "$wanted"
		says "$line | "
		says '^'
	done <<-'EOF'
		2|1|did you mean COPY?|COPPY a b
		2|6|did you mean chown?|COPY --chwon=1 a b
		2|5|did you mean mount?|RUN --mout=type=bind x
		2|5|did you mean type?|RUN --mount=typ=cache,target=/x y
		2|5|did you mean cache?|RUN --mount=type=cahce,target=/x y
		2|1|COPY|COPY a
		2|1|unterminated heredoc 'E'|RUN <<E\necho x
		2|5|a '}' is missing|ENV A=${A
		2|1|invalid containerPort: http|EXPOSE http
		2|5|did you mean host?|RUN --network=hots x
		2|13|time: unknown unit "x" in duration "1x"|HEALTHCHECK --interval=1x CMD y
		2|9|FROM isn't allowed as an ONBUILD trigger|ONBUILD FROM x
		3|1|SHELL requires the arguments to be in JSON form|ENV a=b\nSHELL [ a and
		2|6|X: must be set|USER ${X:?must be set}
	EOF
}

@test "an image that is not there may have been meant to be a stage" {
	context
	printf 'FROM scratch AS build\nCOPY --from=biuld a b\n' >Dockerfile
	fails 1 "did you mean the stage 'build'?" kiln build --pull=never .
	says 'Dockerfile:2:6'
	fails 1 'did you mean build?' kiln build --target biuld .
}
