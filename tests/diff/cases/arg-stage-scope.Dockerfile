ARG BUSYBOX
FROM $BUSYBOX AS one
ARG A=one
RUN echo "$A" >/one
FROM $BUSYBOX
COPY --from=one /one /
RUN echo "${A:-gone}" >/two
