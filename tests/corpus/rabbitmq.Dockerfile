# Shape of https://github.com/docker-library/rabbitmq/blob/master/4.0/alpine/Dockerfile
FROM alpine:3.20 AS build-base

RUN apk add --no-cache \
	build-base \
	perl

FROM build-base AS openssl-builder

# Default to a PGP keyserver that pgp-happy-eyeballs recognizes, but allow for substitutions locally
ARG PGP_KEYSERVER=keyserver.ubuntu.com
ENV OPENSSL_VERSION 3.3.2
ENV OPENSSL_SOURCE_SHA256="2e8a40b01979afe8be0bbfb3de5dc1c6709fedb46d6c89c10da114ab5fc3d281"
ENV OPENSSL_PGP_KEY_IDS="0xBA5473A2B0587B07FB27CF2D216094DFD0CB81EF 0x7953AC1FBC3DC8B3B292393ED5E9E43F7DF9EE8C"

# Required by the crypto & ssl Erlang/OTP applications
RUN set -eux; \
	OPENSSL_SOURCE_URL="https://github.com/openssl/openssl/releases/download/openssl-$OPENSSL_VERSION/openssl-$OPENSSL_VERSION.tar.gz"; \
	for key in $OPENSSL_PGP_KEY_IDS; do \
		gpg --batch --keyserver "$PGP_KEYSERVER" --recv-keys "$key" || true; \
	done; \
# OpenSSL's "config" script uses a lot of "uname"-based target detection...
	dpkgArch="$(uname -m)"; \
	MACHINE="$dpkgArch" RELEASE="4.x.y-z" SYSTEM='Linux' BUILD='???' \
	./Configure -Wl,-rpath=/opt/openssl/lib

FROM build-base AS erlang-builder
COPY --from=openssl-builder /opt/openssl /opt/openssl
ENV OTP_VERSION 27.1.2
RUN set -eux; \
	{ \
		echo '-kernel shell_history enabled'; \
	} > /x; \
	export ERL_TOP="$(pwd)"; \
	find /opt/erlang -type d -name examples -exec rm -rf '{}' +

FROM alpine:3.20
ENV RABBITMQ_DATA_DIR /var/lib/rabbitmq
COPY --from=erlang-builder /opt/erlang /opt/erlang
COPY --from=openssl-builder /opt/openssl /opt/openssl
ENV PATH=/opt/erlang/bin:/opt/openssl/bin:$PATH
ENV RABBITMQ_VERSION=4.0.5 \
    RABBITMQ_PGP_KEY_ID="0x0A9AF2115F4687BD29803A206B73A36E6026DFCA" \
    RABBITMQ_HOME=/opt/rabbitmq
ENV PATH=$RABBITMQ_HOME/sbin:$PATH \
    HOME=$RABBITMQ_DATA_DIR \
    LANG=C.UTF-8
VOLUME $RABBITMQ_DATA_DIR
COPY --chown=rabbitmq:rabbitmq 10-defaults.conf 20-management_agent.disable_metrics_collector.conf /etc/rabbitmq/conf.d/
ENTRYPOINT ["docker-entrypoint.sh"]

EXPOSE 4369 5671 5672 15691 15692 25672
CMD ["rabbitmq-server"]
