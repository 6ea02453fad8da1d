# Shape of https://github.com/rust-lang/docker-rust/blob/master/stable/bookworm/slim/Dockerfile
FROM debian:bookworm-slim

ENV RUSTUP_HOME=/usr/local/rustup \
    CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/cargo/bin:$PATH \
    RUST_VERSION=1.83.0

RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends \
        gcc \
        wget \
        ; \
    \
    arch="$(dpkg --print-architecture)"; \
    case "$arch" in \
        'amd64') \
            rustArch='x86_64-unknown-linux-gnu'; \
            ;; \
        *) \
            echo >&2 "unsupported architecture: ${arch}"; \
            exit 1; \
            ;; \
    esac; \
    \
    wget "https://static.rust-lang.org/rustup/archive/1.27.1/${rustArch}/rustup-init"; \
    ./rustup-init -y --no-modify-path --profile minimal --default-toolchain $RUST_VERSION --default-host ${rustArch}; \
    chmod -R a+w $RUSTUP_HOME $CARGO_HOME; \
    \
    apt-get remove -y --auto-remove wget; \
    rm -rf /var/lib/apt/lists/*;
