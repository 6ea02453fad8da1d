ARG BUSYBOX
FROM $BUSYBOX
COPY a.txt /f
COPY --chmod=600 --chown=3:4 b.txt /f
COPY modes/m4755 /f2
COPY a.txt /f2
