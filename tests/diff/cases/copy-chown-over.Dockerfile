# Does a COPY change the owner of a directory that is there? (Buildah's copy-permissions-implicit)
ARG BUSYBOX
FROM $BUSYBOX
COPY --chown=99:98 dir/ dir/
COPY dir/ dir/
COPY --chown=97 hard modes/private /dir/sub/
