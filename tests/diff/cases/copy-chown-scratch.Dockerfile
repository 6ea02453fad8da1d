ARG BUSYBOX
FROM scratch
COPY --chown=5:6 a.txt /a
