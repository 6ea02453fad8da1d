# What an archive says through its own links goes where they lead, and none leads out of the destination.
ARG BUSYBOX
FROM $BUSYBOX
ADD links.tar /t/deep
RUN ls -R /t >/seen
