ARG BUSYBOX
FROM $BUSYBOX
RUN echo x >/a && ln /a /b && ln /a /c
RUN rm /a
RUN rm /b && echo other >/b
