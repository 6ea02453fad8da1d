# Shape of https://github.com/kubernetes/kubernetes/blob/master/build/pause/Dockerfile
# Licensed under the Apache License, Version 2.0

ARG BASE
FROM ${BASE:-scratch}
ARG ARCH
ADD bin/pause-linux-${ARCH} /pause
USER 65535:65535
ENTRYPOINT ["/pause"]
