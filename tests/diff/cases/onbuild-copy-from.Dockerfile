ARG BUSYBOX
FROM $BUSYBOX AS dep
RUN echo dep >/dep
FROM $BUSYBOX AS parent
ONBUILD COPY --from=dep /dep /from-dep
ONBUILD RUN cat /from-dep >/again
FROM parent
RUN cat /from-dep /again >/both
