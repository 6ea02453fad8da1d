ARG BUSYBOX
FROM $BUSYBOX
COPY a.txt /thing
COPY dir /thing
