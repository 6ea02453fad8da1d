ARG BUSYBOX
FROM $BUSYBOX
COPY --chown=1000:50 a.txt /numbers
COPY --chown=app:staff a.txt /names
COPY --chown=app a.txt /user-only
COPY --chown=1234 a.txt /number-only
COPY --chown=www-data:1000 dir /dir
COPY --chown=app modes /modes
