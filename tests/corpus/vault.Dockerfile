# Copyright (c) HashiCorp
# Shape of https://github.com/hashicorp/vault/blob/main/Dockerfile

## DOCKERHUB DOCKERFILE ##
FROM alpine:3 AS default

ARG BIN_NAME
# NAME and PRODUCT_VERSION are the name of the software in releases.hashicorp.com
# and the version to download. Example: NAME=vault PRODUCT_VERSION=1.2.3.
ARG NAME=vault
ARG PRODUCT_VERSION
ARG PRODUCT_REVISION
# TARGETARCH and TARGETOS are set automatically when --platform is provided.
ARG TARGETOS TARGETARCH

LABEL name="Vault" \
      maintainer="Vault Team <vault@hashicorp.com>" \
      vendor="HashiCorp" \
      version=${PRODUCT_VERSION} \
      release=${PRODUCT_REVISION} \
      summary="Vault is a tool for securely accessing secrets." \
      description="Vault is a tool for securely accessing secrets. A secret is anything that you want to tightly control access to, such as API keys, passwords, certificates, and more."

# Set ARGs as ENV so that they can be used in ENTRYPOINT/CMD
ENV NAME=$NAME
ENV VERSION=$VERSION

# Create a non-root user to run the software.
RUN addgroup ${NAME} && adduser -S -G ${NAME} ${NAME}

RUN apk add --no-cache libcap su-exec dumb-init tzdata

COPY dist/$TARGETOS/$TARGETARCH/$BIN_NAME /bin/

VOLUME /vault/logs

EXPOSE 8200

ENTRYPOINT ["docker-entrypoint.sh"]

CMD ["server", "-dev"]

## UBI DOCKERFILE ##
FROM registry.access.redhat.com/ubi8/ubi-minimal:8.8 AS ubi

ARG BIN_NAME
ARG NAME=vault
ARG PRODUCT_VERSION
ARG TARGETOS TARGETARCH

RUN microdnf install -y ca-certificates gnupg openssl libcap tzdata procps shadow-utils util-linux

RUN groupadd --gid 1000 vault && \
    adduser --uid 100 --system -g vault vault && \
    usermod -a -G root vault

ENV HOME=/home/vault
RUN mkdir -p /vault/logs && \
    chown -R vault /vault && chown -R vault $HOME && \
    chmod -R g=u $HOME && chmod -R g=u /vault
VOLUME /vault/file
USER vault
CMD ["server", "-dev"]

FROM ubi AS ubi-fips
FROM ubi AS ubi-hsm
