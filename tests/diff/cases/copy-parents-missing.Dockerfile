ARG BUSYBOX
FROM $BUSYBOX
COPY --parents dir/./sub/none.txt /x/
