ARG BUSYBOX
FROM $BUSYBOX
HEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --retries=4 CMD wget -q localhost || exit 1
