# What a pattern matches goes to one name, and the last has it: build/libs/*.jar app.jar of Spring Boot.
ARG BUSYBOX
FROM $BUSYBOX
ARG FILES=dir/*.txt
COPY ${FILES} app.txt
COPY --chown=app dir/*.txt /new/app.txt
RUN mkdir /there
COPY dir/*.txt /there
FROM $BUSYBOX
COPY --from=0 /app.txt /there /out/
COPY --from=0 /there/* /one
COPY --from=0 /new /new
