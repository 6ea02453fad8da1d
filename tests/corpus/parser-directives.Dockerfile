# ESCAPE = `
# Syntax = docker/dockerfile:1
# check=skip=all
# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/directives_test.go
FROM alpine
# escape=\
RUN a `
  b \
ENV A=`$B
