ARG BUSYBOX
FROM $BUSYBOX
RUN --mount=type=cache,id=kiln-diff-mode,target=/c,uid=3,gid=4,mode=0750 stat -c '%u:%g:%a' /c >/owner; echo x >/c/x
RUN --mount=type=cache,id=kiln-diff-mode,target=/elsewhere,uid=3,gid=4,mode=0750 cp /elsewhere/x /kept
RUN --mount=type=cache,target=/var/cache/deep/new touch /var/cache/deep/new/gone
RUN find / -xdev -name gone -o -xdev -name elsewhere >/left
