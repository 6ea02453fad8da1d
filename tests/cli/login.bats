#!/usr/bin/env bats
# login and logout against a registry that wants a password, and pull and push with what is kept.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
load ../lib/kiln

setup() {
	context
	export HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
	# What Podman keeps in /run for root is not this test's.
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	unset REGISTRY_AUTH_FILE DOCKER_AUTH_CONFIG
	registry_start htpasswd
	export KILN_INSECURE_REGISTRY=$REGISTRY
}

teardown() {
	kiln_teardown
}

login() { # PASSWORD [option...]
	kiln login -u user --password-stdin "${@:2}" "$REGISTRY" <<<"$1"
}

@test "a right password is kept, and pull and push use it" {
	printf 'FROM %s\n' "$(image_ref busybox)" >Dockerfile
	succeeds kiln build -q -t "$REGISTRY/app:1" .
	fails 1 "kiln: " kiln push "$REGISTRY/app:1"
	login password >out
	grep -q "logged in to $REGISTRY as user; kept in $DOCKER_CONFIG/config.json" out
	equals 600 "$(stat -c %a "$DOCKER_CONFIG/config.json")"
	succeeds kiln login --get-login "$REGISTRY"
	equals user "$output"
	succeeds kiln push --digestfile digest "$REGISTRY/app:1"
	equals "$output" "$(cat digest)"
	succeeds kiln rmi "$REGISTRY/app:1"
	pushed=$(cat digest)
	succeeds kiln pull "$REGISTRY/app:1"
	equals "$pushed" "$output"
	says "pulling $REGISTRY/app:1"
	succeeds kiln images --format '{{.Name}}'
	equals "$REGISTRY/app:1" "$output"
	succeeds kiln push -q "$REGISTRY/app:1" "$REGISTRY/team/other:2"
	succeeds kiln logout "$REGISTRY"
	says "logged out of $REGISTRY"
	fails 1 "not logged in to '$REGISTRY'" kiln logout "$REGISTRY"
	fails 1 "kiln: " kiln pull "$REGISTRY/app:1"
}

@test "a wrong password is refused and not kept" {
	fails 1 "wrong user name or password" login secret
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	says_not secret
}

@test "credentials may live in a file of their own" {
	login password --authfile "$PWD/auth.json"
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	succeeds kiln login --get-login --authfile "$PWD/auth.json" "$REGISTRY"
	succeeds kiln logout --all --authfile "$PWD/auth.json"
	fails 1 "not logged in" kiln login --get-login --authfile "$PWD/auth.json" "$REGISTRY"
}

@test "login asks for what is missing only at a terminal" {
	fails 2 "no user name given, and no terminal to ask" kiln login "$REGISTRY"
	fails 2 "no password given, and no terminal to ask" kiln login -u user "$REGISTRY"
	fails 2 "needs '--username'" kiln login --password-stdin "$REGISTRY"
	fails 2 "exclude each other" kiln login -u user -p x --password-stdin "$REGISTRY"
	fails 2 "an empty password" kiln login -u user --password-stdin "$REGISTRY"
}

@test "pulling what is not there fails and names it" {
	login password >/dev/null
	fails 1 "nothing" kiln pull "$REGISTRY/nothing:1"
	succeeds kiln images -q
	equals "" "$output"
}

@test "a file of Docker's takes credentials of hosts, and Buildah says where they are" {
	login password --compat-auth-file "$PWD/docker.json"
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	succeeds kiln login --get-login --compat-auth-file "$PWD/docker.json" "$REGISTRY"
	equals user "$output"
	succeeds kiln logout --compat-auth-file "$PWD/docker.json" "$REGISTRY"
	fails 2 "hosts alone" kiln login -u user -p password --compat-auth-file "$PWD/docker.json" "$REGISTRY/team"
	fails 2 "exclude each other" kiln login -u user -p password --authfile a --compat-auth-file b "$REGISTRY"
	mkdir certs
	succeeds kiln buildah login -v --cert-dir certs -u user -p password "$REGISTRY"
	equals "Used:  $DOCKER_CONFIG/config.json"$'\nLogin Succeeded!' "$output"
}
