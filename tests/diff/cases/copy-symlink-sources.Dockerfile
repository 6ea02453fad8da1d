ARG BUSYBOX
FROM $BUSYBOX
COPY filelink /followed
COPY dirlink /dirfollowed
COPY dir/link dir/up /links/
COPY dir/sublink/three.txt /through
