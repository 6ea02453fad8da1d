ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir -p /u/d/e && echo a >/u/a && echo b >/u/d/e/b && chown app:app /u/a && chmod 0 /u/a && chmod 0 /u/d/e /u/d
RUN mkdir /v && touch /v/w && chmod 0200 /v/w && chmod 0100 /v
RUN test -e /u/a && rm -r /v
