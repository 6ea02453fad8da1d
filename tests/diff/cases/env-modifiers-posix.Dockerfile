ARG BUSYBOX
FROM $BUSYBOX
ENV SET=value EMPTY=
ENV A=${EMPTY-default} B=${UNSET-default} C=${EMPTY+alt} D=${UNSET+alt} E=${SET+alt}
