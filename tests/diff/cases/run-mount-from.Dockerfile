ARG BUSYBOX
FROM $BUSYBOX AS made
RUN mkdir -p /d/e && echo f >/d/e/f && chown 7:8 /d/e/f && chmod 4711 /d/e/f && ln -s f /d/e/l
FROM $BUSYBOX
RUN --mount=type=bind,from=made,source=/d,target=/m cp -a /m/. /copied && stat -c '%u:%g:%a' /m/e/f >/seen
RUN --mount=type=bind,from=made,source=/d,target=/m,rw rm /m/e/f && touch /m/x && ls /m /m/e >/listed
