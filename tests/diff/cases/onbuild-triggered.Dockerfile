ARG BUSYBOX
FROM $BUSYBOX AS parent
ONBUILD COPY a.txt /triggered
ONBUILD RUN echo "run $X" >/ran
ONBUILD ENV X=set
FROM parent
RUN echo "after ${X}" >/after
