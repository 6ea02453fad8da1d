# syntax=docker/dockerfile:1
# check=skip=FromPlatformFlagConstDisallowed,RedundantTargetPlatform
# Shape of https://github.com/dani-garcia/vaultwarden/blob/main/docker/Dockerfile.debian

# 	tabs in comments, and {{.Braces}}
FROM --platform=linux/amd64 docker.io/vaultwarden/web-vault@sha256:e40b20eeffbcccb27db6c08c3aaa1cf7d3c92333f634dec26a077590e910e1c9 AS vault
FROM --platform=linux/amd64 docker.io/tonistiigi/xx@sha256:9c207bead753dda9430bdd15425c6518fc7a03d866103c516a2c6889188f5894 AS xx

FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.89.0-slim-trixie AS build
COPY --from=xx / /
ARG TARGETARCH
ARG TARGETVARIANT
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV DEBIAN_FRONTEND=noninteractive \
    CARGO_HOME="/root/.cargo" \
    USER="root"
RUN apt-get update && \
    apt-get install -y \
        "libc6-$(xx-info debian-arch)-cross" && \
    # early, for it breaks later
    echo "export CARGO_TARGET=$(xx-cargo --print-target-triple)" >> /env-cargo
RUN USER=root cargo new --bin /app
WORKDIR /app
ARG TARGET_PKG_CONFIG_PATH
RUN source /env-cargo && \
    if xx-info is-cross ; then \
        echo "export CC_$(echo "${CARGO_TARGET}" | tr '[:upper:]' '[:lower:]' | tr - _)=/usr/bin/$(xx-info)-gcc" >> /env-cargo && \
        if [[ -n "${TARGET_PKG_CONFIG_PATH}" ]]; then \
            echo "export P=${TARGET_PKG_CONFIG_PATH}" >> /env-cargo ; \
        else \
            echo "export P=/usr/lib/$(xx-info)/pkgconfig" >> /env-cargo ; \
        fi && \
        echo "# End of env-cargo" >> /env-cargo ; \
    fi && \
    # what it is
    cat /env-cargo
COPY ./Cargo.* ./rust-toolchain.toml ./build.rs ./
COPY ./macros ./macros
ARG DB=sqlite,mysql,postgresql
RUN source /env-cargo && \
    cargo build --features ${DB} --target="${CARGO_TARGET}" && \
    find . -not -path "./target*" -delete
COPY . .

FROM --platform=$TARGETPLATFORM docker.io/library/debian:trixie-slim
ENV ROCKET_PROFILE="release" \
    ROCKET_PORT=80
RUN mkdir /data && \
    apt-get update && apt-get install -y \
        curl && \
    apt-get clean && \
    rm -rf /var/lib/apt/lists/*
VOLUME /data
EXPOSE 80
WORKDIR /
COPY docker/healthcheck.sh docker/start.sh /
COPY --from=vault /web-vault ./web-vault
COPY --from=build /app/target/final/vaultwarden .
HEALTHCHECK --interval=60s --timeout=10s CMD ["/healthcheck.sh"]
CMD ["/start.sh"]
