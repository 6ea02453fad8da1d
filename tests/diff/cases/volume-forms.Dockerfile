ARG BUSYBOX
FROM $BUSYBOX
VOLUME /one /two
VOLUME ["/three", "/with blank"]
