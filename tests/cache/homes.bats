#!/usr/bin/env bats
# Caches besides the store: what a build on an empty disk takes from them, what it asks for, and
# what it makes of one that is wrong. Requests are counted by the proxy before a real registry.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # stderr is set by the library; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	registry_start plain
	proxy_start "$REGISTRY"
	registry_put base busybox
	export BASE=$PROXY/base
}

teardown_file() {
	kiln_teardown
}

setup() {
	context
	N=${BATS_TEST_NUMBER}
	CACHE=$PROXY/cache$N APP=$PROXY/app$N LOCAL=$BATS_TEST_TMPDIR/local
	echo one >a.c
	echo two >b
	cat >Dockerfile <<-END
		FROM $BASE AS build
		WORKDIR /src
		COPY a.c /src/
		RUN cat a.c >out && echo made-\$((40 + 2)) >>out
		FROM $BASE
		COPY --from=build /src/out /out
		RUN rm -f /etc/group && true
		COPY b /b
	END
	faults
}

# build STORE OPTION...: with progress; an image goes to the registry.
build() {
	KILN_ROOT=$BATS_TEST_TMPDIR/$1 kiln build --progress plain "${@:2}" .
}

# Steps that ran in the last build, a name a line; how many came from a cache.
ran() {
	awk '/^#[0-9]+ \[[^]]+ [0-9]+\/[0-9]+\] (RUN|COPY|ADD|WORKDIR)/ { name[$1] = $0 }
		/^#[0-9]+ CACHED$/ { delete name[$1] }
		END { for (i in name) print name[i] }' <<<"$stderr"
}

cached() {
	awk '/^#[0-9]+ \[[^]]+ [0-9]+\/[0-9]+\] (RUN|COPY|ADD|WORKDIR)/ { name[$1] = 1 }
		/^#[0-9]+ CACHED$/ { n += name[$1] } END { print n + 0 }' <<<"$stderr"
}

all_cached() {
	equals '' "$(ran)" "steps that ran"
	[ "$(cached)" -gt 0 ]
}

# Bytes that the proxy gave, of requests that match.
bytes() {
	awk -v pattern="$1" '$2 ~ pattern {sub("out=", "", $6); n += $6} END {print n + 0}' "$PROXY_LOG"
}

same_image() { # HOST/NAME:TAG HOST/NAME:TAG
	equals "$(skopeo inspect --raw --tls-verify=false "docker://$1" | jq -r '.layers[].digest')" \
		"$(skopeo inspect --raw --tls-verify=false "docker://$2" | jq -r '.layers[].digest')" "layers"
}

@test "a registry cache makes an empty disk build without a step, a layer or an upload" {
	succeeds build one --cache-repo "$CACHE" -t "$APP:1" --push
	says_not CACHED
	requests_forget
	succeeds build two --cache-repo "$CACHE" -t "$APP-b:1" --push
	all_cached
	equals 0 "$(requests GET 'blobs/sha256:b2c6')" "base layers fetched"
	# manifest and config of the base, the index
	equals 3 "$(requests GET)" "documents read"
	equals 0 "$(requests PUT '/cache')" "writes into the cache"
	# of blobs, the config alone is sent
	equals 1 "$(requests PUT 'blobs/uploads')" "uploads"
	equals 4 "$(requests POST 'mount=')" "mounts"
	[ "$(bytes .)" -lt 100000 ]
	same_image "$APP:1" "$APP-b:1"
	registry_get "$APP-b:1" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
	capture tree_of "$BATS_TEST_TMPDIR/got"
	says '/out size=12'
	says_not '/etc/group'
}

@test "thirty cached layers go into a new repository by mounts at the same time" {
	local i began
	{
		echo "FROM $BASE"
		for i in $(seq 30); do echo "COPY b /b$i"; done
	} >Dockerfile
	succeeds build one --cache-repo "$CACHE" -t "$APP:1" --push
	faults '* . delay=500'
	requests_forget
	succeeds build two --cache-repo "$CACHE" -t "$APP-b:1" --push
	# Base and index; the base's config; the name; mounts, and the config's session; the config;
	# the manifest.
	[ "$(rounds)" -le 6 ] || explain "$(rounds) rounds: $(cat "$PROXY_LOG")"
	all_cached
	equals 31 "$(requests POST 'mount=')" "mounts"
	# Whether it is there is not asked for of what the cache is known to hold: of the base's layer it is.
	[ "$(requests HEAD "/app$N-b/blobs/")" -le 1 ] || explain "$(cat "$PROXY_LOG")"
	# Its size is, while it is mounted: a record's word is no proof.
	equals 30 "$(requests HEAD "/cache$N/blobs/")" "sizes asked for"
	same_image "$APP:1" "$APP-b:1"
	# The figure: the same with 20 ms a request.
	faults '* . delay=20'
	began=$(date +%s%3N)
	succeeds build three --cache-repo "$CACHE" -t "$APP-c:1" --push
	echo "# thirty cached steps into a new repository, 20 ms a request: $(($(date +%s%3N) - began)) ms" >&3
}

@test "image-manifest=false: a cache whose documents are indexes" {
	local to="type=registry,ref=$CACHE:main,mode=max,mounts=true,ignore-error=false,image-manifest=false" tag
	sed -i 's/^RUN cat/RUN --mount=type=cache,target=\/c echo >\/c\/kept; cat/' Dockerfile
	succeeds build one --cache-from "type=registry,ref=$CACHE:main" --cache-to "$to" -t "$APP:1" --push
	for tag in $(curl -sf "http://$REGISTRY/v2/cache$N/tags/list" | jq -r '.tags[]'); do
		equals application/vnd.oci.image.index.v1+json "$(skopeo inspect --raw --tls-verify=false "docker://$CACHE:$tag" | jq -r .mediaType)" "$tag"
	done
	succeeds build two --cache-from "type=registry,ref=$CACHE:main" -t "$APP-b:1" --push
	all_cached
	same_image "$APP:1" "$APP-b:1"
	# By their keys alone, and the mount.
	sed -i 's/echo >.c.kept/cat \/c\/kept/; s/^COPY b .*/COPY a.c \/b/' Dockerfile
	succeeds build three --cache-from "type=registry,ref=$CACHE:main,mounts=true" --cache-from "$CACHE" -t "$APP-c:1" --push
	says_not warning
	[ "$(cached)" -gt 0 ]
	succeeds kiln cache prune --insecure-registry "$REGISTRY" --repo "$CACHE" --older-than 1h
	says 'deleted 0 of'
	says_not 'deleted 0 of 0'
}

@test "a directory serves as well, in mode max and min" {
	local mode
	for mode in min max; do
		succeeds build "$mode" --cache-to "type=local,dest=$LOCAL-$mode,mode=$mode" \
			-o "type=oci,dest=$BATS_TEST_TMPDIR/$mode.tar"
		succeeds build "$mode-b" --cache-from "type=local,src=$LOCAL-$mode" \
			-o "type=oci,dest=$BATS_TEST_TMPDIR/$mode-b.tar"
		all_cached
		cmp "$BATS_TEST_TMPDIR/$mode.tar" "$BATS_TEST_TMPDIR/$mode-b.tar"
	done
	# max has the other stage's steps, too
	echo three >>b
	sed -i 's,/src/out /out,/src/out /new,' Dockerfile
	succeeds build min-c --cache-from "type=local,src=$LOCAL-min" --cache-from "type=local,src=$LOCAL-max"
	equals 3 "$(cached)" "cached steps of the first stage"
	succeeds build min-d --cache-from "type=local,src=$LOCAL-min"
	equals 0 "$(cached)" "cached steps with mode=min"
}

# The step waits until the base's blob in the store is damaged.
@test "a base's table of contents is made while it is unpacked, and not from its blob again" {
	local base blob waits
	base=$(skopeo inspect --raw --tls-verify=false "docker://$BASE" | jq -r '.layers[0].digest')
	printf 'FROM %s\nRUN --mount=type=cache,target=/c touch /c/waits && until [ -e /c/goes ]; do sleep 0.1; done\n' \
		"$BASE" >Dockerfile
	build one --cache-to type=local,dest="$LOCAL",mode=max -o type=local,dest="$BATS_TEST_TMPDIR/out" >log 2>&1 &
	for _ in $(seq 300); do
		waits=$(find "$BATS_TEST_TMPDIR/one" -name waits 2>/dev/null) && [ "$waits" ] && break
		sleep 0.1
	done
	blob=$BATS_TEST_TMPDIR/one/blobs/sha256/${base#sha256:}
	[ -s "$blob" ]
	chmod u+w "$blob" && : >"$blob"
	touch "${waits%/waits}/goes"
	wait "$!" || explain "$(cat log)"
	grep -r '"kind":"toc"' "$LOCAL/steps"
}

@test "an image with an inline cache is one" {
	succeeds build one --build-arg BUILDKIT_INLINE_CACHE=1 -t "$APP:1" --push
	requests_forget
	succeeds build two --cache-from "$APP:1" --cache-to type=inline -t "$APP:2" --push
	all_cached
	equals "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$APP:1")" \
		"$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$APP:2")"
	equals 0 "$(requests GET 'kiln-')" "look-ups of single steps in an image's repository"
}

@test "branch first, then main; steps are found though no index has them" {
	succeeds build one --cache-to "type=registry,ref=$CACHE:main,mode=max" -t "$APP" --push
	echo more >>b
	succeeds build two --cache-from "$CACHE:branch" --cache-from "type=registry,ref=$CACHE:main" \
		--cache-to "type=registry,ref=$CACHE:branch,mode=max" -t "$APP" --push
	equals 1 "$(ran | wc -l)" "steps that ran: COPY b"
	# The branch's index is of the new build; main's steps are there by their keys.
	echo two >b
	succeeds build three --cache-from "$CACHE:branch" -t "$APP" --push
	all_cached
}

@test "SOURCE_DATE_EPOCH: a cached build on another disk has the same digest" {
	export SOURCE_DATE_EPOCH=1700000000
	succeeds build one --cache-repo "$CACHE" -t "$APP:1" --push
	succeeds build two --cache-repo "$CACHE" -t "$APP:2" --push
	all_cached
	equals "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$APP:1")" \
		"$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$APP:2")"
	SOURCE_DATE_EPOCH=1600000000 succeeds build three --cache-repo "$CACHE" -t "$APP:3" --push
	ran | grep -q COPY
}

@test "older than --cache-ttl is a miss" {
	succeeds build one --cache-repo "$CACHE" -t "$APP" --push
	succeeds build two --cache-repo "$CACHE" --cache-ttl 1h -t "$APP" --push
	all_cached
	succeeds build two --cache-repo "$CACHE" --cache-ttl 0 -t "$APP" --push
	equals 0 "$(cached)"
	fails 2 'time: invalid duration "soon"' build two --cache-ttl soon
}

@test "options of caches that are wrong are told before any work" {
	fails 2 "type 'registy' is not one of" build one --cache-from type=registy,ref=a/b
	says "did you mean 'registry'?"
	fails 2 'type=registry needs ref=' build one --cache-to type=registry
	fails 2 "key 'src' is not there for this type" build one --cache-to "type=local,src=$LOCAL"
	fails 2 'type=local needs dest=FOLDER' build one --cache-to type=local
	fails 2 "mode 'most' is neither min nor max" build one --cache-to "type=local,dest=$LOCAL,mode=most"
	fails 2 'an inline cache knows the image' build one --cache-to type=inline,mode=max
	fails 2 'twice, with different wishes' build one --cache-to "type=registry,ref=a/b,image-manifest=false" --cache-to "type=registry,ref=a/b"
	fails 2 'oci-mediatypes=false is not there' build one --cache-to "type=registry,ref=a/b,oci-mediatypes=false"
	fails 2 'those are written with gzip' build one --cache-to type=inline,compression=zstd
	fails 2 'gzip has no compression-level 12' build one --cache-to "type=local,dest=$LOCAL,compression-level=12"
	fails 2 'zstd has no compression-level 0' build one \
		--cache-to "type=local,dest=$LOCAL,compression=zstd,compression-level=0"
	fails 2 'uncompressed layers have no compression-level' build one \
		--cache-to "type=local,dest=$LOCAL,compression=uncompressed,compression-level=1"
	fails 2 "'mode' is given twice, as 'min' and 'max'" build one --cache-to "type=local,dest=$LOCAL,mode=min,mode=max"
	fails 2 'has two types' build one --cache-to "type=local,type=registry,ref=a/b"
	fails 2 'twice, with different wishes' build one --cache-to "type=local,dest=$LOCAL" \
		--cache-to "type=local,dest=$LOCAL,compression=zstd"
	fails 2 "names 'a:1' twice, with different wishes" build one --cache-to type=registry,ref=a:1 \
		--cache-to type=registry,ref=docker.io/library/a:1,mode=max
	fails 2 "names '$LOCAL' twice, with different wishes" build one --cache-to "type=local,dest=$LOCAL" \
		--cache-to "type=local,dest=$LOCAL,mounts=true"
	fails 2 "names 'r.test/a' twice, with different wishes" build one --cache-repo r.test/a --cache-to type=registry,ref=r.test/a
	fails 2 "kiln has no key 'registry.insecure'" build one --cache-from type=registry,ref=a/b,registry.insecure=true
	fails 2 "kiln has no key 'digest'" build one --cache-from "type=local,src=$LOCAL,digest=sha256:a"
	fails 2 'two outputs want different compression' build one -o type=oci,dest=x,compression=zstd \
		-o type=oci,dest=y,compression=gzip
	fails 2 "'--cache=false' contradicts" build one --cache=false --cache-repo "$CACHE"
	fails 2 'has no place for an inline cache' build one --format docker --cache-to type=inline
	fails 2 "the cache would take the place of the image '$APP:1'" build one -t "$APP:1" --push \
		--cache-to "type=registry,ref=$APP:1"
	fails 2 'is not KEY=VALUE' build one --cache-from type=registry,oops
	fails 2 'a quote is not closed' build one --cache-from 'type=registry,"ref=a'
	[ ! -e "$LOCAL" ]
}

# How the layers of a local cache's index are compressed, each once.
forms() {
	cat "$1"/index/* | jq -r '.steps[] | select(.kind == "layer") | .compression + "/" + (.level | tostring)' | sort -u
}

@test "compression= of a cache is the cache's own; the image has its own" {
	local how archive=$BATS_TEST_TMPDIR/one.tar
	export SOURCE_DATE_EPOCH=1700000000
	succeeds build one -o "type=oci,dest=$archive" \
		--cache-to "type=local,dest=$LOCAL-zstd,mode=max,compression=zstd,compression-level=7,ignore-error=false" \
		--cache-to "type=local,dest=$LOCAL-none,mode=max,compression=uncompressed,ignore-error=false" \
		--cache-to "type=local,dest=$LOCAL-gzip,mode=max,ignore-error=false"
	equals zstd/7 "$(forms "$LOCAL-zstd")"
	equals none/-1 "$(forms "$LOCAL-none")"
	equals gzip/-1 "$(forms "$LOCAL-gzip")"
	for how in zstd none gzip; do
		succeeds build "far-$how" --cache-from "type=local,src=$LOCAL-$how" \
			-o "type=oci,dest=$BATS_TEST_TMPDIR/$how.tar"
		all_cached
		cmp "$archive" "$BATS_TEST_TMPDIR/$how.tar"
	done
	# What a home has stays as it is, unless that is forced.
	succeeds build one -o "type=oci,dest=$archive" --cache-from "type=local,src=$LOCAL-gzip" \
		--cache-to "type=local,dest=$LOCAL-gzip,mode=max,compression=zstd,ignore-error=false"
	equals gzip/-1 "$(forms "$LOCAL-gzip")"
	succeeds build far-gzip -o "type=oci,dest=$archive" --cache-from "type=local,src=$LOCAL-gzip" \
		--cache-to "type=local,dest=$LOCAL-gzip,mode=max,compression=zstd,force-compression=true,ignore-error=false"
	equals zstd/-1 "$(forms "$LOCAL-gzip")"
	succeeds build again --cache-from "type=local,src=$LOCAL-gzip" -o "type=oci,dest=$BATS_TEST_TMPDIR/again.tar"
	all_cached
	cmp "$archive" "$BATS_TEST_TMPDIR/again.tar"
}

@test "--squash: a step that changed nothing is no layer, here or from a home" {
	printf 'FROM %s\nRUN echo one >/one\nRUN true >/dev/null && : >>/one\n' "$BASE" >Dockerfile
	export SOURCE_DATE_EPOCH=1700000000
	succeeds build one --squash -o "type=oci,dest=$BATS_TEST_TMPDIR/one.tar" --cache-to "type=local,dest=$LOCAL,mode=max"
	succeeds build two --squash -o "type=oci,dest=$BATS_TEST_TMPDIR/two.tar" --cache-from "type=local,src=$LOCAL"
	all_cached
	cmp "$BATS_TEST_TMPDIR/one.tar" "$BATS_TEST_TMPDIR/two.tar"
	says_not warning
}

@test "force-compression of an output is for the base's layers, too" {
	local force
	for force in false true; do
		succeeds build one -o "type=image,name=$APP:$force,push=true,compression=zstd,force-compression=$force"
	done
	equals 1 "$(skopeo inspect --raw --tls-verify=false "docker://$APP:false" | jq -r '.layers[].mediaType' | grep -c 'tar.gzip$')"
	equals 0 "$(skopeo inspect --raw --tls-verify=false "docker://$APP:true" | jq -r '.layers[].mediaType' | grep -vc 'tar.zstd$')"
	registry_get "$APP:true" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
	capture tree_of "$BATS_TEST_TMPDIR/got"
	says '/out size=12'
}

@test "only the last COPY changed: no layer is fetched, and the result is the same" {
	local layer
	cat >Dockerfile <<-END
		FROM $BASE
		RUN mkdir -p /d/deep /ln.d && chmod 711 /d && ln -s /ln.d /ln && touch /d/f
		RUN rm -rf /d/f && mkdir /new && chown 7:8 /new
		COPY b /d/deep/b
		COPY a.c /ln/
		COPY a.c /new/
		COPY a.c /etc/
	END
	export SOURCE_DATE_EPOCH=1700000000
	succeeds build one --cache-repo "$CACHE" -t "$APP:1" --push
	echo three >a.c
	requests_forget
	succeeds build two --cache-repo "$CACHE" -t "$APP:2" --push
	equals 3 "$(ran | wc -l)" "steps that ran"
	# Layers by what they are in the first image; tables of contents are fetched, they are not.
	for layer in $(skopeo inspect --raw --tls-verify=false "docker://$APP:1" | jq -r '.layers[].digest'); do
		equals 0 "$(requests GET "blobs/$layer")" "fetches of $layer"
	done
	# The same as without any cache.
	unset SOURCE_DATE_EPOCH
	SOURCE_DATE_EPOCH=1700000000 succeeds build three --no-cache -t "$APP:3" --push
	same_image "$APP:2" "$APP:3"
}

@test "FROM and COPY --link pull no base layer" {
	printf 'FROM %s\nCOPY --link b /b\nENV A=b\n' "$BASE" >Dockerfile
	requests_forget
	succeeds build one -t "$APP:1" --push
	equals 1 "$(requests GET blobs/)" "the base's config alone"
}

@test "twenty-eight builders at once, seven variants, one repository" {
	local i
	mkdir -p "$BATS_TEST_TMPDIR/many"
	export SOURCE_DATE_EPOCH=1700000000
	one() {
		local dir=$BATS_TEST_TMPDIR/many/$1 variant=$(($1 % 7))
		mkdir -p "$dir/context"
		echo "$variant" >"$dir/context/v"
		printf 'FROM scratch\nCOPY v /one\nCOPY v /two\nCOPY --link v /three\n' >"$dir/context/Dockerfile"
		# Digests of the same build and of another one tell a wrong hit.
		KILN_ROOT=$dir/store kiln build --progress plain --cache-repo "$CACHE" -t "$APP:$variant" --push \
			"$dir/context" >"$dir/id" 2>"$dir/log"
	}
	requests_forget
	for i in $(seq 1 28); do
		one "$i" &
		[ $((i % 8)) -ne 0 ] || wait
	done
	wait
	equals 28 "$(cat "$BATS_TEST_TMPDIR"/many/*/id | grep -c '^sha256:')" "images"
	equals 7 "$(sort -u "$BATS_TEST_TMPDIR"/many/*/id | wc -l)" "different ones"
	for i in $(seq 8 28); do
		cmp "$BATS_TEST_TMPDIR/many/$i/id" "$BATS_TEST_TMPDIR/many/$((i % 7 + 7))/id"
	done
	# docker-registry's files are not written in one go: who reads one that another builder of the same
	# variant is writing gets a 400 or 500, and kiln goes on without having exported.
	equals "" "$(cat "$BATS_TEST_TMPDIR"/many/*/log | grep -i 'not used\|goes on without\|not exported' |
		grep -v 'answers \(400\|500\)')" "warnings"
	# Whoever comes last asks as little as whoever comes alone.
	requests_forget
	one 28
	[ "$(requests)" -le 16 ] || {
		cat "$PROXY_LOG"
		return 1
	}
}

@test "COPY --from is keyed by tables of contents: another stage with the same files hits" {
	local layer
	# The stage has another key in the second build, and its steps are in the cache from a third.
	cat >Dockerfile <<-END
		FROM $BASE AS build
		ARG V=1
		RUN mkdir /out && echo same >/out/file && ln -s file /out/link && chown 5:6 /out/file && : \$V
		FROM $BASE
		COPY --from=build /out /got
		COPY --from=build /out/file /other
	END
	succeeds build one --cache-repo "$CACHE" -t "$APP:1" --push
	sed -i '/^COPY/d; /^FROM .*base$/d' Dockerfile
	succeeds build two --build-arg V=2 --cache-repo "$CACHE" -t "$APP:2" --push
	printf 'FROM %s\nCOPY --from=build /out /got\nCOPY --from=build /out/file /other\n' "$BASE" >>Dockerfile
	sed -i 's/^ARG V=1/ARG V=2/' Dockerfile
	requests_forget
	succeeds build three --cache-from "$CACHE:$(skopeo list-tags --tls-verify=false "docker://$CACHE" |
		jq -r '[.Tags[] | select(startswith("kiln-index"))][0]')" -t "$APP:3" --push
	all_cached
	for layer in $(skopeo inspect --raw --tls-verify=false "docker://$APP:2" | jq -r '.layers[].digest'); do
		equals 0 "$(requests GET "blobs/$layer")" "fetches of $layer"
	done
}
