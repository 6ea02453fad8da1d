ARG BUSYBOX
FROM $BUSYBOX
COPY modes /modes
COPY modes/m4755 modes/m2755 /again/
