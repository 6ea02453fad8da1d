ARG BUSYBOX
FROM $BUSYBOX
COPY --chown=nobody:nosuch a.txt /a
