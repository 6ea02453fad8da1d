# Shape of https://github.com/traefik/traefik/blob/master/Dockerfile
# syntax=docker/dockerfile:1.2
FROM alpine:3.21

RUN apk add --no-cache --no-progress ca-certificates tzdata

ARG TARGETPLATFORM
COPY ./dist/$TARGETPLATFORM/traefik /

EXPOSE 80
VOLUME ["/tmp"]

ENTRYPOINT ["/traefik"]
