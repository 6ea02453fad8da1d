ARG BUSYBOX
FROM $BUSYBOX
SHELL ["/bin/sh", "-e", "-c"]
RUN echo shell >/out; echo $- >/flags
SHELL ["/bin/busybox", "ash", "-c"]
RUN echo ash >>/out
CMD echo command
