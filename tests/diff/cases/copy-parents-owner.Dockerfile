ARG BUSYBOX
FROM $BUSYBOX
COPY --chown=app:staff a.txt /p/q/r/a
COPY --chown=33:33 dir/sub /x/y
