ARG BUSYBOX
FROM $BUSYBOX
COPY a.txt b.txt /notadir
