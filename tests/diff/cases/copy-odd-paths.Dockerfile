ARG BUSYBOX
FROM $BUSYBOX
COPY ./dir/../a.txt /1
COPY dir//sub///three.txt /2
COPY /b.txt /3
COPY dir/. /4
COPY a.txt /5/../6
