ARG BUSYBOX
FROM $BUSYBOX
RUN mkdir /m && cd /m && touch a b c && chmod 4755 a && chmod 2711 b && chmod 0 c && \
    mkdir s && chmod 1777 s && mkdir g && chmod 2775 g && mkfifo fifo && ln -s a l
RUN umask >/m/umask; umask 077; touch /m/private; mkdir /m/privatedir
