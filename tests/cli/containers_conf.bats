#!/usr/bin/env bats
# containers.conf and mounts.conf, which count under Buildah's name alone.
# shellcheck disable=SC2154,SC2016 # what lib/kiln.bash sets; text for the step's shell
load ../lib/kiln
load ../lib/busybox

setup() {
	busybox_context
	export CONTAINERS_CONF=$PWD/containers.conf
}

teardown() {
	kiln_teardown
}

entries() { # DIR: how many images the list of a layout has
	local blob
	blob=$(jq -r '.manifests[0].digest' "$1/index.json")
	jq '.manifests | length' "$1/blobs/${blob/://}"
}

conf() {
	cat >containers.conf
}

@test "containers.conf says how commands of containers run, where the command line does not" {
	mkdir share && echo shown >share/file
	conf <<-EOF
		[containers]
		default_capabilities = ["CAP_CHOWN", "kill"]
		default_ulimits = ["nofile=100:200", "core=0:0"]
		dns_servers = ["192.0.2.1"]
		dns_searches = ["one.example"]
		dns_options = ["ndots:3"]
		shm_size = "1m"
		volumes = ["$PWD/share:/shared:ro"]
		env = ["NOT=read"]
		[engine]
		env = ["FROM_CONF=conf", "GIVEN=conf"]
		[network]
		default_subnet_pools = [{"base" = "10.89.0.0/16", "size" = 24}]
	EOF
	succeeds kiln buildah from --name c "$img"
	succeeds kiln buildah from --name own --dns 192.0.2.9 --ulimit nofile=50:60 --cap-add net_raw "$img"
	# What 'from' was told is remembered; the file may go.
	conf </dev/null
	local step='grep CapEff /proc/self/status; ulimit -Sn; ulimit -Hn; cat /etc/resolv.conf; df /dev/shm | tail -1 | awk "{print \$2}"; cat /shared/file'
	succeeds kiln buildah run c -- sh -c "$step"
	equals $'CapEff:\t0000000000000021\n100\n200' "$(head -3 <<<"$output")"
	for text in 'nameserver 192.0.2.1' 'search one.example' 'options ndots:3' shown $'\n1024\n'; do
		says "$text"
	done
	succeeds kiln buildah run own -- sh -c "$step"
	equals $'CapEff:\t0000000000002021\n50\n60' "$(head -3 <<<"$output")"
	says 'nameserver 192.0.2.9'
	says_not '192.0.2.1'
	# Where there is no network they are not in the way.
	conf <<<$'[containers]\ndns_servers = ["192.0.2.1"]'
	printf 'FROM %s\nRUN true\n' "$img" >Dockerfile
	succeeds kiln buildah build -q --network none .
	# Under kiln's own name nobody reads it.
	conf <<<'[containers'
	succeeds kiln from --name d "$img"
	fails 125 "']' was expected" kiln buildah from "$img"
	says "$PWD/containers.conf"
}

@test "variables of [engine] are ours where they are not set" {
	conf <<-'EOF'
		[engine]
		env = ["FROM_CONF=conf", "GIVEN=conf"]
	EOF
	kiln buildah from --name c "$img" >/dev/null
	GIVEN=given succeeds kiln buildah run -e FROM_CONF -e GIVEN c -- sh -c 'echo $FROM_CONF $GIVEN'
	equals 'conf given' "$output"
	conf <<<$'[engine]\nenv = ["=x"]'
	fails 125 'is not NAME=VALUE' kiln buildah images
	rm containers.conf
	fails 125 'CONTAINERS_CONF' kiln buildah images
}

@test "what mounts.conf names is copied for each command, and in no layer" {
	conf </dev/null
	mkdir -p secret/deep && echo one >secret/deep/key && ln -s deep/key secret/link && ln -s nowhere secret/broken
	chmod 0700 secret/deep && chmod 0600 secret/deep/key
	echo file >single
	printf '# a comment\n%s:/run/secrets\n%s\n%s:/etc/pki/single\n/nowhere:/x\n' "$PWD/secret" "$PWD/secret" "$PWD/single" >mounts.conf
	succeeds kiln buildah from --name c "$img"
	succeeds kiln buildah --default-mounts-file mounts.conf run --user 0 c -- sh -c \
		'cat /run/secrets/link /etc/pki/single; ls -ln /run/secrets; echo two >/run/secrets/deep/key; ls '"$PWD/secret"
	says "'/nowhere' of 'mounts.conf' is not there"
	equals $'one\nfile' "$(head -2 <<<"$output")"
	says 'drwx------    2 0        0'
	says_not broken
	equals one "$(<secret/deep/key)"
	# The next command has a copy of its own, with --layers, too, and the key says nothing of it.
	succeeds kiln buildah --default-mounts-file mounts.conf run --layers c -- cat /run/secrets/deep/key
	equals one "$output"
	succeeds kiln buildah commit -q c app
	succeeds kiln buildah from --name after app
	succeeds kiln buildah run after -- sh -c 'ls /run/secrets /etc/pki/single 2>/dev/null; true'
	equals '' "$output"
	fails 125 'is not /SOURCE:/TARGET' kiln buildah --default-mounts-file <(echo /a:b) run c -- true
	fails 125 "open '/nowhere'" kiln buildah --default-mounts-file /nowhere run c -- true
}

@test "a build has both files, too" {
	mkdir share secret && echo shown >share/file && echo key >secret/key
	conf <<-EOF
		[containers]
		default_capabilities = ["CHOWN", "DAC_OVERRIDE"]
		default_ulimits = ["nofile=100:200"]
		dns_servers = ["192.0.2.1"]
		shm_size = "1m"
		volumes = ["$PWD/share:/shared:ro"]
	EOF
	echo "$PWD/secret:/run/secrets" >mounts.conf
	mkdir ctx
	printf 'FROM %s\nRUN grep CapEff /proc/self/status; ulimit -Hn; cat /etc/resolv.conf /shared/file /run/secrets/key; df /dev/shm\nRUN echo two >/run/secrets/key\n' "$img" >ctx/Dockerfile
	succeeds kiln buildah --default-mounts-file mounts.conf bud --layers -t app ctx
	for text in 0000000000000003 200 'nameserver 192.0.2.1' shown key ' 1024 '; do
		says "$text"
	done
	equals key "$(<secret/key)"
	succeeds kiln buildah from --name c app
	succeeds kiln buildah run c -- sh -c 'ls /run/secrets 2>/dev/null; true'
	equals '' "$output"
	# What mounts.conf brings is in no key; volumes are, by their names.
	conf <<<$'[containers]\ndefault_capabilities = ["CHOWN", "DAC_OVERRIDE"]'
	printf 'FROM %s\nRUN cat /run/secrets/key\n' "$img" >ctx/Dockerfile
	succeeds kiln buildah --default-mounts-file mounts.conf bud -t one ctx
	echo other >secret/key
	succeeds kiln buildah --default-mounts-file mounts.conf bud --layers -t one ctx
	says_not other
}

@test "base_hosts_file: its names are below those that are told" {
	printf '%s\n' '# all of it' '127.0.0.1 localhost' $'192.0.2.7\tone.test  one # comment' '192.0.2.8 two.test#none' \
		'fe80::1%lo0 no.address' 'word' '::2 six.test' >hosts
	conf <<<$'[containers]\nbase_hosts_file = "'"$PWD"$'/hosts"'
	printf 'FROM %s\nRUN grep -v ip6 /etc/hosts >/seen\n' "$img" >Dockerfile
	succeeds kiln buildah build -q --add-host one:192.0.2.99 -o files .
	equals $'127.0.0.1\tlocalhost buildkitsandbox
192.0.2.99\tone
127.0.0.1\tlocalhost
192.0.2.7\tone.test
192.0.2.8\ttwo.test
::2\tsix.test' "$(cat files/seen)"
	succeeds kiln buildah from --name h "$img"
	succeeds kiln buildah run h grep two.test /etc/hosts
	# Under kiln's own name, and where there is to be none, there are no more.
	rm -r files
	succeeds kiln build -q -o files .
	equals 1 "$(wc -l <files/seen)"
	conf <<<$'[containers]\nbase_hosts_file = "none"'
	rm -r files
	succeeds kiln buildah build -q -o files .
	equals 1 "$(wc -l <files/seen)"
	conf <<<$'[containers]\nbase_hosts_file = "image"'
	fails 125 "'base_hosts_file' is 'image', which is not supported" kiln buildah build -q .
	conf <<<$'[containers]\nbase_hosts_file = "/not/there"'
	fails 125 "'base_hosts_file'" kiln buildah build -q .
}

@test "add_compression: what 'manifest push' adds where nothing is told" {
	conf <<<$'[engine]\nadd_compression = ["zstd"]'
	succeeds kiln buildah manifest create list:1
	printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
	succeeds kiln buildah build -q -t one .
	succeeds kiln buildah manifest add list:1 one
	succeeds kiln buildah manifest push --all list:1 oci:layout:x
	equals 2 "$(entries layout)"
	succeeds kiln buildah manifest push --all --add-compression gzip list:1 oci:typed:x
	equals 1 "$(entries typed)"
	conf <<<$'[engine]\nadd_compression = ["lzma"]'
	fails 125 "'add_compression' of [engine]" kiln buildah manifest push --all list:1 oci:none:x
}
