ARG BUSYBOX
FROM $BUSYBOX
RUN true
RUN ls / >/dev/null
RUN echo x >/x && rm /x
