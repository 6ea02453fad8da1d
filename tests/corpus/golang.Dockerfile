# Shape of https://github.com/docker-library/golang/blob/master/1.23/bookworm/Dockerfile
FROM buildpack-deps:bookworm-scm AS build

ENV PATH /usr/local/go/bin:$PATH
ENV GOLANG_VERSION 1.23.4

RUN set -eux; \
	now="$(date '+%s')"; \
	arch="$(dpkg --print-architecture)"; arch="${arch##*-}"; \
	url=; \
	case "$arch" in \
		'amd64') \
			url='https://dl.google.com/go/go1.23.4.linux-amd64.tar.gz'; \
			sha256='6924efde5de86fe277676e929dc9917d466efa02fb934197bc2eba35d5680971'; \
			;; \
		*) echo >&2 "error: unsupported architecture '$arch' (likely packaging update needed)"; exit 1 ;; \
	esac; \
	echo "$sha256 *go.tgz" | sha256sum -c -; \
	[ "$arch" != 'armhf' ] || [ -n "${GOARM-}" ]

FROM buildpack-deps:bookworm-scm
RUN set -eux; \
	apt-get update; \
	apt-get install -y --no-install-recommends \
		g++ \
	; \
	rm -rf /var/lib/apt/lists/*
ENV GOLANG_VERSION 1.23.4
# don't auto-upgrade the gotoolchain
ENV GOTOOLCHAIN=local
ENV GOPATH /go
ENV PATH $GOPATH/bin:/usr/local/go/bin:$PATH
COPY --from=build --link /usr/local/go/ /usr/local/go/
RUN mkdir -p "$GOPATH/src" "$GOPATH/bin" && chmod -R 1777 "$GOPATH"
WORKDIR $GOPATH
