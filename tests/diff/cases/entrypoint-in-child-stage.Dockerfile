ARG BUSYBOX
FROM $BUSYBOX AS parent
ENTRYPOINT ["parent"]
CMD ["parent-cmd"]
FROM parent
ENTRYPOINT ["child"]
