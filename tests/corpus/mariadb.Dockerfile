# vim:set ft=dockerfile:
# Shape of https://github.com/MariaDB/mariadb-docker/blob/master/11.4/Dockerfile
FROM ubuntu:noble

RUN groupdel ubuntu && userdel --force --remove ubuntu || true; \
    groupadd -r mysql --gid=999 && useradd -r -g mysql mysql --home-dir /var/lib/mysql --uid=999

ENV GOSU_VERSION 1.17

ARG GPG_KEYS=177F4010FE56CA3336300305F1656F24C74CD1D8
RUN set -ex; \
	export GNUPGHOME="$(mktemp -d)"; \
	for key in $GPG_KEYS; do \
		gpg --batch --keyserver keyserver.ubuntu.com --recv-keys "$key"; \
	done

# bashbrew-architectures: amd64 arm64v8 ppc64le s390x
ARG MARIADB_VERSION=1:11.4.4+maria~ubu2404
ENV MARIADB_VERSION $MARIADB_VERSION
# release-status:Stable
ARG REPOSITORY="http://archive.mariadb.org/mariadb-11.4.4/repo/ubuntu/ noble main main/debug"
LABEL org.opencontainers.image.authors="MariaDB Community" \
      org.opencontainers.image.title="MariaDB Database" \
      org.opencontainers.image.description="MariaDB Database for relational SQL" \
      org.opencontainers.image.base.name="docker.io/library/ubuntu:noble" \
      org.opencontainers.image.url="https://github.com/MariaDB/mariadb-docker"

RUN set -e;\
	echo "deb ${REPOSITORY}" > /etc/apt/sources.list.d/mariadb.list; \
	{ \
		echo 'Package: *'; \
		echo 'Pin-Priority: 999'; \
	} > /etc/apt/preferences.d/mariadb
RUN set -ex; \
	{ \
		echo "mariadb-server" mysql-server/root_password password 'unused'; \
	} | debconf-set-selections; \
	find /etc/mysql/ -name '*.cnf' -print0 \
		| xargs -0 grep -lZE '^(bind-address|log|user\s)' \
		| xargs -rt -0 sed -Ei 's/^(bind-address|log|user\s)/#&/'; \
	printf "[mariadb]\nhost-cache-size=0\nskip-name-resolve\n" > /etc/mysql/mariadb.conf.d/05-skipcache.cnf

VOLUME /var/lib/mysql
COPY healthcheck.sh /usr/local/bin/healthcheck.sh
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 3306
CMD ["mariadbd"]
