ARG BUSYBOX
FROM $BUSYBOX
ADD --chown=app:staff --chmod=640 a.txt /a
ADD --chown=33 dir /d
