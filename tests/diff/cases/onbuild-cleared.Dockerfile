ARG BUSYBOX
FROM $BUSYBOX AS parent
ONBUILD RUN echo x >>/count
FROM parent AS child
FROM child
RUN echo last >>/count
