ARG BUSYBOX
FROM $BUSYBOX
COPY ../../a.txt /clamped
