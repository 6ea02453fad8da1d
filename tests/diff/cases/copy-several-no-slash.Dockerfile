# BuildKit puts one source after the other to the destination: a directory takes all, a name has the last.
ARG BUSYBOX
FROM $BUSYBOX
WORKDIR /app
COPY a.txt b.txt /app
COPY nothing* a.txt hello
COPY dir b.txt /new
COPY a.txt b.txt /last
