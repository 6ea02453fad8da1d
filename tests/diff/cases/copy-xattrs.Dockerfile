ARG BUSYBOX
FROM $BUSYBOX
COPY xattrs /xattrs
COPY xattrs/file /file
RUN chmod 600 /file && mv /xattrs/file /xattrs/moved
