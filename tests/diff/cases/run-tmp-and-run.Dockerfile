ARG BUSYBOX
FROM $BUSYBOX
RUN echo t >/tmp/t && echo r >/run/r && echo v >/var/log/v
