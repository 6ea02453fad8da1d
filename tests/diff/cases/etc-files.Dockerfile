ARG BUSYBOX
FROM $BUSYBOX
RUN echo app2:x:2000:2000::/home/app2:/bin/sh >>/etc/passwd && echo app2:x:2000: >>/etc/group && mkdir -p /home/app2 && chown app2:app2 /home/app2
USER app2
WORKDIR /home/app2
RUN echo mine >file
COPY --chown=app2:app2 a.txt .
