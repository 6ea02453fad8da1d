ARG BUSYBOX
FROM $BUSYBOX
ENV A=1 B="two words"
COPY a.txt /a
RUN echo crlf >/crlf
