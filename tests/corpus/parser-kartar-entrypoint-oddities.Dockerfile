# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/testfiles/kartar-entrypoint-oddities/Dockerfile
FROM ubuntu:14.04
MAINTAINER James Turnbull "james@example.com"
ENV REFRESHED_AT 2014-06-01
RUN apt-get update
RUN apt-get -y install redis-server redis-tools
EXPOSE 6379
ENTRYPOINT [ "/usr/bin/redis-server" ]
