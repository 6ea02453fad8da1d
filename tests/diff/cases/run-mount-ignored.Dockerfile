ARG BUSYBOX
FROM $BUSYBOX
RUN --mount=type=bind,source=dir,target=/m find /m | sort >/listed
