# Such links led out of the stage in other builders (CVE-2024-1753, CVE-2024-9675 of Buildah).
ARG BUSYBOX
FROM $BUSYBOX AS made
RUN mkdir /h && echo inside >/etc/inside && ln -s ../../../../../../../etc /h/up && ln -s /etc /h/root
FROM $BUSYBOX
RUN --mount=type=bind,target=/m,source=h/up,from=made cp /m/inside /up
RUN --mount=type=bind,target=/m,source=../../h/root,from=made cp /m/inside /root-of-stage
RUN --mount=type=cache,target=/m,source=h/root,from=made cp /m/inside /cache
RUN test ! -e /m
