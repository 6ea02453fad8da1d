ARG BUSYBOX
FROM $BUSYBOX AS Builder
RUN echo built >/out
FROM $BUSYBOX
COPY --from=builder /out /out
