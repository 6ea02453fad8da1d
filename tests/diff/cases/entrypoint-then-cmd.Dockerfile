ARG BUSYBOX
FROM $BUSYBOX
CMD ["early"]
ENTRYPOINT ["/bin/entry", "arg"]
CMD ["late"]
