ARG BUSYBOX
FROM $BUSYBOX
ENV ONLY=this
RUN env | grep -v -e ^HOSTNAME= -e ^SHLVL= -e ^container= -e ^_= | sort >/env
