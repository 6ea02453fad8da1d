ARG BUSYBOX
FROM $BUSYBOX
COPY dir /d
RUN rm -r /d && mkdir /d && echo new >/d/new
RUN rm -r /d/* && mkdir /d/sub
