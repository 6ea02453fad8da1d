# shellcheck shell=bash
# Places to put a store on, for tests and benchmarks.
#
# The root file system of a machine may be an ext4 without journal, which creates files 20 to 40
# times slower after big deletes; figures taken there mean nothing.
#
#   store_ext4 SIZE      a journaled ext4 on a loop file (needs root); prints its mount point
#   store_tmpfs SIZE     a tmpfs of that size (needs root)
#   store_heavy          the best place there is: journaled ext4, else /dev/shm, else TMPDIR
#   stores_unmount       takes all of them down; call it in teardown
#
# The list of what was mounted is a file, since these are called in subshells.

stores_list() {
	echo "${STORES_DIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}}/.kiln-stores-$(id -u)"
}

store_ext4() {
	local size=$1 dir file
	[ "$(id -u)" = 0 ] || {
		echo 'store_ext4: needs root' >&2
		return 1
	}
	# The loop file itself may be on tmpfs: what counts is how the file system on it behaves.
	dir=$(mktemp -d "${STORES_DIR:-${BATS_FILE_TMPDIR:-/tmp}}/ext4.XXXXXX")
	if [ -d /dev/shm ] && [ "$(df --output=avail -B1 /dev/shm | tail -n 1)" -gt 8000000000 ]; then
		file=$(mktemp /dev/shm/kiln-ext4.XXXXXX)
	else
		file=$(mktemp "$dir.img.XXXXXX")
	fi
	truncate -s "$size" "$file"
	if ! mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 -O has_journal "$file" >&2 ||
		! mount -o loop,noatime "$file" "$dir" 2>/dev/null; then
		rm -f "$file"
		rmdir "$dir"
		echo 'store_ext4: no loop mount here' >&2
		return 1
	fi
	echo "$dir $file" >>"$(stores_list)"
	chmod 0755 "$dir"
	echo "$dir"
}

store_tmpfs() {
	local size=$1 dir
	[ "$(id -u)" = 0 ] || {
		echo 'store_tmpfs: needs root' >&2
		return 1
	}
	dir=$(mktemp -d "${STORES_DIR:-${BATS_FILE_TMPDIR:-/tmp}}/tmpfs.XXXXXX")
	mount -t tmpfs -o "size=$size,mode=0755" kiln-test "$dir" || return 1
	echo "$dir -" >>"$(stores_list)"
	echo "$dir"
}

store_heavy() {
	store_ext4 "${1:-20G}" 2>/dev/null || {
		local dir
		dir=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/kiln-store.XXXXXX")
		echo "$dir dir" >>"$(stores_list)"
		echo "$dir"
	}
}

stores_unmount() {
	local list dir file
	list=$(stores_list)
	[ -f "$list" ] || return 0
	while read -r dir file; do
		if [ "$file" = dir ]; then
			rm -rf "$dir"
			continue
		fi
		umount -R "$dir" 2>/dev/null || umount -R -l "$dir" 2>/dev/null || true
		rmdir "$dir" 2>/dev/null || true
		[ "$file" = - ] || rm -f "$file"
	done <"$list"
	rm -f "$list"
}
