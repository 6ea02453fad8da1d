ARG BUSYBOX
FROM --platform=linux/amd64 $BUSYBOX
RUN uname -m >/machine
