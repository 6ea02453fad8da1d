ARG BUSYBOX
FROM $BUSYBOX
ENV GREETING="grüß göttin" ÄÖ=x
LABEL unicode="日本"
