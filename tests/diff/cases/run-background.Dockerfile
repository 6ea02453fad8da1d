ARG BUSYBOX
FROM $BUSYBOX
RUN sleep 600 & echo done >/done
