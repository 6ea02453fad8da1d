ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /t && ln -s /t /l && ln -s /t/one /d
WORKDIR /l/w
COPY a.txt .
WORKDIR /d/two
COPY b.txt .
RUN pwd >/pwd
