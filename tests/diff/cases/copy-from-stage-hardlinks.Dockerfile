ARG BUSYBOX
FROM $BUSYBOX AS made
RUN mkdir /h && echo 1 >/h/a && ln /h/a /h/b && ln /h/a /bin/l
FROM $BUSYBOX
COPY --from=made /h /h
