ARG BUSYBOX
FROM $BUSYBOX AS made
RUN mkdir -p /r/d && echo f >/r/d/f && ln -s d/f /r/l && ln -s /r/d /r/a && ln -s ../../../r/d/f /r/d/up && ln -s nowhere /r/x
FROM scratch
COPY --from=made /r /r
COPY --from=made /r/l /followed
COPY --from=made /r/a/f /through
