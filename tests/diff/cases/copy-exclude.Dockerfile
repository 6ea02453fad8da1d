# Dockerfile reference, "COPY --exclude".
ARG BUSYBOX
FROM $BUSYBOX
COPY --exclude=*.txt --exclude=sub/deep dir /a
COPY --exclude=**/*.md dir /b
COPY --exclude=*.md --exclude=a* [a-c].* /c/
COPY --exclude=* --exclude=!one.txt dir /d
COPY --parents --exclude=**/two.txt dir/* /e/
