ARG BUSYBOX
FROM $BUSYBOX
COPY a.txt /a
COPY a.txt /dir/
COPY a.txt /deep/er/a
COPY a.txt b.txt /two/
COPY script.sh /bin/
