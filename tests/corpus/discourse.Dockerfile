# NAME:     discourse/base
# VERSION:  release
# Shape of https://github.com/discourse/discourse_docker/blob/main/image/base/Dockerfile

ARG DEBIAN_RELEASE=bookworm
FROM discourse/ruby:3.3.6-${DEBIAN_RELEASE}-slim AS builder
ENV DEBIAN_FRONTEND=noninteractive

FROM builder AS redis_builder
WORKDIR /tmp
ADD install-redis /tmp/install-redis
RUN /tmp/install-redis

FROM discourse/ruby:3.3.6-${DEBIAN_RELEASE}-slim AS discourse_dependencies

ARG DEBIAN_RELEASE
ENV PG_MAJOR=13 \
    RUBY_ALLOCATOR=/usr/lib/libjemalloc.so \
    LEFTHOOK=0 \
    DEBIAN_RELEASE=${DEBIAN_RELEASE}

#LABEL maintainer="Sam Saffron \"https://twitter.com/samsaffron\""

RUN echo 2.0.`date +%Y%m%d` > /VERSION

RUN echo "deb http://deb.debian.org/debian ${DEBIAN_RELEASE}-backports main" > "/etc/apt/sources.list.d/${DEBIAN_RELEASE}-backports.list"; \
    echo "debconf debconf/frontend select Teletype" | debconf-set-selections; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y gnupg sudo curl; \
    echo "fs.aio-max-nr = 131072" >> /etc/sysctl.conf; \
    apt-get clean

RUN dpkg-divert --local --rename --add /sbin/initctl;\
    sh -c "test -f /sbin/initctl || ln -s /bin/true /sbin/initctl";\
    cd / &&\
    curl https://www.postgresql.org/media/keys/ACCC4CF8.asc | apt-key add - ;\
    echo "deb http://apt.postgresql.org/pub/repos/apt/ ${DEBIAN_RELEASE}-pgdg main" | \
        tee /etc/apt/sources.list.d/postgres.list
RUN sed -i -e 's/start -q -d -p/start -q -c -p/' /etc/service/cron/run
ENV LC_ALL=en_US.UTF-8
ENV LANG=en_US.UTF-8

# Validate LTS version of brotli
COPY --from=redis_builder /usr/local/bin/redis-server /usr/local/bin
RUN useradd discourse -s /bin/bash -m -U &&\
    install -dm 0755 -o discourse -g discourse /var/www/discourse

CMD ["/sbin/boot"]

FROM discourse_dependencies AS discourse_slim
RUN sudo -u discourse git clone --filter=tree:0 https://github.com/discourse/discourse.git /var/www/discourse

FROM discourse_slim AS discourse_release
LABEL org.opencontainers.image.description="with \"quotes\" and \
a line that goes on"
