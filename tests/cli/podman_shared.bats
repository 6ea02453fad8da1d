#!/usr/bin/env bats
# Plain names under Buildah's name mean what they mean for Podman: what Podman built or pulled is a base, and,
# where that is asked for (KILN_PODMAN=write), what is built is Podman's, too.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs tests in subshells; what lib/kiln.bash sets
load ../lib/kiln
load ../lib/podman

keep_env KILN_PODMAN

setup_file() {
	image busybox >/dev/null
}

teardown() {
	podman_teardown
}

# localhost/base of Podman's, with TEXT in /text.
podman_base() { # KIND TEXT
	printf 'FROM localhost/busybox\nRUN echo %s >/text && chown 33:44 /text\n' "$2" >Containerfile
	buildah_as "$1" bud -q -f Containerfile -t base . >base.id
}

podman_busybox() { # KIND
	skopeo_as "$1" copy -q "oci:$(image busybox)/oci:latest" containers-storage:localhost/busybox:latest
}

@test "what Podman has under a plain name is a base under Buildah's name" {
	local kind
	for kind in $(podman_users); do
		podman_store "$kind"
		podman_busybox "$kind"
		podman_base "$kind" one
		succeeds kiln_as "$kind" buildah from --pull=never --name c base
		says_not 'Copying'
		succeeds kiln_as "$kind" buildah run c -- sh -c 'cat /text; stat -c %u:%g /text'
		equals $'one\n33:44' "$output"
		succeeds kiln_as "$kind" buildah inspect --type image --format '{{.FromImage}} {{.FromImageID}}' base
		equals "localhost/base:latest $(<base.id)" "$output"
		fails 125 'image not known' kiln_as "$kind" buildah inspect nowhere
		succeeds kiln_as "$kind" buildah from --name by-id "$(cut -c1-12 base.id)"
		printf 'FROM base AS a\nFROM busybox:latest\nCOPY --from=a /text /copied\nCOPY --from=base /text /other\nRUN cat /copied /other\n' >Dockerfile
		succeeds kiln_as "$kind" buildah bud -t made .
		says 'one'
		# It has no name in our store: the next one may be another.
		succeeds kiln_as "$kind" buildah images --format '{{.Name}}'
		says_not localhost/base
		podman_base "$kind" two
		succeeds kiln_as "$kind" buildah from --name d base
		succeeds kiln_as "$kind" buildah run d -- cat /text
		equals two "$output"
		succeeds kiln_as "$kind" buildah push -q base "oci:$PWD/pushed:1"
		valid_image "$PWD/pushed"
		# Of a short name all that it may mean is looked up there.
		skopeo_as "$kind" copy -q "oci:$(image busybox)/oci:latest" containers-storage:r.example/local/app:1
		echo 'unqualified-search-registries = ["r.example"]' >r.conf
		chmod a+r r.conf
		succeeds kiln_as "$kind" buildah --registries-conf r.conf from --pull=never local/app:1
		# Ours comes first.
		succeeds kiln_as "$kind" buildah commit -q c base
		succeeds kiln_as "$kind" buildah from --name e base
		succeeds kiln_as "$kind" buildah run e -- cat /text
		equals one "$output"
		# Under kiln's own name, and where it is switched off, nobody looks there.
		echo 'FROM localhost/busybox' >Dockerfile
		fails 1 busybox kiln_as "$kind" build --pull=never .
		KILN_PODMAN=off fails 125 busybox kiln_as "$kind" buildah from --pull=never localhost/busybox
		KILN_PODMAN="read" succeeds kiln_as "$kind" build --pull=never .
	done
}

@test "what is named under Buildah's name is Podman's with KILN_PODMAN=write" {
	local kind
	export KILN_PODMAN=write
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	podman_busybox "$kind"
	printf 'FROM busybox\nRUN echo built >/text && chown 33:44 /text\n' >Dockerfile
	succeeds kiln_as "$kind" buildah bud -q -t app -t app:2 .
	echo "$output" >app.id
	equals "$(<app.id)" "$(podman_as "$kind" image inspect --format '{{.Id}}' app:2)"
	buildah_as "$kind" from --name theirs app
	equals $'built\n33:44' "$(buildah_as "$kind" run theirs -- sh -c 'cat /text; stat -c %u:%g /text')"
	succeeds kiln_as "$kind" buildah from --name ours app
	succeeds kiln_as "$kind" buildah run ours -- sh -c 'echo changed >/text'
	succeeds kiln_as "$kind" buildah commit -q ours app
	equals "$output" "$(podman_as "$kind" image inspect --format '{{.Id}}' localhost/app:latest)"
	# Without a name it is nobody's but ours.
	succeeds kiln_as "$kind" buildah commit -q ours
	[ "$(podman_as "$kind" images -q --no-trunc | sort -u | wc -l)" = 3 ]
}

@test "--root is Podman's graph root, with our own store inside" {
	local kind
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	podman_busybox "$kind"
	mkdir elsewhere && chmod 0777 elsewhere
	for root in "$GRAPH" "$PWD/elsewhere/new"; do
		succeeds kiln_as "$kind" buildah --root "$root" --runroot "$PWD/run" from --name c "oci:$(image busybox)/oci:latest"
		[ -f "$root/kiln/store.db" ]
		# Once it is there it is found without --runroot.
		succeeds kiln_as "$kind" buildah --root "$root" run c -- true
	done
	succeeds kiln_as "$kind" buildah --root "$GRAPH" from localhost/busybox
	fails 125 busybox kiln_as "$kind" buildah --root "$PWD/elsewhere/new" from --pull=never localhost/busybox
	# Another driver is not read; our own store is.
	fails 125 busybox kiln_as "$kind" buildah --root "$GRAPH" --storage-driver vfs from --pull=never localhost/busybox
	succeeds kiln_as "$kind" buildah --root "$GRAPH" --storage-driver vfs run c -- true
	# Without anything of Podman's it is ours alone.
	succeeds kiln_as "$kind" buildah --root "$PWD/elsewhere/plain" from "oci:$(image busybox)/oci:latest"
	[ -f "$PWD/elsewhere/plain/store.db" ]
	# Images apart from --root: shared by all who name them.
	succeeds kiln_as "$kind" buildah --root "$PWD/elsewhere/a" --imagestore "$PWD/elsewhere/images" \
		pull -q "oci:$(image busybox)/oci:latest"
	succeeds kiln_as "$kind" buildah --root "$PWD/elsewhere/b" --imagestore "$PWD/elsewhere/images" images -q
	[ -n "$output" ]
	[ ! -e "$PWD/elsewhere/a" ] && [ ! -e "$PWD/elsewhere/b" ]
	# What Podman has in --root is read as well.
	succeeds kiln_as "$kind" buildah --root "$GRAPH" --imagestore "$PWD/elsewhere/images" from --pull=never localhost/busybox
	fails 125 "option '--imagestore' is empty" kiln_as "$kind" buildah --imagestore '' images
	fails 125 "option '--root' is empty" kiln_as "$kind" buildah --root '' images
}
