ARG BUSYBOX
FROM $BUSYBOX
COPY names/[[]bracket] /escaped
