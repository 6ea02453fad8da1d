#!/usr/bin/env bats
# A cache that is away, refuses, is slow, half-written or lies: the build goes on with a warning and
# gives what it would give without.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # stderr is set by the library; bats runs tests in subshells
load ../lib/kiln

setup_file() {
	registry_start plain
	proxy_start "$REGISTRY"
	registry_put base busybox
	# What every test starts from: a cache with all steps of a Dockerfile, in a registry and a folder.
	export BASE=$PROXY/base MADE=$BATS_FILE_TMPDIR/made
	mkdir -p "$MADE/context"
	cd "$MADE/context" || return 1
	dockerfile >Dockerfile
	echo one >a
	KILN_ROOT=$MADE/store kiln build --progress quiet --cache-to "type=registry,ref=$PROXY/cache,mode=max" \
		--cache-to "type=local,dest=$MADE/local,mode=max" -t x .
}

teardown_file() {
	kiln_teardown
}

dockerfile() {
	printf 'FROM %s\nRUN echo first >/first\nRUN echo second >/second\nCOPY a /a\nRUN cat /first /second /a >/all\n' "$BASE"
}

setup() {
	context
	dockerfile >Dockerfile
	echo two >a # so that the last two steps run, on layers of the cache
	LOCAL=$BATS_TEST_TMPDIR/local
	cp -r "$MADE/local" "$LOCAL"
	faults
}

build() {
	kiln build --progress plain "$@" -o "type=local,dest=$BATS_TEST_TMPDIR/out" .
}

right() {
	equals $'first\nsecond\ntwo' "$(cat "$BATS_TEST_TMPDIR/out/all")" "/all"
}

cached() {
	awk '/^#[0-9]+ \[[^]]+ [0-9]+\/[0-9]+\] (RUN|COPY)/ { name[$1] = 1 } /^#[0-9]+ CACHED$/ { n += name[$1] }
		END { print n + 0 }' <<<"$stderr"
}

@test "nothing wrong: two steps from the cache" {
	succeeds build --cache-from "$PROXY/cache"
	right
	equals 2 "$(cached)"
	says_not warning
	succeeds build --no-cache --cache-from "$PROXY/cache"
	equals 0 "$(cached)"
}

@test "an index that is cut, garbage, too large, nested without end or of another kind" {
	local rule n=0
	head -c 5000000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
	printf '{"schemaVersion":2,"annotations":' >"$BATS_TEST_TMPDIR/deep"
	head -c 100000 /dev/zero | tr '\0' '[' >>"$BATS_TEST_TMPDIR/deep"
	echo '{"schemaVersion":2,"annotations":{"dev.kiln.cache":"{\"version\":1,\"steps\":[]}"}}' >"$BATS_TEST_TMPDIR/bare"
	for rule in short=300 corrupt=700 "body=$BATS_TEST_TMPDIR/large" "body=$BATS_TEST_TMPDIR/deep" \
		"body=$BATS_TEST_TMPDIR/bare" body=/bin/true; do
		n=$((n + 1))
		faults "GET /cache/manifests/ $rule"
		KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds build --cache-from "$PROXY/cache"
		says "registry cache '$PROXY/cache:"
		equals 0 "$(cached)" "$rule"
		right
	done
}

@test "a home that is away, refuses or hangs is told of once" {
	local rule began
	succeeds build --cache-from 127.0.0.1:1/cache --cache-to type=registry,ref=127.0.0.1:1/cache
	right
	says "registry cache '127.0.0.1:1/cache"
	equals 1 "$(grep -c 'goes on without it' <<<"$stderr")" "warnings"
	says 'the cache was not exported'
	for rule in status=401 status=403 'status=429 retry-after=3600' 'status=429 retry-after=20' status=500 hang; do
		faults "GET /cache/manifests/ $rule"
		began=$(date +%s)
		KILN_ROOT=$BATS_TEST_TMPDIR/$rule succeeds build --cache-from "$PROXY/cache" --cache-timeout 300ms
		right
		equals 1 "$(grep -c 'goes on without it' <<<"$stderr")" "warnings of $rule"
		# Nobody waits for a cache, whatever it asks for.
		[ $(($(date +%s) - began)) -lt 15 ] || explain "$rule: $(($(date +%s) - began)) s"
	done
	# Nor is written to who did not answer: each try would wait for its minute.
	faults '* /cache/ hang'
	requests_forget
	KILN_ROOT=$BATS_TEST_TMPDIR/hang succeeds build --cache-to "type=registry,ref=$PROXY/cache" --cache-timeout 300ms
	says 'it did not answer when the build began; the cache was not exported'
	right
	KILN_ROOT=$BATS_TEST_TMPDIR/hang fails 1 'it did not answer when the build began' \
		build --cache-to "type=registry,ref=$PROXY/cache,ignore-error=false" --cache-timeout 300ms
	equals 0 "$(($(requests POST /cache/) + $(requests PUT /cache/)))" "writes"
}

@test "a home that hangs while it is written costs ten seconds, not the build" {
	local began
	# Six times --cache-timeout, but ten seconds at least; nobody is asked again.
	faults 'POST /uploads/blobs/ hang' 'PUT /documents/manifests/ hang'
	began=$(date +%s)
	fails 1 "export the cache to registry cache '$PROXY/documents" build --cache-timeout 1s \
		--cache-to "type=registry,ref=$PROXY/uploads,mode=max" \
		--cache-to "type=registry,ref=$PROXY/documents,mode=max,ignore-error=false"
	[ $(($(date +%s) - began)) -lt 45 ] || explain "$(($(date +%s) - began)) s"
	says "registry cache '$PROXY/uploads"
	says 'Operation too slow'
	equals 1 "$(grep -c 'the cache was not exported' <<<"$stderr")" 'warnings'
	right
}

@test "a home that cannot be written: a warning, or an error with ignore-error=false" {
	local rule
	for rule in status=405 status=403; do
		faults "PUT /new/manifests/ $rule"
		KILN_ROOT=$BATS_TEST_TMPDIR/$rule succeeds build --cache-to "type=registry,ref=$PROXY/new"
		says 'the cache was not exported'
		KILN_ROOT=$BATS_TEST_TMPDIR/$rule fails 1 'export the cache' \
			build --cache-to "type=registry,ref=$PROXY/new,ignore-error=false"
		right
	done
	: >"$BATS_TEST_TMPDIR/file"
	succeeds build --cache-to "type=local,dest=$BATS_TEST_TMPDIR/file/below"
	says 'the cache was not exported'
	succeeds build --cache-from "type=local,src=$BATS_TEST_TMPDIR/nowhere"
	says_not warning
}

@test "a folder on a file system that can only be read: read, and a warning where it would be written" {
	need_root
	local folder
	folder=$(store_tmpfs 16M)
	cp -r "$LOCAL" "$folder/local"
	mount -o remount,ro "$folder"
	local home="type=local,src=$folder/local" to="type=local,dest=$folder/local,mode=max"
	KILN_ROOT=$BATS_TEST_TMPDIR/read succeeds build --cache-from "$home" --cache-to "$to"
	right
	equals 2 "$(cached)"
	says 'Read-only file system; the cache was not exported'
	KILN_ROOT=$BATS_TEST_TMPDIR/read fails 1 'Read-only file system' build --cache-to "$to,ignore-error=false"
	KILN_ROOT=$BATS_TEST_TMPDIR/read succeeds build --cache-to "type=local,dest=$folder/new"
	says "make directory '$folder/new': Read-only file system; the cache was not exported"
	# Nothing is written to a home that has all of it already.
	echo one >a
	KILN_ROOT=$BATS_TEST_TMPDIR/same succeeds build --cache-from "$home" --cache-to "$to,ignore-error=false"
	equals 4 "$(cached)"
	says_not 'warning'
}

@test "pipes in the place of files, into which nobody writes" {
	local folder file
	for folder in index blobs/sha256; do
		rm -rf "$LOCAL"
		cp -r "$MADE/local" "$LOCAL"
		for file in "$LOCAL/$folder"/*; do
			rm "$file"
			mkfifo "$file"
		done
		KILN_ROOT=$BATS_TEST_TMPDIR/${folder%/*} succeeds timeout 60 "$KILN" build --progress plain \
			--cache-from "type=local,src=$LOCAL" -o "type=local,dest=$BATS_TEST_TMPDIR/out" .
		says "' is no file"
		right
	done
}

@test "a registry that mounts nothing is sent the bytes" {
	faults 'POST mount= status=405'
	succeeds kiln build --progress plain --cache-from "$PROXY/cache" \
		--cache-to "type=registry,ref=$PROXY/elsewhere,mode=max" -t "$PROXY/unmounted:1" --push .
	says_not 'was not exported'
	faults
	KILN_ROOT=$BATS_TEST_TMPDIR/other succeeds build --cache-from "$PROXY/elsewhere"
	equals 4 "$(cached)"
	right
}

# Change the documents of the local cache; the sum is made to fit again.
forge() { # PYTHON
	python3 - "$LOCAL" "$1" <<-'END'
		import glob, hashlib, json, sys
		for path in glob.glob(sys.argv[1] + '/index/*') + glob.glob(sys.argv[1] + '/steps/*'):
		    document = json.load(open(path))
		    steps = document['steps']
		    layers = [step for step in steps if step['kind'] == 'layer']
		    exec(sys.argv[2])
		    text = json.dumps({'steps': steps}, separators=(',', ':'), ensure_ascii=False)
		    document['sum'] = 'sha256:' + hashlib.sha256(text.encode()).hexdigest()
		    json.dump(document, open(path, 'w'), separators=(',', ':'), ensure_ascii=False)
	END
}

@test "records that lie about layers: the steps run, and the image is right" {
	local lie n=0
	for lie in 'for s in layers: s["diffID"] = "sha256:" + "1" * 64' \
		'for s in layers: s["blob"]["size"] += 1' \
		'for s in layers: s["blob"]["digest"] = "sha256:" + "2" * 64' \
		'for s in layers: s["blob"]["digest"], s["blob"]["size"] = layers[-1]["blob"]["digest"], layers[-1]["blob"]["size"]'; do
		n=$((n + 1))
		rm -rf "$LOCAL"
		cp -r "$MADE/local" "$LOCAL"
		forge "$lie"
		KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds build --cache-from "type=local,src=$LOCAL"
		says 'the step runs again'
		right
	done
}

# The same in a repository: its index, in which manifests' own lists of layers stay as they are.
forge_registry() { # REPOSITORY:TAG PYTHON
	python3 - "http://$REGISTRY/v2/${1%:*}/manifests/${1##*:}" "$2" <<-'END'
		import hashlib, json, sys, urllib.request
		kind = {'Accept': 'application/vnd.oci.image.manifest.v1+json'}
		manifest = json.load(urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=kind)))
		steps = json.loads(manifest['annotations']['dev.kiln.cache'])['steps']
		layers = [step for step in steps if step['kind'] == 'layer']
		exec(sys.argv[2])
		text = json.dumps({'steps': steps}, separators=(',', ':'), ensure_ascii=False)
		document = {'version': 1, 'sum': 'sha256:' + hashlib.sha256(text.encode()).hexdigest(), 'steps': steps}
		manifest['annotations']['dev.kiln.cache'] = json.dumps(document, separators=(',', ':'), ensure_ascii=False)
		urllib.request.urlopen(urllib.request.Request(sys.argv[1], json.dumps(manifest).encode(), method='PUT',
		    headers={'Content-Type': kind['Accept']}))
	END
}

pushed_is_right() { # NAME
	rm -rf "$BATS_TEST_TMPDIR/got"
	registry_get "$1" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
	capture tree_of "$BATS_TEST_TMPDIR/got"
	says '/all size=17'
}

@test "a record that lies about a size is found by who mounts the layer unread" {
	local to n=0
	echo one >a
	succeeds kiln build -q --cache-to "type=registry,ref=$PROXY/sizes:main,mode=max" -t x .
	forge_registry sizes:main 'layers[0]["blob"]["size"] += 1; layers[-1]["blob"]["size"] -= 1'
	# Another repository of the host; the same; another host by its name, which has the layers by now.
	for to in "$PROXY/elsewhere-sizes:1" "$PROXY/sizes:1" "$REGISTRY/sizes:1"; do
		n=$((n + 1))
		requests_forget
		KILN_ROOT=$BATS_TEST_TMPDIR/sizes$n succeeds kiln build --progress plain \
			--cache-from "$PROXY/sizes:main" -t "$to" --push .
		says 'that are said of it; the step runs again'
		pushed_is_right "$to"
	done
	# From a home that mounts nothing, into a repository that has the layers.
	forge 'for s in layers: s["blob"]["size"] += 1'
	KILN_ROOT=$BATS_TEST_TMPDIR/local-sizes succeeds kiln build --progress plain --cache-from "type=local,src=$LOCAL" \
		-t "$PROXY/sizes:2" --push .
	says 'the step runs again'
	pushed_is_right "$PROXY/sizes:2"
	# Of an honest one each is asked once, while it is mounted; a registry that does not tell is believed.
	requests_forget
	KILN_ROOT=$BATS_TEST_TMPDIR/honest succeeds kiln build --progress plain --cache-from "$PROXY/cache" -t "$PROXY/honest:1" --push .
	says_not 'warning'
	equals 4 "$(requests HEAD '/cache/blobs/')" "sizes asked for"
	faults 'HEAD /cache/blobs/ status=405'
	KILN_ROOT=$BATS_TEST_TMPDIR/silent succeeds kiln build --progress plain --cache-from "$PROXY/cache" -t "$PROXY/silent:1" --push .
	says_not 'warning'
	equals 1 "$(requests PUT '/silent/blobs/uploads/')" "uploads: the config"
	pushed_is_right "$PROXY/silent:1"
}

@test "a record that lies about a layer which another image of the build has, too" {
	local how n=0
	printf 'FROM scratch\nCOPY a /a\nCOPY a /all\n' >Dockerfile
	export SOURCE_DATE_EPOCH=1
	succeeds kiln build -q --platform linux/amd64,linux/arm64 \
		--cache-to "type=registry,ref=$PROXY/twice:main,mode=max,ignore-error=false" -o "type=oci,dest=$BATS_TEST_TMPDIR/wanted.tar" .
	forge_registry twice:main 'layers[0]["blob"]["size"] += 1'
	for how in "-t $PROXY/two:1 --push" "-o type=oci,dest=$BATS_TEST_TMPDIR/two.tar" "-t two"; do
		n=$((n + 1))
		# shellcheck disable=SC2086 # options of one word each
		KILN_ROOT=$BATS_TEST_TMPDIR/two$n succeeds kiln build --progress plain --platform linux/amd64,linux/arm64 \
			--cache-from "$PROXY/twice:main" $how .
		says 'the step runs again'
	done
	cmp "$BATS_TEST_TMPDIR/wanted.tar" "$BATS_TEST_TMPDIR/two.tar"
	registry_get "$PROXY/two:1" "$BATS_TEST_TMPDIR/two" --all
	valid_image "$BATS_TEST_TMPDIR/two"
}

@test "a layer that is handed on and not unpacked is what its record says, diffID and compression too" {
	local lie how n=0
	echo one >a
	# shellcheck disable=SC2086 # options of one word each
	for lie in 'for s in layers: s["diffID"] = "sha256:" + "1" * 64' \
		'if len(layers) > 1: layers[0]["diffID"], layers[1]["diffID"] = layers[1]["diffID"], layers[0]["diffID"]' \
		'for s in layers: s["blob"]["size"] += 1'; do
		rm -rf "$LOCAL"
		cp -r "$MADE/local" "$LOCAL"
		forge "$lie"
		for how in "-t x" "-o type=oci,dest=$BATS_TEST_TMPDIR/x.tar" "-t $PROXY/passed:1 --push"; do
			n=$((n + 1))
			how=${how/passed/passed$n}
			KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds kiln build --progress plain \
				--cache-from "type=local,src=$LOCAL" $how .
			says 'the step runs again'
			case $how in
			*--push) pushed_is_right "$PROXY/passed$n:1" ;;
			*oci*) valid_image "$BATS_TEST_TMPDIR/x.tar" ;;
			*)
				KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds kiln image copy x "oci-archive:$BATS_TEST_TMPDIR/y$n.tar"
				valid_image "$BATS_TEST_TMPDIR/y$n.tar"
				;;
			esac
		done
	done
	# Taken as it is for an image of zstd's; and written anew for one, whatever is said of it.
	for lie in 's["compression"] = "zstd"' 's["diffID"] = "sha256:" + "1" * 64'; do
		n=$((n + 1))
		rm -rf "$LOCAL"
		cp -r "$MADE/local" "$LOCAL"
		forge "for s in layers: $lie"
		KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds kiln build --progress plain --cache-from "type=local,src=$LOCAL" \
			-o "type=oci,dest=$BATS_TEST_TMPDIR/z.tar,compression=zstd" .
		valid_image "$BATS_TEST_TMPDIR/z.tar"
		[[ $lie != *compression* ]] || says 'compressed in another way'
	done
}

@test "tables of contents that lie: the layer is read instead" {
	local lie give n=0
	give=$(printf '%s\n' 'def give(name):' " data = open('$BATS_TEST_TMPDIR/' + name, 'rb').read()" \
		" digest = hashlib.sha256(data).hexdigest()" " open('$LOCAL/blobs/sha256/' + digest, 'wb').write(data)" \
		" return {'digest': 'sha256:' + digest, 'size': len(data)}")
	printf 'FROM %s\nRUN mkdir -m 711 /d && echo f >/d/f\nCOPY a /d/\n' "$BASE" >Dockerfile
	echo one >a
	# A bomb of 300 MB in 10 KB, and what is no table.
	head -c 300000000 /dev/zero | zstd -q >"$BATS_TEST_TMPDIR/bomb"
	echo none >"$BATS_TEST_TMPDIR/text"
	rm -rf "$LOCAL"
	succeeds kiln build -q --cache-to "type=local,dest=$LOCAL,mode=max,ignore-error=false" -t x .
	mv "$LOCAL" "$LOCAL.made"
	echo two >a
	for lie in 'pass' 's["toc"]["size"] = 1 << 40' 's["toc"]["size"] += 1' 's["toc"]["digest"] = "sha256:" + "2" * 64' \
		's["toc"] = dict(s["blob"])' 's["toc"] = give("bomb")' 's["toc"] = give("text")'; do
		n=$((n + 1))
		rm -rf "$LOCAL"
		cp -r "$LOCAL.made" "$LOCAL"
		forge "$give"$'\n'"for s in layers: $lie"
		KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds kiln build --progress plain --cache-from "type=local,src=$LOCAL" \
			-o "type=oci,dest=$BATS_TEST_TMPDIR/got.tar" .
		# One that speaks of terabytes is no record at all.
		[[ $lie == *'<< 40'* ]] && says 'not used' || equals 1 "$(cached)" "$lie"
		valid_image "$BATS_TEST_TMPDIR/got.tar"
		equals 'dir 0711 0:0 /d' "$(tree_of "$BATS_TEST_TMPDIR/got.tar" | grep '/d$')" "$lie"
	done
}

@test "blobs that are damaged, cut or gone: the steps run" {
	local how n=0
	for how in 'truncate -s 50' 'rm' 'sh -c "tr 0-9 1-90 <\$0 >\$0.x; mv \$0.x \$0"'; do
		n=$((n + 1))
		rm -rf "$LOCAL"
		cp -r "$MADE/local" "$LOCAL"
		eval "for f in \"$LOCAL\"/blobs/sha256/*; do $how \"\$f\"; done"
		KILN_ROOT=$BATS_TEST_TMPDIR/store$n succeeds build --cache-from "type=local,src=$LOCAL"
		says 'the step runs again'
		right
	done
	# The same when nothing but the push needs them.
	echo one >a
	faults 'HEAD /cache/blobs/ status=404' 'GET /cache/blobs/ status=404' 'POST mount=.*from=cache status=404'
	KILN_ROOT=$BATS_TEST_TMPDIR/push succeeds kiln build --progress plain --cache-from "$PROXY/cache" \
		-t "$PROXY/pushed:1" --push .
	says 'the step runs again'
	faults
	registry_get "$PROXY/pushed:1" "$BATS_TEST_TMPDIR/got"
	valid_image "$BATS_TEST_TMPDIR/got"
}

@test "kill -9 while the cache is written leaves what can be read" {
	local i
	for i in 1 3 6; do
		rm -rf "$LOCAL"
		KILN_ROOT=$BATS_TEST_TMPDIR/kill$i kiln build --progress quiet --cache-to "type=local,dest=$LOCAL,mode=max" \
			-t x . >/dev/null 2>&1 3>&- &
		# Killed at the i-th file that appears.
		while kill -0 $! 2>/dev/null && [ "$(find "$LOCAL" -type f 2>/dev/null | wc -l)" -lt "$i" ]; do :; done
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		KILN_ROOT=$BATS_TEST_TMPDIR/after$i succeeds build --cache-from "type=local,src=$LOCAL" \
			--cache-to "type=local,dest=$LOCAL,mode=max"
		right
		says_not 'not used'
	done
	KILN_ROOT=$BATS_TEST_TMPDIR/last succeeds build --cache-from "type=local,src=$LOCAL"
	equals 4 "$(cached)"
}

@test "kill -9 while the cache is written to a registry leaves what can be read" {
	local i
	for i in 2 6 12; do
		requests_forget
		faults "* /killed$i/ delay=50"
		KILN_ROOT=$BATS_TEST_TMPDIR/kill$i "$KILN" build --progress quiet -t x \
			--cache-to "type=registry,ref=$PROXY/killed$i,mode=max" . >/dev/null 2>&1 3>&- 4>&- &
		# Killed after the i-th request of the cache.
		while kill -0 $! 2>/dev/null && [ "$(requests '*' "/killed$i/")" -lt "$i" ]; do :; done
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		faults
		KILN_ROOT=$BATS_TEST_TMPDIR/after$i succeeds build --cache-from "$PROXY/killed$i" \
			--cache-to "type=registry,ref=$PROXY/killed$i,mode=max,ignore-error=false"
		right
		says_not 'not used'
		KILN_ROOT=$BATS_TEST_TMPDIR/last$i succeeds build --cache-from "$PROXY/killed$i"
		equals 4 "$(cached)" "after $i requests"
	done
}

@test "one build writes to two homes, and two builds at once to both" {
	local i pids=()
	for i in 1 2; do
		KILN_ROOT=$BATS_TEST_TMPDIR/both$i "$KILN" build --progress plain -t x \
			--cache-to "type=registry,ref=$PROXY/both,mode=max,ignore-error=false" \
			--cache-to "type=local,dest=$BATS_TEST_TMPDIR/both,mode=max,ignore-error=false" \
			. >"$BATS_TEST_TMPDIR/log$i" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	for i in 1 2; do
		wait "${pids[i - 1]}" || explain "$(cat "$BATS_TEST_TMPDIR/log$i")"
	done
	KILN_ROOT=$BATS_TEST_TMPDIR/from-registry succeeds build --cache-from "$PROXY/both"
	equals 4 "$(cached)" "from the registry"
	KILN_ROOT=$BATS_TEST_TMPDIR/from-local succeeds build --cache-from "type=local,src=$BATS_TEST_TMPDIR/both"
	equals 4 "$(cached)" "from the folder"
	right
}
