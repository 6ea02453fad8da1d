#!/usr/bin/env bats
# Encrypted layers (ocicrypt's): what kiln encrypts skopeo decrypts, and the other way round; what is
# wrong with key, bytes or annotations is one error, and nothing is half there.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # text for jq; bats runs tests in subshells; what lib/kiln.bash sets
bats_require_minimum_version 1.5.0
load ../lib/kiln

keep_env KILN_INSECURE_REGISTRY KILN_DECRYPTION_KEY KILN_SIGNATURE_POLICY

ENC=org.opencontainers.image.enc

# Two layers, in the layout "plain", and a key of each kind.
setup_file() {
	local key
	cd "$BATS_FILE_TMPDIR" || return 1
	chmod 0755 .
	registry_start plain
	openssl genrsa -out rsa.key 2048 2>/dev/null
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec.key 2>/dev/null
	openssl genrsa -out other.key 2048 2>/dev/null
	for key in rsa ec other; do
		openssl pkey -in "$key.key" -pubout -out "$key.pub" 2>/dev/null
	done
	mkdir context
	echo 'a secret of the image' >context/file
	printf 'FROM %s\nCOPY file /file\n' "$(image_ref busybox)" >context/Dockerfile
	KILN_ROOT=$PWD/store kiln build -q --progress plain -o "type=oci,dest=plain.tar" context
	mkdir plain && tar -xf plain.tar -C plain
	chmod -R a+rX .
	export REGISTRY FILES=$BATS_FILE_TMPDIR KILN_INSECURE_REGISTRY=$REGISTRY
}

teardown_file() {
	registries_stop
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	chmod 0755 .
	cp "$FILES"/*.key "$FILES"/*.pub .
}

teardown() {
	kiln_teardown
}

plain=oci:$BATS_FILE_TMPDIR/plain

manifest_of() { # LAYOUT
	cat "$1/blobs/sha256/$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' "$1/index.json")"
}

# Config and layers, not the manifest's own bytes.
content_of() { # LAYOUT
	manifest_of "$1" | jq -c '[.config.digest, (.layers[] | .mediaType, .digest, .size, .annotations)]'
}

types_of() { # LAYOUT
	manifest_of "$1" | jq -r '.layers[].mediaType | ltrimstr("application/vnd.oci.image.layer.v1.")' | paste -sd' '
}

# Is any of this in the folder? Keys as they are, in base64, or as ocicrypt names them.
no_key_in() { # FOLDER
	local line
	line=$(sed -n 3p rsa.key)
	run ! grep -rqF -e symkey -e 'PRIVATE KEY' -e "$line" "$1"
}

# A layout of plain for these keys, by skopeo: sealed LAYOUT KEY...
sealed() {
	local to=$1 key options=()
	shift
	for key in "$@"; do
		options+=(--encryption-key "jwe:$key.pub")
	done
	skopeo --insecure-policy copy -q "${options[@]}" "$plain" "oci:$to:x"
}

# The layout with its manifest, and then its config, put through jq: retouch LAYOUT MANIFEST [CONFIG]
retouch() {
	local old new text
	chmod -R u+w "$1"
	text=$(manifest_of "$1")
	if [ $# -gt 2 ]; then
		old=$(jq -r '.config.digest | ltrimstr("sha256:")' <<<"$text")
		jq -jc "$3" "$1/blobs/sha256/$old" >new
		new=$(sha256sum <new | cut -d' ' -f1)
		text=$(jq -c --arg d "sha256:$new" --argjson s "$(stat -c %s new)" '.config.digest = $d | .config.size = $s' <<<"$text")
		mv new "$1/blobs/sha256/$new"
	fi
	jq -jc "$2" <<<"$text" >new
	new=$(sha256sum <new | cut -d' ' -f1)
	jq -c --arg d "sha256:$new" --argjson s "$(stat -c %s new)" \
		'.manifests[0].digest = $d | .manifests[0].size = $s' "$1/index.json" >index
	mv new "$1/blobs/sha256/$new"
	mv index "$1/index.json"
}

in_blobs() { # STORE
	find "$1/blobs/sha256" -type f -printf '%f\n' | sort
}

layer_of() { # NUMBER
	manifest_of "$FILES/plain" | jq -r ".layers[$1].digest | ltrimstr(\"sha256:\")"
}

# Into a store that has none of its layers: pull_anew KEY SOURCE
pull_anew() {
	rm -rf anew
	KILN_ROOT=$PWD/anew kiln pull -q --decryption-key "$1" "$2"
}

# Other bytes in the place of a layer, under its own key and with a right HMAC; the envelope stays as it
# is, and what it says of a digest: forge LAYOUT LAYER FILE
forge() {
	local said
	chmod -R u+w "$1"
	said=$(python3 - "$2" "$3" "$1/blobs/sha256" "$(manifest_of "$1")" <<-'END'
		import base64, hashlib, hmac, json, subprocess, sys

		def openssl(data, *command):
		    return subprocess.run(["openssl", *command], input=data, stdout=subprocess.PIPE, check=True).stdout

		def ctr(key, counter, data):
		    return openssl(data, "enc", "-aes-256-ctr", "-K", key.hex(), "-iv", counter.hex())

		def url(text):
		    return base64.urlsafe_b64decode(text + "==")

		number, file, blobs, manifest = sys.argv[1:]
		said = json.loads(manifest)["layers"][int(number)]["annotations"]
		jwe = json.loads(base64.b64decode(said["org.opencontainers.image.enc.keys.jwe"]))
		own = openssl(url(jwe["encrypted_key"]), "pkeyutl", "-decrypt", "-inkey", "rsa.key",
		              "-pkeyopt", "rsa_padding_mode:oaep")
		# GCM is counter mode from 2 on; nobody asks for the tag here.
		inside = json.loads(ctr(own, url(jwe["iv"]) + b"\0\0\0\2", url(jwe["ciphertext"])))
		key = base64.b64decode(inside["symkey"])
		data = ctr(key, base64.b64decode(inside["cipheroptions"]["nonce"]), open(file, "rb").read())
		digest = hashlib.sha256(data).hexdigest()
		open(blobs + "/" + digest, "wb").write(data)
		mac = base64.b64encode(hmac.new(key, data, "sha256").digest()).decode()
		options = {"cipher": "AES_256_CTR_HMAC_SHA256", "hmac": mac, "cipheroptions": {}}
		print(json.dumps({"digest": "sha256:" + digest, "size": len(data), "options":
		                  base64.b64encode(json.dumps(options).encode()).decode()}))
	END
	)
	retouch "$1" ".layers[$2] |= ($said as \$said | .digest = \$said.digest | .size = \$said.size
		| .annotations[\"$ENC.pubopts\"] = \$said.options)"
}

# The layout "named": layer 1 as Buildah pushes it, compressed after its digest was written down. And
# the files of that layer: right.tar.gz, and other.tar.gz with something else in it.
named_by_diff_id() {
	local layer
	cp -r "$FILES/plain" raw
	layer=$(manifest_of raw | jq -r '.layers[1].digest | ltrimstr("sha256:")')
	gunzip -c <"raw/blobs/sha256/$layer" >right.tar
	layer=$(sha256sum <right.tar | cut -d' ' -f1)
	chmod u+w raw/blobs/sha256
	cp right.tar "raw/blobs/sha256/$layer"
	retouch raw ".layers[1].mediaType |= rtrimstr(\"+gzip\") | .layers[1].digest = \"sha256:$layer\"
		| .layers[1].size = $(stat -c %s right.tar)"
	skopeo --insecure-policy copy -q --encryption-key jwe:rsa.pub oci:raw oci:named:x
	equals "tar+gzip+encrypted tar+gzip+encrypted" "$(types_of named)"
	echo 'nobody said so' >evil
	tar -cf other.tar evil
	gzip -nk right.tar other.tar
}

@test "what kiln encrypts skopeo decrypts: RSA, EC, both; all layers, or some" {
	local key n
	for key in rsa ec; do
		succeeds kiln image copy -q --encryption-key "jwe:$key.pub" "$plain" "docker://$REGISTRY/$key:1"
		succeeds skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/$key:1" "oci:sealed-$key:x"
		equals "tar+gzip+encrypted tar+gzip+encrypted" "$(types_of "sealed-$key")"
		succeeds skopeo --insecure-policy copy -q --decryption-key "$key.key" "oci:sealed-$key:x" "oci:open-$key:x"
		equals "$(content_of "$FILES/plain")" "$(content_of "open-$key")"
		fails 1 "" skopeo --insecure-policy copy -q --decryption-key other.key "oci:sealed-$key:x" oci:never:x
	done
	succeeds kiln image copy -q --encryption-key jwe:rsa.pub,jwe:ec.pub "$plain" oci:both:x
	for key in rsa ec; do
		succeeds skopeo --insecure-policy copy -q --decryption-key "$key.key" oci:both:x "oci:both-$key:x"
		equals "$(content_of "$FILES/plain")" "$(content_of "both-$key")"
	done
	for n in -1:'tar+gzip tar+gzip+encrypted' 0:'tar+gzip+encrypted tar+gzip' 0,-1:'tar+gzip+encrypted tar+gzip+encrypted'; do
		succeeds kiln image copy -q --encryption-key jwe:ec.pub --encrypt-layer "${n%%:*}" "$plain" "oci:some:$RANDOM"
		rm -rf some
		succeeds kiln image copy -q --encryption-key jwe:ec.pub --encrypt-layer "${n%%:*}" "$plain" oci:some:x
		equals "${n#*:}" "$(types_of some)" "$n"
		rm -rf some
	done
	# Where its plain bytes are is nobody's business.
	cp -r "$FILES/plain" foreign
	retouch foreign '.layers[].urls = ["https://files.example/layer"]'
	succeeds kiln image copy -q --encryption-key jwe:ec.pub oci:foreign oci:some:x
	run ! grep -rqF files.example some
	# The key is the layer's alone, and what was encrypted does not stay.
	equals "$(manifest_of "$FILES/plain" | jq -r '.config.digest | ltrimstr("sha256:")')" "$(ls store/blobs/sha256)"
	no_key_in store
}

@test "push and commit encrypt, under both names" {
	local c
	succeeds kiln pull -q "$plain"
	succeeds kiln image copy -q "$plain" app
	succeeds kiln push -q --encryption-key jwe:rsa.pub app "$REGISTRY/pushed:1"
	succeeds kiln buildah push -q --encryption-key jwe:rsa.pub --encrypt-layer=-1 app "docker://$REGISTRY/pushed:2"
	succeeds kiln buildah push -q --encryption-key jwe:rsa.pub app oci-archive:pushed.tar:x
	succeeds kiln from -q --name work app
	succeeds kiln copy -q work "$FILES/context/file" /new
	succeeds kiln commit -q --encryption-key jwe:rsa.pub work "docker://$REGISTRY/committed:1"
	succeeds kiln buildah commit -q --format oci --encryption-key jwe:rsa.pub work oci:committed:x
	for from in "docker://$REGISTRY/pushed:1" "docker://$REGISTRY/pushed:2" oci-archive:pushed.tar:x \
		"docker://$REGISTRY/committed:1" oci:committed:x; do
		rm -rf back
		fails 1 "" skopeo --insecure-policy copy -q --src-tls-verify=false --decryption-key ec.key "$from" oci:never:x
		succeeds skopeo --insecure-policy copy -q --src-tls-verify=false --decryption-key rsa.key "$from" oci:back:x
		tree_of back >tree
		grep -q ' file$\|/file\|^file' tree
	done
	c=$(find store/blobs/sha256 -type f | wc -l)
	succeeds kiln push -q --encryption-key jwe:rsa.pub app "$REGISTRY/pushed:3"
	equals "$c" "$(find store/blobs/sha256 -type f | wc -l)"
	no_key_in store
}

@test "what skopeo encrypts kiln decrypts, lazily, with any of several keys" {
	local key
	for key in rsa ec; do
		sealed "sealed-$key" "$key"
		succeeds kiln image copy -q --decryption-key "$key.key" "oci:sealed-$key:x" "oci:open-$key:x"
		equals "$(content_of "$FILES/plain")" "$(content_of "open-$key")"
	done
	sealed both rsa ec
	succeeds kiln image copy -q --decryption-key other.key --decryption-key ec.key oci:both:x oci:open-both:x
	equals "$(content_of "$FILES/plain")" "$(content_of open-both)"
	# Without a key it goes as it is; with both it gets another lock.
	succeeds kiln image copy -q oci:both:x oci:same:x
	equals "$(manifest_of both)" "$(manifest_of same)"
	succeeds kiln image copy -q --decryption-key rsa.key --encryption-key jwe:other.pub oci:both:x oci:relocked:x
	succeeds skopeo --insecure-policy copy -q --decryption-key other.key oci:relocked:x oci:open-again:x
	equals "$(content_of "$FILES/plain")" "$(content_of open-again)"
}

@test "a base, a working container and COPY --from of an encrypted image, as every kind of user" {
	local kind
	sealed sealed rsa
	skopeo --insecure-policy copy -q --dest-tls-verify=false oci:sealed:x "docker://$REGISTRY/base:1"
	chmod a+r rsa.key
	mkdir context
	printf 'FROM %s/base:1\nRUN cat /file >/read\nCOPY --from=%s/base:1 /file /copied\n' "$REGISTRY" "$REGISTRY" >context/Dockerfile
	for kind in $(each_user); do
		fails 1 "missing private key needed for decryption" kiln_as "$kind" build -q context
		succeeds kiln_as "$kind" build -q --decryption-key "$PWD/rsa.key" -t app context
		succeeds kiln_as "$kind" from -q --name work app
		succeeds kiln_as "$kind" run work cat /read /copied
		equals $'a secret of the image\na secret of the image' "$output" "$kind"
		succeeds kiln_as "$kind" rm work
	done
	# Checks read no layer.
	succeeds kiln check context
	fails 125 "missing private key needed for decryption" kiln buildah from -q "docker://$REGISTRY/base:1"
	succeeds kiln buildah from -q --decryption-key rsa.key --name work "docker://$REGISTRY/base:1"
	succeeds kiln run work cat /file
	equals 'a secret of the image' "$output"
	succeeds kiln from -q --name empty scratch
	fails 1 "missing private key" kiln copy -q --from oci:sealed:x empty /file /
	succeeds kiln copy -q --decryption-key rsa.key --from oci:sealed:x empty /file /
	printf 'FROM oci:%s/sealed:x\n' "$PWD" >context/Dockerfile
	fails 125 "missing private key" kiln buildah bud -q context
	succeeds kiln buildah bud -q --decryption-key rsa.key context
	KILN_DECRYPTION_KEY=rsa.key succeeds kiln pull -q --progress none oci:sealed:x
	no_key_in store
}

@test "an encrypted image in the store is one that nobody reads without its key" {
	sealed sealed rsa
	succeeds kiln image copy -q oci:sealed:x locked
	fails 1 "missing private key" kiln from -q locked
	succeeds kiln from -q --decryption-key rsa.key --name work locked
	succeeds kiln run work cat /file
	equals 'a secret of the image' "$output"
	# It is pushed as it is, and is no image for Docker or Podman.
	succeeds kiln buildah push -q locked oci:pushed:x
	equals "$(manifest_of sealed)" "$(manifest_of pushed)"
	fails 125 "Docker's format has no encrypted layers" kiln buildah push -q --format v2s2 locked oci:never:x
	fails 1 "missing private key" kiln image copy -q locked docker-archive:never.tar:x
	[ ! -e never.tar ]
	[ ! -e never ]
}

@test "what Buildah compresses and encrypts names the bytes before both" {
	local b
	need_root
	[ -x /usr/bin/buildah ] || skip "needs Debian's buildah"
	b=(/usr/bin/buildah --storage-driver vfs --root "$PWD/peer/root" --runroot "$PWD/peer/run")
	skopeo --insecure-policy copy -q "$plain" "containers-storage:[vfs@$PWD/peer/root+$PWD/peer/run]localhost/app:1"
	"${b[@]}" push -q --encryption-key jwe:rsa.pub localhost/app:1 oci:sealed:x
	succeeds kiln image copy -q --decryption-key rsa.key oci:sealed:x oci:open:x
	equals "tar+gzip tar+gzip" "$(types_of open)"
	equals "$(tree_of "$FILES/plain")" "$(tree_of open)"
	succeeds kiln from -q --decryption-key rsa.key --name work oci:sealed:x
	succeeds kiln run work cat /file
	equals 'a secret of the image' "$output"
	# And the other way.
	succeeds kiln image copy -q --encryption-key jwe:ec.pub "$plain" oci:ours:x
	skopeo --insecure-policy copy -q --dest-tls-verify=false oci:ours:x "docker://$REGISTRY/ours:1"
	fails 125 "missing private key needed for decryption" "${b[@]}" pull -q --tls-verify=false "docker://$REGISTRY/ours:1"
	succeeds "${b[@]}" pull -q --tls-verify=false --decryption-key ec.key "docker://$REGISTRY/ours:1"
}

@test "an envelope that speaks of other bytes than it opens is an error, and nothing is kept" {
	sealed sealed rsa
	mkdir context
	named_by_diff_id
	# Right in all but the digest that the envelope names.
	cp -r sealed lying
	forge lying 1 other.tar.gz
	fails 1 "hashes to" pull_anew rsa.key oci:lying:x
	equals '' "$(KILN_ROOT=$PWD/anew kiln images -q)"
	equals "$(manifest_of sealed | jq -r .config.digest | cut -d: -f2)" "$(in_blobs anew | grep -v "$(layer_of 0)")"
	fails 1 "hashes to" kiln image copy -q --decryption-key rsa.key oci:lying:x oci:never:x
	[ ! -e never/index.json ]
	skopeo --insecure-policy copy -q --dest-tls-verify=false oci:lying:x "docker://$REGISTRY/lying:1"
	for line in 'RUN true' 'FROM scratch\nCOPY --from=base /evil /'; do
		printf "FROM %s/lying:1 AS base\n$line\n" "$REGISTRY" >context/Dockerfile
		fails 1 "sha256:" kiln build -q --decryption-key rsa.key context
	done
	run ! grep -rql 'nobody said so' store
	# The same where it names what is inside the compressed bytes.
	cp -r named right
	forge right 1 right.tar.gz
	succeeds pull_anew rsa.key oci:right:x
	forge named 1 other.tar.gz
	fails 1 "the layer's content is 'sha256:" pull_anew rsa.key oci:named:x
	fails 1 "the layer's content is 'sha256:" kiln image copy -q --decryption-key rsa.key oci:named:x oci:never:x
	[ ! -e never/index.json ]
	run ! grep -qF "$(sha256sum <other.tar.gz | cut -d' ' -f1)" <<<"$(in_blobs anew)$(in_blobs store)"
}

@test "a layer that must be decrypted to be known is decrypted once" {
	local sealed
	named_by_diff_id
	forge named 1 right.tar.gz
	succeeds kiln image copy -q --decryption-key rsa.key oci:named:x oci:first:x
	equals "$(sha256sum <right.tar.gz | cut -d' ' -f1)" "$(manifest_of first | jq -r '.layers[1].digest | ltrimstr("sha256:")')"
	sealed=$(manifest_of named | jq -r '.layers[1].digest | ltrimstr("sha256:")')
	rm "named/blobs/sha256/$sealed"
	succeeds kiln image copy -q --decryption-key rsa.key oci:named:x oci:second:x
	equals "$(manifest_of first)" "$(manifest_of second)"
}

@test "no step, record or log sees a key or its password" {
	local kind
	sealed sealed rsa
	skopeo --insecure-policy copy -q --dest-tls-verify=false oci:sealed:x "docker://$REGISTRY/steps:1"
	openssl pkey -in rsa.key -aes256 -passout pass:drowssap -out locked.key
	chmod a+r locked.key
	mkdir context
	printf 'FROM %s/steps:1\nRUN env; cat /proc/1/environ /proc/1/cmdline /proc/*/cmdline; grep -c "a secret" /file\n' "$REGISTRY" >context/Dockerfile
	export KILN_DECRYPTION_KEY=$PWD/locked.key:pass=drowssap
	for kind in $(each_user); do
		succeeds kiln_as "$kind" build --progress plain --debug -t app context
		says_not drowssap
		says_not locked.key
		succeeds kiln_as "$kind" explain
		says_not drowssap
	done
	succeeds kiln build -q -t app context
	succeeds kiln from -q --name work app
	succeeds kiln run work env
	says_not drowssap
	run ! grep -rqF -e drowssap -e locked.key store
	no_key_in store
}

@test "executor and warmer: the key is in the environment" {
	sealed sealed rsa
	skopeo --insecure-policy copy -q --dest-tls-verify=false oci:sealed:x "docker://$REGISTRY/kaniko:1"
	mkdir context warm
	ln -s "$KILN" executor
	ln -s "$KILN" warmer
	printf 'FROM %s/kaniko:1\nRUN grep "a secret" /file >/read\n' "$REGISTRY" >context/Dockerfile
	KILN=$PWD/executor fails 1 "KILN_DECRYPTION_KEY" kiln --context context --no-push
	KILN=$PWD/warmer succeeds kiln --image "$REGISTRY/kaniko:1" --cache-dir "$PWD/warm"
	KILN_DECRYPTION_KEY=$PWD/rsa.key KILN=$PWD/executor succeeds kiln --context context --cache --cache-dir "$PWD/warm" \
		--cache-repo "$REGISTRY/cache" --destination "$REGISTRY/made:1"
	succeeds kiln from -q --name work "docker://$REGISTRY/made:1"
	succeeds kiln run work cat /read
	equals 'a secret of the image' "$output"
}

@test "a shell where a build on an encrypted base stood, or failed" {
	sealed sealed rsa
	skopeo --insecure-policy copy -q --dest-tls-verify=false oci:sealed:x "docker://$REGISTRY/shell:1"
	mkdir context
	printf 'FROM %s/shell:1\nRUN cat /file >/read\nRUN false\n' "$REGISTRY" >context/Dockerfile
	fails 1 "" kiln build -q --decryption-key rsa.key context
	fails 1 "missing private key" kiln shell -q -c 'cat /read'
	KILN_DECRYPTION_KEY=rsa.key succeeds kiln shell -q --failed -c 'cat /read'
	equals 'a secret of the image' "$output"
}

@test "wrong keys are one error, and nothing is there afterwards" {
	sealed sealed rsa
	fails 1 "none of the private keys could be used for decryption" kiln pull -q --decryption-key other.key oci:sealed:x
	fails 1 "none of the private keys could be used for decryption" kiln pull -q --decryption-key ec.key oci:sealed:x
	fails 1 "missing private key needed for decryption" kiln pull -q oci:sealed:x
	fails 2 "open 'nosuch'" kiln pull -q --decryption-key nosuch oci:sealed:x
	# Where it is not an option it is called what it is, and asked for where layers may be opened.
	KILN_DECRYPTION_KEY=nosuch fails 1 "setting 'decryption-key' in 'KILN_DECRYPTION_KEY': decryption key: open 'nosuch'" kiln pull -q oci:sealed:x
	KILN_DECRYPTION_KEY=nosuch succeeds kiln images
	KILN_DECRYPTION_KEY=nosuch succeeds kiln info
	fails 2 "'rsa.pub' is not a private key" kiln pull -q --decryption-key rsa.pub oci:sealed:x
	openssl pkey -in rsa.key -aes256 -passout pass:word -out locked.key
	echo word >word
	fails 2 "missing password" kiln pull -q --decryption-key locked.key oci:sealed:x
	fails 2 "wrong password" kiln pull -q --decryption-key locked.key:pass=drow oci:sealed:x
	says_not drow
	fails 1 "none of the private keys" kiln image copy -q --decryption-key ec.key oci:sealed:x oci:never:x
	[ ! -e never ]
	equals '' "$(find store/blobs/sha256 -type f)"
	succeeds kiln image copy -q --decryption-key locked.key:file=word oci:sealed:x oci:open:x
	KILN_DECRYPTION_KEY=locked.key:pass=word succeeds kiln info --format json
	says_not pass=word
}

@test "changed bytes, changed annotations, exchanged layers" {
	local blob
	sealed sealed rsa
	# A bit of the encrypted bytes, all digests being right.
	cp -r sealed flipped
	blob=$(manifest_of sealed | jq -r '.layers[1].digest | ltrimstr("sha256:")')
	python3 - "flipped/blobs/sha256/$blob" new <<-'END'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		data[len(data) // 2] ^= 1
		open(sys.argv[2], "wb").write(data)
	END
	blob=$(sha256sum <new | cut -d' ' -f1)
	chmod u+w flipped/blobs/sha256
	mv new "flipped/blobs/sha256/$blob"
	retouch flipped ".layers[1].digest = \"sha256:$blob\""
	fails 1 "do not match their HMAC" kiln pull -q --decryption-key rsa.key oci:flipped:x
	fails 1 "do not match their HMAC" kiln image copy -q --decryption-key rsa.key oci:flipped:x oci:never:x
	[ ! -e never/index.json ]
	equals '' "$(kiln images -q)"

	cp -r sealed options
	retouch options "(.layers[0].annotations[\"$ENC.pubopts\"]) |= (@base64d | fromjson | .hmac = \"$(head -c 32 /dev/zero | base64)\" | tojson | @base64)"
	fails 1 "do not match their HMAC" pull_anew rsa.key oci:options:x
	cp -r sealed cut
	retouch cut ".layers[0].annotations[\"$ENC.keys.jwe\"] |= .[0:400]"
	fails 1 "envelope" pull_anew rsa.key oci:cut:x
	cp -r sealed bare
	retouch bare "del(.layers[0].annotations)"
	fails 1 "keys.jwe' is missing" pull_anew rsa.key oci:bare:x
	cp -r sealed pgp
	retouch pgp ".layers[0].annotations = {\"$ENC.keys.pgp\": \"AAAA\"}"
	fails 1 "keys of another kind than JWE's" pull_anew rsa.key oci:pgp:x
	cp -r sealed huge
	retouch huge ".layers[0].annotations[\"$ENC.keys.jwe\"] |= (. as \$a | [range(300) | \$a] | join(\",\"))"
	fails 1 "(at most" pull_anew rsa.key oci:huge:x
	# The envelopes of the two exchanged: each is whole, and of other bytes.
	cp -r sealed exchanged
	retouch exchanged '.layers[0].annotations as $a | .layers[0].annotations = .layers[1].annotations | .layers[1].annotations = $a'
	fails 1 "do not match their HMAC" pull_anew rsa.key oci:exchanged:x
	# Layers that are whole, but not those of the config.
	cp -r sealed turned
	retouch turned '.layers |= reverse'
	rm -rf store
	succeeds kiln from -q --decryption-key rsa.key --name turned oci:turned:x
	fails 1 "the layer's content is 'sha256:" kiln run turned true
}

@test "what cannot be encrypted, or not for them, is told before any work" {
	fails 2 "kiln encrypts by JWE only" kiln image copy -q --encryption-key pgp:me@example.org "$plain" oci:never:x
	fails 2 "kiln encrypts by JWE only" kiln image copy -q --encryption-key pkcs7:c.pem "$plain" oci:never:x
	fails 2 "hardware" kiln image copy -q --encryption-key pkcs11:k.yaml "$plain" oci:never:x
	fails 2 "'rsa.pub' is no recipient" kiln image copy -q --encryption-key rsa.pub "$plain" oci:never:x
	fails 2 "'rsa.key' is not a public key" kiln image copy -q --encryption-key jwe:rsa.key "$plain" oci:never:x
	fails 2 "open 'nosuch'" kiln image copy -q --encryption-key jwe:nosuch "$plain" oci:never:x
	fails 2 "can only be used with --encryption-key" kiln image copy -q --encrypt-layer 0 "$plain" oci:never:x
	fails 2 "--encrypt-layer" kiln image copy -q --encryption-key jwe:rsa.pub --encrypt-layer x "$plain" oci:never:x
	fails 1 "layer index 5 out of range (2 layers exist)" kiln image copy -q --encryption-key jwe:rsa.pub --encrypt-layer 5 "$plain" oci:never:x
	fails 1 "layer index -3 out of range" kiln image copy -q --encryption-key jwe:rsa.pub --encrypt-layer=-3 "$plain" oci:never:x
	fails 2 "--all" kiln image copy -q --all --decryption-key rsa.key "$plain" oci:never:x
	KILN_DECRYPTION_KEY=rsa.key succeeds kiln image copy -q --all "$plain" oci:all:x
	fails 2 "docker archive" kiln image copy -q --encryption-key jwe:rsa.pub "$plain" docker-archive:never:x
	fails 2 "in the clear" kiln image copy -q --encryption-key jwe:rsa.pub "$plain" never
	succeeds kiln image copy -q "$plain" app
	fails 125 "format 'v2s2' has no encrypted layers" kiln buildah push -q --format v2s2 --encryption-key jwe:rsa.pub app oci:never:x
	succeeds kiln from -q --name work app
	fails 2 "in the clear" kiln commit -q --encryption-key jwe:rsa.pub work never
	fails 2 "can only be used with --encryption-key" kiln commit -q --encrypt-layer 0 work oci:never:x
	succeeds kiln manifest create list app
	fails 2 "the format 'v2s2' has no encrypted layers" kiln manifest push -q --format v2s2 --encryption-key jwe:rsa.pub list oci:never:x
	fails 1 "layer index 5 out of range" kiln manifest push -q --encryption-key jwe:rsa.pub --encrypt-layer 5 list oci:never:x
	fails 2 "in the clear" kiln manifest push -q --encryption-key jwe:rsa.pub list containers-storage:never
	[ ! -e never ]
	sealed sealed rsa
	fails 1 "layer 1 of 2 is encrypted already" kiln image copy -q --encryption-key jwe:ec.pub oci:sealed:x oci:never:x
	succeeds kiln image copy -q --encryption-key jwe:rsa.pub --encrypt-layer 0 "$plain" oci:half:x
	fails 1 "layer 1 of 2 is encrypted already" kiln image copy -q --encryption-key jwe:ec.pub oci:half:x oci:never:x
	succeeds kiln image copy -q --encryption-key jwe:ec.pub --encrypt-layer 1 oci:half:x oci:whole:x
	equals "tar+gzip+encrypted tar+gzip+encrypted" "$(types_of whole)"
	succeeds skopeo --insecure-policy copy -q --decryption-key rsa.key --decryption-key ec.key oci:whole:x oci:opened:x
	equals "$(content_of "$FILES/plain")" "$(content_of opened)"
	# An image in Docker's format becomes one in OCI's.
	succeeds kiln buildah push -q --format v2s2 app dir:docker
	succeeds kiln image copy -q --encryption-key jwe:rsa.pub dir:docker oci:became:x
	equals "tar+gzip+encrypted tar+gzip+encrypted" "$(types_of became)"
}

@test "a signature speaks for what is decrypted of an image, too" {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out sign.key 2>/dev/null
	openssl pkey -in sign.key -pubout -out sign.pub 2>/dev/null
	succeeds kiln image copy -q "$plain" app
	succeeds kiln push -q --encryption-key jwe:rsa.pub --sign-by-sigstore-private-key sign.key app "$REGISTRY/signed:1"
	succeeds kiln push -q --encryption-key jwe:rsa.pub app "$REGISTRY/unsigned:1"
	printf '{"default": [{"type": "reject"}], "transports": {"docker": {"%s": [{"type": "sigstoreSigned", "keyPath": "%s/sign.pub"}]}}}' \
		"$REGISTRY" "$PWD" >policy.json
	export KILN_SIGNATURE_POLICY=$PWD/policy.json KILN_ROOT=$PWD/second
	fails 1 "it asks for a sigstore signature" kiln pull -q --decryption-key rsa.key "$REGISTRY/unsigned:1"
	succeeds kiln pull -q --decryption-key rsa.key "$REGISTRY/signed:1"
	succeeds kiln from -q --name work "$REGISTRY/signed:1"
	succeeds kiln run work cat /file
	equals 'a secret of the image' "$output"
}

@test "what was decrypted in the store is asked about as what it was made of" {
	local plain_digest
	sealed sealed rsa
	skopeo --insecure-policy copy -q --dest-tls-verify=false oci:sealed:x "docker://$REGISTRY/elsewhere:1"
	succeeds kiln image copy -q "docker://$REGISTRY/elsewhere:1" locked
	succeeds kiln from -q --decryption-key rsa.key --name work locked
	succeeds kiln image copy -q --decryption-key rsa.key locked oci:open:x
	plain_digest=$output
	succeeds kiln image copy -q "store:$plain_digest" oci:before:x
	printf '{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"%s": [{"type": "reject"}]}}}' \
		"$REGISTRY" >policy.json
	export KILN_SIGNATURE_POLICY=$PWD/policy.json
	fails 1 "fetched before this policy" kiln image copy -q locked oci:never:x
	fails 1 "fetched before this policy" kiln image copy -q "store:$plain_digest" oci:never:x
	[ ! -e never ]
}

# Media types of every layer below the index of a layout.
types_of_all() { # LAYOUT
	local inner
	inner=$(jq -r '.manifests[0].digest[7:]' "$1/index.json")
	jq -r '.manifests[].digest[7:]' "$1/blobs/sha256/$inner" | sed "s,^,$1/blobs/sha256/," | xargs jq -r '.layers[]?.mediaType' | sort -u
}

@test "a list is encrypted with each of its images, whatever it comes from" {
	local digest arch
	mkdir context
	printf 'FROM scratch\nARG TARGETARCH\nCOPY f /$TARGETARCH\n' >context/Dockerfile
	echo secret >context/f
	succeeds kiln build -q --platform linux/amd64,linux/arm64 -t list -o type=image -o type=oci,dest=open,tar=false context
	digest=$output
	succeeds kiln image copy -q --all --encryption-key jwe:rsa.pub oci:open "oci:$PWD/all:x"
	[ "$digest" != "$output" ]
	equals "$output" "$(jq -r '.manifests[0].digest' all/index.json)"
	equals application/vnd.oci.image.layer.v1.tar+gzip+encrypted "$(types_of_all all)"
	# Who has the key has each image, by kiln and by skopeo; who has none, none.
	for arch in amd64 arm64; do
		rm -rf out theirs
		skopeo --insecure-policy --override-arch "$arch" copy -q --decryption-key rsa.key oci:all:x dir:theirs
		rm -rf store
		succeeds kiln image copy -q --platform "linux/$arch" --decryption-key rsa.key oci:all:x dir:out
		equals "$(jq -c '[.layers[].digest]' theirs/manifest.json)" "$(jq -c '[.layers[].digest]' out/manifest.json)"
		tar -xzOf "out/$(jq -r '.layers[0].digest[7:]' out/manifest.json)" "$arch" | grep -x secret
	done
	fails 1 "missing private key" kiln from -q oci:all:x
	# From the store: push of a list, manifest push, and one layer of each.
	succeeds kiln build -q --platform linux/amd64,linux/arm64 -t list context
	succeeds kiln push -q --encryption-key jwe:rsa.pub list "$REGISTRY/list:1"
	digest=$output
	equals "$digest" "sha256:$(curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$REGISTRY/v2/list/manifests/1" | sha256sum | cut -d' ' -f1)"
	rm -rf store
	fails 1 "missing private key" kiln pull -q "$REGISTRY/list:1"
	succeeds kiln pull -q --decryption-key rsa.key "$REGISTRY/list:1"
	succeeds kiln build -q --platform linux/amd64,linux/arm64 -t list context
	succeeds kiln manifest push -q --encryption-key jwe:ec.pub --encrypt-layer=-1 list oci:by-manifest:x
	equals application/vnd.oci.image.layer.v1.tar+gzip+encrypted "$(types_of_all by-manifest)"
	# What is encrypted already is no more a list to encrypt; and nothing is left in the store.
	fails 1 "layer 1 of 1 is encrypted already" kiln image copy -q --all --encryption-key jwe:ec.pub oci:all:x oci:never:x
	[ ! -e never ]
}
