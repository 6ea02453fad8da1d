ARG BUSYBOX
FROM $BUSYBOX
RUN ln -s two /one && ln -s one /two
COPY a.txt /one
