ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir -p /d/sub && chmod 700 /d /d/sub && chown 9:9 /d && echo old >/d/one.txt && echo keep >/d/keep
COPY dir /d
