ARG BUSYBOX
FROM $BUSYBOX
COPY [df]i* /x/
COPY dir/[dt]* /y/
