ARG BUSYBOX
FROM $BUSYBOX AS one
RUN mkdir /t && ln -s /t /l && ln -s ../../../../t /climbs
ONBUILD COPY a.txt /l/
ONBUILD ADD dir /climbs/dir/
FROM one
