ARG BUSYBOX
FROM $BUSYBOX
ADD *.tgz implied.t* /both/
