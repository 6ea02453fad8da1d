ARG BUSYBOX
# A step removes the directory it works in; the next ones find it again, root's.
FROM $BUSYBOX AS source
WORKDIR /build/source
RUN echo made >out && mv out /out && cd / && rm -r /build
RUN pwd >/where && ls -a >>/where

FROM source
USER app
RUN pwd && touch /tmp/mine
USER root
WORKDIR /build
RUN rmdir source && cd / && rmdir /build
USER app
COPY --from=source /out /again
RUN ls -ld /build >/tmp/seen && cut -c1-10 /tmp/seen >/tmp/mode && rm /tmp/seen
