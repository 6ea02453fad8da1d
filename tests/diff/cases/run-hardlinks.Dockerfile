ARG BUSYBOX
FROM $BUSYBOX
RUN echo same >/one && ln /one /two && mkdir /d && ln /one /d/three
RUN ln /two /four
RUN echo changed >>/four
