ARG BUSYBOX
FROM $BUSYBOX
WORKDIR /a/b
RUN pwd >/pwd && echo rel >here
WORKDIR c
RUN pwd >>/pwd
