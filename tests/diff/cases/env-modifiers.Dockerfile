ARG BUSYBOX
FROM $BUSYBOX
ENV SET=value EMPTY=
ENV A=${SET:-default} B=${UNSET:-default} C=${EMPTY:-default} D=${SET:+alt} E=${UNSET:+alt} F=${EMPTY:+alt}
ENV G=${UNSET:-${SET}} H=\$SET I=\${SET} J="${SET}s" K=$SET-x
