ARG BUSYBOX
FROM $BUSYBOX
ENV D=/env
WORKDIR /one
WORKDIR two/
WORKDIR ../three
WORKDIR $D/four
WORKDIR ./five/./six//seven
