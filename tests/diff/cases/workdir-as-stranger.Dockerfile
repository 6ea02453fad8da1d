# A USER that the image does not know (yet): what is there stays, what is made is root's.
ARG BUSYBOX
FROM $BUSYBOX
USER stranger
WORKDIR /tmp
WORKDIR /new/by/stranger
FROM scratch
COPY a.txt /
USER nonroot:nonroot
WORKDIR /app
