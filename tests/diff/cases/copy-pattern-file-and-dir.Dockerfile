# A file that a pattern matched has the name when a directory comes for it.
ARG BUSYBOX
FROM $BUSYBOX
COPY dir/[os]* /one
