ARG BUSYBOX
FROM $BUSYBOX
RUN echo 1 >/n
RUN echo 2 >>/n
COPY a.txt /n1
RUN rm /n1
COPY b.txt /n1
RUN echo 3 >>/n && chmod 600 /n1
ENV A=1
RUN echo "$A" >>/n
WORKDIR /w
RUN cp /n .
ADD archive.tar /n2
RUN rm -r /n2/bin
