ARG BUSYBOX
FROM $BUSYBOX
RUN ["/bin/sh", "-c", "echo exec $HOME >/exec"]
RUN ["touch", "/with blank", "/$HOME"]
