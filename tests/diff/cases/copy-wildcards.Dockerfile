ARG BUSYBOX
FROM $BUSYBOX
COPY *.txt /star/
COPY ?.md /question/
COPY [ab].txt /class/
COPY d*r /dirs/
COPY dir/*.txt dir/sub/*.txt /below/
COPY dir/*/three.txt /middle/
