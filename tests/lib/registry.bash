# shellcheck shell=bash
# Registries on loopback for tests. No fixed port, no sleep: each server takes port 0, says where
# it listens, and is waited for by that line. registries_stop ends them all; call it in teardown.
#
#   registry_start plain|tls|htpasswd|token [OPTION...]   sets REGISTRY=host:port, REGISTRY_LOG,
#                                                         REGISTRY_CA (tls), TOKEN_LOG (token)
#   proxy_start UPSTREAM [OPTION...]                      sets PROXY=host:port, PROXY_RULES, PROXY_LOG
#   requests [METHOD] [REGEX]                             how many the proxy saw
#   rounds                                                how many of them followed one another
#   registry_put NAME IMAGE                               base image into $REGISTRY as NAME
#
# The account everywhere is user / password. Folders are below $SERVERS_DIR (by default
# $BATS_FILE_TMPDIR/servers).

RIG_LIB=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
SERVER_PIDS=()

# server_start NAME COMMAND... : sets SERVER_ADDRESS and SERVER_LOG; fails with the log's end.
server_start() {
	local name=$1 line
	shift
	SERVERS_DIR=${SERVERS_DIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}/kiln-servers.$$}/servers}
	mkdir -p "$SERVERS_DIR"
	SERVER_LOG=$(mktemp "$SERVERS_DIR/$name.XXXXXX")
	# bats waits for whoever holds fd 3, so servers must not.
	"$@" >"$SERVER_LOG" 2>&1 </dev/null 3>&- 4>&- &
	local pid=$!
	SERVER_PIDS+=("$pid")
	line=$(timeout 30 grep -m1 -oE 'listening on [0-9.]+:[0-9]+' \
		< <(exec tail -n +1 -s 0.05 -f --pid="$pid" "$SERVER_LOG" 3>&- 4>&-)) || {
		echo "server '$name' did not start:" >&2
		tail -n 20 "$SERVER_LOG" >&2
		return 1
	}
	SERVER_ADDRESS=${line#listening on }
}

registries_stop() {
	[ ${#SERVER_PIDS[@]} -eq 0 ] || kill "${SERVER_PIDS[@]}" 2>/dev/null || true
	wait "${SERVER_PIDS[@]}" 2>/dev/null || true
	SERVER_PIDS=()
}

# An own authority and a certificate for 127.0.0.1 and localhost: ca.crt, server.crt, server.key.
make_certificates() {
	local dir=$1
	mkdir -p "$dir"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=kiln test authority' \
		-addext 'basicConstraints=critical,CA:TRUE' -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout "$dir/server.key" \
		-out "$dir/server.csr" 2>/dev/null
	printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2\n' >"$dir/san"
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" \
		-CAcreateserial -days 2 -extfile "$dir/san" -out "$dir/server.crt" 2>/dev/null
	chmod a+r "$dir"/*
}

registry_start() {
	local kind=$1 dir
	shift
	SERVERS_DIR=${SERVERS_DIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}/kiln-servers.$$}/servers}
	mkdir -p "$SERVERS_DIR"
	dir=$(mktemp -d "$SERVERS_DIR/registry-$kind.XXXXXX")
	chmod a+rx "$dir"
	{
		echo 'version: 0.1'
		echo 'log: {level: info, accesslog: {disabled: false}}'
		echo 'storage:'
		echo "  filesystem: {rootdirectory: ${REGISTRY_STORAGE:-$dir/data}}"
		echo '  delete: {enabled: true}'
		echo 'http:'
		echo '  addr: 127.0.0.1:0'
		case $kind in
		plain) ;;
		tls)
			make_certificates "$dir"
			echo "  tls: {certificate: $dir/server.crt, key: $dir/server.key}"
			;;
		htpasswd)
			# bcrypt of 'password', cost 5
			# shellcheck disable=SC2016
			echo 'user:$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu' >"$dir/htpasswd"
			echo 'auth:'
			echo "  htpasswd: {realm: kiln-test, path: $dir/htpasswd}"
			;;
		token)
			make_certificates "$dir" >&2
			TOKEN_LOG=$dir/tokens.log
			: >"$TOKEN_LOG"
			server_start token "$RIG_LIB/token_server.py" --key "$dir/ca.key" --cert "$dir/ca.crt" \
				--log "$TOKEN_LOG" "$@" >&2 || return 1
			echo 'auth:'
			echo '  token:'
			echo "    realm: http://$SERVER_ADDRESS/token"
			echo '    service: kiln-test'
			echo '    issuer: kiln-test-issuer'
			echo "    rootcertbundle: $dir/ca.crt"
			;;
		*)
			echo "registry_start: unknown kind '$kind'" >&2
			return 1
			;;
		esac
	} >"$dir/config.yml" || return 1
	# It takes every REGISTRY_... variable for its own configuration.
	server_start "registry-$kind" env -u REGISTRY_LOG -u REGISTRY_CA -u REGISTRY_AUTH_FILE \
		docker-registry serve "$dir/config.yml" || return 1
	REGISTRY=$SERVER_ADDRESS
	REGISTRY_LOG=$SERVER_LOG
	REGISTRY_CA=$dir/ca.crt
	export REGISTRY REGISTRY_LOG REGISTRY_CA TOKEN_LOG
}

proxy_start() {
	local upstream=$1 dir
	shift
	SERVERS_DIR=${SERVERS_DIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}/kiln-servers.$$}/servers}
	mkdir -p "$SERVERS_DIR"
	dir=$(mktemp -d "$SERVERS_DIR/proxy.XXXXXX")
	PROXY_RULES=$dir/rules
	PROXY_LOG=$dir/requests
	: >"$PROXY_RULES"
	: >"$PROXY_LOG"
	server_start proxy "$RIG_LIB/fault_proxy.py" --upstream "$upstream" --rules "$PROXY_RULES" \
		--log "$PROXY_LOG" "$@" || return 1
	PROXY=$SERVER_ADDRESS
	export PROXY PROXY_RULES PROXY_LOG
}

# What the proxy does wrong from now on; see fault_proxy.py. No argument: nothing.
faults() {
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$PROXY_RULES.new"
	[ $# -ne 0 ] || : >"$PROXY_RULES.new"
	mv "$PROXY_RULES.new" "$PROXY_RULES"
}

requests() {
	awk -v method="${1:-*}" -v pattern="${2:-.}" \
		'(method == "*" || $1 == method) && $2 ~ pattern {n++} END {print n + 0}' "$PROXY_LOG"
}

# How many of them had to follow one another: the longest row in which each began after the one
# before had ended.
rounds() {
	awk '{ split($8, at, "[=-]"); print at[2], at[3] }' "$PROXY_LOG" | sort -n -k2 |
		awk '$1 >= end { n++; end = $2 } END { print n + 0 }'
}

requests_forget() {
	: >"$PROXY_LOG"
}

registry_put() { # NAME IMAGE [skopeo option...]
	local dir
	dir=$("$RIG_LIB/images" "$2") || return 1
	skopeo --insecure-policy copy -q --dest-tls-verify=false "${@:3}" "oci:$dir/oci:latest" \
		"docker://$REGISTRY/$1"
}

# Copies an image out of a registry into an OCI layout, digests kept.
registry_get() { # HOST/NAME:TAG LAYOUT [skopeo option...]
	rm -rf "$2"
	skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false "${@:3}" "docker://$1" "oci:$2:latest"
}
