# Dockerfile reference, "COPY --parents": nothing matches, and the destination is made all the same.
ARG BUSYBOX
FROM $BUSYBOX
COPY --parents dir/none* /made/
COPY --parents --exclude=** dir/./sub /too/
COPY none* /not/
