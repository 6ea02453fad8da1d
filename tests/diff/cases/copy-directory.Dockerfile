ARG BUSYBOX
FROM $BUSYBOX
COPY dir /one
COPY dir/ /two/
COPY dir/sub /three/sub
COPY dir/empty /four
