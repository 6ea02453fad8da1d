ARG BUSYBOX
FROM $BUSYBOX
COPY --parents dirlink/one.txt /x/
