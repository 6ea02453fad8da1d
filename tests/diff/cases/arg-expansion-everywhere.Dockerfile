ARG BUSYBOX
FROM $BUSYBOX
ARG F=a.txt
ARG D=/there
ARG U=1000
ARG P=8080
COPY ${F} ${D}/
WORKDIR $D/work
EXPOSE $P ${P}/udp
LABEL file=$F "quoted $F"="in $D"
VOLUME $D/vol
STOPSIGNAL ${S:-SIGINT}
USER $U
RUN pwd >/tmp/pwd
