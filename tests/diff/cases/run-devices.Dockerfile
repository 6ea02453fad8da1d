ARG BUSYBOX
FROM $BUSYBOX
RUN echo x >/dev/null && head -c 8 /dev/zero | od >/zero && test -c /dev/urandom && test -d /dev/pts && ls -l /dev/fd /dev/stdin >/dev/null && echo yes >/ok
