#!/usr/bin/env bats
# Cache mounts that travel: what a step left in RUN --mount=type=cache on one machine is there on
# another, a small change moves little, and whatever is wrong with it is an empty mount.
# Two machines are two stores.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # stderr is set by the library; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	registry_start plain
	proxy_start "$REGISTRY"
	BASE=$(image_ref busybox)
	export BASE
}

teardown_file() {
	kiln_teardown
}

# A compiler's cache: each source that it does not know makes an object of 300 KB.
setup() {
	context
	CACHE=$PROXY/mounts$BATS_TEST_NUMBER
	HOMEDIR=$BATS_TEST_TMPDIR/home
	mkdir src
	for i in $(seq "${SOURCES:-20}"); do echo "$i" >"src/f$i"; done
	cat >Dockerfile <<-END
		FROM $BASE
		COPY src /src
		RUN --mount=type=cache,target=/cc,id=cc set -e; for f in /src/*; do \
			o=/cc/\$(sha256sum <\$f | cut -c1-16); \
			if [ -e \$o ]; then echo "known \$f"; \
			else echo "compiled \$f"; head -c 300000 /dev/urandom >\$o; fi; \
			sha256sum <\$o >>/out; done
	END
	faults
}

teardown() {
	local pid
	for pid in ${PIDS:-}; do kill -9 "$pid" 2>/dev/null || true; done
	kiln_teardown
}

build() { # STORE OPTION...
	KILN_ROOT=$BATS_TEST_TMPDIR/$1 kiln build --progress plain "${@:2}" .
}

# The same, with the steps run whatever the cache of steps says.
rebuild() { # STORE OPTION...
	build "$@" --no-cache-filter 0
}

compiled() { # WANTED
	equals "$1" "$(grep -cE '^#[0-9]+ [0-9.]+ compiled /src/' <<<"$stderr" || true)" "sources compiled"
}

to() { echo "type=local,dest=$HOMEDIR,mounts=true${1:+,$1}"; }
from() { echo "type=local,src=$HOMEDIR,mounts=true${1:+,$1}"; }

# Bytes that were sent through the proxy.
sent() {
	awk '{sub("in=", "", $5); n += $5} END {print n + 0}' "$PROXY_LOG"
}

@test "a registry brings a compiler's cache to another machine; a small change moves little" {
	local all
	for i in $(seq 21 200); do echo "$i" >"src/f$i"; done
	requests_forget
	succeeds build one --cache-to "type=registry,ref=$CACHE,mounts=true"
	compiled 200
	all=$(sent)
	[ "$all" -gt 60000000 ]
	# Another machine, another source: what it lacks is compiled, what it has new is brought.
	echo new >src/f7
	requests_forget
	succeeds build two --cache-from "type=registry,ref=$CACHE,mounts=true" --cache-to "type=registry,ref=$CACHE,mounts=true"
	compiled 1
	says "cache mount '/cc': 201 files from registry cache '$CACHE"
	[ $(($(sent) * 10)) -lt "$all" ] || explain "$(sent) of $all bytes were sent again"
	echo "# one object of 300 KB more in $all bytes: $(sent) bytes sent; $(grep -o "[0-9]* of [0-9]* chunks.*" <<<"$stderr")" >&3
	# A third one has both.
	succeeds rebuild three --cache-from "type=registry,ref=$CACHE,mounts=true"
	compiled 0
	says 'files from'
	# The manifest names its chunks: a registry's garbage collection keeps them.
	skopeo list-tags --tls-verify=false "docker://$CACHE" | jq -r '.Tags[]' | grep -c '^kiln-mount-' | grep -qx 1
}

@test "unchanged is one question; a build that is all cached moves none" {
	succeeds build one --cache-to "type=registry,ref=$CACHE:main,mounts=true"
	touch again
	printf 'RUN --mount=type=cache,target=/cc,id=cc ls /cc | wc -l\n' >>Dockerfile
	requests_forget
	succeeds build one --cache-to "type=registry,ref=$CACHE:main,mounts=true"
	says 'unchanged'
	equals 1 "$(requests '*' 'kiln-mount-')" "requests about the mount"
	requests_forget
	succeeds build two --cache-from "type=registry,ref=$CACHE:main,mounts=true" \
		--cache-to "type=registry,ref=$CACHE:main,mounts=true"
	says_not 'compiled /src/f1'
	equals 0 "$(requests '*' 'kiln-mount-')" "requests about a mount that no step needs"
	equals 0 "$(find "$BATS_TEST_TMPDIR/two/mounts" -mindepth 1 2>/dev/null | wc -l)" "mounts made"
}

@test "a name of its own is a scope, and homes are asked in their order" {
	succeeds build one --cache-to "type=registry,ref=$CACHE:main,mounts=true"
	succeeds build two --cache-from "type=registry,ref=$CACHE:branch,mounts=true" \
		--cache-from "type=registry,ref=$CACHE:main,mounts=true" --no-cache-filter 0
	compiled 0
	succeeds rebuild three --cache-from "type=registry,ref=$CACHE:branch,mounts=true"
	compiled 20
	# Not asked for: not read.
	echo x >src/f1
	succeeds build four --cache-from "type=registry,ref=$CACHE:main"
	compiled 20
}

@test "kiln cache prune knows them by their age" {
	succeeds build one --cache-to "type=registry,ref=$CACHE,mounts=true"
	succeeds kiln cache prune --repo "$REGISTRY/mounts$BATS_TEST_NUMBER" --older-than 1h --insecure-registry "$REGISTRY"
	equals 1 "$(skopeo list-tags --tls-verify=false "docker://$CACHE" | jq -r '.Tags[]' | grep -c '^kiln-mount-')"
	sleep_past_second
	succeeds kiln cache prune --repo "$REGISTRY/mounts$BATS_TEST_NUMBER" --older-than 1s --insecure-registry "$REGISTRY"
	says kiln-mount-
	fails 1 '' skopeo inspect --raw --tls-verify=false "docker://$CACHE:$(grep -o 'kiln-mount-[0-9a-f]*' <<<"$output" | head -n 1)"
}

# Times are whole seconds: wait until this one and the next are over.
sleep_past_second() {
	local now
	now=$(date +%s)
	while [ "$(date +%s)" -lt $((now + 2)) ]; do sleep 0.1; done
}

@test "S3 has them, too" {
	local options
	server_start s3 "$RIG_LIB/s3_server.py" --bucket cache --key AKID --secret secret --log "$BATS_TEST_TMPDIR/log"
	options="type=s3,region=eu,bucket=cache,endpoint_url=http://$SERVER_ADDRESS,use_path_style=true,access_key_id=AKID"
	options+=,secret_access_key=secret,mounts=true
	succeeds build one --cache-to "$options,mode=max"
	compiled 20
	echo x >src/f1
	succeeds build two --cache-from "$options"
	compiled 1
	grep -q 'PUT /cache/manifests/mounts/[0-9a-f]* 200' "$BATS_TEST_TMPDIR/log"
	# unchanged: one request about it
	printf 'RUN --mount=type=cache,target=/cc,id=cc ls /cc | wc -l\n' >>Dockerfile
	: >"$BATS_TEST_TMPDIR/log"
	echo 1 >src/f1
	succeeds build one --cache-to "$options,mode=max"
	says unchanged
	equals 1 "$(grep -c /mounts/ "$BATS_TEST_TMPDIR/log")" "requests about the mount"
}

@test "files come as they were, for every kind of user" {
	local kind dir
	cat >Dockerfile <<-END
		FROM $BASE
		ARG N
		RUN --mount=type=cache,target=/c,uid=3,gid=4,mode=0770 set -e; cd /c; \
			if [ "\$N" = 1 ]; then \
				mkdir -p d/e; echo a >d/a; ln d/a d/hard; ln -s /etc/passwd link; chown 5:6 d/a; chmod 4751 d/a; \
				touch empty 'with space'; chown 7:8 d/e; chmod 01777 d/e; touch -d @1000000 d/a; touch -d @2000000 d; \
				mkfifo pipe; chown -h 9:10 link; rm pipe; fi; \
			find . | sort | while read -r f; do stat -c '%n %f %u:%g %h %s %Y' "\$f"; done; readlink link; cat d/a
	END
	for kind in $(each_user); do
		dir=$(user_dir "$kind")/travel
		as_user "$kind" mkdir -p "$dir"
		as_user "$kind" tee "$dir/Dockerfile" <Dockerfile >/dev/null
		build_as "$kind" "$dir/one" "$dir" --build-arg N=1 --cache-to "type=local,dest=$dir/home,mounts=true"
		listing >"$BATS_TEST_TMPDIR/first.$kind"
		build_as "$kind" "$dir/two" "$dir" --build-arg N=2 --cache-from "type=local,src=$dir/home,mounts=true"
		says 'files from local cache'
		listing >"$BATS_TEST_TMPDIR/second.$kind"
		diff "$BATS_TEST_TMPDIR/first.$kind" "$BATS_TEST_TMPDIR/second.$kind"
		grep -q './d/a 89e9 5:6 2 2 1000000' "$BATS_TEST_TMPDIR/second.$kind"
		grep -q '^. 41f8 3:4' "$BATS_TEST_TMPDIR/second.$kind"
		grep -q './link a1ff 9:10' "$BATS_TEST_TMPDIR/second.$kind"
		cp -r "$dir/home" "$BATS_TEST_TMPDIR/home.$kind"
		chmod -R a+rX "$BATS_TEST_TMPDIR/home.$kind" "$BATS_TEST_TMPDIR"
	done
	# From the last kind of user to the others.
	for other in $(each_user); do
		dir=$(user_dir "$other")/travel
		build_as "$other" "$dir/three" "$dir" --build-arg N=3 \
			--cache-from "type=local,src=$BATS_TEST_TMPDIR/home.$kind,mounts=true"
		says 'files from local cache'
		listing | diff "$BATS_TEST_TMPDIR/first.$kind" -
	done
}

build_as() { # KIND STORE CONTEXT OPTION...
	succeeds kiln_as "$1" build --progress plain --root "$2" "${@:4}" "$3"
}

listing() {
	grep -oE '^#[0-9]+ [0-9]+\.[0-9]+ (\./?[^ ]*( space)? [0-9a-f]+ [0-9]+:.*|/etc/passwd|a)$' <<<"$stderr" | cut -d' ' -f3-
}

@test "where nothing can be mounted they travel as well" {
	local kind isolation dir
	for kind in $(each_user); do
		isolation=proot
		[ "$kind" != root ] || isolation=chroot
		[ "$isolation" = chroot ] || command -v proot >/dev/null || continue
		dir=$(user_dir "$kind")/bare
		as_user "$kind" mkdir -p "$dir"
		as_user "$kind" tee "$dir/Dockerfile" >/dev/null <<-END
			FROM $BASE
			ARG N
			RUN --mount=type=cache,target=/c,id=bare mkdir -p /c/d; echo \$N >/c/d/\$N; chmod 0640 /c/d/*; stat -c '%n %a %u:%g' /c/d/*
		END
		build_as "$kind" "$dir/one" "$dir" --isolation "$isolation" --build-arg N=1 --cache-to "type=local,dest=$dir/home,mounts=true"
		says 'chunks were new'
		build_as "$kind" "$dir/two" "$dir" --build-arg N=2 --cache-from "type=local,src=$dir/home,mounts=true" \
			--cache-to "type=local,dest=$dir/home,mounts=true"
		says '/c/d/1 640 0:0'
		build_as "$kind" "$dir/three" "$dir" --isolation "$isolation" --build-arg N=3 --cache-from "type=local,src=$dir/home,mounts=true"
		says '/c/d/1 640 0:0'
		says '/c/d/2 640 0:0'
		[ -z "$(leftovers "$dir/three")" ]
	done
}

@test "what is damaged, gone or a lie is a warning and an empty mount, and mended by the next export" {
	local n=0 file record chunk list good=$BATS_TEST_TMPDIR/good
	succeeds build one --cache-to "$(to)"
	cp -r "$HOMEDIR" "$good"
	record=$(echo "$good"/mounts/*)
	list=$(jq -r .list.digest "$record" | cut -d: -f2)
	# the largest blob that is not the base's
	chunk=$(find "$good/blobs" -type f -size +200k -printf '%s %f\n' | sort -n | tail -n 1 | cut -d' ' -f2)
	for what in flip:chunk cut:chunk gone:chunk flip:list gone:list tree:record json:record other:record; do
		n=$((n + 1))
		rm -rf "$HOMEDIR"
		cp -r "$good" "$HOMEDIR"
		case ${what#*:} in
		chunk) file=$HOMEDIR/blobs/sha256/$chunk ;;
		list) file=$HOMEDIR/blobs/sha256/$list ;;
		record) file=$(echo "$HOMEDIR"/mounts/*) ;;
		esac
		case ${what%:*} in
		flip) printf x | dd of="$file" bs=1 seek=1000 conv=notrunc status=none ;;
		cut) truncate -s 1000 "$file" ;;
		gone) rm "$file" ;;
		tree) sed -i 's/"tree":"sha256:[0-9a-f]\{8\}/"tree":"sha256:00000000/' "$file" ;;
		json) echo '{"version":1' >"$file" ;;
		other) sed -i 's/"id":"[^"]*"/"id":"\/other"/' "$file" ;;
		esac
		[ "$what" != flip:list ] || printf '\xff' | dd of="$file" bs=1 seek=20 conv=notrunc status=none
		succeeds build "bad$n" --cache-from "$(from)" --no-cache-filter 0 --cache-to "$(to)"
		compiled 20
		says "local cache '$HOMEDIR'"
		grep -qi warning <<<"$stderr" || explain "$what: no warning"
		says_not 'was not exported'
		succeeds rebuild "mended$n" --cache-from "$(from)"
		compiled 0
		[ -z "$(leftovers "$BATS_TEST_TMPDIR/bad$n")" ] || explain "$(leftovers "$BATS_TEST_TMPDIR/bad$n")"
	done
}

@test "what another wrote under the name of a mount is not believed" {
	local a b
	succeeds build one --cache-to "$(to)"
	sed -i 's/id=cc/id=other/' Dockerfile
	succeeds build one --cache-to "$(to)"
	# Each record in the other's place.
	mapfile -t a < <(echo "$HOMEDIR"/mounts/* | tr ' ' '\n')
	equals 2 "${#a[@]}" "mounts"
	b=$(cat "${a[0]}")
	cat "${a[1]}" >"${a[0]}"
	echo "$b" >"${a[1]}"
	succeeds build two --cache-from "$(from)" --no-cache-filter 0
	says 'speaks of another'
	compiled 20
}

@test "more than the bounds allow is skipped with one warning" {
	succeeds build one --cache-to "$(to mounts-max-size=1m)"
	says "cache mount '/cc': it holds more than 1048576 bytes; mounts-max-size=1048576 is the bound"
	equals 1 "$(grep -ci 'warning:' <<<"$stderr")" "warnings"
	[ ! -e "$HOMEDIR/mounts" ]
	fails 1 'it holds more than 1048576 bytes' build one --no-cache --cache-to "$(to mounts-max-size=1m,ignore-error=false)"
	succeeds build one --no-cache --cache-to "$(to)"
	succeeds build two --cache-from "$(from mounts-max-size=1m)" --no-cache-filter 0
	compiled 20
	says 'more than mounts-max-size (1048576)'
	sleep_past_second
	succeeds build three --cache-from "$(from mounts-max-age=1s)" --no-cache-filter 0
	compiled 20
	says 'more than mounts-max-age (1)'
	succeeds build four --cache-from "$(from mounts-max-age=0s)" --no-cache-filter 0
	compiled 0
}

# A record as it would have been yesterday: its sum is over its fields.
aged() { # DOCUMENT
	local rest
	rest=$(jq -c --argjson at "$(($(date +%s) - 90000))" '.created = $at | del(.version, .sum)' <<<"$1")
	printf '{"version":1,%s,"sum":"sha256:%s"}' "$(sed 's/^{//; s/}$//' <<<"$rest")" \
		"$(printf %s "$rest" | sha256sum | cut -d' ' -f1)"
}

@test "a record that is a day old is made new, and chunks that are gone come back" {
	local record chunk old
	succeeds build one --cache-to "$(to)"
	record=$(echo "$HOMEDIR"/mounts/*)
	chunk=$(find "$HOMEDIR/blobs" -type f -size +200k -printf '%s %f\n' | sort -n | tail -n 1 | cut -d' ' -f2)
	rm "$HOMEDIR/blobs/sha256/$chunk"
	succeeds rebuild one --cache-to "$(to)"
	says unchanged
	[ ! -e "$HOMEDIR/blobs/sha256/$chunk" ]
	old=$(aged "$(cat "$record")")
	echo "$old" >"$record"
	succeeds rebuild one --cache-to "$(to)"
	[ -e "$HOMEDIR/blobs/sha256/$chunk" ]
	[ "$(jq .created "$record")" -gt $(($(date +%s) - 1000)) ]
	succeeds rebuild two --cache-from "$(from)"
	compiled 0
}

@test "in a registry, which keeps what a manifest names, an old record costs two requests more" {
	local url manifest document type=application/vnd.oci.image.manifest.v1+json
	succeeds build one --cache-to "type=registry,ref=$CACHE,mounts=true"
	url=$(skopeo list-tags --tls-verify=false "docker://$CACHE" | jq -r '.Tags[]' | grep '^kiln-mount-')
	url=http://$REGISTRY/v2/mounts$BATS_TEST_NUMBER/manifests/$url
	manifest=$(curl -sf -H "Accept: $type" "$url")
	document=$(aged "$(jq -r '.annotations["dev.kiln.cache.mount"]' <<<"$manifest")")
	jq --arg document "$document" '.annotations["dev.kiln.cache.mount"] = $document' <<<"$manifest" |
		curl -sf -X PUT -H "Content-Type: $type" --data-binary @- "$url"
	requests_forget
	succeeds rebuild one --cache-to "type=registry,ref=$CACHE,mounts=true"
	says unchanged
	equals 1 "$(requests PUT kiln-mount-)" "records written"
	equals 1 "$(requests GET 'blobs/')" "lists read"
	requests_forget
	succeeds rebuild one --cache-to "type=registry,ref=$CACHE,mounts=true"
	equals 0 "$(requests PUT kiln-mount-)" "records written"
	succeeds rebuild two --cache-from "type=registry,ref=$CACHE,mounts=true"
	compiled 0
}

@test "a mount that is here is not overwritten" {
	succeeds build one --cache-to "$(to)"
	succeeds build two
	echo x >src/f1
	succeeds build two --cache-from "$(from)"
	says_not 'files from'
	compiled 1
	# One that is empty is as good as none.
	printf 'FROM %s\nRUN --mount=type=cache,target=/cc,id=cc true\n' "$BASE" >Empty
	succeeds build three -f Empty
	succeeds build three --cache-from "$(from)"
	says 'files from'
	compiled 1
}

@test "steps that share a mount bring it once, whatever the sharing" {
	local sharing
	succeeds build one --cache-to "$(to)"
	for sharing in shared locked private; do
		{
			for i in 1 2 3; do
				echo "FROM $BASE AS s$i"
				echo "RUN --mount=type=cache,target=/cc,id=cc,sharing=$sharing echo $i $sharing; ls /cc | wc -l | tee /n"
			done
			echo "FROM $BASE"
			for i in 1 2 3; do echo "COPY --from=s$i /n /n$i"; done
		} >Dockerfile
		succeeds build "$sharing" --cache-from "$(from)" --cache-to "$(to)" -o "type=local,dest=$BATS_TEST_TMPDIR/out" \
			--no-cache-filter s1,s2,s3
		equals 20 "$(cat "$BATS_TEST_TMPDIR/out/n1")"
		[ "$sharing" = private ] || equals 1 "$(grep -c 'files from' <<<"$stderr")" "imports"
		says_not 'was not exported'
		rm -rf "$BATS_TEST_TMPDIR/out"
	done
	succeeds build again --cache-from "$(from)" --no-cache-filter s1,s2,s3
	says 'files from'
	says_not 'warning'
}

@test "a mount that another build's step has is left alone, after ten seconds" {
	printf 'FROM %s\nRUN --mount=type=cache,target=/cc,id=cc echo is""in; until [ -e /cc/go ]; do sleep 0.05; done\n' "$BASE" >Holds
	KILN_ROOT=$BATS_TEST_TMPDIR/one "$KILN" build --progress plain -f Holds . >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- 4>&- &
	PIDS=$!
	timeout 60 bash -c "until grep -q isin '$BATS_TEST_TMPDIR/log'; do sleep 0.05; done"
	succeeds build one --cache-to "$(to)"
	compiled 20
	says "cache mount '/cc': another build has it; it was not exported"
	[ ! -e "$HOMEDIR/mounts" ]
	touch "$(echo "$BATS_TEST_TMPDIR"/one/mounts/*/tree)/go"
	wait "$PIDS"
	PIDS=
	succeeds rebuild one --cache-to "$(to)"
	says 'chunks were new'
}

@test "what from and source say is there where no home has the mount" {
	cat >Dockerfile <<-END
		FROM $BASE AS seed
		RUN mkdir /s && echo seed >/s/seed
		FROM $BASE
		ARG N
		RUN --mount=type=cache,target=/c,from=seed,source=/s cat /c/*; echo \$N >/c/n\$N
	END
	succeeds build one --build-arg N=1 --cache-from "$(from)" --cache-to "$(to)"
	says ' seed'
	succeeds build two --build-arg N=2 --cache-from "$(from)"
	grep -qE '^#[0-9]+ [0-9.]+ 1$' <<<"$stderr"
}

@test "two exporters at once, and one that is killed, leave a home that is whole" {
	local one two delay
	succeeds build first --cache-to "type=registry,ref=$CACHE,mounts=true"
	for i in 1 2; do
		cp -r "$BATS_TEST_TMPDIR/context" "$BATS_TEST_TMPDIR/context$i"
		echo "other $i" >"$BATS_TEST_TMPDIR/context$i/src/f1"
	done
	for i in 1 2; do
		(cd "$BATS_TEST_TMPDIR/context$i" && build "both$i" --cache-to "type=registry,ref=$CACHE,mounts=true") \
			>"$BATS_TEST_TMPDIR/log$i" 2>&1 3>&- 4>&- &
		[ "$i" = 1 ] && one=$! || two=$!
	done
	wait "$one"
	wait "$two"
	equals '' "$(grep -h 'was not exported' "$BATS_TEST_TMPDIR"/log?)"
	succeeds build after --cache-from "type=registry,ref=$CACHE,mounts=true" --no-cache-filter 0
	says 'files from registry cache'
	says_not warning
	# Killed at several moments of an upload.
	for delay in 0 1 2; do
		echo "killed $delay" >src/f2
		faults 'PUT blobs/uploads delay=300' "* blobs/uploads skip=$delay delay=100"
		requests_forget
		KILN_ROOT=$BATS_TEST_TMPDIR/killed$delay "$KILN" build --progress plain \
			--cache-to "type=registry,ref=$CACHE,mounts=true" . >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- 4>&- &
		PIDS=$!
		timeout 60 bash -c "until grep -q 'exporting cache mounts' '$BATS_TEST_TMPDIR/log'; do sleep 0.05; done"
		timeout 60 bash -c "until [ \$(grep -c 'POST .*uploads' '$PROXY_LOG') -gt $delay ]; do sleep 0.05; done"
		kill -9 "$PIDS"
		wait "$PIDS" || true
		PIDS=
		faults
		succeeds build "after$delay" --cache-from "type=registry,ref=$CACHE,mounts=true" --no-cache-filter 0
		says 'files from registry cache'
		says_not warning
	done
}

@test "who is killed while it brings a mount leaves none, and the next brings it" {
	succeeds build one --cache-to "type=registry,ref=$CACHE,mounts=true"
	faults 'GET blobs/ skip=1 hang'
	requests_forget
	KILN_ROOT=$BATS_TEST_TMPDIR/two "$KILN" build --progress plain --no-cache-filter 0 \
		--cache-from "type=registry,ref=$CACHE,mounts=true" . >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- 4>&- &
	PIDS=$!
	timeout 60 bash -c "until grep -q 'GET .*blobs/.* hang' '$PROXY_LOG'; do sleep 0.05; done"
	kill -9 "$PIDS"
	wait "$PIDS" || true
	PIDS=
	faults
	equals '' "$(ls "$BATS_TEST_TMPDIR/two/mounts" 2>/dev/null)" "mounts"
	succeeds rebuild two --cache-from "type=registry,ref=$CACHE,mounts=true"
	says 'files from'
	compiled 0
	equals '' "$(leftovers "$BATS_TEST_TMPDIR/two")" "leftovers"
}

@test "a home that refuses is a warning, and an error where ignore-error=false" {
	faults 'PUT /manifests/kiln-mount status=403'
	succeeds build one --cache-to "type=registry,ref=$CACHE,mounts=true"
	says "cache mount '/cc': "
	says 'it was not exported'
	echo x >src/f1
	fails 1 'export cache mounts to registry cache' build one --cache-to "type=registry,ref=$CACHE,mounts=true,ignore-error=false"
	faults 'GET /manifests/kiln-mount status=500'
	succeeds rebuild two --cache-from "type=registry,ref=$CACHE,mounts=true"
	says 'goes on without it'
	compiled 20
}

@test "a disk that is full costs the mount, not the build" {
	local store
	need_root
	store=$(store_tmpfs 20m) || skip "no tmpfs here"
	printf 'FROM %s\nRUN --mount=type=cache,target=/cc,id=cc echo there: $(ls /cc | wc -l)\n' "$BASE" >Small
	for i in $(seq 21 60); do echo "$i" >"src/f$i"; done
	succeeds build one --cache-to "$(to)"
	KILN_ROOT=$store/s succeeds kiln build --progress plain -f Small --cache-from "$(from)" .
	says 'No space left on device'
	says 'it begins without'
	says ' there: 0'
	equals "" "$(leftovers "$store/s" | grep -v "$store tmpfs" || true)" leftovers
	# Chunks are packed into the store before they are sent.
	printf 'FROM %s\nRUN --mount=type=cache,target=/big head -c 11000000 /dev/urandom >/big/x\n' "$BASE" >Big
	KILN_ROOT=$store/s succeeds kiln build --progress plain -f Big --cache-to "$(to tag=x)" .
	says 'it was not exported'
	equals 1 "$(find "$HOMEDIR/mounts" -type f | wc -l)" "mounts in the home"
}

@test "a directory that cannot be written is a warning" {
	local kind dir
	for kind in $(each_user); do
		dir=$(user_dir "$kind")/readonly
		as_user "$kind" mkdir -p "$dir"
		as_user "$kind" tee "$dir/Dockerfile" >/dev/null <<-END
			FROM $BASE
			RUN --mount=type=cache,target=/c echo x >/c/x
		END
		build_as "$kind" "$dir/store" "$dir" --cache-to "type=local,dest=/proc/home,mounts=true"
		says 'the cache was not exported'
		fails 1 'export the cache' kiln_as "$kind" build --progress plain --root "$dir/store" --no-cache \
			--cache-to "type=local,dest=/proc/home,mounts=true,ignore-error=false" "$dir"
	done
}

@test "options that cannot be are refused by name before anything is done" {
	fails 2 "an image has no place for cache mounts" build x --cache-to type=inline,mounts=true
	fails 2 "type=gha has no cache mounts" build x --cache-to type=gha,token=t,url_v2=http://localhost,mounts=true
	fails 2 "'mounts' is neither true nor false" build x --cache-to "type=local,dest=$HOMEDIR,mounts=yes!"
	fails 2 "mounts-max-size bounds what mounts=true brings" build x --cache-to "type=local,dest=$HOMEDIR,mounts-max-size=1g"
	fails 2 "between 1 byte and 8 GiB" build x --cache-to "$(to mounts-max-size=17g)"
	fails 2 "between 1 byte and 8 GiB" build x --cache-from "$(from mounts-max-size=0)"
	fails 2 "key 'mounts-max-age' is not there" build x --cache-to "$(to mounts-max-age=1h)"
	fails 2 "mounts-max-age" build x --cache-from "$(from mounts-max-age=-1h)"
	[ ! -e "$BATS_TEST_TMPDIR/x" ]
}
