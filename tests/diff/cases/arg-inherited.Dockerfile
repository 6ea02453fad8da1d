ARG BUSYBOX
ARG GLOBAL=global
FROM $BUSYBOX AS one
ARG GLOBAL
ARG GIVEN=default
ARG EMPTY=
ARG QUOTED="two words"
RUN echo "$GLOBAL $GIVEN [$EMPTY] $QUOTED" >/one
ENV GIVEN=env
FROM one AS two
RUN echo "$GIVEN" >/two
FROM $BUSYBOX
COPY --from=two /one /two /
RUN echo "[$GLOBAL] [$GIVEN]" >/sibling
