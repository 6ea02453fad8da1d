ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir -m 711 /ex && chown 9:9 /ex
COPY --chown=5:6 dir /ex/
COPY --chown=5 a.txt /ex/new/
COPY --chown=app hard/first /i/j/k
