ARG BUSYBOX
FROM $BUSYBOX
CMD first
CMD echo "shell form" $HOME
