# syntax=docker/dockerfile:1.4
# Shape of https://github.com/mastodon/mastodon/blob/main/Dockerfile
# hadolint global ignore=DL3008,DL3009

ARG BASE_IMAGE="ghcr.io/mastodon/base"
ARG UID="991"
ARG MASTODON_HOME="/opt/mastodon"
ARG MASTODON_VERSION_METADATA=""
ARG RAILS_ENV="production"

########################################################################
FROM ${BASE_IMAGE} as base
ARG TARGETPLATFORM
ARG UID
ARG MASTODON_HOME
ARG RAILS_ENV

RUN \
    --mount=type=cache,id=${TARGETPLATFORM}-/var/cache,target=/var/cache,sharing=locked \
    --mount=type=cache,id=${TARGETPLATFORM}-/var/lib/apt,target=/var/lib/apt,sharing=locked \
    --mount=type=tmpfs,target=/var/log \
    set -eux; \
    # lists are empty
    apt-get update; \
    apt-get install -y --no-install-recommends \
        # at run time
        file \
        libjemalloc2 \
    ; \
    useradd -u "${UID}" -l -m -d "${MASTODON_HOME}" mastodon; \
    case "${RAILS_ENV}" in \
        development) bundle config set --local without 'test';; \
        production) bundle config set --local without 'development test';; \
    esac;

ENV MASTODON_HOME="${MASTODON_HOME}" \
    RAILS_ENV="${RAILS_ENV}"

WORKDIR ${MASTODON_HOME}

FROM base as bundle-installer
ADD Gemfile* ${MASTODON_HOME}/
RUN set -eux; \
    bundle install --no-cache;

FROM base
ARG MASTODON_VERSION_METADATA
COPY --link . ${MASTODON_HOME}
COPY --link --from=bundle-installer ${MASTODON_HOME}/vendor/bundle ${MASTODON_HOME}/vendor/bundle
ENV PATH="${PATH}:${MASTODON_HOME}/bin" \
    LD_PRELOAD="libjemalloc.so.2" \
    MASTODON_VERSION_METADATA="${MASTODON_VERSION_METADATA}"
RUN set -eux; \
    case "${RAILS_ENV}" in \
        development) exit 0;; \
        *) \
            SECRET_KEY_BASE=placeholder rails assets:precompile; \
        ;; \
    esac;
USER mastodon
ENTRYPOINT ["/usr/bin/tini", "--"]

EXPOSE 3000 4000
