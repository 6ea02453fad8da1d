ARG BUSYBOX
FROM $BUSYBOX AS from
RUN mkdir /s && echo s >/s/f
FROM $BUSYBOX
RUN mkdir /there && echo kept >/there/file && echo real >/file
RUN --mount=type=bind,from=from,source=/s,target=/new/deep,rw echo x >/new/deep/f
RUN --mount=type=bind,from=from,source=/s/f,target=/file cat /file >/seen
RUN --mount=type=tmpfs,target=/there ls /there >/empty && echo gone >/there/gone
RUN --mount=type=cache,target=/c1 --mount=type=cache,target=/c2 echo q >/c1/q && mv /c1/q /c2/q && cp /c2/q /moved
RUN cat /file /there/file >/after
