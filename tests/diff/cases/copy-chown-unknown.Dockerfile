ARG BUSYBOX
FROM $BUSYBOX
COPY --chown=nobodyhere a.txt /a
