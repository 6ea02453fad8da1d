ARG BUSYBOX
FROM $BUSYBOX
RUN dd if=/dev/zero of=/zeros bs=1M count=20 && dd if=/dev/zero of=/holes bs=1 count=1 seek=50000000
