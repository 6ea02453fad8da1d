ARG BUSYBOX
FROM $BUSYBOX
SHELL ["/bin/sh", "-x", "-c"]
ENTRYPOINT run it
