# Arguments that nobody gave: root, and the directory where we are.
ARG BUSYBOX
FROM $BUSYBOX
ARG RUN_AS
ARG SUBDIR
USER app
WORKDIR /tmp/here
USER ${RUN_AS}
WORKDIR $SUBDIR
RUN id -u >user && pwd >where
COPY --chown=${RUN_AS} a.txt ./
