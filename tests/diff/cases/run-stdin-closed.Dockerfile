ARG BUSYBOX
FROM $BUSYBOX
RUN cat >/stdin; echo "status $?" >>/stdin
