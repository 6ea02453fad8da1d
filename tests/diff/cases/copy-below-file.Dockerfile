ARG BUSYBOX
FROM $BUSYBOX
RUN echo >/file
COPY a.txt /file/below
