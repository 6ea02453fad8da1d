ARG BUSYBOX
FROM $BUSYBOX
COPY --chmod=u=rwX,go=rX modes/m0600 /a
COPY --chmod=go-r a.txt /b
COPY --chmod=a+x a.txt /c
