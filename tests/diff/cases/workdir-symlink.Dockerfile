ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /real && ln -s /real /link
WORKDIR /link/sub
RUN pwd -P >/where
