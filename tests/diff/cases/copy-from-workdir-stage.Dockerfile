ARG BUSYBOX
FROM $BUSYBOX AS made
WORKDIR /src
RUN echo x >x
FROM $BUSYBOX
WORKDIR /dst
COPY --from=made /src .
COPY --from=made src/x ./y
