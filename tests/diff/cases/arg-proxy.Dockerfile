ARG BUSYBOX
FROM $BUSYBOX
RUN echo "$HTTP_PROXY ${http_proxy:-lower unset}" >/seen
