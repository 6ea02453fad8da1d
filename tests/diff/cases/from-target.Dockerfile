ARG BUSYBOX
FROM $BUSYBOX AS first
RUN echo first >/first
FROM first AS second
RUN echo second >/second
FROM second AS third
RUN echo third >/third
