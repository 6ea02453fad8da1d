ARG BUSYBOX
FROM $BUSYBOX
COPY hard /hard
COPY hard/first hard/second /files/
