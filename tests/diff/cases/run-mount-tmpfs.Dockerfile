ARG BUSYBOX
FROM $BUSYBOX
RUN --mount=type=tmpfs,target=/scratch echo x >/scratch/x && cp /scratch/x /kept
RUN --mount=type=tmpfs,target=/var/log touch /var/log/gone && touch /var/kept
RUN ls /var/log >/listed; test ! -e /scratch/x
