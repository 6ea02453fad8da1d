# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/testfiles/health/Dockerfile
FROM debian
ADD check.sh main.sh /app/
CMD /app/main.sh
HEALTHCHECK --interval=5s --timeout=3s --retries=3 \
  CMD /app/check.sh --quiet
HEALTHCHECK   CMD   a b
HEALTHCHECK --timeout=3s CMD ["foo"]
HEALTHCHECK NONE
