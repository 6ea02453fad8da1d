ARG BUSYBOX
FROM $BUSYBOX
RUN touch /a /b /c /d && chown 1000:50 /a && chown app:staff /b && chown :33 /c && chown 65534:65534 /d && \
    chown -h 1000:1000 /bin/sh
