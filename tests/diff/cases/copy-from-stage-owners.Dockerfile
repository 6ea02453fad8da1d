ARG BUSYBOX
FROM $BUSYBOX AS made
RUN mkdir /m && echo 1 >/m/s && chown 5:6 /m/s && chmod 6755 /m/s && mkdir -m 1777 /m/st
FROM $BUSYBOX
COPY --from=made /m /as-is
COPY --from=made /m/s /as-is/again
COPY --from=made --chown=7:8 /m /given
