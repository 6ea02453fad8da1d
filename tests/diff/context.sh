#!/bin/sh
# Makes the build context that every case shares: tests/diff/context.sh DIR
#
# It has one of everything that git cannot keep: special modes, hard links, extended attributes,
# sparse files, archives, names with blanks, brackets and letters beyond ASCII. Deterministic.
set -eu
umask 022
mkdir -p "$1"
cd "$1"

echo a >a.txt
echo b >b.txt
printf 'c\n' >c.md
: >empty
echo hidden >.hidden
printf '#!/bin/sh\necho "script ran with $*"\n' >script.sh
chmod 0755 script.sh

mkdir -p dir/sub/deep dir/empty
echo one >dir/one.txt
echo two >dir/two.txt
echo three >dir/sub/three.txt
echo four >dir/sub/deep/four.md
chmod 0750 dir/empty
chmod 0711 dir/sub/deep
ln -s one.txt dir/link
ln -s ../a.txt dir/up
ln -s nowhere dir/dangling
ln -s /etc/passwd dir/absolute
ln -s sub dir/sublink
ln -s dir dirlink
ln -s a.txt filelink

mkdir hard
echo hard >hard/first
ln hard/first hard/second
mkdir hard/sub
ln hard/first hard/sub/third

mkdir modes
for mode in 4755 2755 6711 0600 0444 0777 0640; do
	echo "$mode" >"modes/m$mode"
	chmod "$mode" "modes/m$mode"
done
mkdir modes/sticky modes/setgid modes/private
chmod 1777 modes/sticky
chmod 2755 modes/setgid
chmod 0700 modes/private
echo in >modes/private/in

mkdir xattrs
echo x >xattrs/file
echo y >xattrs/plain
mkdir xattrs/folder
setfattr -n user.kiln -v yes xattrs/file
setfattr -n user.folder -v too xattrs/folder
setfattr -n user.binary -v 0x00ff0a3d xattrs/file

mkdir names
echo 1 >'names/with blank'
echo 2 >'names/ünïcödé'
echo 3 >'names/[bracket]'
echo 4 >'names/star*'
echo 5 >'names/-dash'
echo 6 >'names/#hash'
echo 7 >"names/quote'\"s"
long=$(printf 'n%.0s' $(seq 200))
echo 8 >"names/$long"
deep=names/$(printf 'level%.0s/' $(seq 30))
mkdir -p "$deep"
echo 9 >"$deep/file"

truncate -s 1M sparse
printf end | dd of=sparse bs=1 seek=1048570 conv=notrunc status=none

# Archives: owners, implied parents, links and modes of their own.
mkdir tree
mkdir tree/bin tree/etc
echo tool >tree/bin/tool
chmod 4750 tree/bin/tool
ln tree/bin/tool tree/bin/tool2
ln -s /bin/tool tree/etc/absolute
ln -s ../bin/tool tree/etc/relative
echo conf >tree/etc/conf
chmod 0750 tree/etc
pack() {
	tar --sort=name --mtime=@1600000000 --numeric-owner --format=pax \
		--pax-option=delete=atime,delete=ctime "$@"
}
pack --owner=1000 --group=50 -C tree -cf archive.tar .
gzip -n -c archive.tar >archive.tar.gz
bzip2 -c archive.tar >archive.tar.bz2
xz -c archive.tar >archive.tar.xz
pack --owner=7 --group=8 -C tree -cf implied.tar bin/tool etc/conf
pack --owner=0 --group=0 -C dir -czf second.tgz .
rm -r tree
echo 'this is no archive' >not-an-archive.tar.gz
echo UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA== | base64 -d >empty.zip
