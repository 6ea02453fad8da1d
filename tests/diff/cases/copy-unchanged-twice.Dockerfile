ARG BUSYBOX
FROM $BUSYBOX
COPY dir /d
COPY dir /d
COPY a.txt /d/one.txt
