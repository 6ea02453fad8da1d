ARG BUSYBOX
FROM $BUSYBOX AS build
WORKDIR /src
COPY dir .
RUN find . -type f | sort | xargs cat >/src/all && mkdir -p /out/usr/bin /out/usr/share && cp all /out/usr/bin/prog && chmod 755 /out/usr/bin/prog
FROM $BUSYBOX AS docs
COPY --from=build /src/all /doc/all
RUN wc -l </doc/all >/doc/count
FROM scratch
COPY --from=build /out/ /
COPY --from=docs /doc /usr/share/doc
ENTRYPOINT ["/usr/bin/prog"]
