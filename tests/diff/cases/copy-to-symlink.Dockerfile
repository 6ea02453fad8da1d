ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /real && ln -s /real /abs && ln -s real /rel && ln -s /real/file /filelink && ln -s ../../real /bin/climbs
COPY a.txt /abs/a
COPY b.txt /rel/
COPY c.md /filelink
COPY hard/first /bin/climbs/h
COPY dir /abs/dir
