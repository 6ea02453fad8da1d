ARG BUSYBOX
FROM $BUSYBOX AS base
ENV A=1 B=2
WORKDIR /work
USER app
LABEL stage=base
EXPOSE 80
FROM base
RUN echo "$A $B $(pwd) $(id -u)" >/tmp/seen
