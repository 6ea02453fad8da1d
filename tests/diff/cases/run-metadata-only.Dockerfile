ARG BUSYBOX
FROM $BUSYBOX
COPY a.txt /f
COPY dir /d
RUN chmod 600 /f && chown 5:5 /d/one.txt && touch /d/two.txt
RUN chmod 700 /d
