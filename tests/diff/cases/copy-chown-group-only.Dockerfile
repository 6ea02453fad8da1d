ARG BUSYBOX
FROM $BUSYBOX
COPY --chown=:50 a.txt /number
COPY --chown=:staff a.txt /name
COPY --chown=app: a.txt /user
