ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /tools && printf '#!/bin/sh\necho mine\n' >/tools/mine && chmod 755 /tools/mine
ENV PATH=/tools:$PATH
RUN mine >/out
