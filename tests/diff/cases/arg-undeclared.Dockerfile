ARG BUSYBOX
FROM $BUSYBOX
RUN echo "${SECRET:-invisible}" >/seen
