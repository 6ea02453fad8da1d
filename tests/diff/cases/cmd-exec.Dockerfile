ARG BUSYBOX
FROM $BUSYBOX
CMD ["echo", "exec form", "$HOME", "tab\tescaped"]
