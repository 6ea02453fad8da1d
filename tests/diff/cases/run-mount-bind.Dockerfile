ARG BUSYBOX
FROM $BUSYBOX
WORKDIR /w
RUN --mount=type=bind,source=dir,target=/m cp -a /m /copied && cat /m/sub/three.txt >/seen
RUN --mount=type=bind,source=dir,target=/m,rw rm -r /m/sub && echo new >/m/one.txt && ls /m >/listed
RUN --mount=type=bind,source=a.txt,target=/etc/deep/file cat /etc/deep/file >/etc/seen
RUN --mount=type=bind,target=/not/there/yet ls /not/there/yet/dir >inside
