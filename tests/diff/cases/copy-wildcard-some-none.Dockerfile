ARG BUSYBOX
FROM $BUSYBOX
COPY dir/none*.x a.txt dir/sub/none* /x/
