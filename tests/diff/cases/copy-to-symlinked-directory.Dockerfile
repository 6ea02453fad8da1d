ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /real && ln -s /real /link
COPY dir/sub /link
