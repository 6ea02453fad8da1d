ARG BUSYBOX
FROM $BUSYBOX
ADD not-an-archive.tar.gz /n/
ADD empty.zip /n/
ADD a.txt empty /n/
ADD dir /d
