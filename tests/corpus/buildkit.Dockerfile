# syntax=docker/dockerfile-upstream:master
# Shape of https://github.com/moby/buildkit/blob/master/Dockerfile

ARG GO_VERSION=1.21
ARG ALPINE_VERSION=3.18
ARG XX_VERSION=1.3.0
ARG REGISTRY_VERSION=2.8.3
ARG BUILDKIT_DEBUG

FROM minio/mc:${MC_VERSION:-RELEASE.2022-05-04T06-07-55Z} AS minio-mc

FROM alpine:${ALPINE_VERSION} AS alpine-amd64
FROM alpine:${ALPINE_VERSION} AS alpine-arm64
FROM alpine:edge@sha256:2d01a16bab53a8405876cec4c27235d47455a7b72b75334c614f2fb0968b3f90 AS alpine-riscv64
FROM alpine-$TARGETARCH AS alpinebase

FROM --platform=$BUILDPLATFORM tonistiigi/xx:${XX_VERSION} AS xx
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-alpine${ALPINE_VERSION} AS golatest
FROM --platform=$BUILDPLATFORM alpine:${ALPINE_VERSION} AS git
RUN apk add --no-cache git

FROM golatest AS gobuild-base
COPY --link --from=xx / /

FROM git AS runc-src
ARG RUNC_VERSION=v1.1.10
WORKDIR /usr/src
RUN git clone https://example.com/runc.git runc \
  && cd runc && git checkout -q "$RUNC_VERSION"

FROM gobuild-base AS runc
WORKDIR $GOPATH/src/runc
ARG TARGETPLATFORM
RUN --mount=from=runc-src,src=/usr/src/runc,target=. \
  --mount=target=/root/.cache,type=cache <<EOT
  set -ex
  CGO_ENABLED=1 xx-go build -ldflags '-extldflags -static' -o /usr/bin/runc ./
  if [ "$(xx-info os)" = "linux" ]; then /usr/bin/runc --version; fi
EOT

FROM gobuild-base AS version
RUN --mount=target=. \
  PKG=x VERSION=$(git describe --match 'v[0-9]*' --dirty='.m' --always --tags); \
  echo "-X ${PKG}/version.Version=${VERSION}" | tee /tmp/.ldflags; \
  echo -n "${VERSION}" | tee /tmp/.version;

FROM gobuild-base AS buildkitd
# TAGS defines additional tags
ARG TAGS
ARG BUILDKIT_DEBUG
ARG GOGCFLAGS=${BUILDKIT_DEBUG:+"all=-N -l"}
RUN --mount=target=. --mount=target=/root/.cache,type=cache \
  --mount=source=/tmp/.ldflags,target=/tmp/.ldflags,from=version <<EOT
  set -ex
  xx-go build -gcflags="${GOGCFLAGS}" -ldflags "$(cat /tmp/.ldflags)" -o /usr/bin/buildkitd ./cmd/buildkitd

  # comes again
  for attempt in $(seq "5"); do
    timeout 3 /usr/bin/buildkitd --version && break
  done
EOT

FROM scratch AS binaries-linux
COPY --link --from=runc /usr/bin/runc /buildkit-runc
COPY --link --from=tonistiigi/binfmt:buildkit-v7.1.0-30@sha256:45dd57b4ba2f24e2354f71f1e4e51f073cb7a28fd848ce6f5f2a7701142a6bf0 / /
COPY --link --from=buildkitd /usr/bin/buildkitd /
FROM scratch AS binaries-windows
COPY --link --from=buildkitd /usr/bin/buildkitd /buildkitd.exe
FROM binaries-$TARGETOS AS binaries
ARG BUILDKIT_SBOM_SCAN_STAGE=true

FROM --platform=$BUILDPLATFORM alpine:${ALPINE_VERSION} AS releaser
WORKDIR /work
ARG TARGETPLATFORM
RUN --mount=from=binaries \
  --mount=source=/tmp/.version,target=/tmp/.version,from=version \
  mkdir -p /out && tar czvf "/out/b-$(cat /tmp/.version).$(echo $TARGETPLATFORM | sed 's/\//-/g').tar.gz" --transform 's/^./bin/' .

FROM alpinebase AS buildkit-export
RUN apk add --no-cache fuse3 \
  && ln -s fusermount3 /usr/bin/fusermount
VOLUME /var/lib/buildkit

FROM gobuild-base as alt
ARG REGISTRY_VERSION
FROM registry:$REGISTRY_VERSION AS registry

FROM buildkit-export AS buildkit-linux
COPY --link --from=binaries / /usr/bin/
ENTRYPOINT ["buildkitd"]

FROM buildkit-linux AS buildkit-linux-debug
COPY --link --chmod=755 <<EOF /docker-entrypoint.sh
#!/bin/busybox sh
exec dlv exec /usr/bin/buildkitd \\
  -l 0.0.0.0:\${DELVE_PORT:-5000} \\
  -- "\$@"
EOF
ENV DELVE_PORT 5000
ENTRYPOINT ["/docker-entrypoint.sh"]

FROM buildkit-$TARGETOS${BUILDKIT_DEBUG:+-debug} AS buildkit
