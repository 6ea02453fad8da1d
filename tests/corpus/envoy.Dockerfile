# Shape of https://github.com/envoyproxy/envoy/blob/main/distribution/docker/Dockerfile-envoy
ARG BUILD_OS=ubuntu
ARG BUILD_TAG=22.04@sha256:0e5e4a57c2499249aafc3b40fcd541e9a456aab7296681a3994d631587203f97
ARG ENVOY_VRP_BASE_IMAGE=envoy-base

FROM scratch AS binary
COPY distribution/docker/docker-entrypoint.sh /
ADD configs/envoyproxy_io_proxy.yaml /etc/envoy/envoy.yaml
# See https://github.com/docker/buildx/issues/510 for why this _must_ be this way
ARG TARGETPLATFORM
ENV TARGETPLATFORM="${TARGETPLATFORM:-linux/amd64}"
ADD "${TARGETPLATFORM}/release.tar.zst" /usr/local/bin/

# STAGE: envoy
FROM ${BUILD_OS}:${BUILD_TAG} AS envoy-base
ENV DEBIAN_FRONTEND=noninteractive
EXPOSE 10000
CMD ["envoy", "-c", "/etc/envoy/envoy.yaml"]
RUN mkdir -p /etc/envoy \
    && adduser --group --system envoy
ENTRYPOINT ["/docker-entrypoint.sh"]
RUN --mount=type=tmpfs,target=/var/cache/apt \
    --mount=type=tmpfs,target=/var/lib/apt/lists \
    apt-get -qq update \
    && apt-get -qq upgrade -y \
    && apt-get -qq install --no-install-recommends -y ca-certificates \
    && apt-get -qq autoremove -y

FROM envoy-base AS envoy
ARG ENVOY_BINARY=envoy
ARG ENVOY_BINARY_PREFIX=
COPY --from=binary --chown=0:0 --chmod=755 \
    /etc/envoy/envoy.yaml /etc/envoy/envoy.yaml
COPY --from=binary --chown=0:0 --chmod=755 \
    "/usr/local/bin/${ENVOY_BINARY_PREFIX}${ENVOY_BINARY}" /usr/local/bin/
COPY --from=binary --chown=0:0 --chmod=755 \
    /docker-entrypoint.sh /

# STAGE: envoy-distroless
FROM gcr.io/distroless/base-nossl-debian12:nonroot@sha256:72c7a6fc6af3a90b8ec8d4a4f2d4c7ee5cfd1ceb6a6ff8c0ee7e6cb0d1a4ff12 AS envoy-distroless
EXPOSE 10000
ENTRYPOINT ["/usr/local/bin/envoy"]
CMD ["-c", "/etc/envoy/envoy.yaml"]
COPY --from=binary --chown=0:0 --chmod=755 \
    "/usr/local/bin/su-exec" "/usr/local/bin/su-exec"

# STAGE: envoy-google-vrp
FROM ${ENVOY_VRP_BASE_IMAGE} AS envoy-google-vrp
EXPOSE 10001
ADD ["configs/google-vrp/envoy-edge.yaml", "configs/google-vrp/envoy-origin.yaml", "/etc/envoy/"]
CMD ["supervisord", "-c", "/etc/supervisor.conf"]
