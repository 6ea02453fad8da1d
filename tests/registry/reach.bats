#!/usr/bin/env bats
# How a registry is reached: --creds, --cert-dir, --registries-conf and its folder, short names under
# Buildah's name, the files of podman's.
# shellcheck disable=SC2030,SC2031 # bats runs tests in subshells
load ../lib/kiln
keep_env KILN_INSECURE_REGISTRY XDG_CACHE_HOME

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	chmod 0755 .
	export KILN_INSECURE_REGISTRY='' HOME=$PWD/home
	unset XDG_CONFIG_HOME XDG_CACHE_HOME
	mkdir home
}

teardown() {
	kiln_teardown
}

@test "--creds logs in where a registry asks, under both names; nothing tells the password" {
	registry_start htpasswd
	registry_put base/busybox:1 busybox --dest-creds user:password
	fails 1 '' kiln pull "$REGISTRY/base/busybox:1"
	succeeds kiln pull --creds user:password "$REGISTRY/base/busybox:1"
	succeeds kiln push --creds=user:password "$REGISTRY/base/busybox:1" "$REGISTRY/other:1"
	succeeds kiln buildah from --creds user:password --pull-always "docker://$REGISTRY/other:1"
	printf 'FROM %s/other:1\nRUN true\n' "$REGISTRY" >Dockerfile
	succeeds kiln build --progress plain --creds user:password -f Dockerfile .
	fails 1 '' kiln build --progress plain --pull --creds user:wrong-secret -f Dockerfile .
	says_not wrong-secret
	fails 2 '--creds is not USER:PASSWORD' kiln pull --creds user "$REGISTRY/base/busybox:1"
	KILN_CREDS=user:very-secret succeeds kiln info
	says_not very-secret
	says '***'
	KILN_DEBUG=1 succeeds kiln pull --creds user:password "$REGISTRY/base/busybox:1"
	says_not "$(printf user:password | base64)"
}

@test "--cert-dir has the authorities of every registry, and must be there" {
	registry_start tls
	registry_put base/busybox:1 busybox --dest-tls-verify=false
	mkdir certs
	fails 1 'certificate' kiln pull --cert-dir certs "$REGISTRY/base/busybox:1"
	cp "$REGISTRY_CA" certs/
	succeeds kiln pull --cert-dir certs "$REGISTRY/base/busybox:1"
	fails 1 "open 'nowhere'" kiln pull --cert-dir nowhere "$REGISTRY/base/busybox:1"
	: >certs/client.key
	fails 1 "has no 'client.cert' beside it" kiln pull --cert-dir certs "$REGISTRY/base/busybox:1"
}

@test "--registries-conf and --registries-conf-dir stand for the files found" {
	registry_start plain
	registry_put hub/busybox:1 busybox
	mkdir conf.d
	printf '[[registry]]\nprefix = "*.example"\nlocation = "%s/hub"\ninsecure = true\n' "$REGISTRY" >r.conf
	succeeds kiln pull --registries-conf r.conf any.example/busybox:1
	succeeds kiln --registries-conf r.conf pull any.example/busybox:1
	succeeds kiln buildah --registries-conf r.conf pull --policy always b.example/busybox:1
	printf '[[registry]]\nprefix = "any.example"\nblocked = true\n' >conf.d/1.conf
	fails 1 "'any.example/busybox': registry any.example is blocked" kiln --registries-conf r.conf --registries-conf-dir conf.d \
		pull any.example/busybox:1
	fails 1 "open 'nowhere.conf'" kiln --registries-conf nowhere.conf pull any.example/busybox:1
	printf 'short-name-mode = "ask"\n' >bad.conf
	fails 1 'is none of enforcing, permissive and disabled' kiln --registries-conf bad.conf pull any.example/busybox:1
	says bad.conf
}

@test "the user's registries.conf stands for the system's" {
	registry_start plain
	registry_put hub/busybox:1 busybox
	mkdir -p home/.config/containers
	printf '[[registry]]\nlocation = "any.example"\nblocked = true\n' >home/.config/containers/registries.conf
	fails 1 "'any.example/busybox': registry any.example is blocked" kiln pull any.example/busybox:1
}

@test "a short name under Buildah's name: alias, search registries in order, modes" {
	registry_start plain
	registry_put app:1 busybox
	printf 'unqualified-search-registries = ["127.0.0.1:1", "%s"]\n' "$REGISTRY" >r.conf
	succeeds kiln buildah --registries-conf r.conf from app:1
	equals "${REGISTRY%:*}-working-container" "$output"
	succeeds kiln buildah images -q "$REGISTRY/app:1"
	# It is here now: nobody is asked.
	registries_stop
	succeeds kiln buildah --registries-conf r.conf from app:1
	registry_start plain
	registry_put other/thing:2 busybox
	printf 'short-name-mode = "enforcing"\nunqualified-search-registries = ["a.example", "b.example"]\n[aliases]\n"my/thing" = "%s/other/thing"\n' \
		"$REGISTRY" >r.conf
	succeeds kiln buildah --registries-conf r.conf from my/thing:2
	fails 125 "short-name resolution enforced but cannot prompt without a TTY: 'unknown' could be of 2 registries" \
		kiln buildah --registries-conf r.conf from unknown
	for mode in permissive disabled; do
		printf 'short-name-mode = "%s"\nunqualified-search-registries = ["127.0.0.1:1", "%s"]\n' $mode "$REGISTRY" >two.conf
		fails 125 '2 errors occurred while pulling:' kiln buildah --registries-conf two.conf from unknown
		says " * manifest of '127.0.0.1:1/unknown:latest'"
		says " * manifest of '$REGISTRY/unknown:latest'"
	done
	printf 'FROM my/thing:2\n' >Dockerfile
	succeeds kiln buildah --registries-conf r.conf build --pull-always -f Dockerfile .
	mkdir -p home/.cache/containers
	printf '[aliases]\n"kept" = "%s/other/thing"\n' "$REGISTRY" >home/.cache/containers/short-name-aliases.conf
	succeeds kiln buildah --registries-conf /dev/null pull kept:2
}

@test "a build under Buildah's name keeps its bases, under the names that were asked for" {
	registry_start plain
	registry_put app:1 busybox
	printf 'unqualified-search-registries = ["%s"]\n' "$REGISTRY" >r.conf
	printf 'FROM app:1\nRUN true\n' >Dockerfile
	fails 125 'creating build container: app:1: image not known' \
		kiln buildah --registries-conf r.conf build --pull=false .
	fails 125 'app:1: image not known' kiln buildah --registries-conf r.conf from --pull=false app:1
	succeeds kiln buildah --registries-conf r.conf build -t made .
	succeeds kiln buildah images --format '{{.Name}}:{{.Tag}}'
	equals "$REGISTRY/app:1"$'\n''localhost/made:latest' "$(sort <<<"$output")"
	registries_stop
	succeeds kiln buildah --registries-conf r.conf build --pull=never .
	succeeds kiln buildah --registries-conf r.conf build .
	fails 125 '' kiln buildah --registries-conf r.conf build --pull .
	fails 125 '' kiln buildah --registries-conf r.conf from --pull made
	# An image is named by its ID, too.
	succeeds kiln buildah images -q --no-trunc made
	printf 'FROM %s\nRUN true\n' "$output" >Dockerfile
	succeeds kiln buildah build -q .
	printf 'FROM %s\nRUN true\n' "${output:0:12}" >Dockerfile
	succeeds kiln buildah build -q .
}
