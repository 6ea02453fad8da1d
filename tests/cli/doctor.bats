#!/usr/bin/env bats
# doctor: what this machine allows, for every kind of user that it can be.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

@test "doctor tells what is there, what is missing, and what was chosen" {
	for kind in $(each_user); do
		succeeds kiln_as "$kind" doctor
		equals "" "$stderr"
		says "user namespaces: "
		says "overlay: "
		grep -Eq "^Steps run with isolation '(subuid|recorded|root)'" <<<"$output"
		# Every line of the list has a state, and what is missing comes with advice.
		equals "" "$(grep -vE "^(ok |MISSING |optional |  +-> |Steps run|\$)" <<<"$output" || true)"
	done
}

@test "doctor and build choose the same" {
	for kind in $(each_user); do
		succeeds kiln_as "$kind" doctor
		case $kind in
		root) says "isolation 'root'" ;;
		sub) says "isolation 'subuid'" ;;
		plain) says "isolation 'recorded'" ;;
		esac
	done
}
