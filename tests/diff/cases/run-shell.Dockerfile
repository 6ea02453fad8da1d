ARG BUSYBOX
FROM $BUSYBOX
RUN echo one | tr a-z A-Z >/pipe; false || echo or >/or
RUN for i in 1 2 3; do echo $i; done >/loop && \
    test -s /loop
