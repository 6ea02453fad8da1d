ARG BUSYBOX
FROM $BUSYBOX
USER app
COPY a.txt /owned-by-root
COPY dir/one.txt /new/dir/
