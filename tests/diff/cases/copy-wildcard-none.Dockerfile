ARG BUSYBOX
FROM $BUSYBOX
COPY a.txt nothing*.here /to/
