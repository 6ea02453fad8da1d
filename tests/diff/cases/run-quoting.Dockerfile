ARG BUSYBOX
FROM $BUSYBOX
ENV V=v
RUN echo 'single $V' "double $V" \$V "a\"b" 'back\slash' $(echo sub) `echo tick` >/out
RUN printf '%s\n' "#not a comment" '# nor this' >/hash
