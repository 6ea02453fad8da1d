ARG BUSYBOX
FROM $BUSYBOX
COPY a.txt dir hard /mixed/
