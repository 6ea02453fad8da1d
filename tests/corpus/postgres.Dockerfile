# Shape of https://github.com/docker-library/postgres/blob/master/16/bookworm/Dockerfile
#
# NOTE: THIS DOCKERFILE IS GENERATED
#

FROM debian:bookworm-slim

RUN set -eux; \
	groupadd -r postgres --gid=999; \
# https://example.com/postinst#L32-35
	useradd -r -g postgres --uid=999 --home-dir=/var/lib/postgresql --shell=/bin/bash postgres; \
	install --verbose --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql

ENV GOSU_VERSION 1.17
RUN set -eux; \
	savedAptMark="$(apt-mark showmanual)"; \
	dpkgArch="$(dpkg --print-architecture | awk -F- '{ print $NF }')"; \
	wget -O /usr/local/bin/gosu "https://example.com/$GOSU_VERSION/gosu-$dpkgArch"; \
	[ -z "$savedAptMark" ] || apt-mark manual $savedAptMark > /dev/null; \
	gosu nobody true

RUN set -eux; \
	if [ -f /etc/dpkg/dpkg.cfg.d/docker ]; then \
# slim images leave locales out
		sed -ri '/\/usr\/share\/locale/d' /etc/dpkg/dpkg.cfg.d/docker; \
		! grep -q '/usr/share/locale' /etc/dpkg/dpkg.cfg.d/docker; \
	fi; \
	echo 'en_US.UTF-8 UTF-8' >> /etc/locale.gen
ENV LANG en_US.utf8

ENV PG_MAJOR 16
ENV PATH $PATH:/usr/lib/postgresql/$PG_MAJOR/bin
ENV PG_VERSION 16.4-1.pgdg120+2

RUN set -ex; \
	\
	aptRepo="[ signed-by=/usr/local/share/keyrings/x.asc ] http://example.com/ bookworm-pgdg main $PG_MAJOR"; \
	case "$dpkgArch" in \
		amd64 | arm64) \
			echo "deb $aptRepo" > /etc/apt/sources.list.d/pgdg.list; \
			;; \
		*) \
			_update_repo() { \
				dpkg-scanpackages . > Packages; \
#   Could not open file - open (13: Permission denied)
#   ...
				apt-get -o Acquire::GzipIndexes=false update; \
			}; \
			_update_repo; \
			\
			;; \
	esac; \
	\
	find /usr -name '*.pyc' -type f -exec bash -c 'for pyc; do dpkg -S "$pyc" &> /dev/null || rm -vf "$pyc"; done' -- '{}' +; \
	\
	postgres --version

RUN sed -ri "s!^#?(listen_addresses)\s*=\s*\S+.*!\1 = '*'!" /usr/share/postgresql/postgresql.conf.sample

ENV PGDATA /var/lib/postgresql/data
VOLUME /var/lib/postgresql/data

COPY docker-entrypoint.sh docker-ensure-initdb.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]

#
STOPSIGNAL SIGINT
#
# and more of that

EXPOSE 5432
CMD ["postgres"]
