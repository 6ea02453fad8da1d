ARG BUSYBOX
FROM $BUSYBOX
RUN echo zero >/zero
FROM $BUSYBOX
RUN echo one >/one
FROM $BUSYBOX
COPY --from=0 /zero /got/
COPY --from=1 /one /got/
