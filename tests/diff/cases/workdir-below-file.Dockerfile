ARG BUSYBOX
FROM $BUSYBOX
RUN echo >/file
WORKDIR /file/below
