#!/usr/bin/env bats
# Several --output at once, and --annotation.
load ../lib/kiln

setup() {
	context
	printf 'one\n' >file
	printf '%s\n' 'FROM scratch AS x' 'COPY file /file' 'LABEL a=b' >Dockerfile
}

teardown() {
	kiln_teardown
}

manifest_of() { # LAYOUT: the manifest's text
	local digest
	digest=$(jq -r '.manifests[0].digest' "$1/index.json")
	cat "$1/blobs/${digest/://}"
}

@test "one build, every output: the same image everywhere" {
	registry_start plain
	succeeds kiln build -t "$REGISTRY/app:1" --insecure-registry "$REGISTRY" --push --load \
		-o type=oci,dest=../app.tar -o type=oci,dest=../layout,tar=false -o type=docker,dest=../docker.tar \
		-o type=tar,dest=../files.tar -o type=local,dest=../files .
	local id=$output
	mkdir ../unpacked
	tar -C ../unpacked -xf ../app.tar
	equals "$(manifest_of ../layout)" "$(manifest_of ../unpacked)" 'archive and layout'
	equals "$id" "$(manifest_of ../layout | jq -r .config.digest)" 'image ID'
	equals "${id#sha256:}" "$(tar -xOf ../docker.tar manifest.json | jq -r '.[0].Config' | xargs basename)" docker
	equals one "$(cat ../files/file)" local
	equals one "$(tar -xOf ../files.tar file)" tar
	registry_get "$REGISTRY/app:1" ../pulled
	equals "$id" "$(manifest_of ../pulled | jq -r .config.digest)" registry
	succeeds kiln inspect -f '{{.ID}}' "$REGISTRY/app:1"
	equals "$id" "$output" store
}

@test "type=cacheonly runs the steps for the cache, and gives nothing out" {
	context
	image busybox >/dev/null
	printf '%s\n' "FROM $(image_ref busybox) AS x" 'COPY file /file' 'RUN date +%N >/when' >Dockerfile
	succeeds kiln build -t app --output type=cacheonly --metadata-file ../m.json .
	equals '' "$output" 'no image, no ID'
	equals '{}' "$(jq -c . ../m.json)"
	succeeds kiln images -q
	equals '' "$output" 'nothing is tagged'
	succeeds kiln build --progress plain -o type=local,dest=../files .
	# shellcheck disable=SC2154 # what the command said
	grep -A1 'x 3/3' <<<"$stderr" | grep -q CACHED || explain 'the step runs again'
	fails 1 'makes no image' kiln build -o type=cacheonly --iidfile ../id .
	fails 2 'takes no dest' kiln build -o type=cacheonly,dest=../x .
}

@test "a build argument and a label have a name" {
	for option in --build-arg --label; do
		fails 2 'invalid key-value pair "=x": empty key' kiln build "$option" =x .
	done
}

@test "two outputs never share a place" {
	fails 2 "two outputs go to '../x.tar'" kiln build -o type=oci,dest=../x.tar -o type=tar,dest=../x.tar .
	fails 2 'two outputs go to standard output' kiln build -o type=tar -o type=oci .
	[ ! -e ../x.tar ]
}

@test "each name of an output is an entry of the index: archives, layouts, several platforms" {
	local names='{"io.containerd.image.name":"docker.io/library/a:1","org.opencontainers.image.ref.name":"1"}
{"io.containerd.image.name":"docker.io/library/b:1","org.opencontainers.image.ref.name":"1"}
{"io.containerd.image.name":"localhost:5000/c:latest","org.opencontainers.image.ref.name":"latest"}'
	succeeds kiln build -t skipped -o 'type=oci,dest=../a.tar,"name=a:1,b:1,localhost:5000/c,a:1"' \
		-o 'type=docker,dest=../d.tar,"name=a:1,b:1,localhost:5000/c"' \
		-o 'type=oci,dest=../l,tar=false,"name=a:1,b:1,localhost:5000/c"' .
	equals "$names" "$(tar -xOf ../a.tar index.json | jq -cS '.manifests[].annotations')" archive
	equals "$names" "$(tar -xOf ../d.tar index.json | jq -cS '.manifests[].annotations')" "docker's"
	equals "$names" "$(jq -cS '.manifests[].annotations' ../l/index.json)" layout
	equals 1 "$(jq -r '.manifests[].digest' ../l/index.json | sort -u | wc -l)" images
	valid_image ../l
	# Another image takes over the one name it has, and no other.
	succeeds kiln build --label x=y -o type=oci,dest=../l,tar=false,name=b:1 .
	# shellcheck disable=SC2001 # a line of several
	equals "$(sed 's/^\(.*b:1.*\)$/\1 new/' <<<"$names" | sort)" "$(jq -rcS --arg old "$(tar -xOf ../a.tar index.json | jq -r '.manifests[0].digest')" \
		'.manifests[] | (.annotations | tojson) + (if .digest == $old then "" else " new" end)' ../l/index.json | sort)"
	succeeds kiln build --platform linux/amd64,linux/arm64 -o 'type=oci,dest=../m.tar,"name=a:1,b:1"' .
	equals "$(head -n 2 <<<"$names")" "$(tar -xOf ../m.tar index.json | jq -cS '.manifests[].annotations')" platforms
}

@test "--annotation goes into the manifest, and with manifest-descriptor into the layout's index" {
	succeeds kiln build -o type=oci,dest=../layout,tar=false --annotation org.example:k=a=b \
		--annotation manifest:k=v --annotation 'manifest[linux/s390x]:other=1' \
		--annotation manifest,manifest-descriptor:both=1 --annotation both=2 .
	valid_image ../layout
	equals '{"both":"2","k":"v","org.example:k":"a=b"}' "$(manifest_of ../layout | jq -cS .annotations)"
	equals 1 "$(jq -r '.manifests[0].annotations.both' ../layout/index.json)" 'entry of the index'
}

@test "annotations of an output are the image's, after those of --annotation" {
	succeeds kiln build --annotation k=flag --annotation only=flag \
		-o 'type=oci,dest=../layout,tar=false,annotation.k=out,"annotation.list=a,b",annotation-manifest.m=1,annotation[linux/s390x].other=1,annotation-manifest-descriptor.d=2' .
	valid_image ../layout
	equals '{"k":"out","list":"a,b","m":"1","only":"flag"}' "$(manifest_of ../layout | jq -cS .annotations)"
	equals 2 "$(jq -r '.manifests[0].annotations.d' ../layout/index.json)" 'entry of the index'
	# All outputs are one image.
	succeeds kiln build -o type=oci,dest=../a.tar,annotation.k=1 -o type=image,annotation.k=1 -o type=tar,dest=../t.tar .
	fails 2 'two outputs want different annotations' kiln build -o type=oci,dest=../b.tar,annotation.k=1 -o type=image .
	fails 2 "unknown type 'indx'" kiln build -o type=image,annotation-indx.k=1 .
	fails 2 'is for type image' kiln build -o type=local,dest=../d,annotation.k=1 .
	fails 1 'an image of one platform has no index to annotate' kiln build -o type=image,annotation-index.k=1 .
	fails 1 "Docker's format has no annotations" kiln build -o type=image,oci-mediatypes=false,annotation.k=1 .
}

@test "what --annotation refuses" {
	fails 2 "unknown type 'manifst'" kiln build --annotation manifst:a=b .
	says "did you mean 'manifest'?"
	fails 2 'is not KEY=VALUE' kiln build --annotation manifest:a .
	fails 2 'has no key' kiln build --annotation =a .
	fails 2 'an index is of no platform' kiln build --annotation 'index[linux/amd64]:a=b' .
	fails 2 'a bracket is not closed' kiln build --annotation 'manifest[linux/amd64:a=b' .
	fails 1 'an image of one platform has no index to annotate' kiln build --annotation index:a=b .
	fails 1 "Docker's format has no annotations" kiln build --format docker --annotation a=b .
}

@test "an output that cannot be made is told before a step runs" {
	echo file >../file
	local dest
	for dest in type=local,dest=../file type=local,dest=../file/d type=oci,tar=false,dest=../file \
		type=oci,dest=../file/x.tar type=tar,dest=../missing/x.tar; do
		fails 1 "make the output '../" kiln build -o "$dest" .
		says_not "COPY file"
	done
	[ ! -e ../missing ]
}
