ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir -p /d/e && echo 1 >/d/1 && echo 2 >/d/e/2 && echo 3 >/3
FROM $BUSYBOX
COPY dir /dir
COPY a.txt b.txt /
RUN rm /a.txt /etc/group && rm -r /dir/sub
