ARG BUSYBOX
FROM $BUSYBOX
# a comment
RUN echo one \
# a comment inside
  two \

  three >/words
  # an indented comment
ENV A=1 \
    B=2 \
    C="3 4"
