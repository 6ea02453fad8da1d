ARG BUSYBOX
FROM $BUSYBOX
COPY --chmod=600 a.txt /a
COPY --chmod=4755 a.txt /suid
COPY --chmod=0640 dir/one.txt dir/two.txt /files/
COPY --chmod=755 --chown=app script.sh /script
