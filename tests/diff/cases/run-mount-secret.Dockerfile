ARG BUSYBOX
FROM $BUSYBOX
RUN --mount=type=secret,id=token stat -c '%u:%g:%a' /run/secrets/token >/owner
RUN --mount=type=secret,id=token,target=/etc/deep/token,mode=0644 stat -c '%a' /etc/deep/token >/mode
RUN ls -A /run >/left; test ! -e /etc/deep/token
