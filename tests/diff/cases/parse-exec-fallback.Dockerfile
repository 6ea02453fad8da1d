ARG BUSYBOX
FROM $BUSYBOX
CMD [ "not", 'json' ]
