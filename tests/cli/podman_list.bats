#!/usr/bin/env bats
# Lists of images in Podman's store: what kiln writes there Debian's podman, buildah and skopeo take for their own,
# and theirs kiln reads with all of their images.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # Dockerfiles have variables; bats runs tests in subshells; what lib/kiln.bash sets
load ../lib/kiln
load ../lib/podman

BOTH=linux/amd64,linux/arm64

teardown() {
	registries_stop
	podman_teardown
}

# A build that needs no machine of either platform.
two_platforms() {
	printf 'FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /f\nCOPY --chown=3:4 --chmod=640 Dockerfile /$TARGETARCH\nENV A=$TARGETARCH\nCMD ["/f"]\n' \
		>Dockerfile
}

# What the list of that name has, as kiln keeps it.
list_of() { # NAME
	local id
	id=$(jq -r --arg name "localhost/$1:latest" '.[] | select(.names | index($name)) | .id' "$GRAPH/overlay-images/images.json")
	cat "$GRAPH/overlay-images/$id/manifest"
}

host_arch() {
	[ "$(uname -m)" = x86_64 ] && echo amd64 || echo arm64
}

image_count() {
	jq length "$GRAPH/overlay-images/images.json"
}

@test "an image for each platform is a list in Podman's store, and comes back with its digest" {
	local kind digest
	for kind in $(podman_users); do
		podman_store "$kind"
		two_platforms
		succeeds kiln_as "$kind" build -q --platform "$BOTH" -t app -o type=containers-storage -o "type=oci,dest=$PWD/oci,tar=false" .
		digest=$output
		equals "$digest" "sha256:$(list_of app | sha256sum | cut -d' ' -f1)"
		equals 3 "$(image_count)"
		succeeds podman_as "$kind" manifest exists app
		succeeds podman_as "$kind" manifest inspect app
		equals "$(list_of app | jq -c '[.manifests[].digest]')" "$(jq -c '[.manifests[].digest]' <<<"$output")"
		succeeds buildah_as "$kind" manifest inspect localhost/app
		says '"architecture": "arm64"'
		# A name is the image of the machine's platform, to run, to build on, to look at.
		succeeds podman_as "$kind" image inspect --format '{{.Config.Env}} {{.Architecture}}' app
		says "A=$(host_arch)] $(host_arch)"
		succeeds podman_as "$kind" create --name c app
		succeeds podman_as "$kind" cp "c:/$(host_arch)" "$PWD/of-c"
		cmp Dockerfile of-c
		succeeds podman_as "$kind" rm c
		printf 'FROM app\nLABEL l=m\n' >Containerfile
		succeeds buildah_as "$kind" bud -q -f Containerfile --platform linux/arm64 -t on-arm .
		succeeds podman_as "$kind" image inspect --format '{{.Config.Env}}' on-arm
		says A=arm64
		# Pushed whole by each of them.
		succeeds podman_as "$kind" manifest push --all app "oci:$PWD/by-podman:t"
		valid_image "$PWD/by-podman"
		equals 2 "$(jq '.manifests | length' "$PWD/by-podman/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' by-podman/index.json)")"
		succeeds buildah_as "$kind" manifest push --all localhost/app "oci:$PWD/by-buildah:t"
		valid_image "$PWD/by-buildah"
		# Back, with what it was, and over again.
		succeeds kiln_as "$kind" image copy -q --all containers-storage:app "oci:$PWD/back:t"
		equals "$digest" "$output"
		valid_image "$PWD/back"
		succeeds kiln_as "$kind" image copy -q --all "oci:$PWD/back:t" containers-storage:app
		equals 4 "$(image_count)" "nothing new but on-arm"
		succeeds podman_as "$kind" manifest rm app
		equals '' "$(jq -r '.[].names[]' "$GRAPH/overlay-images/images.json" | grep -v on-arm || true)"
	done
}

@test "manifest push and Buildah's -t write a list; a name moves to it, and other names have lists of their own" {
	local kind first
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	two_platforms
	succeeds kiln_as "$kind" buildah bud -q --platform "$BOTH" -t both -t containers-storage:app .
	succeeds kiln_as "$kind" manifest push -q --all both containers-storage:other
	equals "$(list_of app)" "$(list_of other)"
	succeeds kiln_as "$kind" push -q both containers-storage:other
	equals "$(list_of app)" "$(list_of other)"
	equals 4 "$(image_count)"
	# Podman changes a list in its place: the other one stays.
	succeeds podman_as "$kind" manifest annotate --variant v8 app "$(list_of app | jq -r '.manifests[1].digest')"
	succeeds kiln_as "$kind" manifest push -q --all both containers-storage:third
	[ "$(list_of app)" != "$(list_of other)" ]
	equals "$(list_of third)" "$(list_of other)"
	equals 5 "$(image_count)"
	# KILN_PODMAN=write, and one image under the name of a list.
	first=$(list_of other | sha256sum)
	sed -i 's/ENV A/ENV B/' Dockerfile
	succeeds as_user "$kind" env KILN_PODMAN=write "$(kiln_for_all)" buildah bud -q --platform "$BOTH" -t other .
	[ "$first" != "$(list_of other | sha256sum)" ]
	succeeds kiln_as "$kind" build -q -t other -o type=containers-storage .
	fails 125 'docker://localhost/other:latest' podman_as "$kind" manifest inspect localhost/other
	# --all of one image is that image.
	succeeds kiln_as "$kind" image copy -q --all containers-storage:other containers-storage:alone
	succeeds podman_as "$kind" image inspect --format '{{.RepoTags}}' alone
	says '[localhost/other:latest localhost/alone:latest]'
}

@test "a list that Podman made is read whole" {
	local kind digest
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	two_platforms
	podman_as "$kind" build -q --platform linux/amd64 -t x:amd64 . >/dev/null
	podman_as "$kind" build -q --platform linux/arm64 -t x:arm64 . >/dev/null
	podman_as "$kind" manifest create localhost/list
	podman_as "$kind" manifest add localhost/list containers-storage:localhost/x:amd64
	podman_as "$kind" manifest add localhost/list containers-storage:localhost/x:arm64
	digest=sha256:$(list_of list | sha256sum | cut -d' ' -f1)
	succeeds kiln_as "$kind" image copy -q --all containers-storage:list "oci:$PWD/oci:t"
	equals "$digest" "$output" "its layers are uncompressed there"
	valid_image "$PWD/oci"
	skopeo --insecure-policy copy -q --multi-arch all "oci:$PWD/oci:t" "dir:$PWD/dir"
	registry_start plain
	succeeds kiln_as "$kind" image copy -q --all containers-storage:list "docker://$REGISTRY/list"
	equals "$digest" "$output"
	equals "$digest" "sha256:$(curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$REGISTRY/v2/list/manifests/latest" | sha256sum | cut -d' ' -f1)"
	# Of what came compressed from elsewhere the tars are there, and no more: the list names those.
	podman_as "$kind" pull -q --tls-verify=false --arch arm64 "$REGISTRY/list" >/dev/null
	succeeds kiln_as "$kind" build -q --platform "$BOTH" -t app -o type=containers-storage .
	rm -rf "$(user_dir "$kind")/data/kiln"
	succeeds kiln_as "$kind" image copy -q --all containers-storage:app "oci:$PWD/plain:t"
	[ "$digest" != "$output" ]
	valid_image "$PWD/plain"
	skopeo --insecure-policy copy -q --multi-arch all "oci:$PWD/plain:t" "dir:$PWD/plain-dir"
}

@test "a list that is not whole is told, and what of it" {
	local kind id gone dir
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	two_platforms
	succeeds kiln_as "$kind" build -q --platform "$BOTH" -t app -o type=containers-storage .
	gone=$(list_of app | jq -r '.manifests[1].digest')
	id=$(jq -r --arg m "manifest-$gone" '.[] | select(."big-data-names" | index($m)) | .id' "$GRAPH/overlay-images/images.json")
	succeeds podman_as "$kind" rmi -f "$id"
	fails 1 "'$gone' of the list" kiln_as "$kind" image copy -q --all containers-storage:app "oci:$PWD/out"
	[ ! -e out ]
	# The other one can be had still, and the list is mended by being written again.
	succeeds kiln_as "$kind" image copy -q --platform linux/amd64 containers-storage:app "oci:$PWD/one"
	succeeds kiln_as "$kind" build -q --platform "$BOTH" -t app -o type=containers-storage .
	succeeds kiln_as "$kind" image copy -q --all containers-storage:app "oci:$PWD/mended"
	equals 3 "$(image_count)"
	# Half of a list's file; a list within a list, there and on the way there.
	dir=$GRAPH/overlay-images/$(list_of app | sha256sum | cut -d' ' -f1)
	cp "$dir/manifest" whole
	head -c 200 whole >"$dir/manifest"
	fails 1 "'app' in Podman's store" kiln_as "$kind" image copy -q --all containers-storage:app "oci:$PWD/half"
	jq -c --arg d "sha256:$(sha256sum <whole | cut -d' ' -f1)" --argjson n "$(wc -c <whole)" \
		'.manifests = [{mediaType: .mediaType, digest: $d, size: $n}]' whole >outer
	cp whole "$dir/manifest"
	succeeds kiln_as "$kind" image copy -q --all containers-storage:app containers-storage:around
	equals 4 "$(image_count)"
	cat outer >"$GRAPH/overlay-images/$(jq -r '.[] | select(.names == ["localhost/around:latest"]).id' "$GRAPH/overlay-images/images.json")/manifest"
	fails 1 "it is a list within the list" kiln_as "$kind" image copy -q --all containers-storage:around "oci:$PWD/nested"
	[ ! -e half ] && [ ! -e nested ]
	cp outer "mended/blobs/sha256/$(sha256sum <outer | cut -d' ' -f1)"
	jq -c --arg d "sha256:$(sha256sum <outer | cut -d' ' -f1)" --argjson n "$(wc -c <outer)" \
		'.manifests = [.manifests[0] | .digest = $d | .size = $n]' mended/index.json >index
	cat index >mended/index.json
	fails 1 "is a list within the list, which Podman does not read" \
		kiln_as "$kind" image copy -q --all "oci:$PWD/mended" containers-storage:deep
	equals 4 "$(image_count)"
}

@test "what of a list is no image stays in its registry, and is refused from elsewhere" {
	local kind attestation
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	two_platforms
	succeeds kiln_as "$kind" build -q --platform linux/amd64 -t one .
	succeeds kiln_as "$kind" manifest create list one
	echo '{}' >sbom.json
	succeeds kiln_as "$kind" manifest add --artifact --artifact-type application/x-sbom list sbom.json
	attestation=${output##* }
	fails 1 "'$attestation' of the list is no image" kiln_as "$kind" manifest push -q --all list containers-storage:list
	registry_start plain
	succeeds kiln_as "$kind" manifest push -q --all list "docker://$REGISTRY/r/list"
	succeeds kiln_as "$kind" image copy -q --all "docker://$REGISTRY/r/list" containers-storage:list
	equals "docker://$REGISTRY/r/list@$attestation" \
		"$(jq -r --arg d "$attestation" '.[$d]' "$GRAPH/overlay-images/$(list_of list | sha256sum | cut -d' ' -f1)/instances.json")"
	succeeds podman_as "$kind" manifest inspect list
	succeeds podman_as "$kind" image inspect --format '{{.Architecture}}' list
	equals amd64 "$output"
	succeeds podman_as "$kind" manifest push --all --tls-verify=false list "docker://$REGISTRY/r/again"
	fails 1 "'$attestation' of the list" kiln_as "$kind" image copy -q --all containers-storage:list "oci:$PWD/out"
}

@test "several write lists at once while Podman removes images" {
	local kind i pids=()
	kind=$(podman_users | tail -1)
	podman_store "$kind"
	two_platforms
	podman_as "$kind" info >/dev/null 2>&1
	succeeds kiln_as "$kind" build -q --platform "$BOTH" -t both .
	for i in 1 2 3; do
		kiln_as "$kind" image copy -q --all both "containers-storage:l$i" >"l$i.out" 2>&1 3>&- 4>&- &
		pids+=($!)
		kiln_as "$kind" image copy -q --all both containers-storage:same >"s$i.out" 2>&1 3>&- 4>&- &
		pids+=($!)
		podman_as "$kind" image prune -f >"p$i.out" 2>&1 3>&- 4>&- || true
	done
	printf '%s\n' "${pids[@]}" >"$BATS_TEST_TMPDIR/pids"
	for i in "${pids[@]}"; do
		wait "$i" || { cat ./[ls]*.out >&2; return 1; }
	done
	equals "$(printf 'localhost/%s:latest\n' l1 l2 l3 same)" "$(jq -r '.[].names[]?' "$GRAPH/overlay-images/images.json" | sort)"
	# The last writer may be followed by a prune, which takes images of any list: whoever writes again has it whole.
	for i in l1 l2 l3 same; do
		succeeds kiln_as "$kind" image copy -q --all both "containers-storage:$i"
		succeeds kiln_as "$kind" image copy -q --all "containers-storage:$i" "oci:$PWD/$i"
	done
	equals 6 "$(image_count)"
}
