ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /open && chmod 777 /open
USER app
RUN id -u >/open/1 && id -g >>/open/1 && id -G >>/open/1 && echo $HOME >/open/home
USER 33
RUN id -u >/open/2 && id -g >>/open/2
USER 33:50
RUN id -u >/open/3 && id -g >>/open/3 && id -G >>/open/3
USER app:staff
RUN id -u >/open/4 && id -g >>/open/4
USER 4321
RUN id -u >/open/5 && id -g >>/open/5
USER root
RUN id -u >/open/6
