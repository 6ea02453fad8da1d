ARG BUSYBOX
FROM $BUSYBOX AS made
RUN mkdir /o && echo 1 >/o/1 && chown -R 9:9 /o && chmod 4755 /o/1
FROM $BUSYBOX
COPY --from=made --chown=app:app /o /a
COPY --from=made --chmod=644 /o/1 /b
