#!/usr/bin/env bats
# The commands about the store: images, tag, rmi, inspect, history, prune, fsck, info.
# shellcheck disable=SC2154 # output, stderr, status come from lib/kiln.bash
bats_require_minimum_version 1.5.0

load ../lib/kiln

setup() {
	context
	cat >Dockerfile <<-END
		FROM $(image_ref busybox)
		LABEL a=b
		RUN echo made >/made
		CMD ["/made"]
	END
	succeeds kiln build -q -t app .
	id=${output#sha256:}
}

rows() { # the table without its head, single spaces
	tail -n +2 <<<"$output" | tr -s ' '
}

@test "images lists names, and only what was asked for" {
	succeeds kiln tag app registry.example/team/app:2
	succeeds kiln images
	equals "REPOSITORY TAG IMAGE ID CREATED SIZE" "$(head -n 1 <<<"$output" | tr -s ' ')"
	rows | grep -qx "app latest ${id:0:12} [0-9]* seconds\? ago [0-9.]*MB"
	rows | grep -qx "registry.example/team/app 2 ${id:0:12} [0-9]* seconds\? ago [0-9.]*MB"
	succeeds kiln images app
	equals 1 "$(rows | wc -l)"
	succeeds kiln images registry.example/team/app:2
	equals 1 "$(rows | wc -l)"
	succeeds kiln images registry.example/team/app:3
	equals "" "$(rows)"
	succeeds kiln images -q --no-trunc app
	equals "sha256:$id" "$output"
	succeeds kiln images --format '{{.Repository}}:{{.Tag}}' app
	equals "app:latest" "$output"
	succeeds kiln images --format json
	equals "docker.io/library/app:latest" "$(jq -r '.[] | select(.Tag == "latest").Name' <<<"$output")"
	fails 2 "'{{.Nope}}' is not a field here" kiln images --format '{{.Nope}}'
	says '{{.ID}}'
}

@test "an image is found by name, ID and digest" {
	digest=$(kiln inspect -f '{{.Digest}}' app)
	for name in app app:latest docker.io/library/app "$id" "sha256:$id" "${id:0:12}" "${id:0:4}" "$digest"; do
		succeeds kiln inspect -f '{{.ID}}' "$name"
		equals "sha256:$id" "$output" "$name"
	done
	fails 1 "no image 'app:9' in the store" kiln inspect app:9
	says "'kiln images' lists them"
	fails 1 "no image '0123456789ab' in the store" kiln inspect 0123456789ab
}

@test "tag gives names, and moves them" {
	succeeds kiln tag app one two:x
	succeeds kiln inspect two:x
	equals '["docker.io/library/app:latest","docker.io/library/one:latest","docker.io/library/two:x"]' \
		"$(jq -c '.[0].Names | sort' <<<"$output")"
	echo 'LABEL c=d' >>Dockerfile
	succeeds kiln build -q -t other .
	other=$output
	succeeds kiln tag other one
	succeeds kiln inspect -f '{{.ID}}' one
	equals "$other" "$output"
	fails 1 "no image 'nothing'" kiln tag nothing x
	fails 1 "repository" kiln tag app UPPER
}

@test "rmi takes names, then the image" {
	succeeds kiln tag app two
	succeeds kiln rmi two
	equals "untagged: docker.io/library/two:latest" "$output"
	succeeds kiln inspect app
	succeeds kiln tag app two
	fails 1 "has 2 names" kiln rmi "${id:0:12}"
	says "--force"
	succeeds kiln rmi app two
	says "deleted: sha256:"
	succeeds kiln images -q
	equals "" "$output"
	fails 1 "no image 'app'" kiln rmi app
	succeeds kiln rmi -f app
	fails 2 "needs an image" kiln rmi
	succeeds kiln build -q -t one -t two .
	succeeds kiln rmi --all
	succeeds kiln images -q
	equals "" "$output"
}

@test "rmi goes on after a name that is not there" {
	fails 1 "no image 'nothing'" kiln rmi nothing app
	says "untagged: docker.io/library/app:latest"
}

@test "inspect shows manifest and config, and their own bytes" {
	succeeds kiln inspect app
	equals '"b"' "$(jq '.[0].Config.config.Labels.a' <<<"$output")"
	equals 2 "$(jq '.[0].Manifest.schemaVersion' <<<"$output")"
	config=$(kiln inspect --config app | sha256sum)
	equals "$id" "${config%% *}"
	digest=$(kiln inspect -f '{{.Digest}}' app)
	equals "$digest" "sha256:$(kiln inspect --raw app | sha256sum | cut -d' ' -f1)"
	succeeds kiln inspect "$(image_ref busybox)"
	equals "linux/amd64" "$(jq -r '.[0].Platform' <<<"$output")"
}

@test "history shows every step, the newest first" {
	succeeds kiln history --format '{{.CreatedBy}}' app
	equals 'CMD ["/made"]' "$(sed -n 1p <<<"$output")"
	[[ $(sed -n 2p <<<"$output") == RUN*'echo made >/made' ]]
	equals "LABEL a=b" "$(sed -n 3p <<<"$output")"
	succeeds kiln history app
	equals "CREATED CREATED BY SIZE COMMENT" "$(head -n 1 <<<"$output" | tr -s ' ')"
	succeeds kiln history --format json app
	equals true "$(jq '.[1].Size > 0 and .[0].Size == 0' <<<"$output")"
}

@test "prune gives space back, and tells before it does" {
	succeeds kiln rmi app
	content() { (cd "$BATS_TEST_TMPDIR/store" && find blobs layers | sort); }
	before=$(content)
	succeeds kiln prune --all --dry-run
	says "would free"
	equals "$before" "$(content)"
	succeeds kiln prune --all
	says "freed"
	equals $'blobs\nblobs/sha256\nlayers' "$(content)"
	succeeds kiln fsck
	succeeds kiln build -q -t app .
	fails 2 "option '--older-than'" kiln prune --older-than yesterday
	fails 2 "is negative" kiln prune --older-than -1h
	succeeds kiln prune --all
	succeeds kiln inspect -f '{{.ID}}' app
	succeeds kiln prune --images --all -q
	equals "" "$output"
	fails 1 "no image 'app'" kiln inspect app
}

@test "fsck finds what is damaged" {
	succeeds kiln fsck
	blob=$(find "$BATS_TEST_TMPDIR/store/blobs/sha256" -type f -size +100k | head -n 1)
	chmod u+w "$blob"
	printf 'x' | dd of="$blob" bs=1 seek=100 conv=notrunc status=none
	fails 1 "damaged part" kiln fsck
	says "${blob##*/}"
}

@test "info counts what the store holds" {
	succeeds kiln info
	says "1 images"
	succeeds kiln info --format json
	equals 1 "$(jq .Store.Images.Count <<<"$output")"
}
