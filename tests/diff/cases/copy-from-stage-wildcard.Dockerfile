ARG BUSYBOX
FROM $BUSYBOX AS made
RUN mkdir /out && touch /out/a.so /out/b.so /out/c.txt
FROM $BUSYBOX
COPY --from=made /out/*.so /lib/
COPY --from=made out/c.txt /c
