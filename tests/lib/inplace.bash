# shellcheck shell=bash
# A root for isolation inplace, in a container only (lib/pod): what a small image has, with kiln in
# a directory of its own.
#
#   inplace_root DIR HOME NAME     makes DIR once, kiln being HOME/NAME there, its libraries in HOME/lib
#   inplace_pod DIR OPTION.. -- COMMAND..   runs COMMAND in it: real, unprivileged, no namespaces

inplace_root() {
	local root=$1 home=$2 name=$3 lib used
	[ ! -d "$root" ] || return 0
	mkdir -p "$root$home/lib" "$root"/{proc,sys,dev,etc/ssl/certs,tmp,run,old/files,usr,lib64}
	touch "$root/.dockerenv" "$root/etc/resolv.conf" "$root/old/files/left"
	cp "$KILN" "$root$home/$name"
	# Loaded on first use.
	used=$(ldconfig -p | awk '/lib(curl\.so\.4|isal\.so\.2|z\.so\.1|zstd\.so\.1|lzma\.so\.5|bz2\.so\.1\.0) .*x86-64/ {print $NF}')
	# shellcheck disable=SC2086 # several
	for lib in $(ldd "$KILN" $used | grep -o '/[^ ]*[^: ]') $used; do
		cp -L "$lib" "$root$home/lib/"
	done
	# Executed once, and then removed like everything else.
	cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
}

inplace_pod() {
	local root=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	timeout -s KILL 120 "$RIG_LIB/pod" "${options[@]}" --root "$root" --forbid namespaces "$@"
}
