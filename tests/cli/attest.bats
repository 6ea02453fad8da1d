#!/usr/bin/env bats
# Provenance: what is said of a result beside it. Images are read by skopeo, statements by jq.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # dollars are the Dockerfile's; bats runs tests in subshells
load ../lib/kiln

setup() {
	context
	printf 'one\n' >file
	cat >Dockerfile <<-'END'
		FROM scratch AS made
		ARG WHO=nobody
		COPY file /file
		FROM scratch
		COPY --from=made /file /out/file
		COPY <<-EOT /note
			text
		EOT
		LABEL a=b
	END
}

teardown() {
	kiln_teardown
}

blob() { # LAYOUT DIGEST
	cat "$1/blobs/${2/://}"
}

index_of() { # LAYOUT
	blob "$1" "$(jq -r '.manifests[0].digest' "$1/index.json")"
}

attestation_of() { # LAYOUT DIGEST-OF-IMAGE: the manifest of its attestations
	blob "$1" "$(index_of "$1" | jq -r --arg of "$2" '.manifests[]
		| select(.annotations."vnd.docker.reference.digest" == $of) | .digest')"
}

statement_of() { # LAYOUT DIGEST-OF-IMAGE
	blob "$1" "$(attestation_of "$1" "$2" | jq -r '.layers[0].digest')"
}

image_in() { # LAYOUT: the first image's digest
	index_of "$1" | jq -r '.manifests[0].digest'
}

@test "an image's index lists what is said of it, as BuildKit stores it" {
	succeeds kiln build -q -o type=oci,dest=plain,tar=false -t r.example/app:1 .
	local alone
	alone=$(jq -r '.manifests[0].digest' plain/index.json)
	succeeds kiln build -q --provenance=mode=max --build-arg WHO=me --label l=v -t r.example/app:1 \
		-o type=oci,dest=../layout,tar=false --metadata-file ../m.json .
	cd ..
	local image
	image=$(image_in layout)
	equals "linux amd64 unknown unknown" \
		"$(index_of layout | jq -r '.manifests[].platform | .os, .architecture' | xargs)"
	equals attestation-manifest "$(index_of layout | jq -r '.manifests[1].annotations."vnd.docker.reference.type"')"
	attestation_of layout "$image" >manifest
	equals application/vnd.in-toto+json "$(jq -r '.layers[].mediaType' manifest)"
	equals https://slsa.dev/provenance/v1 "$(jq -r '.layers[0].annotations."in-toto.io/predicate-type"' manifest)"
	blob layout "$(jq -r .config.digest manifest)" >config
	equals "$(jq -r '.layers[0].digest' manifest)" "$(jq -r '.rootfs.diff_ids[0]' config)"
	statement_of layout "$image" >s
	equals https://in-toto.io/Statement/v1 "$(jq -r ._type s)"
	equals "pkg:docker/r.example/app@1?platform=linux%2Famd64" "$(jq -r '.subject[].name' s)"
	equals "${image#sha256:}" "$(jq -r '.subject[].digest.sha256' s)"
	equals me "$(jq -r '.predicate.buildDefinition.externalParameters.request.args."build-arg:WHO"' s)"
	equals v "$(jq -r '.predicate.buildDefinition.externalParameters.request.args."label:l"' s)"
	equals "context dockerfile" "$(jq -r '.predicate.buildDefinition.externalParameters.request.locals[].name' s | xargs)"
	equals true "$(jq -r .predicate.runDetails.metadata.buildkit_completeness.request s)"
	equals false "$(jq -r .predicate.runDetails.metadata.buildkit_completeness.resolvedDependencies s)"
	diff context/Dockerfile <(jq -r '.predicate.runDetails.metadata.buildkit_metadata.source.infos[0].data' s | base64 -d)
	diff <(jq -S .predicate s) <(jq -S '."buildx.build.provenance"' m.json)
	# Asked for nothing, the image is alone, and always the same; it is that one that the statements are beside.
	cd context
	succeeds kiln build -q --provenance=mode=max -o type=oci,dest=beside,tar=false -t r.example/app:1 .
	equals "$alone" "$(image_in beside)"
	succeeds kiln build -q -o type=oci,dest=again,tar=false -t r.example/app:1 .
	equals "$alone" "$(jq -r '.manifests[0].digest' again/index.json)"
	succeeds kiln fsck
}

@test "max tells each step, what it stands on, and the layers it came to" {
	succeeds kiln build -q --provenance=true -o type=oci,dest=layout,tar=false .
	statement_of layout "$(image_in layout)" >s
	local steps='.predicate.buildDefinition.internalParameters.buildConfig.llbDefinition'
	equals "local://context /file /file /note" \
		"$(jq -r "$steps"'[].op.Op? | .source.identifier // .file.actions[].Action[] | .src? // .path? // .' s | xargs)"
	# Every input is a step above.
	equals true "$(jq -c "$steps"' as $s | [$s | to_entries[] | .key as $k | .value.inputs[]?
		| ltrimstr("step") | rtrimstr(":0") | tonumber < $k] | all' s)"
	equals 6 "$(jq -r '.predicate.runDetails.metadata.buildkit_metadata.source.locations.step3.locations[0].ranges[0].start.line' s)"
	local manifest
	manifest=$(blob layout "$(image_in layout)")
	equals "$(jq -c '[.layers[] | {mediaType, digest, size}]' <<<"$manifest")" \
		"$(jq -c '.predicate.runDetails.metadata.buildkit_metadata.layers."step3:0"[0]' s)"
}

@test "min has no arguments, labels, secrets or steps, and says that it is not all" {
	echo hush >../secret
	printf '%s\n' 'FROM scratch' 'ARG TOKEN' 'COPY file /' >Dockerfile
	succeeds kiln build -q --attest type=provenance,mode=min,version=v0.2,builder-id=https://ci.example/7,reproducible=true \
		--build-arg TOKEN=zebra42 --label l=zebra43 --secret id=zebra44,src=../secret --build-arg HTTP_PROXY=http://u:zebra45@p \
		-o type=oci,dest=layout,tar=false .
	statement_of layout "$(image_in layout)" >s
	equals "" "$(grep zebra s || true)"
	equals https://slsa.dev/provenance/v0.2 "$(jq -r .predicateType s)"
	equals https://mobyproject.org/buildkit@v1 "$(jq -r .predicate.buildType s)"
	equals https://ci.example/7 "$(jq -r .predicate.builder.id s)"
	equals '{"parameters":false,"environment":true,"materials":false}' "$(jq -c .predicate.metadata.completeness s)"
	equals true "$(jq -r .predicate.metadata.reproducible s)"
	equals null "$(jq -r .predicate.buildConfig s)"
	# A proxy's password is in no mode's.
	succeeds kiln build -q --provenance=mode=max --build-arg TOKEN=zebra42 --build-arg HTTP_PROXY=http://u:zebra45@p \
		-o type=oci,dest=more,tar=false .
	statement_of more "$(image_in more)" >s
	grep -q zebra42 s
	equals "" "$(grep zebra45 s || true)"
}

@test "what the build stands on is named by digest: images, addresses, repositories" {
	registry_start plain
	registry_put base:1 busybox
	local served=$PWD/../served digest GIT FILES
	mkdir "$served"
	echo fetched >"$served/x"
	git init -q "$served/repo"
	cp file Dockerfile "$served/repo"
	cat >"$served/repo/Dockerfile" <<-END
		FROM $REGISTRY/base:1
		ADD http://REPLACED/files/x /x
		COPY file /
		RUN --network=none true
	END
	server_start git "$RIG_LIB/git_server.py" --root "$served" --log "$PWD/../log"
	GIT=$SERVER_ADDRESS
	server_start files "$RIG_LIB/file_server.py" --root "$served" --log "$PWD/../log2"
	FILES=$SERVER_ADDRESS
	sed -i "s,REPLACED,$FILES," "$served/repo/Dockerfile"
	git -C "$served/repo" add .
	git -C "$served/repo" -c user.name=x -c user.email=x@x commit -qm x
	git -C "$served/repo" branch -m main
	git clone -q --bare "$served/repo" "$served/repo.git"
	succeeds kiln build -q --provenance=mode=max --insecure-registry "$REGISTRY" -o type=oci,dest=layout,tar=false \
		"http://$GIT/open/repo.git#main"
	statement_of layout "$(image_in layout)" >s
	jq -r '.predicate.buildDefinition.resolvedDependencies[] | .uri + " " + (.digest | to_entries[] | .key + ":" + .value)' s >sources
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/base:1")
	grep -qxF "pkg:docker/$REGISTRY/base@1?platform=linux%2Famd64 $digest" sources
	grep -qxF "http://$FILES/files/x sha256:$(sha256sum <"$served/x" | cut -d' ' -f1)" sources
	local commit
	commit=$(git -C "$served/repo" rev-parse HEAD)
	grep -qxF "http://$GIT/open/repo.git#refs/heads/main sha1:$commit" sources
	equals "$commit" "$(jq -r .predicate.buildDefinition.externalParameters.configSource.digest.sha1 s)"
	equals true "$(jq -r .predicate.runDetails.metadata.buildkit_completeness.resolvedDependencies s)"
	equals true "$(jq -r .predicate.runDetails.metadata.buildkit_hermetic s)"
}

@test "nothing tells where files of this machine lie, nor the passwords of addresses and proxies" {
	local served=$PWD/../served base FILES
	mkdir "$served" ../zebra1
	base=$(image_ref busybox)
	cp -r "$(sed 's,^oci:,,; s,:latest$,,' <<<"$base")" ../zebra1/layout
	cp file ../zebra1
	tar -cf "$served/c.tar" file
	cp file "$served/x"
	server_start files "$RIG_LIB/file_server.py" --root "$served" --log "$PWD/../log"
	FILES=http://$SERVER_ADDRESS/files
	cat >Dockerfile <<-END
		FROM oci:$PWD/../zebra1/layout:latest AS one
		ARG HTTP_PROXY
		RUN true
		FROM other
		ARG TOKEN
		COPY --from=one /etc/passwd /passwd
		COPY --from=here file /here
		COPY --from=there file /there
		ADD $FILES/x?sig=\$TOKEN /x
	END
	cp Dockerfile "$served/far.Dockerfile"
	contexts=(--build-context "here=$PWD/../zebra1" --build-context "there=$FILES/c.tar?sig=zebra2"
		--build-context "other=oci-layout://$base" --build-context "pinned=docker-image://a@sha256:$(sha256sum <file | cut -d' ' -f1)")
	contexts=("${contexts[@]/oci-layout:\/\/oci:/oci-layout:\/\/}")
	succeeds kiln build -q --provenance=mode=max "${contexts[@]}" --build-arg HTTP_PROXY=http://u:zebra3@p \
		--build-arg http_proxy=http://u:zebra4@p -o type=oci,dest=max,tar=false .
	statement_of max "$(image_in max)" >s
	# The Dockerfile has it; what kiln adds to that does not.
	equals "" "$(jq 'del(.. | .data?)' s | grep -E 'zebra|sig=|"/[^"]*/layout|busybox/oci' || true)"
	equals "context:here=local:here context:other=oci-layout://oci:latest context:pinned=docker-image://a@sha256:$(sha256sum <file | cut -d' ' -f1) context:there=$FILES/c.tar" \
		"$(jq -r '.predicate.buildDefinition.externalParameters.request.args | to_entries[] | .key + "=" + .value' s | sort | xargs)"
	equals 5 "$(jq '[.. | .identifier? // empty] | length' s)"
	equals "$(sha256sum <"$served/c.tar" | cut -d' ' -f1)" \
		"$(jq -r --arg uri "$FILES/c.tar" '.predicate.buildDefinition.resolvedDependencies[] | select(.uri == $uri) | .digest.sha256' s)"
	succeeds kiln build -q --provenance=mode=min "${contexts[@]}" --build-arg TOKEN=zebra5 -o type=oci,dest=min,tar=false \
		-f "$FILES/far.Dockerfile?sig=zebra6" .
	statement_of min "$(image_in min)" >s
	equals "" "$(grep -E 'zebra|sig=|"/[^"]*/layout|busybox/oci' s || true)"
}

@test "a Dockerfile from elsewhere is told by its digest, one from here leaves it incomplete" {
	local served=$PWD/../served FILES
	mkdir -p "$served" sub
	printf 'FROM scratch\nCOPY file /\n' | tee "$served/D" >sub/D
	tar -cf "$served/c.tar" file sub
	server_start files "$RIG_LIB/file_server.py" --root "$served" --log "$PWD/../log"
	FILES=http://$SERVER_ADDRESS/files
	succeeds kiln build -q --provenance=mode=min -f "$FILES/D" -o type=oci,dest=far,tar=false "$FILES/c.tar"
	statement_of far "$(image_in far)" >s
	equals "$(sha256sum <"$served/D" | cut -d' ' -f1)" \
		"$(jq -r --arg uri "$FILES/D" '.predicate.buildDefinition.resolvedDependencies[] | select(.uri == $uri) | .digest.sha256' s)"
	equals "null true" "$(jq -r '.predicate | .buildDefinition.externalParameters.request.locals,
		.runDetails.metadata.buildkit_completeness.resolvedDependencies' s | xargs)"
	# In the context it is named by its place there.
	succeeds kiln build -q --provenance=mode=min -f sub/D -o type=oci,dest=inside,tar=false "$FILES/c.tar"
	statement_of inside "$(image_in inside)" >s
	equals "sub/D null true" "$(jq -r '.predicate | .buildDefinition.externalParameters.configSource.path,
		.buildDefinition.externalParameters.request.locals, .runDetails.metadata.buildkit_completeness.resolvedDependencies' s | xargs)"
	kiln build -q --provenance=mode=min -f - -o type=oci,dest=here,tar=false "$FILES/c.tar" <"$served/D"
	statement_of here "$(image_in here)" >s
	equals "dockerfile false" "$(jq -r '.predicate | .buildDefinition.externalParameters.request.locals[].name,
		.runDetails.metadata.buildkit_completeness.resolvedDependencies' s | xargs)"
}

@test "pushed and copied it stays beside its image, and readers take the image" {
	registry_start plain
	succeeds kiln build -q --provenance=mode=min --insecure-registry "$REGISTRY" -t "$REGISTRY/app:1" --push --load .
	skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/app:1" oci:all:1
	equals 2 "$(index_of all | jq '.manifests | length')"
	statement_of all "$(image_in all)" | jq -e .predicate >/dev/null
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/app:1" oci:one:1
	equals "$(image_in all)" "$(jq -r '.manifests[0].digest' one/index.json)"
	succeeds kiln image copy --all "$REGISTRY/app:1" oci:ours:1
	equals "$(index_of all | sha256sum)" "$(index_of ours | sha256sum)"
	# A build upon it, and a working container, are of the image.
	echo "FROM $REGISTRY/app:1" >Dockerfile
	succeeds kiln build -q -t next .
	succeeds kiln inspect -f '{{.Os}}' next
	equals linux "$output"
}

@test "each of several platforms has its own, of one invocation" {
	succeeds kiln build -q --provenance=mode=min --platform linux/amd64,linux/arm64 -o type=oci,dest=layout,tar=false \
		--metadata-file m.json .
	equals "amd64 arm64 unknown unknown" "$(index_of layout | jq -r '.manifests[].platform.architecture' | xargs)"
	local one two
	one=$(statement_of layout "$(image_in layout)" | jq -r .predicate.runDetails.metadata.invocationId)
	two=$(statement_of layout "$(index_of layout | jq -r '.manifests[1].digest')" | jq -r .predicate.runDetails.metadata.invocationId)
	equals "$one" "$two"
	equals "buildx.build.provenance/linux/amd64 buildx.build.provenance/linux/arm64" \
		"$(jq -r 'keys[] | select(startswith("buildx"))' m.json | xargs)"
}

@test "beside files it is a file, which names each of them by digest" {
	printf '%s\n' 'FROM scratch' 'COPY file /one' 'COPY file /two/three' >Dockerfile
	succeeds kiln build -q --provenance=mode=min -o type=local,dest=files -o type=tar,dest=files.tar .
	local digest
	digest=$(sha256sum <file | cut -d' ' -f1)
	equals "one:$digest two/three:$digest" "$(jq -r '.subject[] | .name + ":" + .digest.sha256' files/provenance.json | xargs)"
	equals "one:$digest two/three:$digest" "$(tar -xOf files.tar provenance.json | jq -r '.subject[] | .name + ":" + .digest.sha256' | xargs)"
	# With its own name; only beside images; never in the place of a file.
	succeeds kiln build -q --attest type=provenance,filename=how.json -o type=local,dest=named .
	equals "how.json one two" "$(printf "%s " named/* | sed "s,named/,,g; s, \$,,")"
	succeeds kiln build -q --provenance=mode=min,inline-only=true -o type=local,dest=bare .
	equals "one two" "$(printf "%s " bare/* | sed "s,bare/,,g; s, \$,,")"
	printf '%s\n' 'FROM scratch' 'COPY file /provenance.json' >Dockerfile
	fails 1 "the files have a 'provenance.json' of their own" kiln build -q --provenance=true -o type=tar,dest=taken.tar .
	[ ! -e taken.tar ]
	# A folder for each platform, if several were asked for.
	succeeds kiln build -q --attest type=provenance,filename=p.json --platform linux/amd64,linux/arm64 -o type=local,dest=both .
	[ -e both/linux_amd64/p.json ] && [ -e both/linux_arm64/p.json ]
}

@test "what cannot hold it is an error before anything runs" {
	fails 1 'a docker archive has no place for attestations' kiln build --provenance=true -o type=docker,dest=x.tar .
	says_not COPY
	[ ! -e x.tar ]
	fails 1 "Podman's store has no place for attestations" kiln build --provenance=true -t x -o type=containers-storage .
	says_not COPY
	fails 2 "duplicate attestation field provenance" kiln build --provenance=false --attest type=provenance .
	succeeds kiln build --progress plain --provenance=true --format docker -o type=oci,dest=layout,tar=false .
	says "the image has OCI's format"
	equals application/vnd.oci.image.manifest.v1+json "$(index_of layout | jq -r '.manifests[0].mediaType')"
}
