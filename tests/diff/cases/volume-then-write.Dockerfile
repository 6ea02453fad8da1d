ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /v && echo before >/v/before
VOLUME /v
RUN echo after >/v/after
COPY a.txt /v/copied
