ARG BUSYBOX
FROM $BUSYBOX AS unused
RUN echo never needed >/unused
FROM $BUSYBOX
RUN echo needed >/needed
