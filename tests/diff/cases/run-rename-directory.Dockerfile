ARG BUSYBOX
FROM $BUSYBOX
COPY dir /from
RUN mv /from /to && mv /to/sub /sub
