# shellcheck shell=bash
# The three kinds of caller that kiln has rules for (docs/architecture.md, "Running a step"):
#
#   root    kiln maps a subordinate range all the same
#   sub     an ordinary user with a range in /etc/subuid
#   plain   an ordinary user without one: owners are recorded
#
# As root, the accounts kilnsub and kilnplain are made when missing and stay. As an ordinary user
# there is only the caller, as whichever of 'sub' and 'plain' fits.
#
# as_user KIND COMMAND... runs a command as that user with its own HOME and XDG folders below
# $KILN_USERS_DIR (by default $BATS_FILE_TMPDIR), and nothing else of the environment but PATH,
# TMPDIR, KILN* and what was named by keep_env.

# shellcheck disable=SC2034 # for the tests to loop over
USER_KINDS='root sub plain'
KEPT_ENV='PATH TMPDIR TERM KILN BUILD KILN_TEST_CACHE REGISTRY_AUTH_FILE DOCKER_CONFIG DOCKER_AUTH_CONFIG
	SOURCE_DATE_EPOCH ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS SSL_CERT_FILE'

keep_env() {
	KEPT_ENV="$KEPT_ENV $*"
}

# The account of a kind, made if need be; fails with a reason when this machine cannot have it.
user_account() {
	case $1 in
	root)
		[ "$(id -u)" = 0 ] || {
			echo 'needs root'
			return 1
		}
		echo root
		;;
	sub | plain)
		if [ "$(id -u)" != 0 ]; then
			local kind=plain
			! grep -q "^\($(id -un)\|$(id -u)\):" /etc/subuid 2>/dev/null || kind=sub
			[ "$kind" = "$1" ] || {
				echo "the caller is no '$1' user"
				return 1
			}
			id -un
			return
		fi
		local name=kiln$1
		if ! id "$name" >/dev/null 2>&1; then
			# Two test files may start at the same time; the second finds the account made.
			(
				flock 9
				id "$name" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$name"
			) 9</etc >&2 || return 1
		fi
		if [ "$1" = sub ]; then
			give_range /etc/subuid "$name"
			give_range /etc/subgid "$name"
		else
			sed -i "/^$name:/d" /etc/subuid /etc/subgid 2>/dev/null
		fi
		echo "$name"
		;;
	esac
}

give_range() { # FILE NAME: 65,536 ids above everything that the file hands out already
	# Two test files may be here at the same time, and a range twice is none to newuidmap.
	(
		flock 9
		give_range_alone "$@"
	) 9</etc
}

give_range_alone() {
	local next
	grep -q "^$2:" "$1" 2>/dev/null && return 0
	next=$(awk -F: '{end = $2 + $3; if (end > max) max = end} END {print max < 100000 ? 100000 : max}' \
		"$1" 2>/dev/null || echo 100000)
	echo "$2:$next:65536" >>"$1"
}

# Prints the folder that as_user gives a kind as HOME's parent; it belongs to that user.
user_dir() {
	local dir account
	account=$(user_account "$1") || return 1
	dir=${KILN_USERS_DIR:-${BATS_FILE_TMPDIR:-/tmp}}/$1
	if [ ! -d "$dir/run" ]; then
		# Test folders are below a private /tmp/bats-run-XXX: open the way for the other accounts.
		local up=${dir%/*}
		mkdir -p "$up"
		while [ "$up" != / ] && [ "$up" != /tmp ]; do
			chmod a+x "$up" 2>/dev/null || true
			up=$(dirname "$up")
		done
		mkdir -p "$dir/home" "$dir/data" "$dir/config" "$dir/cache" "$dir/run" "$dir/tmp"
		chmod 0700 "$dir/run"
		[ "$(id -u)" != 0 ] || chown -R "$account": "$dir"
	fi
	echo "$dir"
}

as_user() {
	local kind=$1 account dir name env=()
	shift
	account=$(user_account "$kind") || {
		echo "as_user $kind: $account" >&2
		return 125
	}
	dir=$(user_dir "$kind")
	for name in $KEPT_ENV; do
		[ -z "${!name+x}" ] || env+=("$name=${!name}")
	done
	# The caller's own TMPDIR may be closed to another account.
	env+=(HOME="$dir/home" XDG_DATA_HOME="$dir/data" XDG_CONFIG_HOME="$dir/config"
		XDG_CACHE_HOME="$dir/cache" XDG_RUNTIME_DIR="$dir/run" TMPDIR="$dir/tmp" USER="$account"
		LOGNAME="$account" LC_ALL=C.UTF-8)
	# Root's own store is the machine's, and knows what earlier runs built.
	[ "$kind" != root ] || env+=(KILN_ROOT="${KILN_ROOT:-$dir/data/kiln}")
	if [ "$(id -un)" = "$account" ]; then
		env -i "${env[@]}" "$@"
	else
		setpriv --reuid="$account" --regid="$account" --init-groups --reset-env \
			env -i "${env[@]}" "$@"
	fi
}
