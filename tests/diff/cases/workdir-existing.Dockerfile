ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /there && chmod 700 /there && chown 5:6 /there
WORKDIR /there
WORKDIR /tmp
