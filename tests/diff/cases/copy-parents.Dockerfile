# Dockerfile reference, "COPY --parents" and its pivot "/./".
ARG BUSYBOX
FROM $BUSYBOX
COPY --parents dir/one.txt modes/m0640 /whole/
COPY --parents dir/./sub/three.txt /pivot
COPY --parents ./dir/**/*.md /deep/
COPY --parents mod[e]s/./private/in /modes
COPY --parents dir/sub /tree/
