# escape=`
ARG BUSYBOX
FROM $BUSYBOX
ENV path=C:\dir
RUN echo one `
  two >/words
COPY a.txt `
  b.txt /to/
