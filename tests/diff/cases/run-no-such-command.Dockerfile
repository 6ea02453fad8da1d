ARG BUSYBOX
FROM $BUSYBOX
RUN ["/no/such/program"]
