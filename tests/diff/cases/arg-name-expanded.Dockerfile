# A variable may be in the name of an ARG, too, as Kaniko's own scratch Dockerfile has it.
ARG BUSYBOX
FROM $BUSYBOX
ENV WHICH=FILE
ARG ${WHICH}_A=nothing
ARG ${WHICH}_B=b.txt
COPY $FILE_A $FILE_B /got/
