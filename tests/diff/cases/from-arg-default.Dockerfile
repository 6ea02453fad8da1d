ARG BUSYBOX
ARG BASE="${BUSYBOX}"
FROM ${BASE:-scratch}
RUN echo ok >/ok
