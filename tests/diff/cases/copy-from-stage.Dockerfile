ARG BUSYBOX
FROM $BUSYBOX AS made
COPY modes /m
COPY hard /h
COPY xattrs /x
RUN echo f >/f && chown 7:8 /f && chmod 4711 /f && ln -s f /l && mkdir /dd && chmod 1770 /dd && chown 1000 /dd
FROM $BUSYBOX
COPY --from=made /m /m
COPY --from=made /h /h
COPY --from=made /x /x
COPY --from=made /f /dd /into/
COPY --from=made /f /f
