ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir -p /t/etc && chmod 700 /t /t/etc && echo old >/t/etc/conf && echo keep >/t/etc/keep
ADD archive.tar /t
