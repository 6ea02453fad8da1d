ARG BUSYBOX
FROM $BUSYBOX
ARG X=arg
ENV X=env
RUN echo "$X" >/seen
