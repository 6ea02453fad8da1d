ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir -p /a/b/c/d/e && touch /a/b/c/d/e/f
RUN rm -r /a/b/c
RUN mkdir -p /a/b/c && touch /a/b/c/new
