#!/usr/bin/env bats
# What images from files are called under Buildah's name, and other small words of its own.
# shellcheck disable=SC2154,SC2016 # what lib/kiln.bash sets; text for the shell in a container
load ../lib/kiln
load ../lib/busybox

buildah() {
	kiln buildah "$@"
}

# What 'from' calls a container of $1, and the image.
named() {
	succeeds buildah from -q "$1"
	equals "$2" "$output"
	succeeds buildah rm "$2"
	succeeds buildah images --format '{{.Name}}:{{.Tag}}'
	equals "$3" "$output"
	succeeds buildah rmi -a
	succeeds buildah pull -q "$1"
	succeeds buildah images --format '{{.Name}}:{{.Tag}}'
	equals "$3" "$output"
	succeeds buildah rmi -a
}

@test "an archive says what its image is called" {
	succeeds buildah from --name first "$img"
	succeeds buildah commit -q --rm first base
	succeeds buildah push -q base docker-archive:named.tar:team/app
	succeeds buildah push -q base docker-archive:plain.tar
	succeeds buildah push -q base oci-archive:word.tar:word
	succeeds buildah push -q base oci-archive:none.tar
	succeeds buildah push -q base dir:Folder
	tar -xOf word.tar index.json | jq -e '.manifests[0].annotations["org.opencontainers.image.ref.name"] == "word"'
	succeeds buildah rmi -a
	named docker-archive:named.tar app-working-container docker.io/team/app:latest
	named docker-archive:plain.tar base-working-container localhost/base:latest
	named oci-archive:word.tar word-working-container localhost/word:latest
	named oci-archive:word.tar:word word-working-container localhost/word:latest
	named oci-archive:none.tar oci-archive-working-container '<none>:<none>'
	named dir:Folder dir-working-container '<none>:<none>'
}

@test "levels of the log are logrus's" {
	succeeds buildah --log-level Warning images
	fails 125 'not a valid logrus Level: "loud"' buildah --log-level loud images
}

@test "the group of a user is a supplementary one, too" {
	printf 'FROM %s\nUSER 5:6\nRUN id -G; grep Groups: /proc/self/status\n' "$img" >Dockerfile
	succeeds buildah build --group-add 7 .
	says '6 7'
}

@test "run: codes that are valid are all that are" {
	succeeds buildah from "$img"
	local name=$output
	succeeds buildah run --valid-exit-codes 0,3 "$name" sh -c 'exit 3'
	fails 125 'valid exit codes' buildah run --valid-exit-codes 3 "$name" true
}

@test "copy: whole paths below --contextdir, names that look like patterns, and no word of it" {
	mkdir my
	echo 1 >my/a
	echo 2 >'my/*'
	succeeds buildah from scratch
	succeeds buildah copy -q --contextdir my working-container "$PWD/my/a" /one/
	fails 125 'wildcards are not allowed' buildah copy -q --allow-wildcard=false working-container 'my/*' /two/
	succeeds buildah copy -q --contextdir my working-container "$PWD/my" /three/
	succeeds buildah commit -q --unsetannotation org.opencontainers.image.created working-container oci:lay
	equals null "$(jq '.annotations' "lay/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' lay/index.json)")"
	succeeds buildah mount working-container
	equals 'one/a three/* three/a' "$(cd "$output" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n')"
	succeeds buildah umount working-container
}

@test "too few or too many arguments, in Buildah's words" {
	fails 125 "'buildah images' requires at most 1 argument" buildah images a b
	fails 125 'too many arguments specified' buildah from a b
	fails 125 'requires at least 2 arg(s), only received 1' buildah tag a
	fails 125 'accepts 2 arg(s), received 3' buildah rename a b c
	fails 125 "'buildah containers' does not accept arguments" buildah containers x
}
